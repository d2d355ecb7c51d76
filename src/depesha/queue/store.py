"""The message store on SQLite. Every call is one function in one shared transaction.

Knows rows and keys, never why: what a change makes of a message is said in `schemas/change.py`,
what a repeat is in `schemas/identity.py`.
"""

from __future__ import annotations

from heapq import merge
from itertools import islice

from depesha.errors import ConflictError, LostLeaseError, UnknownMessageError, WrongStateError
from depesha.ports import Clock
from depesha.queue import outbound_statements as out
from depesha.queue import statements as sql
from depesha.queue.bell import Bell
from depesha.queue.filing import Filed, file, refile
from depesha.queue.lane import Database, Row, Transaction, Value
from depesha.queue.refs import Referrer, add_refs, drop_refs
from depesha.queue.rows import add_tasks, append, message_of, to_micros, to_moment
from depesha.schemas.change import apply, first
from depesha.schemas.codec import arrival_bytes, checks_bytes
from depesha.schemas.facts import Arrival, Known
from depesha.schemas.identity import (
    document_range,
    held_keys,
    identities,
    is_numbered,
    known_as,
    may_share,
)
from depesha.schemas.ids import Digest, Guid, MessageId
from depesha.schemas.keeping import files_of
from depesha.schemas.lifecycle import FIRST_STATES, InboundEvent, InboundState
from depesha.schemas.message import (
    Change,
    Claim,
    Counts,
    Message,
    NewMessage,
    Page,
    Query,
    Stored,
    TaskKind,
)
from depesha.schemas.outbound_owner import LEAVING

_CLAIMS = {1: sql.CLAIM_1, 2: sql.CLAIM_2, 3: sql.CLAIM_3}


class _TakenError(Exception):
    """An identity is held already: undoes the admission and carries the holder out."""

    def __init__(self, known: Known) -> None:
        super().__init__("identity taken")
        self.known = known


class SqliteStore:
    """`MessageStore` on SQLite."""

    def __init__(self, db: Database, clock: Clock, bell: Bell) -> None:
        """Use `db`; `bell` is rung when tasks were stored."""
        self._db = db
        self._clock = clock
        self._bell = bell

    async def admit(self, new: NewMessage) -> Stored | Known:
        """See `MessageStore.admit`."""
        if new.state not in FIRST_STATES:
            raise WrongStateError("a message cannot be stored first in this state")
        try:
            await self._db.write(lambda transaction: _admit(transaction, new))
        except _TakenError as taken:
            return taken.known
        if new.tasks:
            self._bell.ring({task.kind for task in new.tasks})
        return Stored(message_id=new.id)

    async def change(self, change: Change) -> Message:
        """See `MessageStore.change`."""
        message = await self._db.write(lambda transaction: _change(transaction, change))
        if change.tasks:
            self._bell.ring({task.kind for task in change.tasks})
        return message

    async def known(self, arrival: Arrival) -> tuple[Known, ...]:
        """See `MessageStore.known`; then content."""
        keys = identities(arrival)
        return await self._db.read(lambda transaction: _known(transaction, keys)) if keys else ()

    async def find_document(self, network: str, sender: Guid, document: Guid) -> Message | None:
        """See `MessageStore.find_document`."""
        low, high = document_range(document)

        def find(transaction: Transaction) -> Message | None:
            row = transaction.one(sql.HOLDERS_OF_DOCUMENT, low, high, network, sender)
            return None if row is None else _get(transaction, row[0])[0]

        return await self._db.read(find)

    async def get(self, message_id: MessageId) -> Message:
        """See `MessageStore.get`."""
        return await self._db.read(lambda transaction: _get(transaction, message_id)[0])

    async def page(self, query: Query) -> Page:
        """See `MessageStore.page`."""
        return await self._db.read(lambda transaction: _page(transaction, query))

    async def counts(self) -> Counts:
        """See `MessageStore.counts`; `oldest_waiting` is the oldest in the registry's inbox."""
        now = to_micros(self._clock.now())
        return await self._db.read(lambda transaction: _counts(transaction, now))


def _admit(transaction: Transaction, new: NewMessage) -> None:
    arrival = new.arrival
    transaction.run(
        sql.ADD_MESSAGE,
        new.id,
        arrival.network,
        new.state,
        to_micros(arrival.received_at),
        to_micros(new.evidence.at),
        *_columns(arrival),
        checks_bytes(new.checks),
        arrival_bytes(arrival),
    )
    row = transaction.last_row()
    if new.state is not InboundState.REJECTED and (keys := identities(arrival)):
        for known in _claim(transaction, keys, row):
            if not may_share(known, new):
                raise _TakenError(known)
    message = first(new)
    add_refs(transaction, files_of(message), Referrer.MESSAGE, row)
    file(transaction, Filed.message(row), message, new.evidence.at)
    add_tasks(transaction, new.id, new.tasks, new.evidence.at)
    append(transaction, new.evidence)


def _claim(transaction: Transaction, keys: tuple[str, ...], row: int) -> list[Known]:
    """Take the identities for a new row; return who holds those that are held already.

    What another gateway lets go between the two looks is held by nobody: then once more.
    """
    values = [value for key in keys for value in (key, row)]
    if transaction.run(_CLAIMS[len(keys)], *values) == len(keys):
        return []
    while len(holders := _holders(transaction, keys)) < len(keys):
        for key in keys:
            transaction.run(sql.CLAIM_1, key, row)
    return [known for known, holder in holders if holder != row]


