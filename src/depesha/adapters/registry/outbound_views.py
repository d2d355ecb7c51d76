"""What the registry sees of documents on their way out: models of answers, and of OpenAPI."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from depesha.adapters.registry.problems import DefectView
from depesha.adapters.registry.views import (
    AttachmentView,
    DocumentView,
    NumberView,
    PartyView,
    PersonView,
    ServiceView,
    View,
)
from depesha.schemas.dispatch import AttemptOutcome, Mark, Quality
from depesha.schemas.outbound import Decision
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.route import Reach


class SubmittedView(View):
    """A document was taken: the same answer on every repeat of the same submission."""

    id: str
    state: Literal[OutboundState.SUBMITTED] = Field(
        default=OutboundState.SUBMITTED,
        description="Of the first moment; the address in Location tells the present one",
    )
    document: DocumentView


class AttemptView(View):
    """One try, written down before it was made."""

    number: int = Field(description="From 1, over all networks")
    id: str
    network: str
    transport_id: str = Field(description="The network's identity of this very message")
    reference: str = Field(description="The network's own name for it, once known")
    intended_at: datetime
    settled_at: datetime | None
    outcome: AttemptOutcome | None = Field(description="null: as good as UNCLEAR")
    blame: Literal["theirs", "ours", "network"] | None
    code: str
    document_refused: bool = Field(description="Refused for what it is: no other network gets it")
    times_asked: int = Field(description="Questions after it that brought no clear answer")
    fenced: bool = Field(description="Marked: never to be sent again")


class QuestionView(View):
    """One question of ours after a late answer."""

    at: datetime
    clear: bool


class RouteLineView(View):
    """One network of a plan, in words."""

    network: str
    rank: int
    taken: bool
    verdict: str
    reasons: tuple[str, ...]
    remedies: tuple[str, ...] = Field(description="What would let it pass, one for each reason")
    facts: tuple[str, ...] = Field(description="What is known, and how old that is")


class RouteView(View):
    """A plan of networks in the language of Accept-Language: every one, why taken or not."""

    language: str
    step: str = Field(description="What is done next")
    lines: tuple[RouteLineView, ...]


class OutboundView(View):
    """One document on its way out."""

    id: str
    direction: Literal["out"] = "out"
    state: OutboundState
    state_name: str = Field(description="In the language of Accept-Language")
    possible: tuple[Decision, ...] = Field(description="What a person may decide now")
    submitted_at: datetime
    submitted_by: str
    changed_at: datetime
    handed_over_at: datetime | None = Field(description="When a network took it")
    answered_at: datetime | None = Field(description="When the recipient numbered or declined it")
    next_try_at: datetime | None = Field(description="When its plan is made again, if it waits")
    person_told_at: datetime | None = Field(description="When a person was asked to telephone")
    expected_close: date | None = Field(description="By the recipient's own word")
    sender: PartyView
    recipient: PartyView
    document: DocumentView = Field(description="With our number")
    number: NumberView | None = Field(description="The recipient's own (REG-02)")
    parent: DocumentView | None
    corrects: str = Field(description="GUID of the declined document that this one mends")
    kind: str
    subject: str
    text: str
    attention_to: str
    deadline: date | None = Field(description="Day by which an answer is asked for")
    correspondents: tuple[PersonView, ...] | None = Field(
        description="null in lists: persons are named only where the reading is written down"
    )
    service: ServiceView | None
    marks: tuple[Mark, ...]
    floor: Quality
    scan_instead: str
    channels: tuple[str, ...] = Field(description="Networks it may take; empty: all")
    network: str = Field(description="Of the latest try; empty before the first")
    attempts: tuple[AttemptView, ...]
    reason: str = Field(description="The recipient's, or a person's, in their own words")
    defects: tuple[DefectView, ...] = Field(description="Why it went back to its author")
    route: RouteView | None = Field(description="The last plan; null in lists and before the first")
    questions: tuple[QuestionView, ...]
    attachments: tuple[AttachmentView, ...]


class OutboundPageView(View):
    """A page of documents on their way out, oldest first."""

    items: tuple[OutboundView, ...]
    next: str = Field(description="Give it as `after` for the next page; empty at the end")


class ChannelProfileView(View):
    """One participant on one network."""

    network: str
    quality: Quality
    reach: Reach
    reach_as_of: datetime | None = Field(description="Age of that knowledge")
    message_bytes: int | None = Field(description="All files together; null: no limit known")
    file_bytes: int | None
    files: int | None
    limits_as_of: datetime | None = Field(description="null: the limits are settings")
    closed_until: datetime | None
    last_alive: datetime | None = Field(description="Last proof of life")
    certificate_days: int | None = Field(description="Left; negative: ended; null: not known")


class ParticipantProfileView(View):
    """Everything known of one participant."""

    identifier: str
    name: str
    guid: str
    phone: str
    email: str
    own: bool = Field(description="true: this gateway's own administration")
    deviations: tuple[str, ...] = Field(description="Where the register departs from our settings")
    channels: tuple[ChannelProfileView, ...] = Field(description="In the order of choice")
