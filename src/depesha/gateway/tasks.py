"""Which work follows from which step: pure, so that no step can forget its follow-up (law 8)."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from depesha.schemas.answer import DocumentStatus
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Message, NewTask, TaskKind

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from depesha.ports import Webhooks
    from depesha.schemas.ids import Guid

QUARANTINE_AFTER = timedelta(minutes=3)
"""Rest before refused bytes are sealed: the same bytes may be on their way in once more, and no
check may take that long."""

EVENTS = {
    InboundState.ADMITTED: "message.admitted",
    InboundState.HELD: "message.held",
    InboundState.REJECTED: "message.rejected",
    InboundState.REGISTERED: "message.registered",
    InboundState.ACKNOWLEDGED: "message.acknowledged",
    InboundState.REFUSED: "message.refused",
    InboundState.REFUSAL_ACKNOWLEDGED: "message.refusal_acknowledged",
    InboundState.CLOSED: "message.closed",
    InboundState.STOPPED: "message.stopped",
}
"""Names of the events that webhooks may ask for."""
STATES = {event: state for state, event in EVENTS.items()}
"""The state that each event tells of."""


class FollowUps:
    """Makes the tasks that a state brings with it, as this installation is set up."""

    def __init__(self, *, webhooks: Webhooks, builtin_registry: bool) -> None:
        self._webhooks = webhooks
        self._builtin = builtin_registry

    def on_entering(
        self, state: InboundState, now: datetime, *, retry: bool
    ) -> tuple[NewTask, ...]:
        """Tasks for a message that enters `state`; `retry`: a hold that may end by itself."""
        tasks = [
            NewTask(kind=TaskKind.WEBHOOK, due_at=now, payload={"listener": name, "event": event})
            for event in (EVENTS[state],)
            for name in self._webhooks.listeners(event)
        ]
        if state is InboundState.ADMITTED and self._builtin:
            tasks.append(NewTask(kind=TaskKind.REGISTER, due_at=now))
        if state is InboundState.HELD and retry:
            tasks.append(NewTask(kind=TaskKind.RECHECK, due_at=now, payload={"tries": "0"}))
        if state is InboundState.REJECTED:
            tasks.append(NewTask(kind=TaskKind.QUARANTINE, due_at=now + QUARANTINE_AFTER))
        return tuple(tasks)


def documents_of(message: Message) -> tuple[Guid, ...]:
    """Every document GUID under which the sender knows this message."""
    envelope = message.envelope
    if envelope is None:
        return ()
    return (envelope.document.guid, *message.other_documents)


def notices(
    documents: Iterable[Guid], status: DocumentStatus, now: datetime
) -> tuple[NewTask, ...]:
    """One notice for each document GUID under which the sender knows the message."""
    return tuple(
        NewTask(kind=TaskKind.NOTICE, due_at=now, payload={"status": status, "document": document})
        for document in documents
    )
