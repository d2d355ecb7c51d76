"""Commits the steps of a document of ours, each with all that follows from it. Decides nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from depesha.schemas.message import NewEvidence

if TYPE_CHECKING:
    from depesha.gateway.departures import Departures
    from depesha.ports import Clock, OutboundStore
    from depesha.schemas.message import EvidenceKind
    from depesha.schemas.outbound import OutboundChange, OutboundMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Committing:
    """The one way by which the gateway itself changes a document on its way."""

    store: OutboundStore
    departures: Departures
    clock: Clock

    async def commit(
        self, before: OutboundMessage, change: OutboundChange, *, awaiting: bool = False
    ) -> OutboundMessage:
        """Commit a step; `awaiting`: it may lead to a state in which an answer is awaited."""
        complete = replace(
            change,
            on_entering=self.departures.on_entering(),
            follow_up_at=self.departures.first_look(before, change) if awaiting else None,
        )
        changed = await self.store.change(complete)
        self.departures.moved(before, changed.message)
        return changed.message

    def evidence(
        self, message: OutboundMessage, kind: EvidenceKind, **facts: str | int | list[str]
    ) -> NewEvidence:
        """Return a row of the journal about something the gateway did."""
        return NewEvidence(
            kind=kind,
            at=self.clock.now(),
            message_id=message.id,
            actor="gateway",
            facts=dict(facts),
        )
