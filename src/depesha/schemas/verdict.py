"""Verdicts of the checks: passed, held or rejected, and the closed list of reasons for each.

A hard stop and a soft warning are two things (law 5): only a `Rejection` may refuse a message,
only a `Hold` may keep it from the registry; a `Caution` travels with it. Sentences for people
live in `sentences.py`; facts in a finding are dull enough to be shown to those who may see it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Rejection(StrEnum):
    """The only reasons for which a message may be refused by the gateway itself."""

    NOT_XML = "NOT_XML"
    """Not well-formed, hostile, or past the parser's limits (facts 7.1)."""
    NOT_THE_SCHEMA = "NOT_THE_SCHEMA"
    """Needed fields cannot be read from it (facts 7.2)."""
    SENDER_UNKNOWN = "SENDER_UNKNOWN"
    SENDER_INACTIVE = "SENDER_INACTIVE"
    SIGNATURE_MISSING = "SIGNATURE_MISSING"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    SIGNATURE_STRUCTURE = "SIGNATURE_STRUCTURE"
    """Signature wrapping and its kin: not one signature, not the root's, not the whole."""
    SIGNATURE_ALGORITHM = "SIGNATURE_ALGORITHM"
    CERTIFICATE_OTHER = "CERTIFICATE_OTHER"
    """Serial differs from the participants' register."""
    CERTIFICATE_EXPIRED = "CERTIFICATE_EXPIRED"
    CERTIFICATE_UNTRUSTED = "CERTIFICATE_UNTRUSTED"
    CERTIFICATE_REVOKED = "CERTIFICATE_REVOKED"
    RECIPIENT_NOT_OURS = "RECIPIENT_NOT_OURS"
    MESSAGE_TOO_LARGE = "MESSAGE_TOO_LARGE"
    ATTACHMENT_TOO_LARGE = "ATTACHMENT_TOO_LARGE"
    TOO_MANY_ATTACHMENTS = "TOO_MANY_ATTACHMENTS"
    FILE_NAME_UNUSABLE = "FILE_NAME_UNUSABLE"
    TRANSPORT_ID_REUSED = "TRANSPORT_ID_REUSED"
    """The network's message id came before with other content (facts 8)."""
    DOCUMENT_UNKNOWN = "DOCUMENT_UNKNOWN"
    """A notice or an error about a document we never sent (facts 6.3)."""
    FORMAT_FORBIDDEN = "FORMAT_FORBIDDEN"
    MACRO_FOUND = "MACRO_FOUND"
    ARCHIVE_UNSAFE = "ARCHIVE_UNSAFE"
    """Past the depth, ratio, count or size caps, or lying about itself."""
    MALWARE_FOUND = "MALWARE_FOUND"


class Hold(StrEnum):
    """Reasons to wait: for a service, for newer facts, or for a person."""

    CHECK_FAILED_TO_RUN = "CHECK_FAILED_TO_RUN"
    """A check raised, timed out or kept silent: never a pass (law 1)."""
    DIRECTORY_UNAVAILABLE = "DIRECTORY_UNAVAILABLE"
    REVOCATION_UNKNOWN = "REVOCATION_UNKNOWN"
    SCANNER_UNAVAILABLE = "SCANNER_UNAVAILABLE"
    SCAN_INCOMPLETE = "SCAN_INCOMPLETE"
    """Cut off, past the scanner's limits, or past the time budget."""
    ARCHIVE_ENCRYPTED = "ARCHIVE_ENCRYPTED"
    ARCHIVE_UNREADABLE = "ARCHIVE_UNREADABLE"
    FORMAT_UNKNOWN = "FORMAT_UNKNOWN"
    REPEAT_SUSPECTED = "REPEAT_SUSPECTED"
    """Same sender, same files, no number to tell: a person decides."""


class Caution(StrEnum):
    """Soft findings: noted, told to clerk and sender, never a refusal (RCV-21, CHK-02)."""

    SCHEMA_DEVIATION = "SCHEMA_DEVIATION"
    ANNEX_MISSING = "ANNEX_MISSING"
    NO_ATTACHMENT = "NO_ATTACHMENT"
    MEDIA_TYPE_WRONG = "MEDIA_TYPE_WRONG"
    NAME_EXTENSION_WRONG = "NAME_EXTENSION_WRONG"
    FILE_NAME_CLEANED = "FILE_NAME_CLEANED"
    FILE_ENCRYPTED = "FILE_ENCRYPTED"
    """A document under a password: its sender is asked to send it open."""
    NO_SIGNATURE_IN_FILES = "NO_SIGNATURE_IN_FILES"
    SIGNATURE_IN_FILE = "SIGNATURE_IN_FILE"
    """Reported, not judged: kind and signer (CHK-03)."""
    WEAK_ALGORITHM = "WEAK_ALGORITHM"
    TLS_CERTIFICATE_DIFFERS = "TLS_CERTIFICATE_DIFFERS"
    CLOCK_DIFFERS = "CLOCK_DIFFERS"
    DIRECTORY_STALE = "DIRECTORY_STALE"


Reason = Rejection | Hold | Caution


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One reason with the facts it rests on: short texts, filled into the sentences by name."""

    reason: Reason
    facts: tuple[tuple[str, str], ...] = ()


def finding(reason: Reason, **facts: str | int) -> Finding:
    """Make a finding; facts are kept as text, in the order given."""
    return Finding(reason=reason, facts=tuple((k, str(v)) for k, v in facts.items()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Passed:
    """The check looked, and the message may go on. Warnings travel with it."""

    kind: Literal["passed"] = "passed"
    warnings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """Undecided: a service, newer facts or a person is needed. Later checks still run."""

    kind: Literal["held"] = "held"
    finding: Finding
    retry: bool
    """True where looking again later may decide it by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """Refused for good reason; the chain ends here (CHK-13)."""

    kind: Literal["rejected"] = "rejected"
    finding: Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """Came before: nothing is stored again, the first one's answer is given again (DUP-01)."""

    kind: Literal["repeated"] = "repeated"
    message_id: str
    by: str
    """Which identity told: `transport`, `document` or `content`."""


Verdict = Passed | Held | Rejected | Repeated


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckRecord:
    """What one row of the table did: its name, its verdict, its time."""

    check: str
    verdict: Verdict
    seconds: float
