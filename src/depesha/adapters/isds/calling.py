"""Carries HTTP to ISDS for one log-in: time limits, foreign failures made ours, and no log-in loop.

It moves bytes and judges the HTTP level (facts 1.5); it repeats nothing and follows no redirect.
A refused log-in stops the session until somebody resumes it: repeating could lock the account.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, Protocol

import aiohttp
from yarl import URL

from depesha.adapters.isds.codes import Action
from depesha.adapters.isds.problems import SAID, IsdsError, LoginRefusedError, OutageError
from depesha.adapters.isds.settings import LoginKind
from depesha.errors import BrokenOffError, TooLargeError, UnreachableError, WireError
from depesha.schemas import xml
from depesha.schemas.wire.isds import Service

if TYPE_CHECKING:
    import ssl

    from depesha.ports import Threads

READ: Final = 64 * 1024
_WORDS: Final = 64 * 1024
"""Bytes of an answer that tells of a failure."""
_MTOM_REFUSED: Final = 599
"""The host for big messages did not know the request as MTOM."""
_REFUSED: Final = {
    HTTPStatus.FOUND: Action.PERSON,  # log-in by code: not for our kinds (facts 1.4)
    HTTPStatus.NOT_FOUND: Action.PERSON,
    HTTPStatus.BAD_REQUEST: Action.OUR_DEFECT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: Action.REFUSED,
    HTTPStatus.TOO_MANY_REQUESTS: Action.SLOWER,
    _MTOM_REFUSED: Action.OUR_DEFECT,
}
"""Statuses that come before anything is looked at."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Who we are towards ISDS; a certificate is TLS's to show."""

    kind: LoginKind
    box_id: str
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    def authorization(self) -> str | None:
        """Return the header for every request; None where TLS alone tells (facts 1.2)."""
        match self.kind:
            case LoginKind.CERTIFICATE:
                return None
            case LoginKind.HOSTED:
                pair = f"{self.box_id}:"
            case LoginKind.PASSWORD | LoginKind.CERTIFICATE_PASSWORD:
                pair = f"{self.user}:{self.password}"
        return "Basic " + base64.b64encode(pair.encode()).decode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """Where the services are; `ordinary` and `big` are origins, such as `https://ws1.example`."""

    ordinary: str
    big: str

    def address(self, kind: LoginKind, service: Service) -> URL:
        """Return a service's address (facts 1.2, 1.3)."""
        host = self.big if service.on_ws2 else self.ordinary
        return URL(f"{host}{kind.prefix}/DS/{service.value}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLimits:
    """How long a call may take, and how many run at once."""

    connect_seconds: float = 15.0
    answer_seconds: float = 120.0
    upload_seconds: float = 300.0
    """Silence after an upload; over 240 (facts 8.1)."""
    transfer_seconds: float = 1800.0
    connections: int = 2


class Body(Protocol):
    """A request ready to be streamed, once or more often."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Content-Type, Content-Length and what else belongs to it."""

    def opened(self, threads: Threads) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Give the bytes while it is open. `StorageError` where a file is not as declared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a call is to be made."""

    loud: bool = False
    """It leaves something behind: a failure in the middle is unclear, not a refusal."""
    large: bool = False
    """It carries much, one way or the other: the long time limits."""
    in_parts: bool = False
    """The answer may come as MTOM."""


class Session:
    """One log-in's way to ISDS. For tasks of one loop; `close` it."""

    def __init__(
        self,
        *,
        hosts: Hosts,
        login: Login,
        tls: ssl.SSLContext | bool,
        threads: Threads,
        limits: SessionLimits | None = None,
        user_agent: str = "Depesha",
    ) -> None:
        """`tls` says whom to trust and shows our certificate, where the log-in has one."""
        self._hosts = hosts
        self._login = login
        self._tls = tls
        self._threads = threads
        self._limits = limits or SessionLimits()
        self._user_agent = user_agent
        self._http: aiohttp.ClientSession | None = None
        self._proved = False
        self._first = asyncio.Lock()
        self._stopped_by: int | None = None

    @property
    def box_id(self) -> str:
        """The box that is entered."""
        return self._login.box_id

    @property
    def stopped(self) -> bool:
        """True after a refused log-in: no call leaves until `resume`."""
        return self._stopped_by is not None

    def resume(self, login: Login | None = None) -> None:
        """Let calls leave again, with a mended log-in; the operator's decision."""
        self._login = login or self._login
        self._stopped_by = None
        self._proved = False

    async def close(self) -> None:
        """Close every connection. Closing twice is safe."""
        http, self._http = self._http, None
        if http is not None:
            await http.close()

    @asynccontextmanager
    async def exchange(
        self, service: Service, body: Body, manner: Manner
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Make one call and give its answer while it is being read: of status 200 only.

        Raises `LoginRefusedError`, `UnreachableError` (nothing was done; `OutageError` as
        planned), `BrokenOffError` (a loud call whose end is unknown, or an answer that broke) and
        `IsdsError` (surely nothing was done), besides `StorageError` of our own disk.
        """
        if self._proved:
            async with self._exchange(service, body, manner) as response:
                yield response
            return
        # Until a log-in was once taken, calls go one by one: many at once with a wrong password
        # would be as many failures.
        async with self._first, self._exchange(service, body, manner) as response:
            yield response

    @asynccontextmanager
    async def _exchange(
        self, service: Service, body: Body, manner: Manner
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._stopped_by is not None:
            raise LoginRefusedError(self._stopped_by)
        url = self._hosts.address(self._login.kind, service)
        try:
            async with (
                body.opened(self._threads) as content,
                self._ready().post(
                    url,
                    data=content,
                    headers=self._headers(body, manner),
                    allow_redirects=False,
                    timeout=self._timeout(manner),
                ) as response,
            ):
                await self._judge(response, manner)
                yield response
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise UnreachableError("ISDS could not be reached") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise BrokenOffError("the exchange with ISDS broke before its end") from error

    def _headers(self, body: Body, manner: Manner) -> dict[str, str]:
        headers = {
            "User-Agent": self._user_agent,
            "Accept-Encoding": "identity",
            "Accept": "multipart/related, application/soap+xml" if manner.in_parts else "*/*",
            **body.headers,
        }
        told = self._login.authorization()
        if told is not None:
            headers["Authorization"] = told
        return headers

    def _timeout(self, manner: Manner) -> aiohttp.ClientTimeout:
        limits = self._limits
        return aiohttp.ClientTimeout(
            total=limits.transfer_seconds if manner.large else limits.answer_seconds,
            sock_connect=limits.connect_seconds,
            sock_read=limits.upload_seconds if manner.large else limits.answer_seconds,
        )

    async def _judge(self, response: aiohttp.ClientResponse, manner: Manner) -> None:
        status = response.status
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            self._stopped_by = status
            raise LoginRefusedError(status)
        if status == HTTPStatus.OK:
            self._proved = True
            return
        if status == HTTPStatus.SERVICE_UNAVAILABLE:
            raise OutageError(await self._fault(response))
        if status in _REFUSED:
            raise IsdsError("ISDS did not take the request", _REFUSED[status], code=str(status))
        if manner.loud:
            raise BrokenOffError("ISDS failed while it handled the request", status=status)
        said = await self._fault(response)
        raise IsdsError("ISDS failed inside", Action.RETRY, code=str(status), said=said)

    async def _fault(self, response: aiohttp.ClientResponse) -> str:
        """Read the words of a fault; empty where there are none that can be read."""
        try:
            body = await read_whole(response, _WORDS)
            return await self._threads.run(fault_words, body)
        except WireError:
            return ""

    def _ready(self) -> aiohttp.ClientSession:
        if self._http is None or self._http.closed:
            self._http = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(ssl=self._tls, limit=self._limits.connections),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
            )
        return self._http


async def pieces(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Give an answer's body in small pieces; refuse a packed one, which could unfold."""
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise WireError("an answer of ISDS is packed")
    async for piece in response.content.iter_chunked(READ):
        yield piece


async def read_whole(response: aiohttp.ClientResponse, limit: int) -> bytes:
    """Read a body of at most `limit` bytes; raise `TooLargeError` beyond."""
    body = bytearray()
    async for piece in pieces(response):
        body += piece
        if len(body) > limit:
            raise TooLargeError("an answer of ISDS passes the permitted size")
    return bytes(body)


def fault_words(body: bytes) -> str:
    """Return what a SOAP fault of either version says; raise `WireError` for no XML.

    In an outage even the code is free Czech text (facts 2), so only the words are read.
    """
    root = xml.parse(body).root
    found = [e for e in root.iter("{*}faultstring", "{*}Text", "faultstring") if not len(e)]
    return " ".join((found[0].text or "").split())[:SAID] if found else ""
