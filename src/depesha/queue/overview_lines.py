"""Lists of documents of both directions, by their standing or by words. Bounded look-ups only.

Where conditions are met by one index, pages are full; where they sieve what another index finds,
only so many rows are looked at, and the page says where to go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from itertools import islice

from depesha.errors import UnknownMessageError
from depesha.queue import outbound_statements as out
from depesha.queue import overview_statements as seen
from depesha.queue import statements as sql
from depesha.queue.filing import TEXTS
from depesha.queue.lane import Row, Transaction
from depesha.queue.outbound import outbound_of
from depesha.queue.rows import message_of, to_moment
from depesha.schemas.ids import Guid
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Message
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.overview import Direction, DocumentState, Line, LineQuery, Lines, Need
from depesha.schemas.overview_terms import asked, is_beginning

SIEVED = 1000
"""Rows looked at for one page where conditions sieve."""
TEXTS_AT_ONCE = 2000
"""Places in the index of words read at once; an entry has up to eight."""
_END = 2**58
_STATES: dict[Direction, tuple[DocumentState, ...]] = {
    Direction.IN: tuple(InboundState),
    Direction.OUT: tuple(OutboundState),
}
_GUID_DIGITS = 32


def document_of(transaction: Transaction, owner: int) -> Message | OutboundMessage:
    """Return the document an entry belongs to."""
    statement = out.OUTBOUND_OF_ROW if owner % 2 else sql.MESSAGE_OF_ROW
    row = transaction.one(statement, owner // 2)
    if row is None:
        raise UnknownMessageError("there is no such message")
    return outbound_of(row) if owner % 2 else message_of(row)


def lines_of(transaction: Transaction, query: LineQuery) -> Lines:
    """Return a page."""
    below = int(query.after) if query.after.isdecimal() else _END
    if query.words.strip():
        wanted = asked(query.words)
        found = _by_words(transaction, wanted, below) if wanted else iter(())
    elif query.peer:
        found = iter(transaction.all(seen.ENTRIES_OF_PEER, query.peer, below, SIEVED + 1))
    elif query.states or query.networks or query.direction is not None:
        found = _by_standing(transaction, query, below)
    else:
        found = iter(transaction.all(seen.ENTRIES, below, query.limit + 1))
    kept, after = _sieve(found, query)
    return Lines(lines=tuple(_line(transaction, row) for row in kept), next=after)


def _sieve(found: Iterator[Row], query: LineQuery) -> tuple[list[Row], str]:
    """Return the rows of the page, and where the next one goes on."""
    kept: list[Row] = []
    last = 0
    for count, row in enumerate(found):
        if len(kept) == query.limit or count == SIEVED:
            return kept, str(last)
        last = row[0]
        if _fits(row, query):
            kept.append(row)
    return kept, ""


def _fits(row: Row, query: LineQuery) -> bool:
    _row, _owner, direction, _at, _need, _mended, state, network = row[:8]
    return (
        (query.direction is None or direction == query.direction)
        and (not query.networks or network in query.networks)
        and (not query.states or state in query.states)
    )


def _by_standing(transaction: Transaction, query: LineQuery, below: int) -> Iterator[Row]:
    """Merge one short list for each direction, network and state that is asked for."""
    limit = query.limit + 1
    parts = [
        transaction.all(seen.ENTRIES_OF, direction, network, state, below, limit)
        for direction in (Direction if query.direction is None else (query.direction,))
        for network in query.networks or networks(transaction, direction)
        for state in _states(direction, query)
    ]
    return islice(merge(*parts, key=lambda row: -row[0]), limit)


def _states(direction: Direction, query: LineQuery) -> tuple[DocumentState, ...]:
    """Return the states asked for that documents of this direction can have.

    Some words name a state of both; without a direction, both are meant.
    """
    if not query.states:
        return _STATES[direction]
    return tuple(state for state in _STATES[direction] if state in query.states)


def networks(transaction: Transaction, direction: Direction) -> tuple[str, ...]:
    """Return the networks documents of a direction went by; each costs one look-up."""
    found: list[str] = []
    row = transaction.one(seen.NEXT_NETWORK, direction, "")
    if transaction.one(seen.NETWORK_THERE, direction, "") is not None:
        found.append("")
    while row is not None:
        found.append(row[0])
        row = transaction.one(seen.NEXT_NETWORK, direction, row[0])
    return tuple(found)


def _by_words(transaction: Transaction, wanted: tuple[str, ...], below: int) -> Iterator[Row]:
    """Yield entries, newest first: those the index finds, and tries known by their transport id."""
    tried = sorted(_by_try(transaction, wanted, below), key=lambda row: -row[0])
    pairs = merge(tried, _indexed(transaction, wanted, below), key=lambda row: -row[0])
    last = 0
    for row in pairs:
        if row[0] != last:
            yield row
        last = row[0]


def _indexed(transaction: Transaction, wanted: tuple[str, ...], below: int) -> Iterator[Row]:
    match = " AND ".join(f'"{one}" *' if is_beginning(one) else f'"{one}"' for one in wanted)
    last, text, more = 0, below * TEXTS, True
    while more:
        found = transaction.all(seen.FOUND_WORDS, match, text, TEXTS_AT_ONCE)
        more = len(found) == TEXTS_AT_ONCE
        for (text,) in found:
            row = None if text // TEXTS == last else transaction.one(seen.ENTRY, text // TEXTS)
            last = text // TEXTS
            if row is not None:
                yield row


def _by_try(transaction: Transaction, wanted: tuple[str, ...], below: int) -> list[Row]:
    """Return documents of ours that the one GUID asked for is a transport id of."""
    if len(wanted) != 1 or len(wanted[0]) != _GUID_DIGITS:
        return []
    one = wanted[0]
    guid = Guid(f"{one[:8]}-{one[8:12]}-{one[12:16]}-{one[16:20]}-{one[20:]}")
    owners = [row[0] * 2 + 1 for row in transaction.all(seen.BY_TRANSPORT_ANY, guid)]
    rows = [transaction.one(seen.ENTRY_OF_OWNER, owner) for owner in dict.fromkeys(owners)]
    return [row for row in rows if row is not None and row[0] < below]


def _line(transaction: Transaction, row: Row) -> Line:
    _row, owner, direction, at, need, mended = row[:6]
    return Line(
        direction=Direction(direction),
        stored_at=to_moment(at),
        need=None if need is None or mended else Need(need),
        document=document_of(transaction, owner),
    )
