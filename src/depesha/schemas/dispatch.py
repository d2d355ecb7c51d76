"""A document on its way out: what the registry submits, and the tries to send it. Values.

The document is the same on every try and channel (law 4): one GUID, one number, the same bytes.
Only what a network asks anew for each message (transport id, time of writing) is made per try.
Nothing here decides; personal data may stand in these values, and they never go to a log.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from depesha.errors import Blame
from depesha.schemas.envelope import (
    Attachment,
    Correspondent,
    DocumentReference,
    Envelope,
    Party,
    Service,
)
from depesha.schemas.ids import Digest, Guid

EMAIL = "email"
"""The last road; personal data for a third party never take it (FBK-07)."""


class Mark(StrEnum):
    """What the author says of the document; the gateway cannot know it by looking (T15)."""

    PERSONAL_DATA = "PERSONAL_DATA"
    """Personal data, told to a third party: never by e-mail (CNF-05, S12)."""
    RESTRICTED = "RESTRICTED"
    """For official use or classified: never taken nor stored (S24)."""


class Quality(StrEnum):
    """Legal quality of a way of sending; a document's floor is the least that will do."""

    SIGNED_MAIL = "SIGNED_MAIL"
    REGISTERED_DELIVERY = "REGISTERED_DELIVERY"

    def reaches(self, floor: Quality) -> bool:
        """Tell whether this quality is at least `floor`."""
        order = list(Quality)
        return order.index(self) >= order.index(floor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """A document as the registry submits it.

    It may have defects: `gateway/submission.py` finds them before anything leaves.
    """

    idempotency_key: str
    """The registry's own: the same key is the same submission, with the same answer."""
    submitted_at: datetime
    sender: Party
    recipient: Party
    document: DocumentReference
    """The identity on every channel, and the number the registry gave (REG-09, FBK-05)."""
    kind: str
    """In the author's words: letter, order …"""
    subject: str = ""
    """Short content (SND-01)."""
    text: str = ""
    """Covering words for channels that carry a letter."""
    parent: DocumentReference | None = None
    """The document this one answers or continues."""
    corrects: Guid | None = None
    """The declined document that this one mends (REF-02, S9)."""
    attention_to: str = ""
    deadline: date | None = None
    """The day by which an answer is asked for."""
    correspondents: tuple[Correspondent, ...] = ()
    service: Service | None = None
    files: tuple[Attachment, ...] = ()
    marks: tuple[Mark, ...] = ()
    floor: Quality = Quality.SIGNED_MAIL
    scan_instead: str = ""
    """Why no signature is in the files and a scan goes instead (SND-02); empty: one is there."""
    channels: tuple[str, ...] = ()
    """Networks the author allows; empty: all (SND-15)."""


def envelope_of(
    dispatch: Dispatch, *, network: str, transport_id: Guid, created_at: datetime
) -> Envelope:
    """Return the document's words for one try on one network."""
    return Envelope(
        network=network,
        transport_id=transport_id,
        created_at=created_at,
        sender=dispatch.sender,
        recipient=dispatch.recipient,
        document=dispatch.document,
        parent=dispatch.parent,
        kind=dispatch.kind,
        subject=dispatch.subject,
        document_comment=dispatch.text,
        attention_to=dispatch.attention_to,
        deadline=dispatch.deadline,
        correspondents=dispatch.correspondents,
        service=dispatch.service,
        attachments=dispatch.files,
    )


class Defect(StrEnum):
    """Why a submission goes back to its author; nothing of it has left (CHK-15)."""

    NUMBER_MISSING = "NUMBER_MISSING"
    NUMBER_IN_FUTURE = "NUMBER_IN_FUTURE"
    KIND_MISSING = "KIND_MISSING"
    CONTENT_MISSING = "CONTENT_MISSING"
    ATTACHMENT_MISSING = "ATTACHMENT_MISSING"
    FILE_EMPTY = "FILE_EMPTY"
    FILE_NAME_MISSING = "FILE_NAME_MISSING"
    FILE_KIND_FORBIDDEN = "FILE_KIND_FORBIDDEN"
    FILE_MACRO = "FILE_MACRO"
    FILE_INFECTED = "FILE_INFECTED"
    """Malware was found in it; found late, after it was taken."""
    FILE_UNKNOWN = "FILE_UNKNOWN"
    """Nothing is known of the file's content: never a pass (law 1)."""
    SIGNATURE_MISSING = "SIGNATURE_MISSING"
    RECIPIENT_UNKNOWN = "RECIPIENT_UNKNOWN"
    RECIPIENT_IS_SENDER = "RECIPIENT_IS_SENDER"
    SENDER_NOT_OURS = "SENDER_NOT_OURS"
    MARK_RESTRICTED = "MARK_RESTRICTED"


class AttemptOutcome(StrEnum):
    """How a try ended. A try without outcome is as good as UNCLEAR."""

    ACCEPTED = "ACCEPTED"
    DELIVERED = "DELIVERED"
    DEFERRED = "DEFERRED"
    REFUSED = "REFUSED"
    UNCLEAR = "UNCLEAR"
    ABSENT = "ABSENT"
    """Was unclear; asked, the network or a person says that it is not there."""

    @property
    def got_through(self) -> bool:
        """Tell whether the document is in a network's hands, or at the recipient."""
        return self in {AttemptOutcome.ACCEPTED, AttemptOutcome.DELIVERED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try, written before it is made."""

    id: str
    """Unguessable and unique: the fence between tries."""
    network: str
    number: int
    """From 1, over all channels."""
    transport_id: Guid
    payload: Digest
    """The very bytes of this try, stored before it began (SND-06)."""
    intended_at: datetime
    outcome: AttemptOutcome | None = None
    settled_at: datetime | None = None
    blame: Blame | None = None
    """Of a DEFERRED try: unreachable (network) and faults (theirs) have budgets of their own."""
    code: str = ""
    document_refused: bool = False
    """REFUSED for what the document is: no other channel may get it."""
    times_asked: int = 0
    """Questions after it that brought no clear answer."""
    fenced: bool = False
    """Marked "must not be sent": no late worker may repeat it."""
    reference: str = ""
    """The network's own name for it (message id), once known."""
