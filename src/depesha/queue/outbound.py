"""The store of documents of ours on SQLite. Every call is one function in one shared transaction.

Knows rows and keys, never why: what a change makes of a document is said in
`schemas/outbound_change.py`, which task must then be there in `schemas/outbound_owner.py`.
"""

from __future__ import annotations

from heapq import merge
from itertools import islice

from depesha.errors import ConflictError, LostLeaseError, UnknownMessageError
from depesha.ports import Clock
from depesha.queue import outbound_statements as out
from depesha.queue import statements as sql
from depesha.queue.bell import Bell
from depesha.queue.filing import Filed, file, mend, refile
from depesha.queue.lane import Database, Row, Transaction
from depesha.queue.refs import Referrer, add_refs
from depesha.queue.rows import append, to_micros, to_moment
from depesha.schemas.codec import (
    health_bytes,
    join_outbound,
    load_health,
    outbound_progress,
    outbound_submission,
    payload_bytes,
)
from depesha.schemas.ids import Guid, MessageId
from depesha.schemas.keeping import parts_of
from depesha.schemas.message import Claim, NewTask, TaskKind
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

_DOCUMENTS = "documents"
"""In the transaction's memory: documents on their way, as last written by this connection."""
_REMEMBERED = 256


class SqliteOutbound:
    """`OutboundStore` on SQLite."""

    def __init__(self, db: Database, clock: Clock, bell: Bell) -> None:
        """Use `db`; `bell` is rung when work was stored or called earlier."""
        self._db = db
        self._clock = clock
        self._bell = bell

    async def submit(self, new: NewOutbound) -> Submitted:
        """See `OutboundStore.submit`."""
        check_first(new)
        submitted = await self._db.write(lambda transaction: _submit(transaction, new))
        if not submitted.repeated:
            self._bell.ring({TaskKind.DISPATCH, *(task.kind for task in new.tasks)})
        return submitted

    async def change(self, change: OutboundChange) -> OutboundChanged:
        """See `OutboundStore.change`."""
        changed, work = await self._db.write(lambda transaction: _change(transaction, change))
        if work:
            self._bell.ring(work)
        return changed

    async def get(self, message_id: MessageId) -> OutboundMessage:
        """See `OutboundStore.get`."""
        return await self._db.read(lambda transaction: _get(transaction, message_id)[0])

    async def find_document(self, document: Guid) -> OutboundMessage | None:
        """See `OutboundStore.find_document`."""
        row = await self._db.read(lambda t: t.one(out.OUTBOUND_OF_DOCUMENT, document))
        return None if row is None else outbound_of(row)

    async def find_attempt(self, network: str, name: str) -> OutboundMessage | None:
        """See `OutboundStore.find_attempt`; of several with one name, the latest."""
        return await self._db.read(lambda transaction: _by_attempt(transaction, network, name))

    async def page(self, query: OutboundQuery) -> OutboundPage:
        """See `OutboundStore.page`."""
        return await self._db.read(lambda transaction: _page(transaction, query))

    async def health(self) -> tuple[ChannelHealth, ...]:
        """See `OutboundStore.health`."""
        rows = await self._db.read(lambda transaction: transaction.all(out.ALL_HEALTH))
        return tuple(load_health(row[0]) for row in rows)


def outbound_of(row: Row) -> OutboundMessage:
    """Read a row of the document statements."""
    return join_outbound(row[1], row[2])


def find_outbound(transaction: Transaction, message_id: str) -> OutboundMessage | None:
    """Return a document of ours, or None."""
    row = transaction.one(out.OUTBOUND, message_id)
    return None if row is None else outbound_of(row)


def _get(transaction: Transaction, message_id: str) -> tuple[OutboundMessage, int]:
    """Return a document and its row number."""
    row = transaction.one(out.OUTBOUND, message_id)
    if row is None:
        raise UnknownMessageError("there is no such document")
    return outbound_of(row), row[-1]


