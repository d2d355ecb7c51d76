"""Takes answers with one long content in them: papers and attachments, straight to a file.

Base64 inside XML or an MTOM part, as ISDS chooses (facts 8.4). Memory stays at a few pieces. It
never looks into what it fetched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from depesha.adapters.filestreams import FileSink, StoredFile
from depesha.adapters.isds import answers
from depesha.adapters.isds.calling import pieces
from depesha.adapters.isds.decoding import Base64File
from depesha.adapters.multipart import MtomAnswer, MtomLimits, read_answer
from depesha.errors import StorageError, TooLargeError, WireError
from depesha.schemas import xml
from depesha.schemas.wire.isds import SOAP11, SOAP12, V20, XOP
from depesha.schemas.xmloffsets import walk

if TYPE_CHECKING:
    import aiohttp

    from depesha.ports import Threads

WORD: Final = 16 * 1024
"""Characters of one word beside the content."""
_SLACK: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Long:
    """An answer whose content lies in a file."""

    stored: StoredFile | None
    """None where the answer brought none."""
    words: Mapping[str, str]
    """Texts beside it by local name, the outcome's included."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Of the element that holds the content."""

    def must(self) -> StoredFile:
        """Return the content of a good answer; raise `IsdsError`, or `WireError` without one."""
        if "dmStatusCode" in self.words:
            said = self.words.get("dmStatusMessage", "")
            answers.must_be_done(self.words["dmStatusCode"].strip(), said)
        if self.stored is None:
            raise WireError("an answer of ISDS lacks what was asked for")
        return self.stored


async def receive(
    response: aiohttp.ClientResponse,
    operation: str,
    content: str,
    target: Path,
    *,
    limit: int,
    threads: Threads,
) -> Long:
    """Read an answer; the element named `content` goes to `target`, decoded.

    Nothing is left beside `target`, and nothing at all where it fails. Raises `WireError`,
    `TooLargeError`, `StorageError`; what the answer says of its outcome is not judged.
    """
    kind = response.headers.get("Content-Type", "")
    try:
        if kind.lower().lstrip().startswith("multipart/"):
            return await _in_parts(response, kind, operation, content, target, limit, threads)
        return await _inside(response, operation, content, target, limit, threads)
    except BaseException:
        await threads.run(target.unlink, missing_ok=True)
        raise


async def _in_parts(
    response: aiohttp.ClientResponse,
    kind: str,
    operation: str,
    content: str,
    target: Path,
    limit: int,
    threads: Threads,
) -> Long:
    folder = target.with_name(target.name + ".parts")
    await threads.run(_make, folder)
    try:
        limits = MtomLimits(service="ISDS", envelope_bytes=_SLACK, part_bytes=limit)
        answer = await read_answer(
            kind, pieces(response), folder=folder, limits=limits, threads=threads
        )
        return await threads.run(_read_parts, answer, operation, content, target)
    finally:
        await threads.run(_clear, folder)


def _make(folder: Path) -> None:
    try:
        folder.mkdir()
    except OSError as error:
        raise StorageError("a received file cannot be written") from error


def _clear(folder: Path) -> None:
    for each in folder.iterdir():
        each.unlink()
    folder.rmdir()


def _read_parts(answer: MtomAnswer, operation: str, content: str, target: Path) -> Long:
    response = answers.response_of(xml.parse(answer.envelope).root, operation)
    words: dict[str, str] = {}
    stored, attributes = None, {}
    for element in response.iter():
        if element.tag == f"{{{V20}}}{content}":
            include = element.find(f"{{{XOP}}}Include")
            above = element.getparent()
            if above is not None and above is not response:
                attributes = {str(name): str(value) for name, value in above.attrib.items()}
            if include is not None:
                part = answer.included(include.get("href", ""))
                stored = StoredFile(path=target, size=part.size, digest=part.digest)
                part.path.replace(target)
            elif element.text:
                stored = _inline(element.text, target)
        elif not len(element) and element.tag.startswith(f"{{{V20}}}"):
            words[element.tag.rpartition("}")[2]] = element.text or ""
    return Long(stored=stored, words=words, attributes=attributes)


