"""Sample files, cases and a private clamd for the tests of checks, contents and scanners."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import struct
import tarfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from depesha.schemas.envelope import (
    Attachment,
    DocumentReference,
    Envelope,
    Party,
    RegistrationNumber,
)
from depesha.schemas.facts import (
    Arrival,
    Case,
    CertificateFacts,
    ContentFacts,
    ScanResult,
    SignatureFacts,
)
from depesha.schemas.ids import Digest, SerialNumber, guid
from depesha.schemas.participant import DirectoryState, Participant, ParticipantStatus
from depesha.schemas.policy import Policy
from depesha.simulators.scanner import PrivateClamd

EICAR = bytes.fromhex(
    "58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e44"
    "4152442d414e544956495255532d544553542d46494c452124482b482a"
)
NOW = datetime(2026, 3, 2, 8, 15, tzinfo=UTC)
SERIAL = SerialNumber("AB12CD34EF5678")
SENDER_GUID = guid("{aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa}")
OWN_GUID = guid("{bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb}")
DOCUMENT_GUID = guid("{dddddddd-4444-4444-8444-dddddddddddd}")
SENDER = Party(identifier="000000001", name="Община Пример", guid=SENDER_GUID)
RECIPIENT = Party(identifier="000000002", name="Агенция Образец", guid=OWN_GUID)
POLICY = Policy(own_identifiers=frozenset({"000000002"}), own_guids=frozenset({OWN_GUID}))


class RealClock:
    """The machine's time, for what waits for real programs."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@pytest.fixture(scope="session")
def private_clamd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivateClamd]:
    """One real clamd for the whole session, knowing only the test signature."""
    clamd = PrivateClamd(tmp_path_factory.mktemp("av"), clock=RealClock())
    with asyncio.Runner() as runner:
        runner.run(clamd.start())
        yield clamd
        runner.run(clamd.stop())


# --- values ---------------------------------------------------------------------------------


def digest_of(content: bytes) -> Digest:
    return Digest(hashlib.sha256(content).hexdigest())


def attachment(
    name: str = "pismo.pdf",
    content: bytes = b"%PDF-1.4",
    index: int = 1,
    media_type: str = "text/unknown",
) -> Attachment:
    return Attachment(
        index=index,
        name=name,
        media_type=media_type,
        size=len(content),
        digest=digest_of(content),
    )


def facts_of(file: Attachment, detected: str = "application/pdf") -> ContentFacts:
    return ContentFacts(attachment=file, detected=detected, safe_name=file.name)


def envelope(*files: Attachment, number: str = "РД-12-34", comment: str = "") -> Envelope:
    return Envelope(
        network="seos",
        transport_id=guid("{11111111-aaaa-4aaa-8aaa-000000000001}"),
        created_at=NOW - timedelta(seconds=2),
        sender=SENDER,
        recipient=RECIPIENT,
        document=DocumentReference(
            guid=DOCUMENT_GUID,
            number=RegistrationNumber(number=number, date=date(2026, 3, 2)) if number else None,
        ),
        kind="Писмо",
        comment=comment,
        attachments=files,
    )


def good_signature() -> SignatureFacts:
    return SignatureFacts(
        finding=None,
        algorithm="rsa-sha256",
        certificate=CertificateFacts(
            serial=SERIAL,
            subject="CN=primer.example",
            issuer="CN=Example Exchange CA",
            not_before=NOW - timedelta(days=100),
            not_after=NOW + timedelta(days=100),
            fingerprint=digest_of(b"certificate"),
        ),
    )


def arrival(*files: Attachment, message: Envelope | None = None) -> Arrival:
    files = files or (attachment(),)
    message = message or envelope(*files)
    return Arrival(
        network="seos",
        received_at=NOW,
        original=digest_of(b"original"),
        original_size=1000,
        envelope=message,
        signature=good_signature(),
        contents=tuple(facts_of(file) for file in message.attachments),
        content_digest=digest_of(b"content"),
        transport_serial=SERIAL,
    )


def participant(status: ParticipantStatus = ParticipantStatus.ACTIVE) -> Participant:
    return Participant(
        guid=SENDER_GUID,
        identifier=SENDER.identifier,
        name=SENDER.name,
        status=status,
        serial=SERIAL,
        url="https://primer.example/",
    )


def directory_state(hours: float = 1) -> DirectoryState:
    return DirectoryState(loaded_at=NOW - timedelta(hours=hours), participants=2)


def case(got: Arrival | None = None) -> Case:
    """A case in which every check passes."""
    got = got or arrival()
    files = got.envelope.attachments if got.envelope else ()
    return Case(
        arrival=got,
        now=NOW,
        sender=participant(),
        directory=directory_state(),
        scans=tuple(ScanResult(index=file.index) for file in files),
    )


# --- files ----------------------------------------------------------------------------------