def _standing(transaction: Transaction, message_id: str) -> tuple[OutboundMessage, int]:
    """Return a document as it stands; what was just written need not be read and parsed again."""
    known: dict[str, tuple[OutboundMessage, int]] = transaction.memory.get(_DOCUMENTS, {})
    found = known.pop(message_id, None)
    return _get(transaction, message_id) if found is None else found


def _remember(transaction: Transaction, message: OutboundMessage, row: int) -> None:
    """Keep a document for its next step; those that took none for the longest are let go."""
    known = transaction.memory.setdefault(_DOCUMENTS, {})
    known.pop(message.id, None)
    known[message.id] = (message, row)
    if len(known) > _REMEMBERED:
        del known[next(iter(known))]


def forget_document(transaction: Transaction, message_id: str) -> None:
    """Have a document read again for its next step: somebody else wrote its rows."""
    transaction.memory.get(_DOCUMENTS, {}).pop(message_id, None)


def _submit(transaction: Transaction, new: NewOutbound) -> Submitted:
    message = new.message
    dispatch = message.dispatch
    # The key last: a document that another gateway stores between the two looks has its key then.
    taken = transaction.one(out.DOCUMENT_TAKEN, dispatch.document.guid)
    earlier = transaction.one(out.SUBMITTED_UNDER, message.actor, dispatch.idempotency_key)
    if earlier is not None:
        if earlier[1] != new.request:
            raise ConflictError("this idempotency key was used for another request")
        return Submitted(message=_get(transaction, earlier[0])[0], repeated=True)
    if taken is not None:
        raise ConflictError("this document was submitted before, under another key")
    transaction.run(
        out.ADD_OUTBOUND,
        message.id,
        message.state,
        to_micros(dispatch.submitted_at),
        to_micros(message.changed_at),
        dispatch.document.guid,
        dispatch.recipient.identifier,
        message.actor,
        dispatch.idempotency_key,
        new.request,
        outbound_progress(message),
    )
    row = transaction.last_row()
    transaction.put(out.ADD_SUBMISSION, row, outbound_submission(message))
    add_refs(transaction, parts_of(message), Referrer.OUTBOUND, row)
    file(transaction, Filed.document(row), message, new.evidence.at)
    mend(transaction, dispatch.corrects)
    first = Applied(message=message, hearing=None, evidence=new.evidence, tasks=new.tasks)
    _tasks(transaction, None, first, None)
    append(transaction, new.evidence)
    _remember(transaction, message, row)
    return Submitted(message=message, repeated=False)


def _change(
    transaction: Transaction, change: OutboundChange
) -> tuple[OutboundChanged, set[TaskKind]]:
    """Make one step; return with it for which kinds of work somebody may have to wake up."""
    before, row = _standing(transaction, change.message_id)
    if change.claim is not None:
        _end(transaction, change.claim, change)
    applied = apply_outbound(before, change)
    after = applied.message
    transaction.put(
        out.MOVE_OUTBOUND, after.state, to_micros(after.changed_at), outbound_progress(after), row
    )
    _tries(transaction, row, before, after)
    refile(transaction, Filed.document(row), before, after)
    add_refs(transaction, parts_of(after) - parts_of(before), Referrer.OUTBOUND, row)
    work = _tasks(transaction, before.state, applied, change)
    for one in change.health:
        transaction.put(out.KEEP_HEALTH, one.network, one.peer, health_bytes(one))
    append(transaction, applied.evidence)
    _remember(transaction, after, row)
    if change.claim is not None and change.ending is Ending.LATER:
        work.add(change.claim.kind)
    return OutboundChanged(message=after, hearing=applied.hearing), work


