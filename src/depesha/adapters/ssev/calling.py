"""Carries HTTP for both SSEV clients: time limits, size limits, foreign failures made ours.

It moves bytes and nothing else: no meaning of a status, no retry, no redirect.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import aiohttp
from yarl import URL

from depesha.adapters.ssev.problems import Problem, SsevError
from depesha.errors import BrokenOffError, TooLargeError, UnreachableError

if TYPE_CHECKING:
    import ssl


_READ: Final = 64 * 1024
Body = bytes | AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class CarrierLimits:
    """How long a call may take, and how many run at once."""

    connect_seconds: float = 15.0
    whole_seconds: float = 60.0
    keep_alive_seconds: float = 15.0
    connections: int = 8


class Carrier:
    """One HTTP session; made when first used, kept until `close`."""

    def __init__(self, *, tls: ssl.SSLContext, limits: CarrierLimits) -> None:
        """`tls` says whom to trust and, for mutual TLS, who we are."""
        self._tls = tls
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def exchange(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        body: Body | None = None,
        whole_seconds: float | None = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Make one request and give its answer while it is being read.

        Raises `UnreachableError` where nothing left, `BrokenOffError` where it broke later. A
        GET or DELETE on a kept connection that was closed meanwhile is asked once more by
        aiohttp itself; a POST never is.
        A body in pieces needs its `Content-Length` among the headers.
        """
        limits = self._limits
        timeout = aiohttp.ClientTimeout(
            total=whole_seconds or limits.whole_seconds, sock_connect=limits.connect_seconds
        )
        try:
            async with self._ready().request(
                method,
                _url(url),
                params=params,
                data=body,
                headers={"Accept-Encoding": "identity", **headers},
                allow_redirects=False,
                timeout=timeout,
            ) as response:
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UnreachableError("SSEV could not be reached") from error
        except aiohttp.InvalidURL as error:
            raise UnreachableError("an address of SSEV cannot be used") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BrokenOffError("the exchange with SSEV broke before its end") from error

    def _ready(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls,
                    limit=self._limits.connections,
                    keepalive_timeout=self._limits.keep_alive_seconds,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._session

    async def close(self) -> None:
        """Close the session. Closing twice is safe."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()


def _url(address: str) -> URL:
    try:
        url = URL(address, encoded=True)
    except ValueError as error:
        raise UnreachableError("an address of SSEV cannot be used") from error
    if url.scheme != "https" or not url.host:
        raise UnreachableError("an address of SSEV cannot be used")
    return url


async def pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Give an answer's body in small pieces; refuse a packed one, which could unfold."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise SsevError("SSEV's answer is packed", Problem.UNREADABLE, status=response.status)
    async for piece in response.content.iter_chunked(_READ):
        yield piece


async def read_whole(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read a body of at most `limit` bytes; raise `TooLargeError` beyond."""
    body = bytearray()
    async for piece in pieces(response):
        body += piece
        if len(body) > limit:
            raise TooLargeError("SSEV's answer passes the permitted size")
    return bytes(body)
