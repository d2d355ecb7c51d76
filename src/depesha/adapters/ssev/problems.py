"""What SSEV's failures mean, as a closed list of codes (facts 2.6, 3.1, 7.3, 8.7). Pure.

It never quotes what the service said: fault texts may carry names.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from depesha.errors import PeerError


class Problem(StrEnum):
    """Why SSEV surely did not do what was asked. Bounded: fit for a metric."""

    NOT_REACHABLE = "NOT_REACHABLE"
    """Recipient unknown or switched off: the next channel."""
    NOT_PERMITTED = "NOT_PERMITTED"
    """Rights, matrix, on-behalf rules: the next channel, and an operator."""
    CREDENTIALS = "CREDENTIALS"
    """Token, certificate or login not taken: an operator."""
    OUR_DEFECT = "OUR_DEFECT"
    """Our request was wrong: stop, an operator."""
    MALICIOUS = "MALICIOUS"
    """The scanner there found malware: stop, never fall back."""
    TOO_LARGE = "TOO_LARGE"
    NO_SPACE = "NO_SPACE"
    """Our own storage there is full."""
    CANNOT_REPLY = "CANNOT_REPLY"
    """The message to be answered is none of ours: send a new one."""
    NOT_OURS = "NOT_OURS"
    """Neither sent by us nor to us, or not there at all."""
    LINK_EXPIRED = "LINK_EXPIRED"
    """Open or view again for a fresh link."""
    GONE = "GONE"
    DAMAGED = "DAMAGED"
    """Bytes differ from their digest: fetch again."""
    SERVER = "SERVER"
    """It failed inside, on a call that leaves nothing behind."""
    UNREADABLE = "UNREADABLE"
    """The answer is not what the interface promises."""


WAITING_HELPS: Final = frozenset(
    {
        Problem.CREDENTIALS,
        Problem.NO_SPACE,
        Problem.LINK_EXPIRED,
        Problem.DAMAGED,
        Problem.SERVER,
        Problem.UNREADABLE,
    }
)


class SsevError(PeerError):
    """SSEV answered, and surely nothing was done; `problem` says why."""

    def __init__(self, public: str, problem: Problem, *, status: int = 0) -> None:
        super().__init__(public, problem=problem.value, status=status)
        self.problem = problem

    @property
    def waiting_helps(self) -> bool:
        """True where the same request may succeed later."""
        return self.problem in WAITING_HELPS


UNKNOWN_OUTCOME: Final = "Exception was thrown by handler"
"""Any unexpected error inside: on a send, nobody knows what was done (facts 7.3)."""
FAULTS: Final = (
    ("Document bytes must be provided", Problem.OUR_DEFECT),
    ("Document name with extension is missing", Problem.OUR_DEFECT),
    ("Receiver is missing", Problem.OUR_DEFECT),
    ("Sender is missing", Problem.OUR_DEFECT),
    ("Message does not have all required fields", Problem.OUR_DEFECT),
    ("The requested receiver profile does not exist", Problem.NOT_REACHABLE),
    ("Invalid identifier", Problem.NOT_REACHABLE),
    ("Invalid Email", Problem.NOT_REACHABLE),
    ("is malicious", Problem.MALICIOUS),
    ("could not be uploaded", Problem.SERVER),
    ("Can't reply to this message", Problem.CANNOT_REPLY),
    ("replyToMessageId is missing", Problem.OUR_DEFECT),
    ("not allowed to send on behalf", Problem.NOT_PERMITTED),
    ("The requested sender/recipient profile", Problem.NOT_PERMITTED),
    ("Can't create sender profile", Problem.NOT_PERMITTED),
    ("Parameter operatorEGN is required", Problem.NOT_PERMITTED),
    ("Unauthorized operator", Problem.NOT_PERMITTED),
    ("with access code", Problem.NOT_PERMITTED),
    ("Receiver must be of type", Problem.OUR_DEFECT),
    ("Profile can't read", Problem.NOT_OURS),
    ("Profile can't open", Problem.NOT_OURS),
    ("Invalid client certificate", Problem.CREDENTIALS),
    ("unauthorized operation", Problem.CREDENTIALS),
    ("Object reference not set", Problem.OUR_DEFECT),
)
"""Matched by substring, in order: the wire wraps and trails its texts (facts 7.3)."""


def of_fault(code: str, text: str) -> Problem | None:
    """Return what a SOAP fault means; None where nobody can say what was done.

    Standard security faults come before anything is looked at, so nothing was done.
    """
    local = code.rpartition(":")[2]
    if local in {"InvalidSecurity", "InvalidSecurityToken", "FailedAuthentication", "FailedCheck"}:
        return Problem.CREDENTIALS
    if UNKNOWN_OUTCOME in text:
        return None
    return next((problem for words, problem in FAULTS if words.lower() in text.lower()), None)
