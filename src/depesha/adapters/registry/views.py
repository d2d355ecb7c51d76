"""What the registry sees: the models of the API's answers, which make the OpenAPI document too."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from depesha.schemas.lifecycle import InboundState


class View(BaseModel):
    """Base of all answers: nothing in them that is not documented."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NumberView(View):
    """A number in somebody's registry and its day."""

    number: str
    date: date


class PartyView(View):
    """An administration as the network names it."""

    identifier: str = Field(description="EIK/BULSTAT, or the network's own identifier")
    name: str
    guid: str = ""


class DocumentView(View):
    """A document's identity, and its number at the body that made it."""

    guid: str
    number: NumberView | None = None


class PersonView(View):
    """A person or body the document speaks of. Personal data."""

    name: str
    city: str
    address: str
    personal_number: str
    identity_card: str
    eik: str
    email: str
    phone: str
    mobile_phone: str
    responsible: str
    comment: str
    applicant: bool


class ServiceView(View):
    """An administrative service."""

    name: str
    kind: str
    code: str


class FileSignatureView(View):
    """A signature found inside an attached file: reported, not judged (CHK-03)."""

    form: str
    signer: str


class AttachmentView(View):
    """One attached file: what its sender says and what its bytes are."""

    index: int = Field(description="From 1; the last part of its address")
    name: str = Field(description="The sender's own words; never use it as a path")
    safe_name: str = Field(description="Fit for a disk")
    media_type: str = Field(description="The sender's own words")
    detected: str = Field(description="Media type by content; empty where unknown")
    size: int = Field(description="Bytes")
    sha256: str
    comment: str
    kept: bool = Field(description="false: it passed a limit and its bytes were not kept")
    signatures: tuple[FileSignatureView, ...] = ()


class FindingView(View):
    """One reason in code, facts and words."""

    reason: str
    sentence: str = Field(description="For the clerk, in the language of Accept-Language")
    facts: dict[str, str]


class CheckView(View):
    """What one check said (CHK-01)."""

    check: str
    verdict: Literal["passed", "held", "rejected", "repeated"]
    seconds: float
    findings: tuple[FindingView, ...] = Field(description="Why; warnings where it passed")


class SignatureView(View):
    """The signature of the whole message."""

    valid: bool
    algorithm: str
    weak: bool
    signer: str = ""
    issuer: str = ""
    serial: str = ""


class EnvelopeView(View):
    """What the message says about itself."""

    transport_id: str
    created_at: datetime = Field(description="The sender's own time of writing")
    sender: PartyView
    recipient: PartyView
    document: DocumentView = Field(description="With the sender's own number (NUM-09)")
    parent: DocumentView | None = Field(description="The document it answers or continues")
    kind: str
    subject: str
    comment: str
    document_comment: str
    attention_to: str
    deadline: date | None
    correspondents: tuple[PersonView, ...] | None = Field(
        description="null in lists: persons are named only where the reading is written down"
    )
    service: ServiceView | None


class ReceiptView(View):
    """The way a document was received, as the registry must mark it (RCV-12)."""

    form: Literal["electronic"] = "electronic"
    network: str


class SettlementView(View):
    """How a received document was settled through this gateway."""

    way: Literal["refused", "closed", "stopped"]
    reason: str = Field(description="In a person's words; the journey tells when and by whom")


class FilingView(View):
    """What the register of filings (podací deník) holds of a document, letter by letter (FLD-01).

    The retention regime, the archival selection (k) and the identifier in the digital archive (l)
    are the registry's and the archive's own: a gateway does not know them.
    """

    serial: NumberView | None = Field(
        description="a) the number in the registry's own order; null before registration"
    )
    delivered_at: datetime = Field(
        description="b) time of delivery, fixed at intake: the network's own where it fixes one, "
        "else when the gateway had it"
    )
    delivered_by: Literal["network", "gateway"] = Field(
        description="b) whose clock `delivered_at` is"
    )
    accepted_at: datetime | None = Field(
        description="b) when it was taken out of the box there (doručení); null: not told"
    )
    sender: str = Field(description="c) its name; no received document is the office's own")
    sender_identifier: str = Field(description="c) its business identifier or its box")
    sender_reference: str = Field(description="d) the sender's own reference number")
    sender_mark: str = Field(description="d) the sender's own file mark")
    attachments: int = Field(description="e) number of attached files; there are no sheets")
    subject: str = Field(description="f)")
    attention_to: str = Field(description="g) whom the sender names; the registry charges somebody")
    settlement: SettlementView | None = Field(
        description="h) where it was settled through the gateway; answers are documents of their "
        "own, with this one as `parent`"
    )
    pid: str = Field(description="i) unique identifier, given at intake and never changed (NUM-03)")
    own_mark: str = Field(description="i) our file mark, where the sender names it")
    form: Literal["digital"] = Field(default="digital", description="j)")


class MessageView(View):
    """One message with everything a registry needs (FLD-01, FLD-02)."""

    id: str
    direction: Literal["in"] = "in"
    state: InboundState
    possible: tuple[str, ...] = Field(description="What may be asked for in this state")
    receipt: ReceiptView
    received_at: datetime = Field(description="Its periods run from here (DDL-01)")
    registered_at: datetime | None
    acknowledged_at: datetime | None = Field(description="The sender has taken the number")
    changed_at: datetime
    number: NumberView | None = Field(description="Ours, given by the registry (REG-04)")
    reason: str = Field(description="Why it was declined, released or ended, in a person's words")
    envelope: EnvelopeView | None = Field(description="null: it could not be read")
    filing: FilingView | None = Field(
        description="For the register of filings (FLD-01); null: it could not be read"
    )
    attachments: tuple[AttachmentView, ...]
    signature: SignatureView | None
    checks: tuple[CheckView, ...]
    warnings: tuple[FindingView, ...] = Field(description="Soft findings (RCV-21)")
    deviations: tuple[str, ...] = Field(description="Where it departs from the network's schema")
    original_sha256: str
    original_size: int
    other_documents: tuple[str, ...] = Field(description="GUIDs under which it came again")


class PageView(View):
    """A page of messages, oldest first. Persons are named only in the message itself."""

    items: tuple[MessageView, ...]
    next: str = Field(description="Give it as `after` for the next page; empty at the end")


class EventView(View):
    """One row of the journal: what happened, when, by whom."""

    sequence: int
    message_id: str
    body: dict[str, Any] = Field(description="kind, at, actor, facts; exactly what is chained")
    previous: str
    hash: str


class JourneyView(View):
    """The whole journey of a message, in order."""

    items: tuple[EventView, ...]


class ParkedView(View):
    """Work that gave up and waits for a person."""

    task_id: int
    kind: str
    message_id: str
    reason: str
    parked_at: datetime
    attempts: int


class ParkedListView(View):
    """Everything parked, oldest first."""

    items: tuple[ParkedView, ...]


class ParticipantView(View):
    """A body in the participants' register."""

    guid: str
    identifier: str
    name: str
    status: str
    phone: str = Field(description="To ask by telephone where an answer is late (LAT-02)")
    email: str


class ParticipantsView(View):
    """What was found in the last good copy of the register."""

    items: tuple[ParticipantView, ...]
    loaded_at: datetime | None = Field(description="Age of the copy; null: there never was one")


class ExportView(View):
    """Everything for a substitute list while the registry is down (S21, EMG-06)."""

    exported_at: datetime
    items: tuple[MessageView, ...]
