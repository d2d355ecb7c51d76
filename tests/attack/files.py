"""Attacks by attached files: well signed messages of a good sender, with something bad in them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from depesha.schemas.verdict import Hold, Rejection
from depesha.simulators import papers
from depesha.simulators.seos_documents import Enclosure
from tests.attack.cases import Attempt, Case, words
from tests.attack.stand import IDS, Came, Stand, letter
from tests.corpus.files.cases import CASES, EXE, locked_zip
from tests.support import contents as make

MALWARE: Final = Rejection.MALWARE_FOUND
FORBIDDEN: Final = Rejection.FORMAT_FORBIDDEN
MACRO: Final = Rejection.MACRO_FOUND
UNSAFE: Final = Rejection.ARCHIVE_UNSAFE
_WHY: Final = {
    "disguise": "a program or macro under a harmless name",
    "bomb": "small outside, endless inside",
    "lie": "two readers find two contents",
    "locked": "nobody can look into it",
}


def files() -> Iterator[Case]:
    """Yield every case."""
    for one in CASES:
        if one.expected is not None and any(c.isalnum() for c in one.name):
            yield _case(one.name, _WHY[one.family], one.expected, one.content)
    yield from _infected()
    yield from _disguised()
    yield from _named()


def _case(
    name: str, why: str, expected: Rejection | Hold, content: bytes, as_name: str = ""
) -> Case:
    return Case(
        layer="file",
        name=name,
        why=why,
        attempt=sent(Enclosure(name=as_name or name, content=content)),
        expected=words(expected.value),
    )


def sent(*enclosures: Enclosure) -> Attempt:
    """Send a well signed message with these files."""

    async def attempt(stand: Stand) -> Came:
        return await stand.send(stand.message(letter(*enclosures)))

    return attempt


def _infected() -> Iterator[Case]:
    eicar = papers.EICAR
    zipped = make.zip_of({"a.txt": eicar})
    twice = make.zip_of({"b.zip": zipped})
    why = "malware reaches the clerk"
    good = Enclosure(name="pismo.pdf", content=make.pdf())
    yield _case("eicar", why, MALWARE, eicar, "faktura.txt")
    yield _case("eicar-as-pdf", why, MALWARE, eicar, "faktura.pdf")
    yield _case("eicar-in-zip", why, MALWARE, zipped, "faktura.zip")
    yield _case("eicar-in-zip-in-zip", why, MALWARE, twice, "faktura.zip")
    yield _case("eicar-in-tgz", why, MALWARE, make.tar_gz({"a.txt": eicar}), "f.tgz")
    yield _case("eicar-in-docx", why, MALWARE, make.docx(extra={"word/a.txt": eicar}), "f.docx")
    many = [good] * 20 + [Enclosure(name="a.txt", content=eicar)]
    yield Case(
        layer="file",
        name="eicar-behind-twenty",
        why="only the first file is scanned",
        attempt=sent(*many),
        expected=words(MALWARE),
    )
    twisted = [Enclosure(name="a.txt", content=eicar), good]
    yield Case(
        layer="file",
        name="eicar-same-name",
        why="one name hides another",
        attempt=sent(*(Enclosure(name="pismo.pdf", content=e.content) for e in twisted)),
        expected=words(MALWARE),
    )


def _forty_two() -> bytes:
    """Sixteen times sixteen times zeros, as the famous one, only smaller."""
    content = make.zip_of({"0": bytes(4_000_000)})
    for _ in range(4):
        content = make.zip_of({f"{n}.zip": content for n in range(16)})
    return content


def _disguised() -> Iterator[Case]:
    macro = make.docx(macros=True)
    yield _case("docm-as-docx", "a macro document renamed", MACRO, macro, "pismo.docx")
    yield _case("docm-as-pdf", "a macro document renamed", MACRO, macro, "pismo.pdf")
    ole = make.ole("WordDocument", "Macros", "VBA")
    yield _case("ole-macro", "an old macro document", MACRO, ole, "pismo.doc")
    yield _case("exe-as-pdf", "a program renamed", FORBIDDEN, EXE, "pismo.pdf")
    yield _case("exe-as-docx", "a program renamed", FORBIDDEN, EXE, "pismo.docx")
    yield _case("elf", "a program", FORBIDDEN, b"\x7fELF\x02\x01\x01" + bytes(200), "pismo")
    yield _case("script", "a script renamed", FORBIDDEN, b"#!/bin/sh\nid\n", "pismo.txt")
    yield _case("html-application", "a program in markup", FORBIDDEN, b"<html>", "pismo.hta")
    yield _case(
        "shortcut",
        "a link that runs something",
        FORBIDDEN,
        b"L\x00\x00\x00\x01\x14\x02\x00" + bytes(80),
        "pismo.lnk",
    )
    yield _case("forty-two", "petabytes in a few kilobytes", UNSAFE, _forty_two(), "paket.zip")
    yield _case(
        "encrypted-zip",
        "nobody can look into it",
        Hold.ARCHIVE_ENCRYPTED,
        locked_zip(),
        "paket.zip",
    )
    polyglot = make.pdf() + make.zip_of({"run.exe": EXE})
    yield Case(
        layer="file",
        name="pdf-and-zip",
        why="one reader opens a PDF, another a program",
        attempt=sent(Enclosure(name="pismo.pdf", content=polyglot)),
        expected=words(FORBIDDEN, UNSAFE, Hold.ARCHIVE_UNREADABLE),
    )
    front = make.zip_of({"a.txt": b"words"}) + make.pdf()
    yield Case(
        layer="file",
        name="zip-and-pdf",
        why="one reader opens a zip, another a PDF",
        attempt=sent(Enclosure(name="pismo.pdf", content=front)),
        expected=words(FORBIDDEN, UNSAFE, Hold.ARCHIVE_UNREADABLE),
    )
    hidden = make.pdf() + make.zip_of({"a.txt": papers.EICAR}, stored=True)
    yield Case(
        layer="file",
        name="pdf-and-eicar-zip",
        why="the scanner sees only the PDF",
        attempt=sent(Enclosure(name="pismo.pdf", content=hidden)),
        expected=words(MALWARE, UNSAFE, Hold.ARCHIVE_UNREADABLE),
    )


def _replaced(old: bytes, new: bytes) -> Attempt:
    """Put into a signed message what no XML writer would write."""

    async def attempt(stand: Stand) -> Came:
        enclosure = Enclosure(name="ime-na-fail.pdf", content=make.pdf())
        document = stand.message(letter(enclosure))
        return await stand.send(document.replace(old, new))

    return attempt


def _named() -> Iterator[Case]:
    name = b"ime-na-fail.pdf"
    yield Case(
        layer="file",
        name="name-null",
        why="the name ends at a zero for others",
        attempt=_replaced(name, b"a.exe&#0;.pdf"),
        expected=words("NOT_XML"),
    )
    yield Case(
        layer="file",
        name="name-null-raw",
        why="the name ends at a zero for others",
        attempt=_replaced(name, b"a.exe\x00.pdf"),
        expected=words("NOT_XML"),
    )
    yield Case(
        layer="file",
        name="name-changed",
        why="another name than was signed",
        attempt=_replaced(name, b"../../a.exe"),
        expected=words("SIGNATURE_INVALID"),
    )
    yield Case(
        layer="file",
        name="base64-broken",
        why="two decoders read two contents",
        attempt=_replaced(b"<AttBody>", b"<AttBody>@@@@"),
        expected=words("SIGNATURE_INVALID", "NOT_THE_SCHEMA"),
    )
    small = make.pdf()
    many = tuple(Enclosure(name=f"{n}.pdf", content=small) for n in range(101))
    yield Case(
        layer="file",
        name="attachments-101",
        why="work without end in one message",
        attempt=sent(*many),
        expected=words(Rejection.TOO_MANY_ATTACHMENTS),
    )
    unusable = Rejection.FILE_NAME_UNUSABLE
    yield _case("name-5000", "no disk takes such a name", unusable, small, "a" * 4_996 + ".pdf")
    yield _case("name-dots", "a name that is none", unusable, small, "...")
    yield _case("name-blank", "a name that is none", unusable, small, " \t ")
    for label, trick in TRICKS.items():
        yield _case(
            f"name-{label}-exe", "a trick of the name hides a program", FORBIDDEN, EXE, trick
        )
        yield Case(
            layer="file",
            name=f"name-{label}",
            why="the name is a path, or shows another",
            attempt=_defused(trick),
            expected=words("FILE_NAME_CLEANED"),
            admits=True,
        )


TRICKS: Final = {
    "traversal": "../../../etc/cron.d/pismo.pdf",
    "windows-path": "C:\\Windows\\System32\\pismo.pdf",
    "share": "\\\\evil.example\\share\\pismo.pdf",
    "bidi": "pismo\u202efdp.exe.pdf",
    "device": "CON.pdf",
    "stream": "pismo.pdf:evil.exe.pdf",
    "lines": "pismo\r\nX-Evil: 1.pdf",
}


def _defused(trick: str) -> Attempt:
    """A harmless file under a bad name is taken, but no clerk ever meets that name."""

    async def attempt(stand: Stand) -> Came:
        document = IDS.guid()
        request = letter(Enclosure(name=trick, content=make.pdf()), document=document)
        came = await stand.send(stand.message(request))
        last = (await stand.stored())[-1]
        safe = (await stand.get(f"/messages/{last['id']}"))["attachments"][0]["safe_name"]
        url = f"{stand.api}/messages/{last['id']}/attachments/1"
        disposition = await stand.disposition(url)
        bad = {"/", "\\", "\u202e", "\r", "\n", ":"}
        if bad & set(safe) or {"\r", "\n", "\u202e"} & set(disposition) or "evil" in disposition:
            return Came(http=came.http, said="a bad name went through")
        return came

    return attempt
