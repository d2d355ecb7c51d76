"""Access to the national gateway: token, introspection, expiry (facts 2.3, 2.4).

It never writes a token anywhere and never hands one out past its end. A failure here means that
nothing of a message left us.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from depesha.adapters.ssev.calling import read_whole
from depesha.adapters.ssev.problems import Problem, SsevError
from depesha.errors import BrokenOffError, TooLargeError, UnreachableError

if TYPE_CHECKING:
    from depesha.adapters.ssev.calling import Carrier
    from depesha.adapters.ssev.settings import SsevRestSettings
    from depesha.ports import Clock

_OK: Final = 200
_SERVER: Final = 500
_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """A living token with what belongs to it."""

    token: str = field(repr=False)
    miscinfo: str = field(repr=False)
    until: float
    """On the clock's monotonic scale, margin taken off."""

    @property
    def headers(self) -> dict[str, str]:
        """The two headers that every call carries."""
        return {"Authorization": f"Bearer {self.token}", "Dp-Miscinfo": self.miscinfo}


class TokenKeeper:
    """Keeps one token; asks for the next when the last is near its end or was refused."""

    def __init__(self, *, settings: SsevRestSettings, carrier: Carrier, clock: Clock) -> None:
        self._settings = settings
        self._carrier = carrier
        self._clock = clock
        self._lock = asyncio.Lock()
        self._access: Access | None = None

    async def access(self) -> Access:
        """Return a token that lives; raises `UnreachableError` and `SsevError`."""
        async with self._lock:
            if self._access is None or self._access.until <= self._clock.monotonic():
                self._access = None
                try:
                    self._access = await self._fetch()
                except BrokenOffError as error:  # no message has left: nothing is unclear
                    raise UnreachableError("SSEV's token server broke off") from error
            return self._access

    def drop(self, refused: Access) -> None:
        """Forget a token that was refused; a newer one stays."""
        if self._access is refused:
            self._access = None

    async def _fetch(self) -> Access:
        settings, asked_at = self._settings, self._clock.monotonic()
        given = await self._post(
            "/token",
            params={
                "grant_type": "client_credentials",
                "client_id": settings.client_id,
                "scope": settings.scope,
            },
            headers={
                "OID": settings.oid,
                "representedPersonID": settings.represented_person,
                "correspondentOID": settings.correspondent_oid,
                "operatorID": settings.operator,
            },
        )
        token, seconds = given.get("access_token"), given.get("expires_in")
        if not isinstance(token, str) or not token or not isinstance(seconds, int | float):
            raise SsevError("SSEV's token answer cannot be read", Problem.UNREADABLE)
        told = await self._post(
            "/introspect",
            params={"token": token, "token_type_hint": "access_token"},
            headers={},
        )
        if told.get("active") is not True:
            raise SsevError("SSEV's token is not active", Problem.CREDENTIALS)
        miscinfo = told.get("miscinfo")
        if not isinstance(miscinfo, str) or not miscinfo or not miscinfo.isprintable():
            raise SsevError("SSEV's introspection cannot be read", Problem.UNREADABLE)
        # Never more than half of a short life is margin, else no token would ever be used.
        margin = min(settings.token_margin_seconds, seconds / 2)
        return Access(token=token, miscinfo=miscinfo, until=asked_at + seconds - margin)

    async def _post(
        self, path: str, *, params: dict[str, str], headers: dict[str, str]
    ) -> dict[str, Any]:
        url = self._settings.token_url.rstrip("/") + path
        async with self._carrier.exchange("POST", url, headers=headers, params=params) as response:
            status = response.status
            if status != _OK:
                problem = Problem.SERVER if status >= _SERVER else Problem.CREDENTIALS
                raise SsevError("SSEV's token server refused", problem, status=status)
            try:
                found = json.loads(await read_whole(response, _BYTES))
            except (ValueError, TooLargeError) as error:
                raise SsevError("SSEV's token answer cannot be read", Problem.UNREADABLE) from error
        if not isinstance(found, dict):
            raise SsevError("SSEV's token answer cannot be read", Problem.UNREADABLE)
        return found
