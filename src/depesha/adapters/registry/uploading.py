"""Takes a multipart submission apart while it streams: the words to memory, each file to a spool.

Every limit is enforced while reading: sizes, number of files, pauses, pace. Memory does not grow
with the files. It judges no document, and leaves nothing behind unless it returns.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from aiohttp import BodyPartReader, ClientPayloadError, MultipartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from depesha.adapters.registry.gate import validated
from depesha.adapters.registry.problems import (
    INVALID,
    MALFORMED,
    MEDIA_TYPE,
    TIMED_OUT,
    TOO_LARGE,
    FieldError,
    Problem,
)
from depesha.adapters.registry.spooling import SpooledFile
from depesha.adapters.registry.submission import Submission, file_name
from depesha.schemas import mediatypes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from depesha.adapters.registry.drafting import Submitter
    from depesha.adapters.registry.settings import SubmissionLimits
    from depesha.ports import Clock, Threads

T = TypeVar("T")

FORM = "multipart/form-data"
WORDS = "message"
"""Name of the part that holds the JSON."""
_PIECE_BYTES = 64 * 1024
_HOP_BYTES = 1024 * 1024
"""Written down by one hop to a thread; a hop a piece would cost more than the writing."""
_SMALL_WORDS = 4096
"""Larger words are read in a worker thread: the loop may not stand still for 0.2 ms."""
_PLAIN = frozenset({"", "binary", "8bit", "7bit"})
_OVERHEAD_BYTES = 1024 * 1024
"""What boundaries and heads of a hundred parts may take beside the files."""
_CLOSE = {"Connection": "close"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A submission as it came, whole."""

    words: Submission
    files: tuple[SpooledFile, ...]


@asynccontextmanager
async def uploaded(
    request: web.Request, submitter: Submitter, *, threads: Threads, clock: Clock
) -> AsyncIterator[Upload]:
    """Read the request and give what it holds; its spools are gone when the block ends.

    Raises `Problem` for what is wrong with it, `StorageError` where a file cannot be written.
    """
    _judge_head(request, submitter.limits)
    reader = _Form(request, submitter, threads, clock)
    try:
        yield await reader.read()
    finally:
        reader.discard()


def _judge_head(request: web.Request, limits: SubmissionLimits) -> None:
    """Refuse by the head alone what needs no reading."""
    # aiohttp's `content_type` parses as mail does, anew for each boundary: half a millisecond.
    if request.headers.get("Content-Type", "").partition(";")[0].strip().lower() != FORM:
        raise Problem(MEDIA_TYPE, "a document to be sent is multipart/form-data", headers=_CLOSE)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(MEDIA_TYPE, "compressed bodies are not taken", headers=_CLOSE)
    most = limits.total_bytes + limits.message_bytes + _OVERHEAD_BYTES
    if request.content_length is not None and request.content_length > most:
        raise _too_large(limits.total_bytes, "all files together")


