"""SOAP calls over aiohttp: one session per partner, foreign failures turned into ours.

It moves bytes and nothing else: no parsing, no retry. What failed before anything left is
`UnreachableError`; what broke afterwards is `BrokenOffError`; an answer that is no 200 is
`PeerError`.
"""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp
from yarl import URL

from depesha.errors import BrokenOffError, PeerError, UnreachableError

if TYPE_CHECKING:
    import ssl

CONTENT_TYPE: Final = "text/xml; charset=utf-8"
_OK: Final = 200
_PIECE: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CallLimits:
    """How long a call may take and how much it may bring."""

    connect_seconds: float = 15.0
    whole_seconds: float = 120.0
    answer_bytes: int = 4 * 1024 * 1024
    keep_alive_seconds: float = 30.0
    connections: int = 4
    """At once to one partner."""


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
        """Post an envelope and return the answer's body. Nothing is repeated here."""
        url = self._url(address)
        headers = {
            "Content-Type": CONTENT_TYPE,
            "SOAPAction": f'"{action}"',
            # A packed answer could unfold past every limit.
            "Accept-Encoding": "identity",
        }
        try:
            return await self._post(url, headers, envelope)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UnreachableError("the other side could not be reached") from error
        except aiohttp.InvalidURL as error:
            raise UnreachableError("the other side's address cannot be used") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BrokenOffError("the exchange broke before an answer came") from error

    async def _post(self, url: URL, headers: dict[str, str], envelope: bytes) -> bytes:
        session = self._session(url)
        async with session.post(
            url, data=io.BytesIO(envelope), headers=headers, allow_redirects=False
        ) as response:
            body = await self._read(response)
            if response.status != _OK:
                raise PeerError("the other side answered with a failure", status=response.status)
            return body

    async def _read(self, response: aiohttp.ClientResponse) -> bytes:
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise PeerError("the other side's answer is packed")
        body = bytearray()
        async for piece in response.content.iter_chunked(_PIECE):
            body += piece
            if len(body) > self._limits.answer_bytes:
                raise PeerError("the other side's answer passes the permitted size")
        return bytes(body)

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
