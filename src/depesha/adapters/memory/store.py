"""`MessageStore` in memory. As honest as the real one about states, identities and leases."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from depesha.adapters.memory.state import MemoryState
from depesha.errors import ConflictError, UnknownMessageError, WrongStateError
from depesha.ports import Clock
from depesha.schemas.change import apply, first
from depesha.schemas.facts import Arrival, Known
from depesha.schemas.identity import (
    document_range,
    held_keys,
    identities,
    is_numbered,
    known_as,
    may_share,
)
from depesha.schemas.ids import Guid, MessageId
from depesha.schemas.lifecycle import FIRST_STATES, InboundEvent, InboundState
from depesha.schemas.message import (
    Change,
    Counts,
    Message,
    NewMessage,
    Page,
    Query,
    Stored,
)
from depesha.schemas.outbound_owner import LEAVING


class MemoryStore:
    """`MessageStore` over a `MemoryState`."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def admit(self, new: NewMessage) -> Stored | Known:
        """See `MessageStore.admit`."""
        if new.state not in FIRST_STATES:
            raise WrongStateError("a message cannot be stored first in this state")
        message = first(replace(new, arrival=replace(new.arrival, scans=())))
        keys = held_keys(message)
        if taken := [known for known in self._holders(keys) if not may_share(known, new)]:
            return taken[0]
        self._state.messages[new.id] = message
        self._state.file(message, new.evidence.at)
        for key in keys:
            self._state.identities.setdefault(key, new.id)
        self._state.add_tasks(new.id, new.tasks, new.evidence.at)
        self._state.append(new.evidence)
        return Stored(message_id=new.id)

    async def change(self, change: Change) -> Message:
        """See `MessageStore.change`."""
        state = self._state
        before = self._get(change.message_id)
        task = None if change.completes is None else state.held(change.completes)
        after = apply(before, change)
        if change.event is InboundEvent.CHECKED_PASSED and any(
            state.identities.get(key, after.id) != after.id for key in held_keys(after)
        ):
            raise ConflictError("another message took the same identity meanwhile")
        if task is not None:
            del state.tasks[task.task_id]
        state.messages[after.id] = after
        state.refile(after)
        for key in set(held_keys(before)) - set(held_keys(after)):
            if state.identities.get(key) == after.id:
                del state.identities[key]
        for key in held_keys(after):
            state.identities.setdefault(key, after.id)
        state.add_tasks(after.id, change.tasks, change.evidence.at)
        state.append(change.evidence)
        return after

    async def known(self, arrival: Arrival) -> tuple[Known, ...]:
        """See `MessageStore.known`."""
        return tuple(self._holders(identities(arrival)))

    async def find_document(self, network: str, sender: Guid, document: Guid) -> Message | None:
        """See `MessageStore.find_document`."""
        low, high = document_range(document)
        ids = sorted({i for key, i in self._state.identities.items() if low <= key < high})
        for message in (self._state.messages[i] for i in ids):
            envelope = message.envelope
            if message.network == network and envelope and envelope.sender.guid == sender:
                return message
        return None

    async def get(self, message_id: MessageId) -> Message:
        """See `MessageStore.get`."""
        return self._get(message_id)

    async def page(self, query: Query) -> Page:
        """See `MessageStore.page`."""
        found = [
            message
            for message_id, message in sorted(self._state.messages.items())
            if message_id > query.after and (not query.states or message.state in query.states)
        ]
        messages = tuple(found[: query.limit])
        more = len(found) > len(messages) and messages
        return Page(messages=messages, next=messages[-1].id if more else "")

    async def counts(self) -> Counts:
        """See `MessageStore.counts`."""
        now = self._clock.now()
        messages = [message for _id, message in sorted(self._state.messages.items())]
        tasks = self._state.tasks.values()
        due = [task.due_at for task in tasks if not task.parked_at and task.due_at <= now]
        documents = self._state.outbound.values()
        leaving = [d.dispatch.submitted_at for d in documents if d.state in LEAVING]
        waiting = [m.received_at for m in messages if m.state is InboundState.ADMITTED]
        return Counts(
            by_state=dict(Counter(str(message.state) for message in messages)),
            oldest_waiting=waiting[0] if waiting else None,
            tasks_due=len(due),
            oldest_due=min(due, default=None),
            parked=sum(1 for task in tasks if task.parked_at),
            outbound_by_state=dict(Counter(str(document.state) for document in documents)),
            oldest_outbound=min(leaving, default=None),
        )

    def _get(self, message_id: MessageId) -> Message:
        try:
            return self._state.messages[message_id]
        except KeyError:
            raise UnknownMessageError("there is no such message") from None

    def _holders(self, keys: tuple[str, ...]) -> list[Known]:
        found: list[Known] = []
        for key in keys:
            holder = self._state.identities.get(key)
            if holder is None:
                continue
            arrival = self._state.messages[holder].arrival
            found.append(
                known_as(
                    holder,
                    key,
                    arrival.original,
                    arrival.envelope.document.guid if arrival.envelope else "",
                    numbered=is_numbered(arrival),
                )
            )
        return found
