"""Looks through archives and containers in memory, within caps set before anything is opened.

Zip (with it office documents and ASiC), tar and gzip are looked into, nested ones too; other
makes are said to be unreadable. Every member is read to its end and thrown away, because only
that proves its size: nothing is unpacked to disk, and nothing read is kept past its turn.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from depesha.adapters import compound
from depesha.adapters.filetypes import HEAD, detect
from depesha.adapters.mapped import Pages
from depesha.adapters.zips import UnreadableArchiveError, UnsafeArchiveError, Zip
from depesha.schemas import mediatypes as mt
from depesha.schemas.facts import ArchiveFacts

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import IO

    from depesha.adapters.zips import Bytes
    from depesha.schemas.policy import Limits

_NESTED_BYTES = 64 * 1024 * 1024
"""A member that must be looked into is held in memory; larger ones are left to a person."""
_RATIO_FROM = 1024 * 1024
"""Below this much content a high ratio is harmless: a page of blanks packs a thousandfold."""
_CHUNK = 256 * 1024
_RECURSION = 8
"""Containers in containers of any kind, office documents included."""
_OPENED = frozenset({mt.ZIP, mt.TAR, mt.GZIP, mt.OLE})
_CLOSED = frozenset({mt.SEVEN_ZIP, mt.RAR, mt.CAB, "application/x-bzip2", "application/x-xz"})
_BY_MIMETYPE = {kind: kind for kind in (mt.ODT, mt.ODS, mt.ODP, mt.ASIC_E, mt.ASIC_S)}
_OOXML = (
    ("word/", mt.DOCX, mt.DOCM),
    ("xl/", mt.XLSX, mt.XLSM),
    ("ppt/", mt.PPTX, mt.PPTM),
)
_ODF = frozenset({mt.ODT, mt.ODS, mt.ODP})
_PART_BYTES = 1024 * 1024


@dataclass(slots=True)
class Look:
    """What was seen of a file and all it holds; grows while looking."""

    limits: Limits
    members: int = 0
    depth: int = 0
    unpacked: int = 0
    largest: int = 0
    packed: int = 0
    encrypted: bool = False
    unsafe: str = ""
    unreadable: bool = False
    kinds: dict[str, None] = field(default_factory=dict)
    kind: str = ""
    """The finer kind of the file itself, as far as it came out."""
    macros: bool = False
    outer: Zip | None = None
    """The file itself where it is a zip, for those who look for signatures in it."""

    def facts(self) -> ArchiveFacts:
        """Return what the checks need to know."""
        return ArchiveFacts(
            members=self.members,
            depth=self.depth,
            unpacked=self.unpacked,
            largest=self.largest,
            packed=self.packed,
            encrypted=self.encrypted,
            unsafe=self.unsafe,
            unreadable=self.unreadable,
            kinds=tuple(self.kinds),
        )

    def count(self, members: int) -> None:
        """Count members before they are opened."""
        self.members += members
        if self.members > self.limits.archive_members:
            raise UnsafeArchiveError("count")

    def grow(self, size: int) -> None:
        """Count content bytes before, or while, they are unpacked."""
        self.unpacked += size
        if self.unpacked > self.limits.archive_unpacked_bytes:
            raise UnsafeArchiveError("size")

    def ratio(self, unpacked: int, packed: int) -> None:
        """Compare sizes; raise where no honest packer gets so far."""
        if unpacked > _RATIO_FROM and unpacked > self.limits.archive_ratio * max(packed, 1):
            raise UnsafeArchiveError("ratio")


def look(data: Bytes, kind: str, limits: Limits) -> Look:
    """Look through a file of kind ZIP, TAR or GZIP; return what was seen.

    Never raises for bad files: they come back unsafe or unreadable.
    """
    seen = Look(limits=limits, packed=len(data), kind=kind)
    try:
        seen.kind = _open(data, kind, seen, level=1, nesting=1)
    except UnsafeArchiveError as error:
        seen.unsafe = error.rule
    except (UnreadableArchiveError, tarfile.TarError, zlib.error, EOFError, ValueError):
        seen.unreadable = True
    return seen


def zip_kind(archive: Zip) -> str:
    """Return what a zip really is by its parts; a macro project makes a macro document."""
    names = archive.names
    declared = archive.read("mimetype", 256).decode("ascii", errors="replace").strip()
    if declared in _BY_MIMETYPE:
        return declared
    if "[Content_Types].xml" in names:
        for folder, plain, macro in _OOXML:
            if any(name.startswith(folder) for name in names):
                return macro if has_macros(archive) else plain
    if "AndroidManifest.xml" in names:
        return "application/vnd.android.package-archive"
    if "META-INF/MANIFEST.MF" in names:
        return "application/java-archive"
    signed = (n.lower() for n in names if n.startswith("META-INF/"))
    if any("signature" in name or "asicmanifest" in name for name in signed):
        return mt.ASIC_E
    return mt.ZIP


def has_macros(archive: Zip) -> bool:
    """Tell whether an office document holds macros: by part names and by declared content."""
    for name in archive.names:
        lower = name.lower()
        if lower.endswith("vbaproject.bin") or lower.startswith(("xl/macrosheets/", "basic/")):
            return True
    declared = archive.read("[Content_Types].xml", _PART_BYTES).lower()
    return b"vbaproject" in declared or b"macroenabled" in declared


def _open(data: Bytes, kind: str, seen: Look, level: int, nesting: int) -> str:
    """Go through one container; `level` counts archives, `nesting` containers of any kind."""
    if nesting > _RECURSION:
        raise UnsafeArchiveError("depth")
    if kind == mt.GZIP:
        return _through_gzip(data, seen, level, nesting)
    if kind == mt.TAR:
        _deepen(seen, level)
        _through_tar(Pages(data), seen, level, nesting)
        return kind
    archive = Zip(data, seen.limits.archive_members)
    finer = zip_kind(archive)
    if nesting == 1:
        seen.outer, seen.kind = archive, finer
        seen.macros = finer in mt.MACRO_ENABLED or (finer in _ODF and has_macros(archive))
    if finer == mt.ZIP or nesting == 1:
        _deepen(seen, level)
    seen.count(len(archive.members))
    total = sum(member.size for member in archive.members)
    seen.grow(total)
    seen.ratio(total, len(data))
    for member in archive.members:
        seen.largest = max(seen.largest, member.size)
        seen.ratio(member.size, member.packed)
    for member in archive.members:
        if member.encrypted:
            seen.encrypted = True
        elif not member.name.endswith("/"):
            chunks = archive.chunks(member)
            _member(chunks, member.name, member.size, seen, level, nesting)
    return finer


def _deepen(seen: Look, level: int) -> None:
    seen.depth = max(seen.depth, level)
    if level > seen.limits.archive_depth:
        raise UnsafeArchiveError("depth")


def _member(
    chunks: Iterator[bytes], name: str, size: int, seen: Look, level: int, nesting: int
) -> None:
    """Read one member to its end; look into it where it is a container itself."""
    start = b""
    for chunk in chunks:
        start += chunk
        if len(start) >= HEAD:
            break
    kind = detect(start[:HEAD], name)
    if kind in _OPENED and size <= _NESTED_BYTES:
        content = start + b"".join(chunks)
        kind = _inside(content, kind, name, seen, level, nesting)
    else:
        seen.unreadable = seen.unreadable or kind in _OPENED or kind in _CLOSED
        for _ in chunks:
            pass
    seen.kinds[kind] = None


def _inside(content: bytes, kind: str, name: str, seen: Look, level: int, nesting: int) -> str:
    if kind == mt.OLE:
        facts = compound.look(content, name)
        seen.encrypted = seen.encrypted or facts.encrypted
        office = facts.kind in {mt.DOC, mt.XLS, mt.PPT}
        return mt.DOCM if facts.macros and office else facts.kind
    return _open(content, kind, seen, level + 1, nesting + 1)


def _through_tar(file: Pages | IO[bytes], seen: Look, level: int, nesting: int) -> None:
    with tarfile.open(fileobj=cast("IO[bytes]", file), mode="r:") as tar:
        for info in tar:
            seen.count(1)
            parts = info.name.replace("\\", "/").split("/")
            if ".." in parts or info.name.startswith("/") or not (info.isreg() or info.isdir()):
                raise UnsafeArchiveError("path")
            if info.isdir():
                continue
            seen.grow(info.size)
            seen.largest = max(seen.largest, info.size)
            content = tar.extractfile(info)
            if content is None:
                raise UnreadableArchiveError("a member of the tar cannot be read")
            _member(_pieces(content), info.name, info.size, seen, level, nesting)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    while piece := file.read(_CHUNK):
        yield piece


def _through_gzip(data: Bytes, seen: Look, level: int, nesting: int) -> str:
    """Unpack in pieces, counting; a tar inside is the same archive, not a nested one."""
    _deepen(seen, level)
    size, kept, kind = 0, bytearray(), ""
    for piece in _gunzip(data):
        size += len(piece)
        seen.grow(len(piece))
        seen.ratio(size, len(data))
        if len(kept) <= (_NESTED_BYTES if not kind or kind in _OPENED else HEAD):
            kept += piece
        if not kind and len(kept) >= HEAD:
            kind = detect(bytes(kept[:HEAD]), "")
    kind = kind or detect(bytes(kept[:HEAD]), "")
    seen.largest = max(seen.largest, size)
    if size > _NESTED_BYTES and kind in _OPENED:
        raise UnreadableArchiveError("a packed archive is too large to be looked into")
    if kind == mt.TAR:
        seen.unpacked -= size
        _through_tar(io.BytesIO(kept), seen, level, nesting)
    else:
        seen.count(1)
        _member(iter((bytes(kept),)), "", size, seen, level, nesting)
    return mt.GZIP


def _gunzip(data: Bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        inflater = zlib.decompressobj(zlib.MAX_WBITS | 16)
        pending = b""
        while not inflater.eof and (at < len(data) or pending):
            if not pending:
                pending = data[at : at + _CHUNK]
                at += len(pending)
            yield inflater.decompress(pending, _CHUNK)
            pending = inflater.unconsumed_tail
        if not inflater.eof:
            raise UnreadableArchiveError("the gzip is cut off")
        at -= len(inflater.unused_data)
        if not data[at : at + _CHUNK].strip(b"\x00"):
            return
