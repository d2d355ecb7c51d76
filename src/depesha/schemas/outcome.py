"""Outcomes of handing something to another side: the four of law 3. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import assert_never

from depesha.errors import Blame
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.envelope import RegistrationNumber


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerWord:
    """What the recipient itself says of a document of ours, in an answer that is believed."""

    status: DocumentStatus
    number: RegistrationNumber | None = None
    """Its own number; only with `REGISTERED`, `STOPPED` or `CLOSED` (SEOS facts 6.4: a number
    inside "waiting" is no registration)."""
    reason: str = ""
    expected_close: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The other side took it and said so."""

    receipt: bytes = b""
    """Its answer, byte for byte; empty where the network's receipt is empty."""
    proven: bool = True
    """False: in the network's hands, not yet proven at the recipient (an unopened message, a mail
    handed to the next server)."""
    word: PeerWord | None = None
    """What the recipient said at once, where the network lets it; may be a refusal."""
    reference: str = ""
    """The network's own name for the message, once known."""
    delivered_at: datetime | None = None
    """When the network itself says that it brought it to the recipient; None: it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """Surely not taken; waiting may help."""

    code: str
    public: str
    blame: Blame
    receipt: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Surely not taken, and waiting will not help."""

    code: str
    public: str
    receipt: bytes = b""
    document: bool = False
    """Refused for what the document is (malware …): no other channel may get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """The request left and no believable answer came: the network is asked before anything else."""

    code: str
    public: str
    receipt: bytes = b""
    reference: str = ""
    """The network's own name for the message, where it was heard before the break."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """Asked, the network says in a believed answer that the document is not there."""

    receipt: bytes = b""


Outcome = Delivered | Deferred | Refused | Unclear


def blame_of(outcome: Outcome) -> Blame | None:
    """Return who has to act before the same thing can succeed; None where it did."""
    match outcome:
        case Delivered():
            return None
        case Refused():
            return Blame.THEIRS
        case Deferred():
            return outcome.blame
        case Unclear():
            return Blame.NETWORK
        case _:
            assert_never(outcome)


Answered = Outcome | Absent
"""What a question after a try brings. `Deferred`: it could not be asked now; `Unclear`: it was
asked, and the answer tells nothing. Both leave the try unclear."""
