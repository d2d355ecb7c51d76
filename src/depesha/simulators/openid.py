"""A small OpenID provider on loopback: discovery, keys, authorization code with PKCE, id tokens.

It lets in whoever its people's list names, without asking for a password. Quirks make it lie in one
way each; nothing here is fit for people.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from aiohttp import web
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from depesha.simulators.listening import Listener

if TYPE_CHECKING:
    import ssl

    from depesha.ports import Clock, IdSource

_TOKEN_SECONDS = 300
_KEY_BITS = 2048


class OpenIdQuirk(StrEnum):
    """One way of not being honest, or not being well."""

    OTHER_KEY = "other-key"
    """The id token is signed by a key that is not published."""
    NO_SIGNATURE = "no-signature"
    """`alg: none`."""
    SHARED_SECRET = "shared-secret"  # noqa: S105 -- a quirk's name
    """`HS256` with the public key as the secret."""
    OTHER_AUDIENCE = "other-audience"
    OTHER_ISSUER = "other-issuer"
    OTHER_NONCE = "other-nonce"
    EXPIRED = "expired"
    OTHER_PARTY = "other-party"
    """`azp` names another client."""
    TOKEN_FAULT = "token-fault"  # noqa: S105 -- a quirk's name
    """The token endpoint fails."""
    DENIED = "denied"
    """The person is sent back without a code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenIdPerson:
    """Somebody the provider knows."""

    subject: str
    claims: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Code:
    client: str
    back: str
    challenge: str
    nonce: str
    person: OpenIdPerson


class OpenIdProvider:
    """The provider and its listener. `person` is who is "logged in" there now."""

    def __init__(
        self,
        *,
        clients: dict[str, str],
        clock: Clock,
        ids: IdSource,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        """Know these clients: id → secret, empty for a public one. Makes a key: blocking."""
        self.person = OpenIdPerson(subject="nobody")
        self.quirks: set[OpenIdQuirk] = set()
        self.asked: list[str] = []
        """Paths asked for."""
        self._clients = clients
        self._clock = clock
        self._ids = ids
        self._codes: dict[str, _Code] = {}
        self._listener = Listener(self._serve, tls, host, port)
        self.rotate()

    @property
    def issuer(self) -> str:
        """As it calls itself."""
        return self._listener.origin

    async def start(self) -> None:
        """Listen."""
        await self._listener.start()

    async def stop(self) -> None:
        """Stop listening."""
        await self._listener.stop()

    def rotate(self) -> None:
        """Sign with a new key from now on, and publish it alone."""
        self._key = RSAKey.generate_key(_KEY_BITS, {"kid": self._ids.guid(), "use": "sig"})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request.path)
        match request.path:
            case "/.well-known/openid-configuration":
                return web.json_response(self._discovery())
            case "/keys":
                return web.json_response(KeySet([self._key]).as_dict(private=False))
            case "/authorize":
                return self._authorize(request)
            case "/token":
                return await self._token(request)
            case _:
                return web.Response(status=404)

    def _discovery(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def _authorize(self, request: web.Request) -> web.Response:
        query = request.query
        fit = (
            query.get("client_id") in self._clients
            and query.get("response_type") == "code"
            and "openid" in query.get("scope", "").split()
            and query.get("code_challenge_method") == "S256"
        )
        if not fit:
            return web.Response(status=400)
        answer = {"state": query.get("state", ""), "iss": self.issuer}
        if OpenIdQuirk.DENIED in self.quirks:
            answer["error"] = "access_denied"
        else:
            code = answer["code"] = self._ids.secret()
            self._codes[code] = _Code(
                client=query["client_id"],
                back=query["redirect_uri"],
                challenge=query["code_challenge"],
                nonce=query.get("nonce", ""),
                person=self.person,
            )
        location = f"{query['redirect_uri']}?{urlencode(answer)}"
        return web.Response(status=302, headers={"Location": location})

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        code = self._codes.pop(str(form.get("code", "")), None)
        if code is None or OpenIdQuirk.TOKEN_FAULT in self.quirks:
            return web.json_response({"error": "invalid_grant"}, status=400)
        verifier = str(form.get("code_verifier", ""))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
        fit = (
            challenge.decode().rstrip("=") == code.challenge
            and form.get("redirect_uri") == code.back
            and form.get("client_id") == code.client
            and self._authentic(request, code.client)
        )
        if not fit:
            return web.json_response({"error": "invalid_grant"}, status=400)
        return web.json_response(
            {"access_token": "none", "token_type": "Bearer", "id_token": self._id_token(code)}
        )

    def _authentic(self, request: web.Request, client: str) -> bool:
        secret = self._clients[client]
        if not secret:
            return True
        wanted = base64.b64encode(f"{client}:{secret}".encode()).decode()
        return request.headers.get("Authorization", "") == f"Basic {wanted}"

    def _id_token(self, code: _Code) -> str:
        now, quirks = int(self._clock.now().timestamp()), self.quirks
        claims: dict[str, Any] = {
            **code.person.claims,
            "iss": "https://other.example" if OpenIdQuirk.OTHER_ISSUER in quirks else self.issuer,
            "aud": "somebody-else" if OpenIdQuirk.OTHER_AUDIENCE in quirks else code.client,
            "sub": code.person.subject,
            "nonce": "another" if OpenIdQuirk.OTHER_NONCE in quirks else code.nonce,
            "iat": now,
            "exp": now - 3600 if OpenIdQuirk.EXPIRED in quirks else now + _TOKEN_SECONDS,
        }
        if OpenIdQuirk.OTHER_PARTY in quirks:
            claims["azp"] = "somebody-else"
        if OpenIdQuirk.NO_SIGNATURE in quirks:
            return _unsigned(claims)
        header = {"alg": "RS256", "kid": self._key.kid}
        if OpenIdQuirk.SHARED_SECRET in quirks:
            return _shared(claims, header["kid"], self._key.as_pem(private=False))
        key = self._key
        if OpenIdQuirk.OTHER_KEY in quirks:
            key = RSAKey.generate_key(_KEY_BITS, {"kid": self._key.kid or ""})
        return jwt.encode(header, claims, key)


def _shared(claims: dict[str, Any], kid: object, public: bytes) -> str:
    """A token whose "shared secret" is the public key that everybody has (RFC 8725, 2.1)."""
    parts = ({"alg": "HS256", "kid": kid}, claims)
    signed = ".".join(_base64(json.dumps(part).encode()) for part in parts)
    return f"{signed}.{_base64(hmac.digest(public, signed.encode(), 'sha256'))}"


def _unsigned(claims: dict[str, Any]) -> str:
    """A token that claims to need no signature (RFC 7519, 6)."""
    parts = ({"alg": "none"}, claims)
    return ".".join(_base64(json.dumps(part).encode()) for part in parts) + "."


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
