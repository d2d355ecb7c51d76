"""What follows from a step of a document of ours: whom to tell, when to look for an answer.

Pure but for the observer: no step can forget its follow-up, for every commit goes through here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.gateway.signals import on_circuits, signal_tasks
from depesha.schemas.lasting import ended
from depesha.schemas.message import NewTask, TaskKind
from depesha.schemas.outbound_events import DISPATCH_EVENTS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from depesha.gateway.breakers import Breakers, Taught
    from depesha.gateway.calendar import WorkingCalendar
    from depesha.gateway.followup import FollowUpPolicy
    from depesha.ports import Clock, Observer, Webhooks
    from depesha.schemas.outbound import OutboundChange, OutboundMessage, Settlement, Signal
    from depesha.schemas.outbound_lifecycle import OutboundState


@dataclass(frozen=True, slots=True, kw_only=True)
class Departures:
    """Makes the tasks that a step brings with it, as this installation is set up."""

    webhooks: Webhooks
    breakers: Breakers
    policy: FollowUpPolicy
    calendar: WorkingCalendar
    clock: Clock
    observer: Observer

    def on_entering(self) -> Mapping[OutboundState, tuple[NewTask, ...]]:
        """Return the webhooks' work for every state that a change may lead to."""
        now = self.clock.now()
        return {
            state: tuple(
                NewTask(
                    kind=TaskKind.WEBHOOK, due_at=now, payload={"listener": name, "event": event}
                )
                for name in names
            )
            for state, event in DISPATCH_EVENTS.items()
            if (names := self.webhooks.listeners(event))
        }

    def first_look(self, message: OutboundMessage, change: OutboundChange) -> datetime:
        """When an answer is late, counted from this step in working time (LAT-03)."""
        attempt = message.attempt(change.settle.attempt) if change.settle is not None else None
        network = message.network if attempt is None else attempt.network
        thresholds = self.policy.of(network, message.dispatch.recipient.identifier)
        return self.calendar.add(change.evidence.at, thresholds.late)

    def signal(self, signal: Signal | None) -> tuple[NewTask, ...]:
        """Return the work of telling a network's operator one thing."""
        return () if signal is None else signal_tasks(signal, self.webhooks)

    def heard(self, network: str, peer: str, now: datetime, settled: Settlement) -> Taught:
        """Let the breakers learn from the end of a try, or from an answer about it."""
        return self.breakers.heard(network, peer, now, settled)

    def circuits(self, taught: Taught, now: datetime) -> tuple[NewTask, ...]:
        """Return the work of telling which circuits opened or closed."""
        for one in (*taught.opened, *taught.closed):
            if not one.peer:
                self.observer.circuit(one.network, str(one.circuit))
        return tuple(t for s in on_circuits(taught, now) for t in self.signal(s))

    def moved(self, before: OutboundMessage, after: OutboundMessage) -> None:
        """Tell the observer of a step that was committed."""
        if after.state is not before.state:
            self.observer.moved(after.id, after.network, str(after.state))
        for stage, seconds in ended(before, after):
            self.observer.lasted(after.network, stage, seconds)