class _Form:
    """One form while it is read."""

    def __init__(
        self, request: web.Request, submitter: Submitter, threads: Threads, clock: Clock
    ) -> None:
        self._request = request
        self._submitter = submitter
        self._limits = submitter.limits
        self._threads = threads
        self._clock = clock
        self._began = clock.monotonic()
        self._words: Submission | None = None
        self._files: list[SpooledFile] = []
        self._total = 0
        self._held = 0

    def discard(self) -> None:
        """Remove every spool."""
        for file in self._files:
            file.spool.discard()

    async def read(self) -> Upload:
        """Read to the end; every fault of the form is a `Problem`."""
        try:
            form = await self._request.multipart()
            while (part := await self._waited(form.next())) is not None:
                await self._take(part)
        except (ClientPayloadError, web.RequestPayloadError):
            raise Problem(TIMED_OUT, "the body broke off", headers=_CLOSE) from None
        except TimeoutError:
            raise Problem(TIMED_OUT, headers=_CLOSE) from None
        except (ValueError, RuntimeError, AssertionError, HttpProcessingError):
            # What the library raises for forms that are none.
            raise Problem(
                MALFORMED, "the form cannot be taken apart into its parts", headers=_CLOSE
            ) from None
        if self._words is None:
            error = FieldError(parameter=WORDS, detail="the part with the JSON is missing")
            raise Problem(INVALID, errors=(error,))
        return Upload(words=self._words, files=tuple(self._files))

    async def _take(self, part: MultipartReader | BodyPartReader) -> None:
        if not isinstance(part, BodyPartReader):
            raise Problem(MALFORMED, "a part is a form of its own", headers=_CLOSE)
        coding = part.headers.get("Content-Transfer-Encoding", "").lower()
        if coding not in _PLAIN or "Content-Encoding" in part.headers:
            raise Problem(MEDIA_TYPE, "parts are sent as plain bytes", headers=_CLOSE)
        name = part.name or ""
        if name == WORDS:
            await self._take_words(part)
        elif name:
            await self._take_file(part, name)
        else:
            raise Problem(MALFORMED, "a part has no name", headers=_CLOSE)

    async def _take_words(self, part: BodyPartReader) -> None:
        if self._words is not None:
            error = FieldError(parameter=WORDS, detail="may be given only once")
            raise Problem(INVALID, errors=(error,), headers=_CLOSE)
        data = bytearray()
        async for piece in self._pieces(part):
            data += piece
            if len(data) > self._limits.message_bytes:
                raise _too_large(self._limits.message_bytes, "the part `message`")
        try:
            if len(data) <= _SMALL_WORDS:
                words = validated(Submission, bytes(data))
            else:
                words = await self._threads.run(validated, Submission, bytes(data))
        except Problem as problem:
            problem.headers |= _CLOSE
            raise
        if not isinstance(words, Submission):
            raise TypeError("a submission was validated as something else")
        self._words = words

    async def _take_file(self, part: BodyPartReader, name: str) -> None:
        limits = self._limits
        if len(self._files) >= limits.files:
            raise _too_large(limits.files, "the number of files")
        file = SpooledFile(
            part=name,
            name=_name(part, name),
            media_type=_media_type(part),
            spool=self._submitter.spool(),
        )
        self._files.append(file)
        size, waiting, held = 0, list[bytes](), 0
        async for piece in self._pieces(part):
            size += len(piece)
            self._total += len(piece)
            if size > limits.file_bytes:
                raise _too_large(limits.file_bytes, "one file")
            if self._total > limits.total_bytes:
                raise _too_large(limits.total_bytes, "all files together")
            waiting.append(piece)
            held += len(piece)
            if held >= _HOP_BYTES:
                await self._threads.run(file.spool.write, waiting)
                waiting, held = [], 0
        if size == held and self._held + held <= _HOP_BYTES:
            # Small files, together: written once, by the hop that keeps them.
            self._held += held
            file.spool.hold(waiting)
        else:
            await self._threads.run(file.spool.write, waiting)

    async def _pieces(self, part: BodyPartReader) -> AsyncIterator[bytes]:
        while not part.at_eof():
            piece = await self._waited(part.read_chunk(_PIECE_BYTES))
            self._judge_pace()
            if piece:
                yield bytes(piece)

    async def _waited(self, reading: Awaitable[T]) -> T:
        async with asyncio.timeout(self._limits.pause_seconds):
            return await reading

    def _judge_pace(self) -> None:
        """Too slow from the first byte on: no honest caller, or one that never ends."""
        seconds = self._clock.monotonic() - self._began - self._limits.pause_seconds
        if seconds * self._limits.slowest_bytes_per_second > self._request.content.total_bytes:
            raise Problem(TIMED_OUT, headers=_CLOSE)


def _name(part: BodyPartReader, name: str) -> str:
    """What the part calls its file; never a path."""
    try:
        return file_name(part.filename or "")
    except ValueError as error:
        fault = FieldError(parameter=name[:64], detail=f"filename: {error}")
        raise Problem(INVALID, errors=(fault,), headers=_CLOSE) from None


def _media_type(part: BodyPartReader) -> str:
    """The part's own word; the one that says nothing counts as none."""
    said = mediatypes.canonical(part.headers.get("Content-Type", ""))
    return "" if said == mediatypes.UNKNOWN else said


def _too_large(limit: int, what: str) -> Problem:
    return Problem(TOO_LARGE, f"{what}: {limit} at most", headers=_CLOSE)
