"""Documents of ours to remember, and the steps they take, for tests of the outbound store."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from depesha.schemas.dispatch import Attempt, AttemptOutcome, Dispatch
from depesha.schemas.envelope import DocumentReference, Party, RegistrationNumber
from depesha.schemas.ids import Digest
from depesha.schemas.message import EvidenceKind, NewEvidence, NewTask
from depesha.schemas.outbound import (
    NewOutbound,
    OutboundChange,
    OutboundMessage,
    OutboundWord,
    Settlement,
)
from depesha.schemas.outbound_lifecycle import OutboundEvent, OutboundState
from tests.support.memory import START, attachment, digest_of, guid_of, id_of
from tests.support.outbound import content

E = OutboundEvent
LEAD = 1_000_000
"""Ids of documents of ours in tests stand apart from those of received messages."""


def out_id(number: int) -> Any:
    return id_of(LEAD + number)


def dispatch_of(number: int, **changes: Any) -> Dispatch:
    file = attachment(number, 1)
    made = Dispatch(
        idempotency_key=f"key-{number}",
        submitted_at=START + timedelta(seconds=number),
        sender=Party(identifier="000000001", name="Община Пример"),
        recipient=Party(identifier="000000002", name="Агенция Образец"),
        document=DocumentReference(
            guid=guid_of(number, 0xD),
            number=RegistrationNumber(number=f"ИЗХ-{number}", date=START.date()),
        ),
        kind="Писмо",
        subject=f"Относно преписка {number}",
        files=(file,),
    )
    return replace(made, **changes)


def new_outbound(
    number: int,
    *,
    actor: str = "token:test",
    request: str = "",
    tasks: tuple[NewTask, ...] = (),
    **changes: Any,
) -> NewOutbound:
    sent = dispatch_of(number, **changes)
    return NewOutbound(
        message=OutboundMessage(
            id=out_id(number),
            state=OutboundState.SUBMITTED,
            dispatch=sent,
            contents=tuple(content(file) for file in sent.files),
            actor=actor,
            changed_at=START + timedelta(seconds=number),
        ),
        request=digest_of(request or f"request {number}"),
        evidence=NewEvidence(
            kind=EvidenceKind.SUBMITTED,
            at=START + timedelta(seconds=number),
            message_id=out_id(number),
            actor=actor,
            facts={"attachments": [file.digest for file in sent.files]},
        ),
        tasks=tasks,
    )


def try_of(number: int, which: int = 1, network: str = "seos", **changes: Any) -> Attempt:
    made = Attempt(
        id=f"try-{number}-{which}",
        network=network,
        number=0,
        transport_id=guid_of(number * 100 + which, 0xE),
        payload=digest_of(f"payload {number} {which}"),
        intended_at=START + timedelta(minutes=which),
    )
    return replace(made, **changes)


def move(
    number: int,
    *events: OutboundEvent,
    kind: EvidenceKind = EvidenceKind.ROUTED,
    minutes: float = 1,
    facts: dict[str, Any] | None = None,
    wire: bytes = b"",
    **changes: Any,
) -> OutboundChange:
    made = OutboundChange(
        message_id=out_id(number),
        evidence=NewEvidence(
            kind=kind,
            at=START + timedelta(minutes=minutes),
            message_id=out_id(number),
            actor="gateway",
            facts=facts or {},
            wire=wire,
        ),
        events=events,
    )
    return replace(made, **changes)


def signed(number: int, **changes: Any) -> OutboundChange:
    return move(
        number,
        E.SIGNED,
        kind=EvidenceKind.SIGNED,
        release=digest_of(f"release {number}"),
        **changes,
    )


def begun(number: int, which: int = 1, network: str = "seos", **changes: Any) -> OutboundChange:
    return move(
        number,
        E.ROUTED,
        E.ATTEMPT_BEGUN,
        kind=EvidenceKind.ATTEMPT_BEGUN,
        begin=try_of(number, which, network),
        minutes=which,
        **changes,
    )


_WORDS = {
    AttemptOutcome.ACCEPTED: E.ACCEPTED,
    AttemptOutcome.DELIVERED: E.DELIVERED,
    AttemptOutcome.DEFERRED: E.DEFERRED,
    AttemptOutcome.REFUSED: E.REFUSED,
    AttemptOutcome.UNCLEAR: E.UNCLEAR,
    AttemptOutcome.ABSENT: E.ABSENT,
}


def ended(
    number: int,
    outcome: AttemptOutcome,
    which: int = 1,
    *,
    reference: str = "",
    **changes: Any,
) -> OutboundChange:
    name = f"try-{number}-{which}"
    return move(
        number,
        kind=EvidenceKind.ATTEMPT_SETTLED,
        word=OutboundWord(event=_WORDS[outcome], attempt=name),
        settle=Settlement(attempt=name, outcome=outcome, reference=reference),
        minutes=which + 0.5,
        **changes,
    )


def said(number: int, event: OutboundEvent, **changes: Any) -> OutboundChange:
    return move(number, kind=EvidenceKind.HEARD, word=OutboundWord(event=event), **changes)


def blob(text: str) -> Digest:
    return digest_of(text)
