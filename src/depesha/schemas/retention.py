"""How long content is kept, and the act by which it is destroyed. Values and rules, pure.

A term runs from 1 January after the end (RET-03). When it is over the content goes: texts, names,
files, bytes of the wire. What stays is the evidence: who, when, what digest, which state. Nothing
is destroyed before two people approved the act, one of them naming the archive's permission
(RET-06); what is held for an inquiry is not in any act (RET-13).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from depesha.errors import ConflictError, RuleError
from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import Attachment, Envelope
from depesha.schemas.evidence import canonical, sha256
from depesha.schemas.facts import Arrival, ContentFacts
from depesha.schemas.ids import Digest, MessageId
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Message
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.outbound_lifecycle import OutboundState

MOST = 500
"""Documents in one act: a list that people can read."""
PEOPLE = 2


class Sort(StrEnum):
    """What has a term of its own."""

    RECEIVED = "received"
    REFUSED = "refused"
    """Refused at the door or by the registry."""
    SENT = "sent"
    RETURNED = "returned"
    """Given back to its author."""


_I, _O = InboundState, OutboundState
ENDED_IN: Mapping[InboundState, Sort] = {
    _I.CLOSED: Sort.RECEIVED,
    _I.STOPPED: Sort.RECEIVED,
    _I.REJECTED: Sort.REFUSED,
    _I.REFUSAL_ACKNOWLEDGED: Sort.REFUSED,
}
ENDED_OUT: Mapping[OutboundState, Sort] = {
    _O.CLOSED: Sort.SENT,
    _O.STOPPED: Sort.SENT,
    _O.DECLINED: Sort.SENT,
    _O.RETURNED: Sort.RETURNED,
}
"""States in which nothing is awaited by anybody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Years for each sort; None: for ever."""

    years: Mapping[Sort, int | None]
    zone: tzinfo = UTC
    numbered_ends: bool = False
    """True: a document whose number was told has ended, though the registry closed no case."""

    def sort_in(self, state: InboundState) -> Sort | None:
        """Return the sort of a received message that has ended; None where it has not."""
        if self.numbered_ends and state is _I.ACKNOWLEDGED:
            return Sort.RECEIVED
        return ENDED_IN.get(state)

    def sort_out(self, state: OutboundState) -> Sort | None:
        """Return the sort of a document of ours that has ended."""
        if self.numbered_ends and state is _O.REGISTERED:
            return Sort.SENT
        return ENDED_OUT.get(state)

    def before(self, sort: Sort, now: datetime) -> datetime | None:
        """Return the moment before which it must have ended for its term to be over."""
        years = self.years.get(sort)
        if years is None:
            return None
        # Ended in year Y: the term runs from 1 January of Y + 1, for so many years.
        last = now.astimezone(self.zone).year - years
        return datetime(last, 1, 1, tzinfo=self.zone).astimezone(UTC) if last > 1 else None

    def rule(self, sort: Sort) -> str:
        """Return the rule's name, as evidence has it."""
        return f"{sort}: {self.years.get(sort)} years from 1 January after the end"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """One person's word on an act."""

    actor: str
    at: datetime
    ground: str
    """The archive's permission, the memo: its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """A list of documents whose content is to be destroyed."""

    name: str
    rule: str
    at: datetime
    items: tuple[MessageId, ...]
    approvals: tuple[Approval, ...] = ()
    done_at: datetime | None = None
    destroyed: int = 0
    """How many were; the others were held, or had not ended any more."""

    @property
    def digest(self) -> Digest:
        """Of the list, so that what was approved is what is destroyed."""
        return sha256("\n".join(self.items).encode())

    @property
    def approved(self) -> bool:
        """Enough different people said yes."""
        return len({one.actor for one in self.approvals}) >= PEOPLE

    def with_approval(self, approval: Approval, digest: str) -> Act:
        """Add a person's word; raise `ConflictError`, `RuleError`.

        `digest` is that of the list as the person saw it.
        """
        if self.done_at is not None:
            raise ConflictError("this act was carried out already")
        if digest != self.digest:
            raise ConflictError("the list is another one by now", remedy="look at it again")
        if not approval.ground.strip():
            raise RuleError("an approval names its ground", rule="ground")
        if any(one.actor == approval.actor for one in self.approvals):
            raise ConflictError("one person approves once; another one must", remedy="four eyes")
        return replace(self, approvals=(*self.approvals, approval))


def act_bytes(act: Act) -> bytes:
    """Return the form in the notebook."""
    return canonical(
        {
            "name": act.name,
            "rule": act.rule,
            "at": act.at.isoformat(),
            "items": list(act.items),
            "approvals": [[a.actor, a.at.isoformat(), a.ground] for a in act.approvals],
            "done_at": "" if act.done_at is None else act.done_at.isoformat(),
            "destroyed": act.destroyed,
        }
    )


def load_act(data: bytes) -> Act:
    """Read the form in the notebook."""
    told = json.loads(data)
    return Act(
        name=told["name"],
        rule=told["rule"],
        at=datetime.fromisoformat(told["at"]),
        items=tuple(MessageId(one) for one in told["items"]),
        approvals=tuple(
            Approval(actor=actor, at=datetime.fromisoformat(at), ground=ground)
            for actor, at, ground in told["approvals"]
        ),
        done_at=datetime.fromisoformat(told["done_at"]) if told["done_at"] else None,
        destroyed=told["destroyed"],
    )


# --- what stays of a document ---


def bare_message(message: Message) -> Message:
    """Return what stays of a received message: identities, times, digests, states."""
    return replace(
        message,
        reason="",
        checks=tuple(
            replace(record, verdict=replace(record.verdict, warnings=()))
            if record.verdict.kind == "passed"
            else record
            for record in message.checks
        ),
        arrival=_bare_arrival(message.arrival),
    )


def bare_outbound(message: OutboundMessage) -> OutboundMessage:
    """Return what stays of a document of ours."""
    return replace(
        message,
        dispatch=_bare_dispatch(message.dispatch),
        contents=_bare_contents(message.contents),
        reason="",
    )


def _bare_arrival(arrival: Arrival) -> Arrival:
    envelope = arrival.envelope
    return replace(
        arrival,
        unreadable=None,
        deviations=(),
        envelope=None if envelope is None else _bare_envelope(envelope),
        contents=_bare_contents(arrival.contents),
    )


def _bare_envelope(envelope: Envelope) -> Envelope:
    return replace(
        envelope,
        subject="",
        comment="",
        document_comment="",
        attention_to="",
        correspondents=(),
        service=None,
        attachments=_bare_files(envelope.attachments),
        sender_mark="",
        own_mark="",
        extra="",
    )


def _bare_dispatch(dispatch: Dispatch) -> Dispatch:
    return replace(
        dispatch,
        subject="",
        text="",
        attention_to="",
        correspondents=(),
        service=None,
        files=_bare_files(dispatch.files),
        scan_instead="",
    )


def _bare_files(files: Iterable[Attachment]) -> tuple[Attachment, ...]:
    return tuple(replace(one, name="", comment="") for one in files)


def _bare_contents(contents: Iterable[ContentFacts]) -> tuple[ContentFacts, ...]:
    return tuple(
        replace(
            one,
            attachment=replace(one.attachment, name="", comment=""),
            safe_name=f"file-{one.attachment.index}",
            signatures=(),
            kept=False,
        )
        for one in contents
    )
