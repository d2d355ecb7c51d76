"""What files really are, by their bytes (CHK-08, CHK-09, CHK-12, AVM-03, AVM-07)."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from depesha.adapters.contents import Inspector
from depesha.adapters.zips import UnsafeArchiveError, Zip
from depesha.schemas import mediatypes as mt
from depesha.schemas.facts import ArchiveFacts, ContentFacts
from depesha.schemas.policy import Limits
from tests.support import contents as make

INSPECTOR = Inspector(limits=Limits())
TIFF = b"II*\x00\x08\x00\x00\x00" + bytes(20)
MAIL = b"From: a@primer.example\r\nTo: b@obrazets.example\r\nSubject: x\r\nDate: now\r\n\r\nbody"
EXE = b"MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff" + bytes(400)


def inspect(content: bytes, name: str = "file.bin", limits: Limits | None = None) -> ContentFacts:
    inspector = Inspector(limits=limits) if limits else INSPECTOR
    return inspector.inspect(make.attachment(name, content), io.BytesIO(content))


def _with_remark(archive: bytes, remark: bytes) -> bytes:
    return archive[:-2] + len(remark).to_bytes(2, "little") + remark


def archive_of(content: bytes, limits: Limits | None = None) -> ArchiveFacts:
    facts = inspect(content, limits=limits).archive
    assert facts is not None
    return facts


@pytest.mark.parametrize(
    ("content", "name", "detected"),
    [
        (b"", "a.pdf", mt.EMPTY),
        (make.pdf(), "a.doc", mt.PDF),
        (b"junk before the header\n" + make.pdf(), "a.pdf", mt.PDF),
        ("Уважаеми колеги, моля за справка.".encode(), "a.txt", mt.TEXT),
        ("Уважаеми колеги, моля за справка.".encode("windows-1251"), "a.txt", mt.TEXT),
        ("Писмо".encode("utf-16"), "a.txt", mt.TEXT),
        (b"a;b;c\n1;2;3\n", "a.csv", mt.CSV),
        (b'{"a": 1}', "a.json", mt.JSON),
        (b"<?xml version='1.0'?><a/>", "a.xml", mt.XML),
        (b"<?xml version='1.0'?><Envelope><Body><svg/></Body></Envelope>", "a.xml", mt.XML),
        (b"\xef\xbb\xbf<a xmlns='urn:example'>x</a>", "a.xml", mt.XML),
        (b"<!DOCTYPE html><html><body>x</body></html>", "a.html", mt.HTML),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "a.svg", "image/svg+xml"),
        (MAIL, "a.eml", mt.EML),
        (b"{\\rtf1\\ansi text}", "a.doc", mt.RTF),
        (TIFF, "a.tif", "image/tiff"),
        (b"\x89PNG\r\n\x1a\n" + bytes(30), "a.png", "image/png"),
        (EXE, "pismo.pdf", mt.EXE),
        (b"\x7fELF" + bytes(60), "pismo.pdf", mt.ELF),
        (b"msgbox 1", "pismo.vbs", "text/vbscript"),
        (b"Windows Registry Editor Version 5.00", "a.reg", "text/x-ms-regedit"),
        (b"#!/bin/sh\nls", "a.txt", "text/x-shellscript"),
        (make.docx(), "a.zip", mt.DOCX),
        (make.odt(), "a.odt", mt.ODT),
        (make.asice(), "a.asice", mt.ASIC_E),
        (make.zip_of({"a.txt": b"words"}), "a.zip", mt.ZIP),
        (
            make.zip_of({"META-INF/MANIFEST.MF": b"x", "A.class": b"y"}),
            "a.zip",
            "application/java-archive",
        ),
        (make.tar_gz({"a.txt": b"words"}), "a.tgz", mt.GZIP),
        (b"7z\xbc\xaf\x27\x1c" + bytes(30), "a.7z", mt.SEVEN_ZIP),
        (b"Rar!\x1a\x07\x01\x00" + bytes(30), "a.rar", mt.RAR),
        (make.ole("WordDocument"), "a.doc", mt.DOC),
        (make.ole("Workbook"), "a.xls", mt.XLS),
        (make.ole("Unheard"), "a.doc", mt.OLE),
        (make.signed_data(), "message.zfo", mt.CMS),
        (make.signed_data(detached=True), "a.p7s", mt.CMS_DETACHED),
        (bytes(range(256)) * 8, "a.pdf", mt.UNKNOWN),
    ],
)
def test_the_bytes_tell_the_type_whatever_the_name_says(
    content: bytes, name: str, detected: str
) -> None:
    assert inspect(content, name).detected == detected


def test_large_files_are_mapped_and_come_out_the_same(tmp_path: Path) -> None:
    content = make.pdf(2 * 1024 * 1024)
    with make.write(tmp_path, content).open("rb") as file:
        facts = INSPECTOR.inspect(make.attachment("a.pdf", content), file)
    assert facts.detected == mt.PDF


@pytest.mark.parametrize(
    "content",
    [
        make.docx(macros=True),
        make.zip_of(
            {"[Content_Types].xml": b"<Types>ms-office.vbaProject</Types>", "word/hidden.bin": b"x"}
        ),
        make.odt({"Basic/Standard/Module1.xml": b"<x/>"}),
        make.ole("WordDocument", "Macros", "VBA"),
        make.ole("Workbook", "_VBA_PROJECT_CUR"),
        b'<?xml version="1.0"?><w:wordDocument w:macrosPresent="yes"/>',
        b"{\\rtf1{\\object\\objemb{\\*\\objclass Package}{\\*\\objdata 0105000002}}}",
    ],
)
def test_macros_and_embedded_programs_are_seen(content: bytes) -> None:
    """AVM-03: a harmful macro counts like a program."""
    assert inspect(content, "pismo.docx").macros


def test_a_docm_named_docx_is_called_what_it_is() -> None:
    assert inspect(make.docx(macros=True), "pismo.docx").detected == mt.DOCM


@pytest.mark.parametrize(
    ("content", "name", "detected"),
    [
        (make.pdf(extra=b"9 0 obj<<>>endobj\ntrailer<</Encrypt 9 0 R>>"), "a.pdf", mt.PDF),
        (make.ole("EncryptedPackage", "EncryptionInfo"), "a.docx", mt.DOCX),
        (make.ole("EncryptedPackage"), "a.bin", mt.OLE),
    ],
)
def test_passwords_are_seen(content: bytes, name: str, detected: str) -> None:
    facts = inspect(content, name)
    assert facts.encrypted
    assert facts.detected == detected


# --- archives -------------------------------------------------------------------------------


def test_an_honest_archive_is_counted_through_all_its_levels() -> None:
    inner = make.zip_of({"b.pdf": make.pdf(), "c.docx": make.docx()})
    facts = archive_of(make.zip_of({"a.txt": b"words", "inner.zip": inner}))
    assert not facts.unsafe
    assert not facts.unreadable
    assert facts.depth == 2
    assert facts.members == 7
    assert set(facts.kinds) >= {mt.TEXT, mt.PDF, mt.DOCX, mt.ZIP}


def test_programs_and_macro_documents_inside_archives_are_named() -> None:
    """AVM-07."""
    content = make.zip_of(
        {"pismo.pdf": EXE, "a.vbs": b"msgbox 1", "b.docx": make.docx(macros=True)}
    )
    kinds = set(archive_of(content).kinds)
    assert kinds >= {mt.EXE, "text/vbscript", mt.DOCM}


@pytest.mark.parametrize(
    ("content", "limits", "rule"),
    [
        (
            make.zip_of({"a": make.zip_of({"b": make.zip_of({"c": b"x"})})}),
            Limits(archive_depth=2),
            "depth",
        ),
        (make.zip_of({"zeros": bytes(3_000_000)}), Limits(), "ratio"),
        (
            make.zip_of({n: make.zip_of({str(i): b"" for i in range(15)}) for n in ("a", "b")}),
            Limits(archive_members=20),
            "count",
        ),
        (make.zip_of({str(i): b"" for i in range(30)}), Limits(archive_members=20), "count"),
        (make.zip_of({"a": bytes(5000)}, stored=True), Limits(archive_unpacked_bytes=4000), "size"),
        (make.overlapping_zip(), Limits(), "overlap"),
        (make.lying_zip("a.txt", b"words " * 1000, 10), Limits(), "lies"),
        (make.lying_zip("a.txt", b"words", 50), Limits(), "lies"),
        (make.zip_of({"../../etc/passwd": b"x"}), Limits(), "path"),
        (make.zip_of({"C:\\x.txt": b"x"}), Limits(), "path"),
        (make.tar_gz({"../x": b"x"}), Limits(), "path"),
        (make.tar_gz({"zeros": bytes(5_000_000)}), Limits(), "ratio"),
        (make.docx(extra={"word/media/zeros.bin": bytes(3_000_000)}), Limits(), "ratio"),
        (make.zip_of({"a.txt": b"words"}) + make.pdf(), Limits(), "lies"),
        (make.zip_of({"a.exe": EXE}) + make.zip_of({"a.txt": b"words"}), Limits(), "lies"),
        (_with_remark(make.zip_of({"a.txt": b"words"}), make.pdf()), Limits(), "lies"),
    ],
)
def test_caps_and_lies_make_an_archive_unsafe(content: bytes, limits: Limits, rule: str) -> None:
    assert archive_of(content, limits).unsafe == rule


@pytest.mark.parametrize("tail", [b"", b"\n", bytes(512)])
def test_blanks_and_remarks_behind_a_zip_are_no_lie(tail: bytes) -> None:
    honest = make.zip_of({"a.txt": b"words"})
    assert not archive_of(honest + tail).unsafe
    assert not archive_of(_with_remark(honest, b"made by hand")).unsafe


@pytest.mark.parametrize("front", [make.pdf(), b"GIF89a" + bytes(20), TIFF])
def test_what_is_also_a_zip_is_judged_as_a_zip_too(front: bytes) -> None:
    """One reader opens a picture, another one the program behind it."""
    facts = inspect(front + make.zip_of({"run.exe": EXE}))
    assert facts.archive is not None
    assert mt.EXE in facts.archive.kinds
    assert facts.detected != mt.ZIP
    assert inspect(front).archive is None
    assert inspect(front + b"PK\x05\x06" + bytes(18)).archive is None


def test_documents_inside_a_pdf_are_no_lie() -> None:
    one = make.docx()
    facts = inspect(make.pdf(extra=one + b"endobj\n" + one + b"endobj\n"))
    assert facts.archive is not None
    assert not facts.archive.unsafe
    assert not facts.archive.unreadable


def test_a_lying_member_is_not_read_past_its_word() -> None:
    """A bomb that declares ten bytes costs ten bytes."""
    archive = Zip(make.lying_zip("a.txt", bytes(50_000_000), 10), 5)
    read: list[bytes] = []
    with pytest.raises(UnsafeArchiveError):
        read.extend(archive.chunks(archive.members[0]))
    assert sum(map(len, read)) <= 10


def test_a_file_that_repeats_a_mark_without_end_costs_little() -> None:
    marks = "_VBA_PROJECT".encode("utf-16-le") + b"\x00\x00"
    assert inspect(make.ole("WordDocument") + b"x" + marks * 100_000).macros
    table = make.ole("Table").hex().encode()
    objects = b"{\\objdata " + table + b"}"
    assert not inspect(b"{\\rtf1 " + objects * 3 + b"}").macros
    assert inspect(b"{\\rtf1 " + objects * 1001 + b"}").macros


def test_an_encrypted_member_is_said() -> None:
    plain = bytearray(make.zip_of({"a.txt": b"words"}))
    plain[6] |= 1
    plain[plain.index(b"PK\x01\x02") + 8] |= 1
    assert archive_of(bytes(plain)).encrypted


@pytest.mark.parametrize(
    "content",
    [
        make.zip_of({"a.txt": b"words"})[:-10],
        make.tar_gz({"a.txt": b"words " * 99})[:60],
        make.zip_of({"a.7z": b"7z\xbc\xaf\x27\x1c" + bytes(30)}),
    ],
)
def test_what_cannot_be_looked_into_is_said(content: bytes) -> None:
    assert archive_of(content).unreadable


# --- signatures in files --------------------------------------------------------------------

XADES = (
    b"<a><ds:Signature xmlns:ds='http://www.w3.org/2000/09/xmldsig#'><ds:Object>"
    b"<x:QualifyingProperties xmlns:x='http://uri.etsi.org/01903/v1.3.2#'/></ds:Object>"
    b"</ds:Signature></a>"
)


@pytest.mark.parametrize(
    ("content", "form", "signed_by"),
    [
        (make.signed_pdf(), "PAdES", "Образцов Служител"),
        (make.signed_data(), "CMS", "Образцов Служител"),
        (make.signed_data(detached=True), "detached CMS", "Образцов Служител"),
        (make.asice(), "ASiC", "Образцов Служител"),
        (XADES, "XAdES", ""),
        (make.docx(extra={"_xmlsignatures/sig1.xml": XADES}), "OOXML", ""),
    ],
)
def test_signatures_are_reported_with_form_and_signer(
    content: bytes, form: str, signed_by: str
) -> None:
    """CHK-03."""
    (signature,) = inspect(content, "file").signatures
    assert signature.form == form
    assert signed_by in signature.signer


def test_unsigned_files_report_none() -> None:
    for content in (make.pdf(), make.docx(), b"<a/>", b"text"):
        assert inspect(content).signatures == ()
