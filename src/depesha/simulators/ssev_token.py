"""The token side of the simulated national gateway: certificate in, token and miscinfo out.

Facts 2.3, 2.4. It checks that certificate, client id and OID belong together; it knows nothing
of messages.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from aiohttp import web

from depesha.ports import Clock, IdSource
from depesha.simulators.ssev_gate import Gate
from depesha.simulators.ssev_people import People, thumbprint
from depesha.simulators.ssev_quirks import SsevOddity, SsevOperation
from depesha.simulators.ssev_values import Caller

SCOPE: Final = "/ed2*"
_DIGITS: Final = re.compile(r"\d+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A token that was given."""

    token: str = field(repr=False)
    client_id: str
    miscinfo: str
    issued_at: datetime
    expires_at: datetime


class Tokens:
    """Gives, describes and checks tokens."""

    def __init__(
        self, *, people: People, clock: Clock, ids: IdSource, oddity: SsevOddity, gate: Gate
    ) -> None:
        self._gate = gate
        self._people = people
        self._clock = clock
        self._ids = ids
        self._oddity = oddity
        self._grants: dict[str, Grant] = {}
        self.issued = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer `/token` and `/introspect`."""
        if request.method != "POST":
            return web.Response(status=405)
        instead = self._gate.before(request, SsevOperation.TOKEN)
        if instead is not None:
            return instead
        if self._oddity.quirks.slow_seconds and not self._oddity.quirks.at:
            await self._clock.sleep(self._oddity.quirks.slow_seconds)
        match request.path:
            case "/token":
                answer = self._token(request)
            case "/introspect":
                answer = self._introspect(request)
            case _:
                answer = web.Response(status=404)
        return await self._gate.after(request, answer, SsevOperation.TOKEN)

    def _token(self, request: web.Request) -> web.Response:
        query, certificate = request.query, peer_certificate(request)
        oid = request.headers.get("OID", "")
        caller = self._people.by_oid(oid, query.get("client_id", ""))
        right = (
            query.get("grant_type") == "client_credentials"
            and query.get("scope") == SCOPE
            and caller is not None
            and certificate is not None
            and caller.login.thumbprint == thumbprint(certificate)
        )
        if not right:
            return web.json_response({"error": "unauthorized_client"}, status=400)
        now = self._clock.now()
        seconds = self._oddity.quirks.token_seconds
        grant = Grant(
            token=self._ids.secret(),
            client_id=query["client_id"],
            miscinfo=self._miscinfo(oid, query["client_id"], request),
            issued_at=now,
            expires_at=now + timedelta(seconds=seconds),
        )
        self._grants[grant.token] = grant
        self.issued += 1
        return web.json_response(
            {
                "token_type": "bearer",
                "access_token": grant.token,
                "expires_in": seconds,
                "consented_on": int(now.timestamp()),
                "scope": SCOPE,
                "grant_type": "client_credentials",
            }
        )

    def _miscinfo(self, oid: str, client_id: str, request: web.Request) -> str:
        headers = request.headers
        represented = headers.get("representedPersonID", "")
        if represented and self._oddity.quirks.prefixed_identifiers:
            represented = f"PNOBG-{represented}"
        return (
            f"dn:/C=BG/ST=OID:{oid}/L=BG/CN={client_id}"
            f"|representedPersonID:{represented}"
            f"|correspondentOID:{headers.get('correspondentOID', '')}"
            f"|operatorID:{headers.get('operatorID', '')}"
        )

    def _introspect(self, request: web.Request) -> web.Response:
        grant = self.grant(request.query.get("token", ""))
        if grant is None:
            return web.json_response({"active": False})
        return web.json_response(
            {
                "active": True,
                "token_type": "bearer",
                "client_id": grant.client_id,
                "username": grant.client_id,
                "sub": grant.client_id,
                "exp": int(grant.expires_at.timestamp()),
                "expstr": grant.expires_at.isoformat(),
                "iat": int(grant.issued_at.timestamp()),
                "nbf": int(grant.issued_at.timestamp()),
                "nbfstr": grant.issued_at.isoformat(),
                "scope": SCOPE,
                "miscinfo": grant.miscinfo,
                "consented_on": int(grant.issued_at.timestamp()),
                "consented_on_str": grant.issued_at.isoformat(),
                "grant_type": "client_credentials",
            }
        )

    def grant(self, token: str) -> Grant | None:
        """Return a living token's grant."""
        grant = self._grants.get(token)
        return grant if grant is not None and grant.expires_at > self._clock.now() else None

    def revoke_all(self) -> None:
        """Make every token given so far worthless."""
        self._grants.clear()

    def caller(self, request: web.Request, *, inject: bool) -> Caller | None:
        """Return who calls, or None (401): bearer and matching `Dp-Miscinfo` (facts 2.4, 10)."""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        grant = self.grant(token.strip()) if scheme.lower() == "bearer" else None
        if grant is None:
            return None
        given = request.headers.get("Dp-Miscinfo", grant.miscinfo if inject else "")
        return self._read(given) if given == grant.miscinfo else None

    def _read(self, miscinfo: str) -> Caller | None:
        """Read the header as the real service does (facts 2.4)."""
        pieces = [piece for piece in miscinfo.split("|") if piece]
        if len(pieces) != 4:  # noqa: PLR2004 -- dn, represented, correspondent, operator
            return None
        parts = pieces[0].split("/")
        oid = next((p.rpartition(":")[2] for p in parts if p.upper().startswith("ST=OID")), None)
        client = next((p.rpartition("=")[2] for p in parts if p.upper().startswith("CN=")), None)
        if oid is None or client is None:
            return None
        represented = _DIGITS.search(pieces[1].rpartition(":")[2])
        caller = self._people.by_oid(oid, client)
        if represented is not None and not self._people.search(
            represented[0], frozenset(self._people.matrix)
        ):
            return None
        return caller


def peer_certificate(request: web.Request) -> bytes | None:
    """Return the client certificate of the connection, DER."""
    transport = request.transport
    tls = None if transport is None else transport.get_extra_info("ssl_object")
    found: bytes | None = None if tls is None else tls.getpeercert(binary_form=True)
    return found