def _inline(text: str, target: Path) -> StoredFile:
    into = Base64File(target)
    try:
        into.feed(text)
        return into.finish()
    finally:
        into.close()


async def _inside(
    response: aiohttp.ClientResponse,
    operation: str,
    content: str,
    target: Path,
    limit: int,
    threads: Threads,
) -> Long:
    spool = target.with_name(target.name + ".answer")
    sink = FileSink(spool, threads)
    await sink.open()
    try:
        async for piece in pieces(response):
            await sink.write(piece)
            if sink.size > limit // 3 * 4 + _SLACK:
                raise TooLargeError("an answer of ISDS passes the permitted size")
        await sink.finish()
        return await threads.run(_read_inside, spool, operation, content, target)
    finally:
        await sink.close()
        await threads.run(spool.unlink, missing_ok=True)


def _read_inside(spool: Path, operation: str, content: str, target: Path) -> Long:
    walker = _AnswerWalker(operation, content, target)
    try:
        walk(spool, walker)
        return walker.result()
    except OSError as error:
        raise StorageError("a received file cannot be written") from error
    finally:
        walker.close()


class _AnswerWalker:
    """Takes what `walk` tells of one answer."""

    def __init__(self, operation: str, content: str, target: Path) -> None:
        self._response = f"{{{V20}}}{operation}Response"
        self._content = f"{{{V20}}}{content}"
        self._target = target
        self._path: list[str] = []
        self._above: list[Mapping[str, str]] = []
        self._text: list[str] | None = None
        self._length = 0
        self._words: dict[str, str] = {}
        self._attributes: Mapping[str, str] = {}
        self._decoder: Base64File | None = None
        self._stored: StoredFile | None = None
        self._decoding = False
        self._answered = False

    def start(self, name: str, attributes: Mapping[str, str], _at: int) -> None:
        """An element begins."""
        self._path.append(name)
        self._above.append(attributes)
        if len(self._path) == 3:  # noqa: PLR2004 -- envelope, body, response
            self._begin()
        elif name == self._content and self._answered:
            if self._decoder is not None:
                raise WireError("an answer of ISDS holds two contents")
            self._decoder = Base64File(self._target)
            self._decoding = True
            if len(self._path) > 4:  # noqa: PLR2004 -- below an element of the response
                self._attributes = self._above[-2]
        elif self._answered:
            self._text, self._length = [], 0

    def _begin(self) -> None:
        frames = ([f"{{{soap}}}Envelope", f"{{{soap}}}Body"] for soap in (SOAP11, SOAP12))
        if self._answered or self._path[:2] not in list(frames):
            raise WireError("an answer of ISDS is no SOAP answer")
        if self._path[2] != self._response:
            raise WireError("an answer of ISDS is to another operation")
        self._answered = True

    def text(self, data: str) -> None:
        """A piece of text."""
        if self._decoding and self._decoder is not None:
            self._decoder.feed(data)
        elif self._text is not None:
            self._length += len(data)
            if self._length > WORD:
                raise WireError("a word in an answer of ISDS is too long")
            self._text.append(data)

    def end(self, name: str, _at: int) -> None:
        """An element ends."""
        self._path.pop()
        self._above.pop()
        if name == self._content and self._decoding and self._decoder is not None:
            self._decoding = False
            stored = self._decoder.finish()
            self._stored = stored if stored.size else None
        elif self._text is not None:
            self._words[name.rpartition("}")[2]] = "".join(self._text)
            self._text = None

    def result(self) -> Long:
        if not self._answered:
            raise WireError("an answer of ISDS is no SOAP answer")
        return Long(stored=self._stored, words=self._words, attributes=self._attributes)

    def close(self) -> None:
        if self._decoder is not None:
            self._decoder.close()
