"""The oddities and faults of the simulated SSEV as switches, all off by default (facts 9, 10)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class SsevOperation(StrEnum):
    """What a call is for, over either interface; faults may be kept to some of them."""

    TOKEN = "token"  # noqa: S105 -- the name of a thing that is asked for
    LOOKUP = "lookup"
    """Recipients, senders, institutions."""
    UPLOAD = "upload"
    SEND = "send"
    INBOX = "inbox"
    OUTBOX = "outbox"
    OPEN = "open"
    VIEW = "view"
    """The state of a sent message."""
    DOWNLOAD = "download"
    OTHER = "other"


UNASKED: Final = frozenset({SsevOperation.TOKEN, SsevOperation.DOWNLOAD})
"""Those that a fault without named operations leaves alone."""
_PATHS: Final = (
    ("/token", SsevOperation.TOKEN),
    ("/introspect", SsevOperation.TOKEN),
    ("/upload/", SsevOperation.UPLOAD),
    ("/profiles", SsevOperation.LOOKUP),
    ("/messages/inbox", SsevOperation.INBOX),
    ("/messages/outbox", SsevOperation.OUTBOX),
    ("/open", SsevOperation.OPEN),
    ("/view", SsevOperation.VIEW),
    ("/api/messages", SsevOperation.SEND),
)
_NAMES: Final = (
    ("Check", SsevOperation.LOOKUP),
    ("GetSubjectInfo", SsevOperation.LOOKUP),
    ("GetRegisteredInstitutions", SsevOperation.LOOKUP),
    ("Send", SsevOperation.SEND),
    ("GetReceivedMessagesList", SsevOperation.INBOX),
    ("GetReceivedMessageContent", SsevOperation.OPEN),
    ("GetSentMessagesList", SsevOperation.OUTBOX),
    ("GetSent", SsevOperation.VIEW),
)


def of_path(path: str) -> SsevOperation:
    """Return what a REST call is for."""
    return next((op for piece, op in _PATHS if piece in path), SsevOperation.OTHER)


def of_action(name: str) -> SsevOperation:
    """Return what a SOAP operation is for."""
    return next((op for start, op in _NAMES if name.startswith(start)), SsevOperation.OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class SsevQuirks:
    """How the service is odd and what fails. Numbers of calls are spent one by one."""

    naive_times: bool = False
    """REST date-times without an offset: local time in Sofia (facts 2.7)."""
    numbered_enums: bool = False
    """Upload statuses as integers, as the guide shows, not as strings (facts 3.1)."""
    guide_signature_name: bool = False
    """`blobSignatureStatus` instead of `signatureStatus` (facts 9, no. 6)."""
    guide_outbox: bool = False
    """`dateReceived` in the outbox, as the guide's sample has it (facts 3.5)."""
    no_injected_miscinfo: bool = False
    """The gateway does not add `Dp-Miscinfo` to an upload that lacks it."""
    prefixed_identifiers: bool = False
    """The represented person in `Dp-Miscinfo` as `PNOBG-…` (facts 2.4)."""
    plain_soap_answers: bool = False
    """SOAP answers as text/xml instead of MTOM."""
    inline_below: int = 0
    """Binary content shorter than this stands inline in an MTOM answer."""

    timestamp_alone_signed: bool = False
    """A signature over more than the Timestamp is refused (facts 11, question 12)."""
    sha1_alone: bool = False
    """Only RSA-SHA1 is taken, as the suite Basic256 says (facts 7.2)."""

    token_seconds: int = 3600
    link_seconds: int = 3600
    dead_links: int = 0
    """Links that have expired already when they are given out."""
    scanner_late: bool = False
    """Every file is `NotSure`."""
    scanner_off: bool = False
    """Every file is `None`."""
    scanner_alarmed: bool = False
    """Every file is `Malicious`."""
    scanner_seconds: float = 0.0
    tsa_down: bool = False
    """Sending, opening and uploading fail (facts 5.4)."""

    at: frozenset[SsevOperation] = frozenset()
    """Operations that the faults from here on are kept to; empty: all but token and download."""
    slow_seconds: float = 0.0
    """Every answer comes that much later, what was asked being done first."""
    aborts: int = 0
    """Calls cut before anything of them is looked at."""
    unauthorized: int = 0
    """API calls answered 401, nothing done."""
    http_500: int = 0
    """Calls answered 500, nothing done."""
    html_errors: bool = False
    """Those 500 are the gateway's HTML page with 502."""
    soap_faults: int = 0
    """SOAP calls answered with an inner fault, nothing done."""
    unanswered: int = 0
    """Calls done, then the connection closed without a word, whatever they are."""
    cut_answers: int = 0
    """Calls done, then the answer cut in the middle, whatever they are."""
    lost_answers: int = 0
    """Sends done, then the connection closed without a word."""
    reset_answers: int = 0
    """Sends done, then the answer cut in the middle."""
    failed_answers: int = 0
    """Sends done, then 405 (REST, facts 2.6) or an inner fault (SOAP)."""
    lost_opens: int = 0
    """Openings done, then the connection closed without a word."""
    duplicate_sends: int = 0
    """Sends that the service stores twice, under two ids."""
    cut_downloads: int = 0
    """Downloads and MTOM answers cut after `cut_after` bytes."""
    cut_after: int = 1000
    corrupt_downloads: int = 0
    """Downloads with one byte changed."""


class SsevOddity:
    """The quirks in force and how often the counted ones were used."""

    def __init__(self, quirks: SsevQuirks) -> None:
        self._quirks = quirks
        self._spent: Counter[str] = Counter()

    @property
    def quirks(self) -> SsevQuirks:
        """What is in force; setting it starts the counts anew."""
        return self._quirks

    @quirks.setter
    def quirks(self, quirks: SsevQuirks) -> None:
        self._quirks = quirks
        self._spent.clear()

    def concerns(self, operation: SsevOperation) -> bool:
        """Tell whether faults are meant for this operation."""
        at = self._quirks.at
        return operation in at if at else operation not in UNASKED

    def spend(self, quirk: str, operation: SsevOperation | None = None) -> bool:
        """Use a counted quirk once; False where it is used up or not meant for `operation`."""
        if operation is not None and not self.concerns(operation):
            return False
        limit: int = getattr(self._quirks, quirk)
        if self._spent[quirk] >= limit:
            return False
        self._spent[quirk] += 1
        return True
