"""What was found out about an arrival, before anybody judges it. Values only, no I/O.

Facts are gathered once, in as few thread hops as can be; the checks are pure functions of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from depesha.schemas.envelope import Attachment, Envelope
from depesha.schemas.ids import Digest, SerialNumber
from depesha.schemas.participant import DirectoryState, Participant
from depesha.schemas.verdict import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """The certificate that signed, as far as people need to know it."""

    serial: SerialNumber
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    fingerprint: Digest
    """SHA-256 of its DER."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureFacts:
    """The outcome of verifying one signed document."""

    finding: Finding | None
    """None: valid, covering the whole, by the registered and trusted certificate.
    A `Rejection` or a `Hold` otherwise."""
    algorithm: str = ""
    """Short name, such as `rsa-sha1`; empty where none could be read."""
    weak: bool = False
    """True for SHA-1 and keys under 2048 bits."""
    certificate: CertificateFacts | None = None
    by_network: bool = False
    """True: the message bears no signature of its own, and the network itself vouches for its
    sender (SSEV facts 8.4). Set by the channel alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSignature:
    """A signature found inside an attached file: reported, not judged (CHK-03)."""

    form: str
    """`PAdES`, `CAdES`, `XAdES`, `ASiC`, `OOXML`, `detached CMS` …"""
    signer: str
    """Subject of the signer's certificate; empty where it could not be read. Personal data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFacts:
    """What the directory of an archive says, read within caps and never unpacked to disk."""

    members: int
    depth: int
    """1 for an archive without archives inside."""
    unpacked: int
    """Sum of the members' sizes in bytes, nested ones included."""
    largest: int
    """Size of the largest member in bytes."""
    packed: int
    encrypted: bool = False
    unsafe: str = ""
    """Empty, or which cap or rule it breaks: `depth`, `ratio`, `count`, `size`, `overlap`, `lies`,
    `path`."""
    unreadable: bool = False
    kinds: tuple[str, ...] = ()
    """Detected media types of the members, without doubles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFacts:
    """One attached file: what its bytes are, whatever its name says."""

    attachment: Attachment
    detected: str
    """Media type by content; `application/octet-stream` where nothing fits; empty if not kept."""
    safe_name: str
    """A name fit for a person's disk, made from the sender's; never empty."""
    macros: bool = False
    encrypted: bool = False
    """The file itself is password-protected."""
    archive: ArchiveFacts | None = None
    signatures: tuple[FileSignature, ...] = ()
    kept: bool = True
    """False where the file passed a limit and its bytes were not stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """One message as a channel hands it to the gateway, its original already durable."""

    network: str
    received_at: datetime
    original: Digest
    """Blob of the signed document exactly as received."""
    original_size: int
    unreadable: Finding | None = None
    """Set where no envelope could be made; then the fields below are empty."""
    envelope: Envelope | None = None
    deviations: tuple[str, ...] = ()
    """Where the document departs from the schema though it could be read."""
    signature: SignatureFacts | None = None
    contents: tuple[ContentFacts, ...] = ()
    content_digest: Digest | None = None
    """Third identity: sender, number, date, subject and the files' digests together."""
    transport_serial: SerialNumber | None = None
    """Serial of the TLS client certificate, where there was one."""
    scans: tuple[ScanResult, ...] = ()
    """What a scanner said of files while the message was read; of the others nothing. Not kept
    with the message: a later look asks again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An earlier message that shares an identity with an arrival."""

    message_id: str
    by: str
    """`transport`, `document` or `content`."""
    original: Digest
    """Blob of the earlier message, to tell a repeat from a reused id."""
    document: str
    """Document GUID of the earlier message."""
    numbered: bool
    """True where the sender's own registration number is part of the identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanResult:
    """The scanner's answer for one file."""

    index: int
    """Which attachment, from 1."""
    malware: str = ""
    """Name of what was found; empty for clean."""
    incomplete: str = ""
    """Empty, or why there is no verdict: `unavailable`, `cut off`, `limits`, `time`."""
    engine: str = ""
    """Engine and database version, as the scanner names them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Everything a check may look at. Fields fill in the order of the table."""

    arrival: Arrival
    now: datetime
    """One clock reading for all checks of one decision."""
    sender: Participant | None = None
    directory: DirectoryState | None = None
    known: tuple[Known, ...] = ()
    scans: tuple[ScanResult, ...] = ()
