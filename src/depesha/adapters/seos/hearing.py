"""What a partner's answer to a call of ours says, as far as it is to be believed (facts 5-8).

An answer counts only where the certificate of whom we called signed it, it speaks as that partner
to us, and it is about the very document or message that we named. It decides nothing about what
is done next: `outcomes.py` does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.adapters.seos.mapping import Mapper
from depesha.adapters.seos.texts import Told, told_of_ours
from depesha.errors import WireError
from depesha.schemas import xml
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.outcome import PeerWord
from depesha.schemas.verdict import Finding, Hold

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.adapters.seos.mapping import Header
    from depesha.ports import SignatureVerifier
    from depesha.schemas.envelope import Party
    from depesha.schemas.ids import Guid
    from depesha.schemas.participant import Participant

NUMBERED = frozenset({DocumentStatus.REGISTERED, DocumentStatus.STOPPED, DocumentStatus.CLOSED})
"""A number beside any other status is no registration (Q15)."""
HELD = frozenset({"DS_WAIT_PROCESSING", "DS_MALWARE_CHECK", "DS_NOT_OPENED", "DS_OPENED"})
"""Words of a recipient's own that only one who has the document can say (facts 4.3). The others
are words of a sender about its own sending, and tell us nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What was said to whom: an answer is measured by it."""

    us: Party
    partner: Participant
    document: Guid
    transport_id: Guid
    """MessageGUID of the call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Absent, nil or empty: taken, and nothing said (facts 2.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unbelieved:
    """There is an answer, and it proves nothing; `code` says why."""

    code: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A state of our document."""

    word: PeerWord


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The partner says that our message failed with it."""

    told: Told
    about_ours: bool
    """It names our MessageGUID; otherwise it names none."""


Heard = Silence | Unbelieved | Status | Failed


def hear(answer: bytes, call: Call, verifier: SignatureVerifier, at: datetime) -> Heard:
    """Read the document inside a SOAP answer. Never raises for a bad one. In a thread."""
    if not answer:
        return Silence()
    try:
        document = xml.parse(answer)
        # The serial of whom we called, and no other: what an answer calls itself proves nothing.
        serial = call.partner.serial
        facts = verifier.verify(document, () if serial is None else (serial,), at)
        if not _proved(facts.finding):
            return Unbelieved(code="ANSWER_NOT_BELIEVED")
        mapper = Mapper(document.root)
        return _understand(mapper, mapper.header(), call)
    except WireError:
        return Unbelieved(code="ANSWER_NOT_READABLE")


def _proved(found: Finding | None) -> bool:
    """Where only revocation is unknown, certificate and signature were judged good.

    A list that is late must not turn all our sending unclear.
    """
    return found is None or found.reason is Hold.REVOCATION_UNKNOWN


def _understand(mapper: Mapper, header: Header, call: Call) -> Heard:
    if header.recipient.identifier != call.us.identifier and header.recipient.guid != call.us.guid:
        return Unbelieved(code="ANSWER_NOT_TO_US")
    # Several bodies share one certificate and one endpoint (facts 10.2), and one document may go
    # to two of them: each speaks for itself.
    if header.sender.guid != call.partner.guid:
        return Unbelieved(code="ANSWER_OF_ANOTHER")
    if header.kind == "status":
        return _status(mapper, call)
    if header.kind == "error":
        error = mapper.error()
        if error.failed is not None and error.failed != call.transport_id:
            return Unbelieved(code="ANSWER_ABOUT_ANOTHER")
        return Failed(told=told_of_ours(error.description), about_ours=error.failed is not None)
    return Unbelieved(code="ANSWER_OUT_OF_PLACE")


def _status(mapper: Mapper, call: Call) -> Heard:
    part = mapper.status()
    if part.document.guid != call.document:
        return Unbelieved(code="ANSWER_ABOUT_ANOTHER")
    if part.local_status and part.local_status not in HELD:
        return Unbelieved(code="LOCAL_STATUS")
    return Status(
        word=PeerWord(
            status=part.status,
            number=part.document.number if part.status in NUMBERED else None,
            reason=part.reason,
            expected_close=part.expected_close,
        )
    )