def pdf(size: int = 0, extra: bytes = b"") -> bytes:
    """A small PDF of about `size` bytes with an uncompressed stream of filler."""
    filler = b"0 0 m 10 10 l S\n" * (size // 16)
    body = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Count 0>>"
    return (
        body
        + b"endobj\n3 0 obj<<>>stream\n"
        + filler
        + b"endstream endobj\n"
        + extra
        + (b"trailer<</Root 1 0 R>>\n%%EOF\n")
    )


def zip_of(members: dict[str, bytes], *, stored: bool = False) -> bytes:
    out = io.BytesIO()
    method = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return out.getvalue()


def docx(*, macros: bool = False, extra: dict[str, bytes] | None = None) -> bytes:
    members = {
        "[Content_Types].xml": b"<Types/>",
        "_rels/.rels": b"<Relationships/>",
        "word/document.xml": b"<w:document xmlns:w='urn:example'/>",
    }
    if macros:
        members["word/vbaProject.bin"] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(1000)
    return zip_of({**members, **(extra or {})})


def odt(extra: dict[str, bytes] | None = None) -> bytes:
    kind = b"application/vnd.oasis.opendocument.text"
    return zip_of({"mimetype": kind, "content.xml": b"<a/>", **(extra or {})}, stored=True)


def asice() -> bytes:
    return zip_of(
        {
            "mimetype": b"application/vnd.etsi.asic-e+zip",
            "pismo.pdf": pdf(),
            "META-INF/signatures001.p7s": signed_data(detached=True),
        },
        stored=True,
    )


def tar_gz(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return gzip.compress(out.getvalue(), mtime=0)  # the same bytes in every process


def ole(*entries: str) -> bytes:
    """A compound file's bones: header, and directory entries at their fixed places."""
    head = bytearray(512)
    head[:8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
    head[30:32] = struct.pack("<H", 9)
    directory = b"".join(_ole_entry(name) for name in ("Root Entry", *entries))
    return bytes(head) + bytes(512) + directory + bytes(-len(directory) % 512)


def _ole_entry(name: str) -> bytes:
    raw = name.encode("utf-16-le") + b"\x00\x00"
    entry = bytearray(128)
    entry[: len(raw)] = raw
    entry[64:66] = struct.pack("<H", len(raw))
    entry[66] = 2
    return bytes(entry)


def certificate_and_key() -> tuple[object, object]:
    """A self-signed certificate of a fictional clerk."""
    from cryptography import x509  # noqa: PLC0415 - only few tests need it
    from cryptography.hazmat.primitives import hashes  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Образцов Служител")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(4711)
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def signed_data(content: bytes = b"content", *, detached: bool = False) -> bytes:
    """A CMS SignedData in DER by the fictional clerk."""
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import pkcs7  # noqa: PLC0415

    certificate, key = certificate_and_key()
    options = [pkcs7.PKCS7Options.Binary]
    if detached:
        options.append(pkcs7.PKCS7Options.DetachedSignature)
    return (
        pkcs7.PKCS7SignatureBuilder()
        .set_data(content)
        .add_signer(certificate, key, hashes.SHA256())  # type: ignore[arg-type] # lazily imported
        .sign(serialization.Encoding.DER, options)
    )


def signed_pdf() -> bytes:
    """A PDF with the bones of a signature: the ByteRange and its hole."""
    contents = b"<" + signed_data(detached=True).hex().encode().ljust(8000, b"0") + b">"
    start = pdf() + b"9 0 obj<</Type/Sig/SubFilter/ETSI.CAdES.detached/ByteRange [0 "
    first = len(start) + 60
    middle = b"%010d %010d %010d]/Contents" % (first, first + len(contents), 20)
    return start + middle.ljust(60) + contents + b">>endobj\n%%EOF\n"


def lying_zip(name: str, content: bytes, declared: int) -> bytes:
    """A zip whose two headers both declare `declared` bytes for longer (or shorter) content."""
    packed = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = packed.compress(content) + packed.flush()
    raw = name.encode()
    common = struct.pack("<3H2H3L2H", 20, 0, 8, 0, 0, 0, len(body), declared, len(raw), 0)
    local = b"PK\x03\x04" + common + raw + body
    central = b"PK\x01\x02" + struct.pack("<H", 20) + common + struct.pack("<3H2L", 0, 0, 0, 0, 0)
    central += raw
    return (
        local
        + central
        + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 1, 1, len(central), len(local), 0)
    )


def overlapping_zip() -> bytes:
    """Two directory entries over one body."""
    one = lying_zip("a.txt", b"words " * 100, 600)
    at = one.index(b"PK\x01\x02")
    end = one.index(b"PK\x05\x06")
    central = one[at:end]
    twice = central + central.replace(b"a.txt", b"a.txt")
    return one[:at] + twice + struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, len(twice), at, 0)


def write(folder: Path, content: bytes, name: str = "file") -> Path:
    path = folder / name
    path.write_bytes(content)
    return path
