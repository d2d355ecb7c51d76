"""Small real files made by code: PDF, DOCX, CSV, and the harmless file every scanner knows.

All contents are plainly fictional. Nothing is read from disk.
"""

from __future__ import annotations

import zipfile
from io import BytesIO
from typing import Final
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from depesha.simulators.authority import Identity

PDF: Final = "application/pdf"
DOCX: Final = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
TEXT: Final = "text/plain"
CSV: Final = "text/csv"
DETACHED: Final = "application/pkcs7-signature"

EICAR: Final = b"".join(
    (rb"X5O!P%@AP[4\PZX54(P^)7CC)7}", b"$EICAR-STANDARD-", b"ANTIVIRUS-TEST-FILE!$H+H*")
)
"""The agreed test file of the antivirus industry; in pieces, so that no scanner stops at us."""

_SHADES: Final = 256
_WORD: Final = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_TYPES: Final = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELATIONS: Final = "http://schemas.openxmlformats.org/package/2006/relationships"
_OFFICE: Final = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PART: Final = "application/vnd.openxmlformats-"


def pdf(title: str, picture: bytes = b"") -> bytes:
    """Return a one-page PDF with a line of text and, where given, a grey picture.

    `title` is written with the standard Latin font: letters beyond it become question marks.
    `picture` is one byte a dot, 256 dots a line; it makes the file as large as wanted.
    """
    line = title.encode("latin-1", "replace").decode("latin-1")
    for sign in "\\()":
        line = line.replace(sign, "\\" + sign)
    rows = len(picture) // _SHADES
    draw = "q 400 0 0 400 72 300 cm /I Do Q\n" if rows else ""
    content = f"{draw}BT /F 18 Tf 72 760 Td ({line}) Tj ET".encode("latin-1")
    image = "/XObject << /I 6 0 R >>" if rows else ""
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F 5 0 R >> " + image.encode() + b" >> >>",
        _stream("", content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    if rows:
        about = (
            f"/Type /XObject /Subtype /Image /Width {_SHADES} /Height {rows} "
            "/ColorSpace /DeviceGray /BitsPerComponent 8 "
        )
        parts.append(_stream(about, picture[: rows * _SHADES]))
    return _pdf_file(parts)


def _stream(about: str, content: bytes) -> bytes:
    head = f"<< {about}/Length {len(content)} >>\nstream\n".encode()
    return head + content + b"\nendstream"


def _pdf_file(parts: list[bytes]) -> bytes:
    out = BytesIO()
    out.write(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, part in enumerate(parts, 1):
        places.append(out.tell())
        out.write(b"%d 0 obj\n%b\nendobj\n" % (number, part))
    table = out.tell()
    out.write(b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1))
    out.writelines(b"%010d 00000 n \n" % place for place in places)
    out.write(b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(parts) + 1))
    out.write(b"startxref\n%d\n%%%%EOF\n" % table)
    return out.getvalue()


def docx(*paragraphs: str) -> bytes:
    """Return a minimal word processor document; the same bytes for the same words."""
    text = "".join(f"<w:p><w:r><w:t>{escape(p)}</w:t></w:r></w:p>" for p in paragraphs)
    files = {
        "[Content_Types].xml": (
            f'<Types xmlns="{_TYPES}">'
            f'<Default Extension="rels" ContentType="{_PART}package.relationships+xml"/>'
            f'<Override PartName="/word/document.xml" '
            f'ContentType="{_PART}officedocument.wordprocessingml.document.main+xml"/></Types>'
        ),
        "_rels/.rels": (
            f'<Relationships xmlns="{_RELATIONS}"><Relationship Id="r1" '
            f'Type="{_OFFICE}/officeDocument" Target="word/document.xml"/></Relationships>'
        ),
        "word/document.xml": (
            f'<w:document xmlns:w="{_WORD}"><w:body>{text}<w:sectPr/></w:body></w:document>'
        ),
    }
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in files.items():
            declared = f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>{part}'
            archive.writestr(zipfile.ZipInfo(name), declared)
    return out.getvalue()


def csv(rows: int) -> bytes:
    """Return a small table."""
    lines = (f"{n},Показател {n},{n * 37 % 1000}" for n in range(1, rows + 1))
    return ("№,Показател,Стойност\r\n" + "\r\n".join(lines) + "\r\n").encode()


def detached(content: bytes, signer: Identity) -> bytes:
    """Return a signature over a file, to lie beside it as `name.p7s`: CMS in DER."""
    builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary]
    return builder.add_signer(signer.certificate, signer.key, hashes.SHA256()).sign(
        Encoding.DER, options
    )
