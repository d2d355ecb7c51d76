"""Calls a partner's SEOS endpoint: a signed document out, the answer's document back.

zeep writes the calls by our own service description; aiohttp carries them; answers are read by
the one hardened parser. It never repeats a call and never looks into a document.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, NoReturn

from lxml import etree

from depesha.adapters.seos import soap
from depesha.adapters.seos.calling import Stream
from depesha.errors import ConfigurationError, PeerError, StorageError, WireError
from depesha.schemas.wire.seos import SERVICE_WSDL

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path
    from typing import BinaryIO

    from depesha.adapters.seos.calling import Caller, HttpAnswer
    from depesha.ports import Threads

BY_HAND: Final = 1024 * 1024
"""Above this size an envelope is made of bytes, without a tree."""
_PIECE: Final = 1024 * 1024
"""Bytes of a kept document read and escaped at once."""


class Dialect:
    """Writes the calls of one service description with zeep. Made and used in threads."""

    def __init__(self, wsdl: Path) -> None:
        """Load the description from our own file: about 0.2 s, so once, at start."""
        import zeep  # noqa: PLC0415 -- a quarter of a second that small commands need not wait

        class Offline(zeep.Transport):
            """Refuses to fetch anything: every part of a description lies beside it."""

            def _load_remote_data(self, url: str) -> NoReturn:
                raise ConfigurationError(f"the service description refers to {url}")

        settings = zeep.Settings(forbid_dtd=True, forbid_entities=True, strict=True)
        # zeep's own types cover a part of it only.
        client: Any = zeep.Client
        transport: Any = Offline
        self._client: Any = client(str(wsdl), transport=transport(), settings=settings)
        self._lock = threading.Lock()

    def write(self, operation: str, **arguments: str) -> bytes:
        """Return the envelope of a call; raise `WireError` for what XML cannot carry."""
        try:
            # zeep does not say whether its model may be shared between threads.
            with self._lock:
                made = self._client.create_message(self._client.service, operation, **arguments)
        except ValueError as error:
            raise WireError("a text holds characters that XML cannot carry") from error
        return etree.tostring(made, encoding="utf-8", xml_declaration=True)


class SeosClient:
    """Submits documents to partners."""

    def __init__(self, *, caller: Caller, threads: Threads) -> None:
        self._caller = caller
        self._threads = threads
        self._lock = threading.Lock()
        self._dialect: Dialect | None = None

    async def start(self) -> None:
        """Load the service description now, so that the first call need not wait."""
        await self._threads.run(self._ready)

    async def submit(self, url: str, document: bytes) -> bytes:
        """Submit a signed document; return the document it was answered with, or nothing.

        Raises `UnreachableError` (nothing was handed over), `BrokenOffError` (unclear) and
        `PeerError` (a failure, a fault, or an answer that is no SOAP).
        """
        envelope = await self._threads.run(self._write, document)
        body = await self._caller.post(url, soap.ACTION, envelope)
        try:
            return await self._threads.run(soap.unwrap_answer, body)
        except WireError as error:
            raise PeerError("the other side's answer is not a SOAP answer") from error

    async def exchange(
        self, url: str, document: bytes | Callable[[], Path | None], seconds: float | None = None
    ) -> HttpAnswer:
        """Submit a signed document, or one kept in a file; return whatever HTTP answer came.

        The file is found in the same thread that reads it; a large one is escaped as it is sent.
        Raises `UnreachableError`, `BrokenOffError`, and `StorageError` where the file is gone or
        cannot be read, with nothing sent.
        """
        envelope = await self._threads.run(self._envelope, document)
        return await self._caller.exchange(url, soap.ACTION, envelope, seconds)

    async def close(self) -> None:
        """Close every connection."""
        await self._caller.close()

    def _envelope(self, document: bytes | Callable[[], Path | None]) -> bytes | Stream:
        if isinstance(document, bytes):
            return self._write(document)
        path = document()
        if path is None:
            raise StorageError("the prepared document is gone")
        try:
            if path.stat().st_size <= BY_HAND:
                # Ours and well-formed: zeep's tree would cost eight times as much as escaping.
                return soap.wrap_request(path.read_bytes())
            return self._stream(path)
        except OSError as error:
            raise StorageError("a prepared document cannot be read") from error

    def _stream(self, path: Path) -> Stream:
        before, after = soap.request_ends()
        with path.open("rb") as file:
            size = sum(len(piece) for piece in iter(lambda: _next(file), b""))

        async def pieces() -> AsyncIterator[bytes]:
            yield before
            file = await self._threads.run(path.open, "rb")
            try:
                while piece := await self._threads.run(_next, file):
                    yield piece
            finally:
                await self._threads.run(file.close)
            yield after

        return Stream(size=len(before) + size + len(after), pieces=pieces)

    def _write(self, document: bytes) -> bytes:
        if len(document) > BY_HAND:
            return soap.wrap_request(document)
        return self._ready().write("Submit", request=document.decode("utf-8"))

    def _ready(self) -> Dialect:
        with self._lock:
            if self._dialect is None:
                self._dialect = Dialect(SERVICE_WSDL)
            return self._dialect


def _next(file: BinaryIO) -> bytes:
    """Return the next piece, escaped; every escaped character is one byte, so cuts do no harm."""
    return soap.escape(file.read(_PIECE))
