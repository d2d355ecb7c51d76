"""Words from outside about documents of ours: whose they are, and what they may change.

Every word is kept as evidence with what became of it; the state table judges it at the commit, so
that no order of arrival can make a state untrue. A word is believed only from the recipient of
the document, or from the network that carried the try.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.gateway.telling import outcome_facts, settlement_of, word_of
from depesha.schemas.dispatch import AttemptOutcome
from depesha.schemas.message import EvidenceKind, NewEvidence, NewTask, TaskKind
from depesha.schemas.outbound import (
    OutboundChange,
    OutboundMessage,
    OutboundWord,
    Settlement,
    status_number,
)
from depesha.schemas.outbound_lifecycle import OutboundEvent, event_of_status
from depesha.schemas.steps import OutboundStep

if TYPE_CHECKING:
    from depesha.gateway.departures import Departures
    from depesha.ports import Checkpoint, Clock, OutboundStore
    from depesha.schemas.answer import ErrorNotice, StatusNotice
    from depesha.schemas.dispatch import Attempt
    from depesha.schemas.envelope import Party
    from depesha.schemas.outbound import TryReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """Joins words to documents of ours."""

    store: OutboundStore
    departures: Departures
    clock: Clock
    checkpoint: Checkpoint

    async def notice(self, notice: StatusNotice, wire: bytes) -> bool:
        """Take a recipient's word on a document; False where it is not its to speak of.

        The word itself was believed already: sender, signature, recipient. `wire` is what its
        sender will be answered.
        """
        message = await self._document(notice)
        if message is None:
            return False
        event = None if notice.local_status else event_of_status(notice.status, asked=False)
        number = status_number(notice.status, notice.document.number)
        word = OutboundWord(
            event=event or OutboundEvent.PEER_WAITING,
            number=number,
            reason=notice.reason,
            expected_close=notice.expected_close,
        )
        await self._take(
            message,
            OutboundChange(
                message_id=message.id,
                evidence=NewEvidence(
                    kind=EvidenceKind.HEARD,
                    at=self.clock.now(),
                    message_id=message.id,
                    actor=f"peer:{notice.sender.guid or notice.sender.identifier}",
                    facts={
                        "network": notice.network,
                        "original": notice.original,
                        "transport_id": notice.transport_id,
                        "status": str(notice.status),
                        "local_status": notice.local_status,
                        "number": "" if number is None else number.number,
                    },
                    wire=wire,
                ),
                word=None if event is None else word,
            ),
        )
        return True

    async def too_early(self, notice: StatusNotice) -> bool:
        """Tell whether it speaks of a document of ours of which nothing left, as far as we know.

        Such a word is not believed. Where the store was put back it may be true all the same: what
        is submitted again was sent by the store that was lost.
        """
        message = await self._document(notice)
        return message is not None and not message.attempts

    async def fault(self, fault: ErrorNotice) -> bool:
        """Take a recipient's error about one message of ours; False where it is none of ours."""
        if fault.failed is None:
            return False
        message = await self.store.find_attempt(fault.network, fault.failed)
        if message is None or not _same_body(message.dispatch.recipient, fault.sender):
            return False
        attempt = _latest(message, fault.network, fault.failed)
        await self._take(
            message,
            OutboundChange(
                message_id=message.id,
                evidence=NewEvidence(
                    kind=EvidenceKind.HEARD,
                    at=self.clock.now(),
                    message_id=message.id,
                    actor=f"peer:{fault.sender.guid or fault.sender.identifier}",
                    facts={
                        "network": fault.network,
                        "original": fault.original,
                        "attempt": attempt.id,
                        "outcome": "refused",
                        "code": fault.kind,
                    },
                ),
                word=OutboundWord(event=OutboundEvent.REFUSED, attempt=attempt.id),
                settle=Settlement(
                    attempt=attempt.id, outcome=AttemptOutcome.REFUSED, code=fault.kind
                ),
            ),
        )
        return True

    async def report(self, report: TryReport) -> bool:
        """Take a network's later word on one try; False where it knows no such try."""
        message = await self.store.find_attempt(report.network, report.name)
        if message is None:
            return False
        attempt = _latest(message, report.network, report.name)
        outcome = report.outcome
        now = self.clock.now()
        settlement = settlement_of(attempt, outcome, asked=False)
        await self._take(
            message,
            OutboundChange(
                message_id=message.id,
                evidence=NewEvidence(
                    kind=EvidenceKind.HEARD,
                    at=now,
                    message_id=message.id,
                    actor=report.actor,
                    facts={
                        "network": report.network,
                        "original": report.original,
                        "attempt": attempt.id,
                        **outcome_facts(outcome),
                    },
                    wire=outcome.receipt,
                ),
                word=word_of(attempt, outcome, asked=False),
                settle=settlement,
            ),
        )
        return True

    async def _document(self, notice: StatusNotice) -> OutboundMessage | None:
        message = await self.store.find_document(notice.document.guid)
        if message is None or not _same_body(message.dispatch.recipient, notice.sender):
            return None
        return message

    async def _take(self, message: OutboundMessage, change: OutboundChange) -> None:
        now = change.evidence.at
        question = NewTask(kind=TaskKind.QUESTION, due_at=now)
        changed = await self.store.change(
            OutboundChange(
                message_id=change.message_id,
                evidence=change.evidence,
                word=change.word,
                settle=change.settle,
                on_entering=self.departures.on_entering(),
                on_contradiction=(question,),
                follow_up_at=self.departures.first_look(message, change),
            )
        )
        self.departures.moved(message, changed.message)
        self.checkpoint.reached(OutboundStep.WORD_JUDGED)


def _latest(message: OutboundMessage, network: str, name: str) -> Attempt:
    """Return the try that goes by a name: several tries with the same bytes share theirs.

    Those before the latest one surely did not get through, or it would not have been begun.
    """
    return next(
        one
        for one in reversed(message.attempts)
        if one.network == network and name in {one.transport_id, one.reference}
    )


def _same_body(recipient: Party, sender: Party) -> bool:
    """Tell whether it speaks for the recipient; networks without GUIDs name it by identifier."""
    if recipient.guid is not None and sender.guid is not None and recipient.guid == sender.guid:
        return True
    return recipient.identifier.strip() == sender.identifier.strip() != ""
