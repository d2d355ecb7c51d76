"""The files of the corpus; the README beside says why each family is here."""

from __future__ import annotations

from dataclasses import dataclass

from depesha.schemas.verdict import Hold, Rejection
from tests.support import contents as make

EXE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(400)
MAIL = b"From: a@primer.example\nTo: b@obrazets.example\nSubject: x\nMIME-Version: 1.0\n\nbody"
WORDS = "Уважаеми колеги, моля за справка по преписка № 12."
SEVEN_ZIP = b"7z\xbc\xaf\x27\x1c" + bytes(40)


@dataclass(frozen=True, slots=True)
class FileCase:
    """One file and what must become of it: None for passed."""

    family: str
    name: str
    content: bytes
    expected: Rejection | Hold | None = None


def locked_zip() -> bytes:
    """A zip whose only member asks for a password."""
    locked = bytearray(make.zip_of({"a.txt": b"words " * 10}, stored=True))
    locked[6] |= 1
    locked[locked.index(b"PK\x01\x02") + 8] |= 1
    return bytes(locked)


def nested(levels: int) -> bytes:
    """A zip in a zip in a zip."""
    content = b"words"
    for level in range(levels):
        content = make.zip_of({f"{level}.zip": content})
    return content


def renamed_inside() -> bytes:
    """A zip whose member has another name in its own header than in the directory."""
    honest = make.zip_of({"pismo.txt": b"words"})
    return honest.replace(b"pismo.txt", b"pismo.exe", 1)


CASES = [
    FileCase("plain", "pismo.pdf", make.pdf(75_000)),
    FileCase("plain", "podpisano.pdf", make.signed_pdf()),
    FileCase("plain", "skan.pdf", b"\r\n junk of a scanner\r\n" + make.pdf()),
    FileCase("plain", "pismo.docx", make.docx()),
    FileCase("plain", "pismo.odt", make.odt()),
    FileCase("plain", "pismo.doc", make.ole("WordDocument")),
    FileCase("plain", "tablica.xls", make.ole("Workbook")),
    FileCase("plain", "pismo.rtf", b"{\\rtf1\\ansi\\ansicpg1251 words}"),
    FileCase("plain", "utf8.txt", WORDS.encode()),
    FileCase("plain", "cp1251.txt", WORDS.encode("windows-1251")),
    FileCase("plain", "danni.csv", b"a;b\n1;2\n"),
    FileCase("plain", "danni.xml", b"<?xml version='1.0' encoding='UTF-8'?><a/>"),
    FileCase("plain", "poshta.eml", MAIL),
    FileCase("plain", "pismo.asice", make.asice()),
    FileCase("plain", "zprava.zfo", make.signed_data()),
    FileCase("plain", "pismo.p7s", make.signed_data(detached=True)),
    FileCase("plain", "paket.zip", make.zip_of({"a.pdf": make.pdf(), "b.docx": make.docx()})),
    FileCase("plain", "paket.tgz", make.tar_gz({"a.pdf": make.pdf()})),
    FileCase("plain", "prazen.txt", b""),
    FileCase("disguise", "program.pdf", EXE, Rejection.FORMAT_FORBIDDEN),
    FileCase("disguise", "program.txt", b"\x7fELF" + bytes(60), Rejection.FORMAT_FORBIDDEN),
    FileCase("disguise", "skript.vbs", b"msgbox 1", Rejection.FORMAT_FORBIDDEN),
    FileCase("disguise", "nastroiki.reg", b"REGEDIT4\n", Rejection.FORMAT_FORBIDDEN),
    FileCase("disguise", "pismo.txt", b"#!/bin/sh\nid\n", Rejection.FORMAT_FORBIDDEN),
    FileCase("disguise", "kartina.svg", b"<svg><script/></svg>", Rejection.FORMAT_FORBIDDEN),
    FileCase("disguise", "makros.docx", make.docx(macros=True), Rejection.MACRO_FOUND),
    FileCase("disguise", "makros.doc", make.ole("WordDocument", "VBA"), Rejection.MACRO_FOUND),
    FileCase(
        "disguise", "vgraden.zip", make.zip_of({"pismo.pdf": EXE}), Rejection.FORMAT_FORBIDDEN
    ),
    FileCase(
        "disguise",
        "dvoen.zip",
        make.zip_of({"a.zip": make.zip_of({"b.docx": make.docx(macros=True)})}),
        Rejection.MACRO_FOUND,
    ),
    FileCase(
        "disguise",
        "java.zip",
        make.zip_of({"META-INF/MANIFEST.MF": b"Main-Class: A", "A.class": b"\xca\xfe\xba\xbe"}),
        Rejection.FORMAT_FORBIDDEN,
    ),
    FileCase("bomb", "dalboko.zip", nested(5), Rejection.ARCHIVE_UNSAFE),
    FileCase("bomb", "nuli.zip", make.zip_of({"a": bytes(5_000_000)}), Rejection.ARCHIVE_UNSAFE),
    FileCase("bomb", "nuli.tgz", make.tar_gz({"a": bytes(5_000_000)}), Rejection.ARCHIVE_UNSAFE),
    FileCase(
        "bomb",
        "mnogo.zip",
        make.zip_of({str(i): b"" for i in range(2001)}, stored=True),
        Rejection.ARCHIVE_UNSAFE,
    ),
    FileCase(
        "bomb",
        "nuli.docx",
        make.docx(extra={"word/media/a.bin": bytes(5_000_000)}),
        Rejection.ARCHIVE_UNSAFE,
    ),
    FileCase("lie", "zastapeni.zip", make.overlapping_zip(), Rejection.ARCHIVE_UNSAFE),
    FileCase("lie", "dve-imena.zip", renamed_inside(), Rejection.ARCHIVE_UNSAFE),
    FileCase("lie", "malko.zip", make.lying_zip("a.txt", b"x" * 9000, 9), Rejection.ARCHIVE_UNSAFE),
    FileCase("lie", "pat.zip", make.zip_of({"../../a": b"x"}), Rejection.ARCHIVE_UNSAFE),
    FileCase("lie", "pat.tgz", make.tar_gz({"/etc/passwd": b"x"}), Rejection.ARCHIVE_UNSAFE),
    FileCase("lie", "...", make.pdf(), Rejection.FILE_NAME_UNUSABLE),
    FileCase("locked", "parola.zip", locked_zip(), Hold.ARCHIVE_ENCRYPTED),
    FileCase("locked", "chuzhd.7z", SEVEN_ZIP, Hold.ARCHIVE_UNREADABLE),
    FileCase("locked", "vatre.zip", make.zip_of({"a.7z": SEVEN_ZIP}), Hold.ARCHIVE_UNREADABLE),
    FileCase("locked", "skasan.zip", make.zip_of({"a": b"x"})[:-8], Hold.ARCHIVE_UNREADABLE),
    FileCase("locked", "neznaino.pdf", bytes(range(256)) * 4, Hold.FORMAT_UNKNOWN),
    FileCase("locked", "parola.docx", make.ole("EncryptedPackage")),
]
