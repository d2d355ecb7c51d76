"""Opens ZFOs, the sealed papers of ISDS (facts 9): content to a file, words and attachments out.

Memory does not grow with the paper. It must never judge a seal (`checking.py` does), and never
use a name from a paper for a path.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import pybase64

from depesha.adapters.filestreams import StoredFile
from depesha.adapters.isds import ber
from depesha.adapters.isds.ber import SignedFile
from depesha.adapters.isds.decoding import Base64File
from depesha.adapters.isds.values import (
    Event,
    PaperContent,
    PaperFile,
    boolean_of,
    moment_of,
    number_of,
    words_of,
)
from depesha.errors import StorageError, TooLargeError, WireError
from depesha.schemas.wire.isds import Paper
from depesha.schemas.xmloffsets import end_of_tag, walk

CONTENT: Final = "content.xml"
"""Name of the sealed XML in the folder a paper is opened into."""
WORD: Final = 64 * 1024
"""Characters of one word; time stamps are the longest."""
EVENTS: Final = 1_000
PIECE: Final = 1024 * 1024
ALGORITHMS: Final = {
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}
"""Names of digests as ISDS writes them (facts 9.3)."""
_BASES: Final = ("http://isds.czechpoint.cz/v20", "http://isds.czebox.cz/v20")
"""Both hosts are seen in papers (facts 9.2)."""
_BODY: Final = "v:dmDm"
_FILE: Final = (_BODY, "v:dmFiles", "v:dmFile")
_EVENT: Final = ("dmEvents", "dmEvent")


@dataclass(frozen=True, slots=True, kw_only=True)
class ZfoLimits:
    """How much a paper may hold."""

    content_bytes: int = 256 * 1024 * 1024
    """Of the sealed XML: 100 MB of attachments make about 134."""
    files: int = 200
    """The operator allows 100 (facts 8.1), and allowed 900 once."""


def unseal(source: Path, folder: Path, limits: ZfoLimits | None = None) -> SignedFile:
    """Take a ZFO apart, its content into `folder / CONTENT`.

    Raises `ber.ContentBroken`, `WireError` for any other file that is no signed one, and
    `StorageError`.
    """
    most = (limits or ZfoLimits()).content_bytes
    try:
        with source.open("rb") as file, (folder / CONTENT).open("wb") as content:
            if file.peek(1)[:1] != b"\x30":
                # The extension also belongs to forms of another make, which are zipped.
                raise WireError("the file is no sealed paper of ISDS")
            if source.stat().st_size > 2 * most:
                raise TooLargeError("a sealed paper passes the permitted size")
            signed = ber.read_signed(file, content)
    except OSError as error:
        raise StorageError("a sealed paper cannot be read or unpacked") from error
    if signed.size > most:
        raise TooLargeError("a sealed paper passes the permitted size")
    return signed


def read_content(folder: Path, limits: ZfoLimits | None = None) -> PaperContent:
    """Read the sealed XML that `unseal` wrote; attachments become numbered files beside it.

    Raises `WireError` for what is no such paper, and `StorageError`.
    """
    source = folder / CONTENT
    walker = _PaperWalker(folder, limits or ZfoLimits(), source)
    try:
        walk(source, walker)
        return walker.result()
    except OSError as error:
        raise StorageError("a sealed paper cannot be read or unpacked") from error
    finally:
        walker.close()


@dataclass(slots=True)
class _FileBeingRead:
    attributes: Mapping[str, str]
    decoder: Base64File | None = None
    is_xml: bool = False
    start: int | None = None
    """First byte inside `dmXMLContent`."""
    text: list[str] = field(default_factory=list)
    stored: StoredFile | None = None


class _PaperWalker:
    """Takes what `walk` tells. Paths are exact: a decoy elsewhere is not looked at."""

    def __init__(self, folder: Path, limits: ZfoLimits, source: Path) -> None:
        self._folder = folder
        self._limits = limits
        self._source = source
        self._kind: Paper | None = None
        self._prefixes: dict[str, str] = {}
        self._path: list[str] = []
        self._said: dict[str, dict[str, str]] = {"": {}, _BODY: {}, "event": {}}
        self._collected: list[str] | None = None
        self._length = 0
        self._attributes: dict[str, Mapping[str, str]] = {}
        self._body: tuple[int, int] | None = None
        self._body_start = 0
        self._file: _FileBeingRead | None = None
        self._files: list[PaperFile] = []
        self._events: list[Event] = []

    # --- what `walk` tells --------------------------------------------------------------------

    def start(self, name: str, attributes: Mapping[str, str], at: int) -> None:
        """An element begins."""
        if not self._path:
            self._root(name)
            self._path.append(name)
            return
        self._path.append(self._short(name))
        below = tuple(self._path[2:])
        if self._inside_xml(at):
            return
        if len(self._path) == 2:  # noqa: PLR2004 -- root and its only child
            self._child(attributes)
        elif below == (_BODY,):
            if self._body is not None:
                raise WireError("a sealed paper has two bodies")
            self._body_start = at
        elif below == _FILE:
            self._begin_file(attributes)
        elif below == (*_FILE, "v:dmEncodedContent"):
            self._begin_content()
        elif below == (*_FILE, "v:dmXMLContent"):
            self._begin_content(is_xml=True)
        elif self._where(below) is not None:
            self._collected, self._length = [], 0
            self._attributes[below[-1]] = attributes

    def text(self, data: str) -> None:
        """A piece of text."""
        if self._file is not None and self._file.decoder is not None:
            if not self._file.is_xml:
                self._file.decoder.feed(data)
            elif self._file.start is None:
                self._file.text.append(data)
        elif self._collected is not None:
            self._length += len(data)
            if self._length > WORD:
                raise WireError("a word of a sealed paper is too long")
            self._collected.append(data)

    def end(self, _name: str, at: int) -> None:
        """An element ends."""
        below = tuple(self._path[2:])
        self._path.pop()
        if below == (_BODY,):
            self._body = (self._body_start, at)
        elif below == _FILE:
            self._end_file()
        elif below in {(*_FILE, "v:dmEncodedContent"), (*_FILE, "v:dmXMLContent")}:
            self._end_content(at)
        elif below == _EVENT:
            self._end_event()
        elif self._collected is not None:
            self._end_word(below)

    # --- the frame ----------------------------------------------------------------------------

    def _root(self, name: str) -> None:
        for base in _BASES:
            for kind in Paper:
                if name == f"{{{base}/{kind.value}}}{kind.root}":
                    self._kind = kind
                    self._prefixes = {f"{{{base}/{kind.value}}}": "", f"{{{base}}}": "v:"}
                    return
        raise WireError("the sealed XML is no paper of ISDS")

    def _short(self, name: str) -> str:
        namespace, brace, local = name.rpartition("}")
        prefix = self._prefixes.get(namespace + brace)
        return name if prefix is None else prefix + local

    def _child(self, attributes: Mapping[str, str]) -> None:
        if self._kind is None or self._path[1] != self._kind.child or "" in self._attributes:
            raise WireError("the sealed XML is no paper of ISDS")
        self._attributes[""] = attributes

    def _where(self, below: tuple[str, ...]) -> str | None:
        """Say where the word at this path belongs; None where it is none of ours."""
        if len(below) == 1:
            return ""
        if len(below) == 2 and below[0] == _BODY:  # noqa: PLR2004 -- a word of the body
            return _BODY
        if below[:-1] == _EVENT:
            return "event"
        return None

    def _end_word(self, below: tuple[str, ...]) -> None:
        text, self._collected = "".join(self._collected or ()), None
        where = self._where(below)
        if where is None:
            return
        said, name = self._said[where], below[-1].removeprefix("v:")
        if name in said:
            raise WireError("a word stands twice in a sealed paper")
        said[name] = text

    def _end_event(self) -> None:
        said, self._said["event"] = self._said["event"], {}
        if len(self._events) >= EVENTS:
            raise WireError("a sealed paper tells too many events")
        at = moment_of(said.get("dmEventTime", ""))
        self._events.append(Event(at=at, text=said.get("dmEventDescr", "").strip()))

    # --- attachments --------------------------------------------------------------------------

    def _inside_xml(self, at: int) -> bool:
        """True for elements within an attachment that is XML itself."""
        if self._file is None or not self._file.is_xml or self._file.stored is not None:
            return False
        if self._file.start is None:
            self._file.start = at
        return True

    def _begin_file(self, attributes: Mapping[str, str]) -> None:
        if len(self._files) >= self._limits.files:
            raise WireError("a sealed paper has too many attachments")
        self._file = _FileBeingRead(attributes)

    def _begin_content(self, *, is_xml: bool = False) -> None:
        file = self._file
        if file is None or file.decoder is not None or file.stored is not None:
            raise WireError("an attachment of a sealed paper has two contents")
        file.is_xml = is_xml
        file.decoder = Base64File(self._folder / f"file-{len(self._files) + 1}")

    def _end_content(self, at: int) -> None:
        file = self._file
        if file is None or file.decoder is None:
            raise WireError("an attachment of a sealed paper has no content")
        if file.is_xml:
            self._copy_xml(file, file.decoder, at)
        file.stored, file.decoder = file.decoder.finish(), None

    def _copy_xml(self, file: _FileBeingRead, into: Base64File, end: int) -> None:
        if file.start is None:
            into.write("".join(file.text).encode())
            return
        with self._source.open("rb") as source:
            source.seek(file.start)
            left = end - file.start
            while left and (piece := source.read(min(left, PIECE))):
                left -= len(piece)
                into.write(piece)

    def _end_file(self) -> None:
        file, self._file = self._file, None
        if file is None or file.stored is None:
            raise WireError("an attachment of a sealed paper has no content")
        said = file.attributes
        self._files.append(
            PaperFile(
                index=len(self._files) + 1,
                name=said.get("dmFileDescr", ""),
                media_type=said.get("dmMimeType", ""),
                meta_type=said.get("dmFileMetaType", ""),
                guid=said.get("dmFileGuid", ""),
                parent_guid=said.get("dmUpFileGuid", ""),
                is_xml=file.is_xml,
                stored=file.stored,
            )
        )

    # --- the whole ----------------------------------------------------------------------------

    def result(self) -> PaperContent:
        if self._kind is None or self._body is None:
            raise WireError("a sealed paper has no body")
        outer = self._said[""]
        algorithm = self._attributes.get("dmHash", {}).get("algorithm", "SHA-1")
        around = self._attributes.get("", {})
        return PaperContent(
            kind=self._kind,
            words=words_of({name: text.strip() for name, text in self._said[_BODY].items()}),
            hash_algorithm=algorithm,
            hash_declared=_decoded(outer.get("dmHash", "")),
            hash_computed=self._hash(algorithm),
            stamp=_decoded(outer.get("dmQTimestamp", "")),
            delivered_at=moment_of(outer.get("dmDeliveryTime", "")),
            accepted_at=moment_of(outer.get("dmAcceptanceTime", "")),
            state=number_of(outer.get("dmMessageStatus", "")),
            message_type=around.get("dmType", ""),
            big=boolean_of(around.get("dmVODZ", "")) or False,
            files=tuple(self._files),
            events=tuple(self._events),
        )

    def _hash(self, algorithm: str) -> bytes | None:
        """Digest the bytes from `<` of the body's start tag to `>` of its end tag (facts 9.3)."""
        if self._kind is Paper.DELIVERY or algorithm not in ALGORITHMS or self._body is None:
            return None
        digest = hashlib.new(ALGORITHMS[algorithm], usedforsecurity=False)
        start, last = self._body
        with self._source.open("rb") as file:
            left = end_of_tag(file, last) - start
            file.seek(start)
            while left and (piece := file.read(min(left, PIECE))):
                left -= len(piece)
                digest.update(piece)
        return digest.digest()

    def close(self) -> None:
        if self._file is not None and self._file.decoder is not None:
            self._file.decoder.close()


def _decoded(text: str) -> bytes:
    """Decode a short value; ISDS breaks it into lines and ends it with one (facts 2)."""
    try:
        return pybase64.b64decode("".join(text.split()), validate=True)
    except ValueError:
        raise WireError("a value of a sealed paper is not encoded as base64") from None
