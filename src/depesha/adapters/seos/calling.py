"""SOAP calls over aiohttp: one session per partner, foreign failures turned into ours.

It moves bytes and nothing else: no parsing, no retry. What failed before anything left is
`UnreachableError`; what broke afterwards is `BrokenOffError`.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import aiohttp
from yarl import URL

from depesha.errors import BrokenOffError, PeerError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

CONTENT_TYPE: Final = "text/xml; charset=utf-8"
OK: Final = 200
_PIECE: Final = 64 * 1024
_REFUSED: Final = ("CERTIFICATE", "UNKNOWN_CA", "ACCESS_DENIED")
"""Alerts about a certificate (RFC 8446 6.2), as OpenSSL names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """How long a call may take and how much it may bring."""

    connect_seconds: float = 15.0
    whole_seconds: float = 120.0
    answer_bytes: int = 4 * 1024 * 1024
    keep_alive_seconds: float = 30.0
    connections: int = 4
    """At once to one partner."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """A body that is never whole in memory; its size is known, for not every peer takes chunks."""

    size: int
    pieces: Callable[[], AsyncIterator[bytes]] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back, whatever it is worth."""

    status: int
    body: bytes = b""
    trouble: str = ""
    """Why the body was not taken: packed, or past the permitted size."""


class Caller:
    """Posts envelopes. Sessions are made as needed and kept until `close`."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None,
        limits: CallLimits,
        plain_http: bool = False,
    ) -> None:
        """`tls` carries our client certificate and whom to trust; None: TLS is not spoken."""
        self._tls = tls
        self._limits = limits
        self._plain_http = plain_http
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def post(self, address: str, action: str, envelope: bytes) -> bytes:
        """Post an envelope and return the body of a good answer; `PeerError` for any other."""
        answer = await self.exchange(address, action, envelope)
        if answer.trouble:
            raise PeerError(answer.trouble)
        if answer.status != OK:
            raise PeerError("the other side answered with a failure", status=answer.status)
        return answer.body

    async def exchange(
        self,
        address: str,
        action: str,
        envelope: bytes | Stream,
        seconds: float | None = None,
    ) -> HttpAnswer:
        """Post an envelope and return whatever answer came. Nothing is repeated here.

        `seconds` for the whole exchange, the limits' otherwise. Raises `UnreachableError` where
        surely nothing was taken, `BrokenOffError` where that is unknown.
        """
        headers = {
            "Content-Type": CONTENT_TYPE,
            "SOAPAction": f'"{action}"',
            # A packed answer could unfold past every limit.
            "Accept-Encoding": "identity",
        }
        data: io.BytesIO | AsyncIterator[bytes]
        if isinstance(envelope, Stream):
            headers["Content-Length"] = str(envelope.size)
            data = envelope.pieces()
        else:
            data = io.BytesIO(envelope)
        return await self._request("POST", address, headers, data, seconds)

    async def look(self, address: str, seconds: float | None = None) -> HttpAnswer:
        """Fetch an address, to see whether somebody is there; raises as `exchange` does."""
        return await self._request("GET", address, {}, None, seconds)

    async def _request(
        self,
        method: str,
        address: str,
        headers: dict[str, str],
        data: io.BytesIO | AsyncIterator[bytes] | None,
        seconds: float | None,
    ) -> HttpAnswer:
        url = self._url(address)
        whole = self._limits.whole_seconds if seconds is None else seconds
        timeout = aiohttp.ClientTimeout(total=whole, sock_connect=self._limits.connect_seconds)
        try:
            async with self._session(url).request(
                method, url, data=data, headers=headers, allow_redirects=False, timeout=timeout
            ) as response:
                return await self._read(response)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UnreachableError("the other side could not be reached") from error
        except aiohttp.InvalidURL as error:
            raise UnreachableError("the other side's address cannot be used") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            if _turned_away(error):
                raise UnreachableError("the other side does not let us connect") from error
            raise BrokenOffError("the exchange broke before an answer came") from error

    async def _read(self, response: aiohttp.ClientResponse) -> HttpAnswer:
        status = response.status
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            return HttpAnswer(status=status, trouble="the other side's answer is packed")
        body = bytearray()
        async for piece in response.content.iter_chunked(_PIECE):
            body += piece
            if len(body) > self._limits.answer_bytes:
                told = "the other side's answer passes the permitted size"
                return HttpAnswer(status=status, trouble=told)
        return HttpAnswer(status=status, body=bytes(body))

    def _url(self, address: str) -> URL:
        """Take the address verbatim: paths are case-sensitive, a final slash counts (10.4)."""
        try:
            url = URL(address.strip(), encoded=True)
        except ValueError as error:
            raise UnreachableError("the other side's address cannot be used") from error
        allowed = {"https", "http"} if self._plain_http else {"https"}
        if url.scheme not in allowed or not url.host:
            raise UnreachableError("the other side's address cannot be used")
        return url

    def _session(self, url: URL) -> aiohttp.ClientSession:
        partner = str(url.origin())
        session = self._sessions.get(partner)
        if session is None or session.closed:
            limits = self._limits
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls if self._tls is not None else True,
                    limit=limits.connections,
                    keepalive_timeout=limits.keep_alive_seconds,
                ),
                timeout=aiohttp.ClientTimeout(
                    total=limits.whole_seconds, sock_connect=limits.connect_seconds
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
            self._sessions[partner] = session
        return session

    async def close(self) -> None:
        """Close every session. Closing twice is safe."""
        sessions, self._sessions = list(self._sessions.values()), {}
        await asyncio.gather(*(session.close() for session in sessions))


def _turned_away(error: BaseException) -> bool:
    """Tell whether our certificate was refused: with TLS 1.3 that shows after our first bytes.

    The other side's handshake was not over then, so it looked at none of them (RFC 8446 4.4.2.4).
    Where it does not say so but only closes, the end stays unclear.
    """
    seen: BaseException | None = error
    while seen is not None:
        reason = (seen.reason or "") if isinstance(seen, ssl.SSLError) else ""
        if "_ALERT_" in reason and any(word in reason for word in _REFUSED):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
