"""The oddities and faults of the simulated ISDS as switches, all off by default (facts 13)."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from depesha.simulators.isds_checks import BIG_LEAST


class FaultKind(StrEnum):
    """What goes wrong with a call."""

    REFUSE = "refuse"
    """Nothing is done; `code` and `text` come as the status, in HTTP 200."""
    RESET_BEFORE = "reset before"
    """Cut before anything of the call is looked at."""
    RESET_AFTER = "reset after"
    """Done, then the answer is cut in its middle."""
    LOST = "lost"
    """Done, then the connection is closed without a word."""
    SLOW = "slow"
    """Done, and answered `seconds` later."""
    ERROR = "error"
    """HTTP 500 with a SOAP fault, nothing done."""
    OUTAGE = "outage"
    """HTTP 503 with Czech text, nothing done."""
    UNAUTHORIZED = "unauthorized"
    """HTTP 401 with an HTML page, nothing done."""
    REDIRECT = "redirect"
    """HTTP 302, as a stateless log-in never sees."""
    GARBAGE = "garbage"
    """HTTP 200 with an HTML page, nothing done."""
    DUPLICATE = "duplicate"
    """A creation is stored twice, under two ids."""
    STAMPLESS = "stampless"
    """A sealed paper without time stamp, status 0005."""
    BAD_SIGNATURE = "bad signature"
    """One bit of the seal's signature is flipped."""
    BAD_CONTENT = "bad content"
    """One bit of the sealed content is flipped after signing."""
    BAD_STAMP = "bad stamp"
    """One bit of the seal's time stamp is flipped."""
    BAD_HASH = "bad hash"
    """The sealed dmHash is another message's; seal and stamps are right."""
    OTHER_MESSAGE = "other message"
    """Another message of the same box is given."""


BEFORE = frozenset(
    {
        FaultKind.RESET_BEFORE,
        FaultKind.ERROR,
        FaultKind.OUTAGE,
        FaultKind.UNAUTHORIZED,
        FaultKind.REDIRECT,
        FaultKind.GARBAGE,
    }
)
AFTER = frozenset({FaultKind.RESET_AFTER, FaultKind.LOST, FaultKind.SLOW})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault: which, at which operation, how often."""

    kind: FaultKind
    operation: str = ""
    """Local name of the request element; empty for any."""
    times: int = 1
    skip: int = 0
    """Calls of that operation that pass unharmed first."""
    code: str = "9999"
    text: str = "Interní chyba systému."
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class IsdsQuirks:
    """How the service is odd and what fails."""

    faults: tuple[Fault, ...] = ()
    outage: str = ""
    """Czech words of a planned outage: every call gets 503 with them."""
    blocked: frozenset[str] = frozenset()
    """Messages whose download the operator has stopped (3022)."""
    stamp_seconds: float = 0.0
    """From submission (state 1) to the time stamp (state 2); before it 1229."""
    delivery_seconds: float = 0.0
    """From submission to delivery (state 4)."""
    scanner_alarmed: bool = False
    """The scan at delivery finds malware in whatever it looks at (state 3)."""
    big_least: int = BIG_LEAST
    """Bytes of attachments from which a big message is taken."""
    hidden_seconds: float = 0.0
    """How recent state changes are not shown yet; the real service hides some minutes."""
    pkcs1: bool = False
    """Seals by RSA PKCS#1 v1.5, as until December 2024; otherwise RSASSA-PSS."""
    der: bool = False
    """Seals in DER; otherwise BER of indefinite length in pieces of 1000 bytes."""
    paper_host: str = "isds.czechpoint.cz"
    """Host in the namespaces of sealed papers; `isds.czebox.cz` was seen too."""
    isds_send: bool = False
    """The root attribute of papers sealed until April 2026."""
    coarse_sender_types: bool = False
    """`dmSenderType` in tens, as before June 2026."""
    zulu: bool = False
    """Times in UTC with `Z`."""
    judge_requests: bool = True
    """Requests under 1 MiB are compared with the schema; what departs is noted, not refused."""


class IsdsOddity:
    """The quirks in force and how often each fault was met. Safe in threads."""

    def __init__(self, quirks: IsdsQuirks) -> None:
        self._quirks = quirks
        self._met: Counter[int] = Counter()
        self._used = 0
        self._lock = threading.Lock()

    @property
    def quirks(self) -> IsdsQuirks:
        """What is in force; setting it starts the counts anew."""
        return self._quirks

    @quirks.setter
    def quirks(self, quirks: IsdsQuirks) -> None:
        self._quirks = quirks
        self._met.clear()
        self._used = 0

    @property
    def used(self) -> int:
        """How many calls a fault befell, since the quirks were set."""
        return self._used

    def spend(self, operation: str, *kinds: FaultKind) -> Fault | None:
        """Use one fault of these kinds for this call, or None where none is left."""
        with self._lock:
            for number, fault in enumerate(self._quirks.faults):
                if fault.kind not in kinds or fault.operation not in {"", operation}:
                    continue
                self._met[number] += 1
                if fault.skip < self._met[number] <= fault.skip + fault.times:
                    self._used += 1
                    return fault
        return None
