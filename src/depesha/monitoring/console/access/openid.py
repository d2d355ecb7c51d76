"""Log-in by an OpenID provider: authorization code with PKCE (OpenID Connect Core 1.0, RFC 7636).

Talks to the configured provider alone, follows no redirects, reads bounded answers, and believes an
id token only by a signature of the provider's published keys, for us, for this log-in, and now.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit

import aiohttp
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from depesha.errors import ConfigurationError, PeerError, StorageError, UnreachableError, WireError
from depesha.monitoring.console.access.cookies import same
from depesha.schemas.people import Role

if TYPE_CHECKING:
    import ssl

    from depesha.monitoring.console.access.vault import Vault
    from depesha.ports import Clock, IdSource, Threads

FLOW_SECONDS = 600
BACK = "/login/openid/back"
_ABOUT = "openid flow"
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
"""Signatures by public keys only: never `none`, never a shared secret."""
_ANSWER_BYTES = 1024 * 1024
_LEEWAY = 60
_KEYS_SECONDS = 300.0
"""Keys are asked for again no more often than this, whatever key a token names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdSettings:
    """What we know of the provider, and what its words mean here."""

    issuer: str
    client_id: str
    client_secret: str = field(default="", repr=False)
    """Empty: a public client, by PKCE alone."""
    origin: str
    """Ours, as browsers see it: the provider sends people back to it."""
    scopes: tuple[str, ...] = ("openid", "profile")
    login_claim: str = "preferred_username"
    """Names the account the first time; from then on the provider's `sub` does."""
    roles_claim: str = ""
    """Empty: roles are those of the account."""
    roles: Mapping[str, Role] = field(default_factory=dict)
    """Value of that claim → role."""
    second_factor: bool = False
    """True: the provider's log-in counts for the second factor, too."""
    seconds: float = 10.0
    plain_http: bool = False
    """True: a provider without TLS; for tests on one machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Whom the provider vouches for."""

    subject: str
    login: str
    roles: frozenset[Role] | None
    wanted: str
    """The page to go to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Provider:
    authorize: str
    token: str
    keys: str


class OpenId:
    """The relying party's side."""

    def __init__(
        self,
        settings: OpenIdSettings,
        *,
        session: aiohttp.ClientSession,
        tls: ssl.SSLContext | None,
        vault: Vault,
        clock: Clock,
        ids: IdSource,
        threads: Threads,
    ) -> None:
        """Take the parts; `tls` None trusts the system's authorities."""
        self.settings = settings
        self._session = session
        self._tls = tls
        self._vault = vault
        self._clock = clock
        self._ids = ids
        self._threads = threads
        self._provider: _Provider | None = None
        self._keys: KeySet | None = None
        self._keys_at = 0.0
        self._check(settings.issuer)

    async def begin(self, wanted: str) -> tuple[str, str]:
        """Return the provider's address to go to, and the cookie that binds the answer to it."""
        provider = await self._discover()
        state, nonce, verifier = (self._ids.secret() for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        flow = {
            "state": state,
            "nonce": nonce,
            "verifier": verifier,
            "wanted": wanted,
            "until": self._clock.now().timestamp() + FLOW_SECONDS,
        }
        query = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.origin + BACK,
            "scope": " ".join(self.settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge.decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        sealed = self._vault.seal(json.dumps(flow).encode(), _ABOUT).hex()
        mark = "&" if "?" in provider.authorize else "?"
        return f"{provider.authorize}{mark}{urlencode(query)}", sealed

    async def finish(self, query: Mapping[str, str], cookie: str) -> Vouched:
        """Judge the provider's answer; raise `WireError` for any that is not to be believed."""
        flow = self._flow(cookie)
        if not same(query.get("state", ""), flow["state"]):
            raise WireError("the answer of the log-in service belongs to another log-in")
        if query.get("iss", self.settings.issuer) != self.settings.issuer:  # RFC 9207
            raise WireError("another log-in service answered")
        if "error" in query or not query.get("code"):
            raise WireError("the log-in service did not let the person in")
        told = await self._redeem(query["code"], flow["verifier"])
        claims = await self._believe(str(told.get("id_token", "")), flow["nonce"])
        return Vouched(
            subject=str(claims["sub"]),
            login=str(claims.get(self.settings.login_claim, "")),
            roles=self._roles(claims),
            wanted=str(flow["wanted"]),
        )

    # --- parts ---

    def _flow(self, cookie: str) -> dict[str, Any]:
        try:
            flow: dict[str, Any] = json.loads(self._vault.open(bytes.fromhex(cookie), _ABOUT))
        except (ValueError, StorageError):
            raise WireError("this log-in was not begun here") from None
        if self._clock.now().timestamp() >= flow["until"]:
            raise WireError("this log-in was begun too long ago")
        return flow

    async def _discover(self) -> _Provider:
        if self._provider is None:
            issuer = self.settings.issuer
            address = issuer.rstrip("/") + "/.well-known/openid-configuration"
            told = await self._ask("GET", address)
            if told.get("issuer") != issuer:
                raise PeerError("the log-in service calls itself otherwise")
            places = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            for name in places:
                self._check(str(told.get(name, "")))
            self._provider = _Provider(
                authorize=told[places[0]], token=told[places[1]], keys=told[places[2]]
            )
        return self._provider

    async def _redeem(self, code: str, verifier: str) -> dict[str, Any]:
        provider = await self._discover()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.settings.origin + BACK,
            "client_id": self.settings.client_id,
            "code_verifier": verifier,
        }
        secret = self.settings.client_secret
        auth = aiohttp.encode_basic_auth(self.settings.client_id, secret) if secret else ""
        return await self._ask("POST", provider.token, form, auth)

    async def _believe(self, token: str, nonce: str) -> dict[str, Any]:
        claims = None
        for fresh in (False, True):
            keys = await self._key_set(fresh=fresh)
            if keys is None:
                continue
            claims = await self._threads.run(self._verified, token, keys)
            if claims is not None:
                break
        if claims is None:
            raise WireError("the word of the log-in service has no valid signature")
        registry = jwt.JWTClaimsRegistry(
            now=int(self._clock.now().timestamp()),
            leeway=_LEEWAY,
            iss={"essential": True, "value": self.settings.issuer},
            aud={"essential": True, "value": self.settings.client_id},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
            nonce={"essential": True},
        )
        try:
            registry.validate(claims)
        except JoseError:
            raise WireError(
                "the word of the log-in service is not for us, or not for now"
            ) from None
        if not same(str(claims["nonce"]), nonce):
            raise WireError("the word of the log-in service belongs to another log-in")
        many = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if claims.get("azp", "" if many else self.settings.client_id) != self.settings.client_id:
            raise WireError("the word of the log-in service is for another party")
        return claims

    def _verified(self, token: str, keys: KeySet) -> dict[str, Any] | None:
        """Return the claims under a valid signature of one of the keys, or None."""
        try:
            return dict(jwt.decode(token, keys, algorithms=list(_ALGORITHMS)).claims)
        except (JoseError, ValueError, TypeError, KeyError):
            return None

    async def _key_set(self, *, fresh: bool) -> KeySet | None:
        """Return the provider's keys; None where a fresh look is wished but came a moment ago."""
        now = self._clock.monotonic()
        if self._keys is not None and not fresh:
            return self._keys
        if self._keys is not None and now - self._keys_at < _KEYS_SECONDS:
            return None
        told = await self._ask("GET", (await self._discover()).keys)
        self._keys_at = now
        try:
            self._keys = KeySet.import_key_set({"keys": told["keys"]})
        except (JoseError, ValueError, TypeError, KeyError):
            raise PeerError("the keys of the log-in service cannot be read") from None
        return self._keys

    def _roles(self, claims: Mapping[str, Any]) -> frozenset[Role] | None:
        if not self.settings.roles_claim:
            return None
        given = claims.get(self.settings.roles_claim, ())
        values = [given] if isinstance(given, str) else given if isinstance(given, list) else []
        return frozenset(
            self.settings.roles[value]
            for value in values
            if isinstance(value, str) and value in self.settings.roles
        )

    async def _ask(
        self, method: str, address: str, form: Mapping[str, str] | None = None, auth: str = ""
    ) -> dict[str, Any]:
        headers = {"Accept": "application/json"} | ({"Authorization": auth} if auth else {})
        try:
            async with (
                asyncio.timeout(self.settings.seconds),
                self._session.request(
                    method,
                    address,
                    data=form,
                    headers=headers,
                    allow_redirects=False,
                    ssl=True if self._tls is None else self._tls,
                ) as answer,
            ):
                data = await answer.content.read(_ANSWER_BYTES + 1)
                while len(data) <= _ANSWER_BYTES and (more := await answer.content.read(65536)):
                    data += more
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise UnreachableError("the log-in service does not answer") from None
        if status != HTTPStatus.OK or len(data) > _ANSWER_BYTES:
            raise PeerError("the log-in service answered with a failure")
        try:
            told = await self._threads.run(json.loads, data)
        except ValueError:
            raise PeerError("the log-in service answered with something else than JSON") from None
        if not isinstance(told, dict):
            raise PeerError("the log-in service answered with something else than JSON")
        return told

    def _check(self, address: str) -> None:
        parts = urlsplit(address)
        allowed = {"https", "http"} if self.settings.plain_http else {"https"}
        if parts.scheme not in allowed or not parts.hostname:
            raise ConfigurationError("every address of the log-in service needs https:")
