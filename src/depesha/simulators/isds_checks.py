"""What the simulated ISDS demands of attachments: number, kind, size, content.

Facts 4.4, 8.1, 8.2. It reads files from disk and changes none.
"""

from __future__ import annotations

import zipfile
from pathlib import Path, PurePosixPath
from typing import Final

from depesha.simulators.isds_values import StoredFile
from depesha.simulators.isds_words import RefusalError
from depesha.simulators.ssev_files import EICAR

MEGABYTE: Final = 1024 * 1024
SMALL_BYTES: Final = 20 * MEGABYTE
"""All attachments of an ordinary message, and each inline one of a big message."""
BIG_LEAST: Final = 18_000_000
"""Big messages are taken from about here, for all that the rule says 20 MB (facts 8.1)."""
BIG_BYTES: Final = 100 * MEGABYTE
FILES: Final = 100
CONTAINERS: Final = 10
NAME: Final = 255
_UNPACKED_BYTES: Final = 3 * 1024 * MEGABYTE
_UNPACKED_FILES: Final = 1000
_LEVELS: Final = 4
_ENCRYPTED: Final = 0x1
_PIECE: Final = MEGABYTE

_CONTAINERS: Final = frozenset({"zip", "asice", "asics", "sce", "scs"})
_TYPES: Final = (
    "asice asics sce scs cer crt csv ddd dbf der dgn doc docx dwg edi fo gfs gif gml heic heif "
    "htm html isdoc isdocx jfif jpeg jpg json m4a m4p m4v mp2 mp3 mp4 mpeg mpeg1 mpeg2 mpg odp "
    "ods odt p7b p7c p7f p7m p7s pdf pk7 png ppt pptx prj qix rtf sbn sbx shp shx tif tiff tsr "
    "tst txt wav xls xlsx xml xsd zfo zip"
)
TYPES: Final = frozenset(_TYPES.split())
_BEGINNINGS: Final = {
    "pdf": (b"%PDF-",),
    "png": (b"\x89PNG",),
    "gif": (b"GIF8",),
    "jpg": (b"\xff\xd8",),
    "jpeg": (b"\xff\xd8",),
    "zip": (b"PK",),
    "docx": (b"PK",),
    "xlsx": (b"PK",),
    "odt": (b"PK",),
    "ods": (b"PK",),
    "zfo": (b"0", b"PK"),
    "p7s": (b"0", b"-----BEGIN"),
    "rtf": (b"{\\rtf",),
}
_MIMES: Final = {
    "pdf": ("pdf",),
    "png": ("png",),
    "gif": ("gif",),
    "xml": ("xml",),
    "txt": ("text/plain",),
    "zip": ("zip", "compressed"),
    "zfo": ("zfo", "602"),
    "jpg": ("jpeg", "jpg"),
    "docx": ("word", "docx"),
    "html": ("html",),
}


def judge_files(files: tuple[StoredFile, ...]) -> None:
    """Refuse a row of attachments: none, main not first and alone, too many."""
    if not files:
        raise RefusalError("2032")
    metas = [file.meta for file in files]
    if metas[0] != "main" or metas.count("main") != 1 or metas.count("meta") > 1:
        raise RefusalError("2010", "Právě jedna příloha musí být hlavní a musí být první.")
    if len(files) > FILES:
        raise RefusalError("1296", "Příliš mnoho příloh.")
    containers = [file for file in files if _extension(file.name) in _CONTAINERS]
    if len(containers) > CONTAINERS:
        raise RefusalError("1214", f"Příliš mnoho kontejnerů: {containers[CONTAINERS].name}")
    if sum(file.size for file in files) > SMALL_BYTES:
        raise RefusalError("1200")


def judge_big(
    inline: tuple[StoredFile, ...], files: tuple[StoredFile, ...], least: int = BIG_LEAST
) -> None:
    """Refuse a big message's row: exactly one main, anywhere (facts 8.3); sizes."""
    metas = [file.meta for file in files]
    if any(file.size > SMALL_BYTES for file in inline):
        raise RefusalError("1295")
    if metas.count("main") != 1 or metas.count("meta") > 1:
        raise RefusalError("2010", "Právě jedna příloha musí být hlavní.")
    total = sum(file.size for file in files)
    if total > BIG_BYTES or len(files) > FILES:
        raise RefusalError("1296")
    if total < least:
        raise RefusalError("1297")


def judge_file(name: str, mime: str, path: Path) -> bool:
    """Refuse a file by name, type or content with 1214; return whether it is infected."""
    extension = _extension(name)
    if not name or len(name) > NAME or extension not in TYPES:
        raise _refused(name)
    with path.open("rb") as file:
        beginning = file.read(16)
    if not beginning.startswith(_BEGINNINGS.get(extension, (b"",))):
        raise _refused(name)
    if "/" in mime and not any(part in mime for part in _MIMES.get(extension, ("",))):
        raise _refused(name)
    if extension in _CONTAINERS:
        _judge_container(name, path)
    return _infected(path)


def _judge_container(name: str, path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, NotImplementedError):
        raise _refused(name) from None
    files = [entry for entry in entries if not entry.is_dir()]
    if (
        sum(entry.file_size for entry in files) > _UNPACKED_BYTES
        or len(entries) > _UNPACKED_FILES
        or any(entry.flag_bits & _ENCRYPTED for entry in entries)
        or any(len(PurePosixPath(entry.filename).parts) > _LEVELS + 1 for entry in entries)
    ):
        raise _refused(name)
    inside = {_extension(e.filename) for e in files if not e.filename.startswith("META-INF/")}
    inside.discard("")
    if inside - TYPES or inside & _CONTAINERS:
        raise _refused(name)


def _infected(path: Path) -> bool:
    tail = b""
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            if EICAR in tail + piece:
                return True
            tail = piece[-len(EICAR) :]
    return False


def _extension(name: str) -> str:
    return PurePosixPath(name).suffix.removeprefix(".").lower()


def _refused(name: str) -> RefusalError:
    return RefusalError("1214", f"Příloha není přípustná: {name}")