def _end(transaction: Transaction, claim: Claim, change: OutboundChange) -> None:
    """Do with the leased task what the change asks for; a lease that is lost undoes everything."""
    task, lease = claim.task_id, claim.lease
    match change.ending:
        case Ending.KEPT:
            held = transaction.one(sql.HELD_TASK, task, lease) is not None
        case Ending.DONE:
            held = transaction.run(sql.REMOVE_TASK, task, lease) > 0
        case Ending.LATER:
            due, untried = to_micros(due_later(change)), int(not change.tried)
            held = transaction.run(sql.DEFER_TASK, due, untried, task, lease) > 0
        case Ending.PARKED:
            at = to_micros(change.evidence.at)
            held = transaction.run(sql.PARK_TASK, at, change.park_reason, task, lease) > 0
    if not held:
        raise LostLeaseError("the lease of this task has passed to another worker")


def _tries(
    transaction: Transaction, row: int, before: OutboundMessage, after: OutboundMessage
) -> None:
    """Keep the names by which the networks know the tries."""
    for number, one in enumerate(after.attempts):
        if number >= len(before.attempts):
            if transaction.one(out.ATTEMPT_TAKEN, one.id) is not None:
                raise ConflictError("another document has a try with this id")
            names = (one.network, one.transport_id, one.reference)
            transaction.run(out.ADD_ATTEMPT, one.id, row, *names)
        elif one.reference != before.attempts[number].reference:
            transaction.put(out.NAME_ATTEMPT, one.reference, one.id)


def _tasks(
    transaction: Transaction,
    before: OutboundState | None,
    applied: Applied,
    change: OutboundChange | None,
) -> set[TaskKind]:
    """Store the work a step causes and see to its owner; return the kinds of what is new."""
    message, at = applied.message, applied.evidence.at
    own = {_add_task(transaction, message.id, task, to_micros(at)) for task in applied.tasks}
    if change is not None and change.claim is not None:
        own.add(change.claim.task_id)
    found = [
        OwningTask(
            task_id=row[0],
            kind=TaskKind(row[1]),
            due_at=to_moment(row[2]),
            leased=bool(row[3]),
            parked=bool(row[4]),
            own=row[0] in own,
        )
        for kind in OWNING
        for row in transaction.all(sql.TASKS_OF_OUTBOUND, message.id, kind)
    ]
    wished = None if change is None else owner_due(change, message.state)
    needed = upkeep(before, message.state, found, at, wished)
    for task_id in needed.remove:
        transaction.put(sql.DROP_TASK, task_id)
    for task_id, due in needed.due:
        transaction.put(sql.TAKE_BACK_TASK, to_micros(due), task_id)
    for task in needed.add:
        _add_task(transaction, message.id, task, to_micros(at))
    new = {task.kind for task in (*applied.tasks, *needed.add)}
    return new | set(OWNING) if needed.due else new


def _add_task(transaction: Transaction, message_id: MessageId, task: NewTask, at: int) -> int:
    """Store one task; return its id."""
    payload = payload_bytes(task.payload)
    due = to_micros(task.due_at)
    transaction.run(sql.ADD_OUTBOUND_TASK, message_id, task.kind, due, at, payload)
    return transaction.last_row()


def _by_attempt(transaction: Transaction, network: str, name: str) -> OutboundMessage | None:
    found = transaction.one(out.BY_TRANSPORT, name, network) or transaction.one(
        out.BY_REFERENCE, name, network
    )
    row = None if found is None else transaction.one(out.OUTBOUND_OF_ROW, found[0])
    return None if row is None else outbound_of(row)


def _page(transaction: Transaction, query: OutboundQuery) -> OutboundPage:
    limit = query.limit + 1
    if query.states:
        parts: list[list[Row]] = [
            transaction.all(out.PAGE_OF_OUTBOUND_STATE, state, query.after, limit)
            for state in dict.fromkeys(query.states)
        ]
        rows = list(islice(merge(*parts, key=lambda row: row[0]), limit))
    else:
        rows = transaction.all(out.PAGE_OF_OUTBOUND, query.after, limit)
    messages = tuple(outbound_of(row) for row in rows[: query.limit])
    more = len(rows) == limit and messages
    return OutboundPage(messages=messages, next=messages[-1].id if more else "")
