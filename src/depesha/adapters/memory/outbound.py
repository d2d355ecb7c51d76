"""`OutboundStore` in memory. As honest as the real one about keys, tries, leases and owners."""

from __future__ import annotations

from datetime import datetime

from depesha.adapters.memory.state import MemoryState, Task
from depesha.errors import ConflictError, UnknownMessageError
from depesha.ports import Clock
from depesha.schemas.ids import Guid, MessageId
from depesha.schemas.outbound import (
    Ending,
    NewOutbound,
    OutboundChange,
    OutboundChanged,
    OutboundMessage,
    OutboundPage,
    OutboundQuery,
    Submitted,
)
from depesha.schemas.outbound_change import Applied, apply_outbound, check_first, due_later
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.outbound_owner import OWNING, OwningTask, owner_due, upkeep
from depesha.schemas.route import ChannelHealth


class MemoryOutbound:
    """`OutboundStore` over a `MemoryState`."""

    def __init__(self, state: MemoryState, clock: Clock) -> None:
        self._state = state
        self._clock = clock

    async def submit(self, new: NewOutbound) -> Submitted:
        """See `OutboundStore.submit`."""
        check_first(new)
        message, state = new.message, self._state
        key = (message.actor, message.dispatch.idempotency_key)
        earlier = state.submissions.get(key)
        if earlier is not None:
            if earlier[1] != new.request:
                raise ConflictError("this idempotency key was used for another request")
            return Submitted(message=state.outbound[earlier[0]], repeated=True)
        if await self.find_document(message.dispatch.document.guid) is not None:
            raise ConflictError("this document was submitted before, under another key")
        state.outbound[message.id] = message
        state.submissions[key] = (message.id, new.request)
        state.file(message, new.evidence.at)
        first = Applied(message=message, hearing=None, evidence=new.evidence, tasks=new.tasks)
        self._tasks(None, first, None)
        state.append(new.evidence)
        return Submitted(message=message, repeated=False)

    async def change(self, change: OutboundChange) -> OutboundChanged:
        """See `OutboundStore.change`."""
        state = self._state
        before = self._get(change.message_id)
        task = None if change.claim is None else state.held(change.claim)
        later = due_later(change) if task is not None and change.ending is Ending.LATER else None
        applied = apply_outbound(before, change)
        others = {one.id for other in self._others(before) for one in other.attempts}
        if any(one.id in others for one in applied.message.attempts):
            raise ConflictError("another document has a try with this id")
        if task is not None:
            self._end(task, change, later)
        state.outbound[before.id] = applied.message
        state.refile(applied.message)
        self._tasks(before.state, applied, change)
        for one in change.health:
            state.health[one.network, one.peer] = one
        state.append(applied.evidence)
        return OutboundChanged(message=applied.message, hearing=applied.hearing)

    async def get(self, message_id: MessageId) -> OutboundMessage:
        """See `OutboundStore.get`."""
        return self._get(message_id)

    async def find_document(self, document: Guid) -> OutboundMessage | None:
        """See `OutboundStore.find_document`."""
        documents = self._state.outbound.values()
        return next((d for d in documents if d.dispatch.document.guid == document), None)

    async def find_attempt(self, network: str, name: str) -> OutboundMessage | None:
        """See `OutboundStore.find_attempt`."""
        tries = [
            (one, document)
            for document in self._state.outbound.values()
            for one in document.attempts
            if one.network == network and name
        ]
        tries.sort(key=lambda pair: pair[0].intended_at)
        found = [d for one, d in tries if one.transport_id == name]
        found = found or [d for one, d in tries if one.reference == name]
        return found[-1] if found else None

    async def page(self, query: OutboundQuery) -> OutboundPage:
        """See `OutboundStore.page`."""
        found = [
            message
            for message_id, message in sorted(self._state.outbound.items())
            if message_id > query.after and (not query.states or message.state in query.states)
        ]
        messages = tuple(found[: query.limit])
        more = len(found) > len(messages) and messages
        return OutboundPage(messages=messages, next=messages[-1].id if more else "")

    async def health(self) -> tuple[ChannelHealth, ...]:
        """See `OutboundStore.health`."""
        return tuple(one for _key, one in sorted(self._state.health.items()))

    def _get(self, message_id: MessageId) -> OutboundMessage:
        try:
            return self._state.outbound[message_id]
        except KeyError:
            raise UnknownMessageError("there is no such document") from None

    def _others(self, message: OutboundMessage) -> list[OutboundMessage]:
        return [one for one in self._state.outbound.values() if one.id != message.id]

    def _end(self, task: Task, change: OutboundChange, later: datetime | None) -> None:
        """Do with the leased task what the change asks for."""
        match change.ending:
            case Ending.KEPT:
                return
            case Ending.DONE:
                del self._state.tasks[task.task_id]
            case Ending.LATER:
                task.due_at, task.lease = later or task.due_at, ""
                task.attempts -= int(not change.tried)
                self._state.ring()
            case Ending.PARKED:
                task.parked_at, task.lease = change.evidence.at, ""
                task.reason = change.park_reason

    def _tasks(
        self, before: OutboundState | None, applied: Applied, change: OutboundChange | None
    ) -> None:
        """Store the work a step causes and see to its owner."""
        message, at = applied.message, applied.evidence.at
        last = self._state.last_task
        self._state.add_tasks(message.id, applied.tasks, at)
        own = set(range(last + 1, self._state.last_task + 1))
        if change is not None and change.claim is not None:
            own.add(change.claim.task_id)
        found = [
            _owning(task, own)
            for task in self._state.tasks.values()
            if task.message_id == message.id and task.kind in OWNING
        ]
        wished = None if change is None else owner_due(change, message.state)
        needed = upkeep(before, message.state, found, at, wished)
        for task_id in needed.remove:
            del self._state.tasks[task_id]
        for task_id, due in needed.due:
            task = self._state.tasks[task_id]
            task.due_at, task.lease = due, ""
            self._state.ring()
        self._state.add_tasks(message.id, needed.add, at)


def _owning(task: Task, own: set[int]) -> OwningTask:
    return OwningTask(
        task_id=task.task_id,
        kind=task.kind,
        due_at=task.due_at,
        leased=bool(task.lease),
        parked=task.parked_at is not None,
        own=task.task_id in own,
    )