def _columns(arrival: Arrival) -> tuple[Value, ...]:
    """What is looked up without reading the arrival: original, sender, document, numbered."""
    envelope = arrival.envelope
    if envelope is None:
        return (arrival.original, None, None, 0)
    sender, document = envelope.sender.guid, envelope.document.guid
    return (arrival.original, sender, document, int(is_numbered(arrival)))


def _holders(transaction: Transaction, keys: tuple[str, ...]) -> list[tuple[Known, int]]:
    """Return what holds each key, in the order of the keys, with its row."""
    found = ((key, transaction.one(sql.HOLDER, key)) for key in keys)
    return [
        (
            known_as(row[0], key, Digest(row[1]), row[2] or "", numbered=bool(row[3])),
            row[4],
        )
        for key, row in found
        if row is not None
    ]


def _known(transaction: Transaction, keys: tuple[str, ...]) -> tuple[Known, ...]:
    return tuple(known for known, _row in _holders(transaction, keys))


def _get(transaction: Transaction, message_id: str) -> tuple[Message, int]:
    """Return a message and its row number."""
    row = transaction.one(sql.MESSAGE, message_id)
    if row is None:
        raise UnknownMessageError("there is no such message")
    return message_of(row), row[-1]


def _change(transaction: Transaction, change: Change) -> Message:
    before, row = _get(transaction, change.message_id)
    if change.completes is not None:
        complete(transaction, change.completes)
    after = apply(before, change)
    if after is not before:
        _write(transaction, row, before, after, change.event)
        refile(transaction, Filed.message(row), before, after)
    add_tasks(transaction, change.message_id, change.tasks, change.evidence.at)
    append(transaction, change.evidence)
    return after


def complete(transaction: Transaction, claim: Claim) -> None:
    """Remove a leased task; raise `LostLeaseError` where its lease is no longer the row's."""
    if not transaction.run(sql.REMOVE_TASK, claim.task_id, claim.lease):
        raise LostLeaseError("the lease of this task has passed to another worker")


def _write(
    transaction: Transaction,
    row: int,
    before: Message,
    after: Message,
    event: InboundEvent | None,
) -> None:
    number = after.number
    transaction.put(
        sql.MOVE,
        after.state,
        to_micros(after.changed_at),
        None if number is None else number.number,
        None if number is None else number.date.isoformat(),
        None if after.registered_at is None else to_micros(after.registered_at),
        None if after.acknowledged_at is None else to_micros(after.acknowledged_at),
        after.reason,
        " ".join(after.other_documents),
        row,
    )
    if after.checks is not before.checks or after.arrival is not before.arrival:
        checks, arrival = checks_bytes(after.checks), arrival_bytes(after.arrival)
        transaction.put(sql.RECHECK, *_columns(after.arrival), checks, arrival, row)
    files_before, files_after = files_of(before), files_of(after)
    drop_refs(transaction, files_before - files_after, Referrer.MESSAGE, row)
    add_refs(transaction, files_after - files_before, Referrer.MESSAGE, row)
    held, wanted = held_keys(before), held_keys(after)
    for key in held:
        if key not in wanted:
            transaction.put(sql.RELEASE_IDENTITY, key, row)
    for key in wanted:
        if key in held or transaction.run(sql.CLAIM_1, key, row):
            continue
        if event is InboundEvent.CHECKED_PASSED:
            raise ConflictError("another message took the same identity meanwhile")


def _page(transaction: Transaction, query: Query) -> Page:
    limit = query.limit + 1
    if query.states:
        parts: list[list[Row]] = [
            transaction.all(sql.PAGE_OF_STATE, state, query.after, limit)
            for state in dict.fromkeys(query.states)
        ]
        rows = list(islice(merge(*parts, key=lambda row: row[0]), limit))
    else:
        rows = transaction.all(sql.PAGE, query.after, limit)
    messages = tuple(message_of(row) for row in rows[: query.limit])
    return Page(messages=messages, next=messages[-1].id if len(rows) == limit and messages else "")


def _counts(transaction: Transaction, now: int) -> Counts:
    waiting = transaction.one(sql.OLDEST_OF_STATE, InboundState.ADMITTED)
    due = [transaction.one(sql.COUNT_DUE, kind, now) for kind in TaskKind]
    firsts = [transaction.one(sql.NEXT_DUE, kind) for kind in TaskKind]
    oldest = min((row[0] for row in firsts if row and row[0] is not None), default=None)
    parked = transaction.one(sql.COUNT_PARKED)
    leaving = [transaction.one(out.OLDEST_OUTBOUND, state) for state in LEAVING]
    return Counts(
        by_state=dict(transaction.all(sql.TALLIES)),
        oldest_waiting=to_moment(waiting[0]) if waiting else None,
        tasks_due=sum(row[0] for row in due if row),
        oldest_due=to_moment(oldest) if oldest is not None and oldest <= now else None,
        parked=parked[0] if parked else 0,
        outbound_by_state=dict(transaction.all(out.OUTBOUND_TALLIES)),
        oldest_outbound=to_moment(min(since)) if (since := [r[0] for r in leaving if r]) else None,
    )
