"""Gathers what the home page rests on, in one snapshot. Bounded look-ups only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from depesha.queue import outbound_statements as out
from depesha.queue import overview_statements as seen
from depesha.queue import statements as sql
from depesha.queue.journal import JOURNAL_PROOF
from depesha.queue.lane import Transaction
from depesha.queue.outbound import outbound_of
from depesha.queue.overview_lines import document_of, networks
from depesha.queue.rows import message_of, seal_of, to_moment
from depesha.schemas.codec import load_health
from depesha.schemas.message import Message, TaskKind
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.overview import (
    COUNTED_TO,
    Direction,
    Home,
    Horizon,
    Need,
    NeedCount,
    NeedItem,
    Promises,
    RegistryPulse,
    Sealing,
    Strip,
)
from depesha.schemas.overview_filing import WAITING_OUT, need_of_task
from depesha.schemas.overview_home import (
    Day,
    Pulses,
    balance_of,
    deadline,
    gates_of,
    in_order,
    networks_of,
    oldest_of,
    registry_of,
    silence,
    strip_of,
)

_OF_ENTRIES = (
    Need.HELD,
    Need.UNCLEAR,
    Need.ASKING,
    Need.DECLINED,
    Need.UNDELIVERABLE,
    Need.CONFIRM_FALLBACK,
)


def home_of(
    transaction: Transaction,
    day: Day,
    most: int,
    configured: tuple[str, ...],
    promises: Promises,
) -> Home:
    """Return the home page's facts; the disk is the caller's."""
    pulses = _pulses(transaction, day)
    tallies: dict[tuple[str, str, str], int] = {}
    for direction, network, state, count in transaction.all(
        seen.TALLIES_OF_DAY, day.first, day.end
    ):
        key = (direction, network, state)
        tallies[key] = tallies.get(key, 0) + count
    waiting = [_oldest_in(transaction, network) for network in networks(transaction, Direction.IN)]
    registry = registry_of(pulses, oldest_of(waiting))
    return Home(
        at=day.now,
        needs=in_order(_needs(transaction, day, most, promises, registry)),
        need_counts=_counts(transaction),
        strips=tuple(
            _strip(transaction, network, day, pulses) for network in networks_of(pulses, configured)
        ),
        balance=balance_of(day, pulses, tallies),
        gates=gates_of(day, pulses),
        sealing=_sealing(transaction),
        horizon=_horizon(transaction),
        registry=registry,
    )


def _pulses(transaction: Transaction, day: Day) -> Pulses:
    """Read every word's counts; words and networks are few, however many messages there are."""
    pulses = Pulses()
    at: tuple[str, str] | None = ("", "")
    while at is not None:
        found = transaction.one(seen.NEXT_PULSE, *at, at[0])
        at = None if found is None else (found[0], found[1])
        last = None if at is None else transaction.one(seen.LAST_PULSE, *at)
        if at is not None and last is not None:
            pulses.lasts[at] = to_moment(last[0])
            pulses.counts[at] = dict(transaction.all(seen.PULSES_SINCE, *at, day.earliest))
    return pulses


def _oldest_in(transaction: Transaction, network: str) -> datetime | None:
    row = transaction.one(seen.OLDEST_WAITING, network)
    return None if row is None else to_moment(row[0])


def _oldest_out(transaction: Transaction, network: str) -> datetime | None:
    found = [
        transaction.one(seen.OLDEST_ENTRY_OF, Direction.OUT, network, state)
        for state in WAITING_OUT
    ]
    return oldest_of([None if row is None else to_moment(row[0]) for row in found])


def _strip(transaction: Transaction, network: str, day: Day, pulses: Pulses) -> Strip:
    row = transaction.one(seen.HEALTH_OF, network, "")
    health = None if row is None else load_health(row[0])
    oldest = {
        Direction.IN: _oldest_in(transaction, network),
        Direction.OUT: _oldest_out(transaction, network),
    }
    return strip_of(network, day, pulses, health, oldest)


def _needs(
    transaction: Transaction, day: Day, most: int, promises: Promises, registry: RegistryPulse
) -> Iterator[NeedItem]:
    for need in _OF_ENTRIES:
        for row in transaction.all(seen.NEEDING, need, most):
            since = to_moment(row[-1])
            yield NeedItem(
                need=need,
                since=since,
                deadline=deadline(need, since, promises),
                document=document_of(transaction, row[1]),
            )
    for kind in TaskKind:
        for task_id, _kind, owner, reason, parked_at in transaction.all(
            seen.PARKED_OF_KIND, kind, most
        ):
            need, since = need_of_task(kind), to_moment(parked_at)
            yield NeedItem(
                need=need,
                since=since,
                deadline=deadline(need, since, promises),
                document=None if owner is None else _by_id(transaction, owner),
                task_id=task_id,
                task_kind=kind,
                reason=reason,
            )
    silent = silence(registry, promises, day.now)
    if silent is not None:
        yield silent


def _by_id(transaction: Transaction, message_id: str) -> Message | OutboundMessage | None:
    row = transaction.one(sql.MESSAGE, message_id)
    if row is not None:
        return message_of(row)
    row = transaction.one(out.OUTBOUND, message_id)
    return None if row is None else outbound_of(row)


def _counts(transaction: Transaction) -> tuple[NeedCount, ...]:
    counts = dict.fromkeys(Need, 0)
    for need in _OF_ENTRIES:
        found = transaction.one(seen.COUNT_NEEDING, need, COUNTED_TO)
        counts[need] = found[0] if found else 0
    for kind in TaskKind:
        found = transaction.one(seen.COUNT_PARKED_OF_KIND, kind, COUNTED_TO)
        counts[need_of_task(kind)] += found[0] if found else 0
    return tuple(
        NeedCount(need=need, count=min(count, COUNTED_TO))
        for need, count in counts.items()
        if count
    )


def _sealing(transaction: Transaction) -> Sealing:
    last = transaction.one(seen.LAST_EVIDENCE)
    proof = transaction.one(seen.PROOF, JOURNAL_PROOF)
    return Sealing(
        rows=last[0] if last else 0,
        seal=seal_of(transaction.one(sql.LAST_SEAL)),
        verified_at=None if proof is None else to_moment(proof[0]),
        verified_rows=0 if proof is None else proof[1],
    )


def _horizon(transaction: Transaction) -> Horizon:
    moments = [
        None if row is None or row[0] is None else to_moment(row[0])
        for row in (
            transaction.one(seen.OLDEST_ENTRY),
            transaction.one(seen.NEWEST_ENTRY),
            transaction.one(seen.NEXT_SHREDDING),
        )
    ]
    return Horizon(
        oldest=moments[0],
        newest=moments[1],
        database_bytes=0,
        disk_free=0,
        disk_total=0,
        next_shredding=moments[2],
    )
