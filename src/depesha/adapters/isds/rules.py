"""What ISDS takes as attachments (facts 4.4, 8.1, 8.2): count, size, kinds, main one first. Pure.

It goes by what is declared and by what was found out elsewhere; it never looks at bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from depesha.schemas.facts import ArchiveFacts

_KINDS: Final = """
asice asics sce scs cer crt csv ddd dbf der dgn doc docx dwg edi fo gfs gif gml heic heif htm html
isdoc isdocx jfif jpeg jpg json m4a m4p m4v mp2 mp3 mp4 mpeg mpeg1 mpeg2 mpg odp ods odt p7b p7c
p7f p7m p7s pdf pk7 png ppt pptx prj qix rtf sbn sbx shp shx tif tiff tsr tst txt wav xls xlsx xml
xsd zfo zip
"""
KINDS: Final = frozenset(_KINDS.split())
"""Extensions that are taken; ISDS checks the content too (facts 8.2)."""
CONTAINERS: Final = frozenset({"zip", "asice", "asics", "sce", "scs"})
ORDINARY_BYTES: Final = 20_000_000
"""All attachments of an ordinary message; what ISDS means by 20 MB is not known, so less."""
BIG_LEAST_BYTES: Final = 18_000_000
"""About the least of a big message: 20 MB with 2 MB of tolerance."""
BIG_BYTES: Final = 100_000_000
INLINE_BYTES: Final = 20_000_000
COUNT: Final = 100
CONTAINER_COUNT: Final = 10
NAME: Final = 255
UNPACKED_BYTES: Final = 3_000_000_000
UNPACKED_COUNT: Final = 1_000
MAIN: Final = "main"
META: Final = "meta"


class Breach(StrEnum):
    """Why ISDS would not take an attachment, or all of them."""

    NONE_GIVEN = "NONE_GIVEN"
    NOT_ONE_MAIN = "NOT_ONE_MAIN"
    MAIN_NOT_FIRST = "MAIN_NOT_FIRST"
    TWO_META = "TWO_META"
    TOO_MANY = "TOO_MANY"
    TOO_LARGE = "TOO_LARGE"
    TOO_MANY_CONTAINERS = "TOO_MANY_CONTAINERS"
    EMPTY = "EMPTY"
    NAME_TOO_LONG = "NAME_TOO_LONG"
    NAME_WITHOUT_KIND = "NAME_WITHOUT_KIND"
    KIND_NOT_TAKEN = "KIND_NOT_TAKEN"
    CONTAINER_ENCRYPTED = "CONTAINER_ENCRYPTED"
    CONTAINER_NESTED = "CONTAINER_NESTED"
    CONTAINER_TOO_LARGE = "CONTAINER_TOO_LARGE"
    CONTAINER_UNREADABLE = "CONTAINER_UNREADABLE"


class Size(StrEnum):
    """By which service a message goes."""

    ORDINARY = "ORDINARY"
    BIG = "BIG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An attachment as far as the rules look at it."""

    name: str
    size: int
    meta_type: str
    container: ArchiveFacts | None = None
    """What the inspector found inside a container."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """One breach; `index` from 1, or 0 for all attachments together."""

    breach: Breach
    index: int = 0


def extension(name: str) -> str:
    """Return a name's extension in lower case; empty where there is none."""
    stem, dot, kind = name.rpartition(".")
    return kind.lower() if stem and dot else ""


def breaches(files: Sequence[Candidate]) -> tuple[Broken, ...]:
    """Return every breach of the rules; empty where ISDS should take them."""
    if not files:
        return (Broken(breach=Breach.NONE_GIVEN),)
    each = (
        Broken(breach=breach, index=index)
        for index, file in enumerate(files, 1)
        for breach in _of_one(file)
    )
    return (*(Broken(breach=breach) for breach in _of_all(files)), *each)


def _of_all(files: Sequence[Candidate]) -> list[Breach]:
    mains = [file.meta_type for file in files].count(MAIN)
    held = (
        (mains != 1, Breach.NOT_ONE_MAIN),
        (mains == 1 and files[0].meta_type != MAIN, Breach.MAIN_NOT_FIRST),
        ([file.meta_type for file in files].count(META) > 1, Breach.TWO_META),
        (len(files) > COUNT, Breach.TOO_MANY),
        (sum(file.size for file in files) > BIG_BYTES, Breach.TOO_LARGE),
        (
            sum(extension(file.name) in CONTAINERS for file in files) > CONTAINER_COUNT,
            Breach.TOO_MANY_CONTAINERS,
        ),
    )
    return [breach for broken, breach in held if broken]


def _of_one(file: Candidate) -> list[Breach]:
    kind = extension(file.name)
    held = [
        (not file.size, Breach.EMPTY),
        (len(file.name) > NAME, Breach.NAME_TOO_LONG),
        (not kind, Breach.NAME_WITHOUT_KIND),
        (bool(kind) and kind not in KINDS, Breach.KIND_NOT_TAKEN),
    ]
    if kind in CONTAINERS and file.container is not None:
        inside = file.container
        many = inside.members > UNPACKED_COUNT or inside.unpacked > UNPACKED_BYTES
        held += [
            (inside.encrypted, Breach.CONTAINER_ENCRYPTED),
            (inside.unreadable, Breach.CONTAINER_UNREADABLE),
            (inside.depth > 1, Breach.CONTAINER_NESTED),
            (many, Breach.CONTAINER_TOO_LARGE),
        ]
    return [breach for broken, breach in held if broken]


def size_of(sizes: Sequence[int], ordinary_bytes: int = ORDINARY_BYTES) -> Size:
    """Say by which service attachments of these sizes go (facts 8.4)."""
    return Size.ORDINARY if sum(sizes) <= ordinary_bytes else Size.BIG


_SPACES: Final = dict.fromkeys(
    (0x0D, 0x0A, 0x09, 0xA0, 0x2028, 0x2029, 0x202F, 0x205F, *range(0x2000, 0x200B)), " "
)
_DROPPED: Final = dict.fromkeys(
    (
        0xAD,
        *range(0x80, 0xA0),
        *range(0x200B, 0x2010),
        *range(0x202A, 0x202F),
        *range(0x2061, 0x2070),
    )
)
_REPLACED: Final = {
    **{ord(c): "_" for c in "<>"},
    **dict.fromkeys(range(0x2010, 0x2016), "-"),
    **dict.fromkeys(range(0x201C, 0x2020), '"'),
    **_SPACES,
    **_DROPPED,
}


def as_kept(text: str) -> str:
    """Return a text as ISDS keeps it (facts 2): a name read back may differ from the one sent."""
    return text.translate(_REPLACED)
