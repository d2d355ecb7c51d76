"""What the sender says held against what the recipient has. Pure.

Three kinds of wrong: lost (it is not there and should be), doubled (it is there twice, or was sent
twice without asking), untrue (the sender says what is not so).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.simulators.bodies import ISDS

if TYPE_CHECKING:
    from tests.truth.books import Books
    from tests.truth.table import Row

_S = OutboundState
SAYS_THERE = frozenset(
    {_S.ACCEPTED, _S.DELIVERED, _S.REGISTERED, _S.DECLINED, _S.STOPPED, _S.CLOSED}
)
SAYS_NOT_THERE = frozenset({_S.DEFERRED, _S.REFUSED, _S.UNDELIVERABLE, _S.RETURNED})
"""All other states say nothing of where it is: nothing has left, or nobody knows."""
_SENDABLE_AFTER = frozenset({"DEFERRED", "REFUSED", "ABSENT"})
THROUGH = frozenset({"ACCEPTED", "DELIVERED"})


def judge_moment(row: Row, when: str, before: Books, state: OutboundState, after: Books) -> None:
    """Judge the sender's word of one moment; the books were read before and after it."""
    if state in SAYS_NOT_THERE and before.there:
        row.untrue += 1
        row.faults.append(f"{when} it says {state}, and the recipient has {before.shown()}")
    if state in SAYS_THERE and not after.there:
        row.untrue += 1
        row.faults.append(f"{when} it says {state}, and nobody has it")


def judge_end(
    row: Row, view: Mapping[str, Any], books: Books, *, there: bool, network_repeats: bool
) -> None:
    """Judge how it ended; `there`: the document had to come to the recipient.

    `network_repeats`: the fault was that a network itself made two of one.
    """
    state = OutboundState(view["state"])
    row.says, row.has = str(state), books.shown()
    judge_moment(row, "at the end", books, state, books)
    if there and books.registry == 0:
        row.lost += 1
        row.faults.append("it was lost")
    if not there and books.there:
        row.doubled += 1
        row.faults.append("it is there and should not be")
    twice = max(books.registry if books.has_gateway else 0, books.gateway)
    if not network_repeats:
        twice = max(twice, books.ssev, books.isds, books.letters)
    if twice > 1:
        row.doubled += 1
        row.faults.append(f"it is there {twice} times: {books.shown()}")
    _judge_number(row, view, books, state)
    _judge_tries(row, view)


def judge_roads(
    row: Row, books: Books, *, early: bool, expected: tuple[str, ...], repeats: bool
) -> None:
    """Judge how often it was sent; `early`: it was there when the first try had ended.

    The same road twice is right only where the recipient itself had said that it has nothing.
    """
    absent = any(one.endswith("asked absent") for one in row.way)
    if early and absent:
        row.untrue += 1
        row.faults.append("the record says that it was asked about and absent, and it was there")
    ways = {*books.roads}
    if len(ways) > 1 and not ways <= {*expected}:
        row.doubled += 1
        row.faults.append(f"it came by {len(ways)} roads: {books.shown()}")
    elif _again(books) and not absent and not repeats:
        row.doubled += 1
        row.faults.append(f"it was sent again without asking: {books.shown()}")


def _again(books: Books) -> set[str]:
    """Return the roads by which it came more than once.

    What lies in ISDS once was sent once, however often its recipient fetched it (after a death).
    """
    roads = {road for road in books.roads if books.roads.count(road) > 1}
    return roads - {ISDS} if books.isds == 1 else roads


def _judge_number(row: Row, view: Mapping[str, Any], books: Books, state: OutboundState) -> None:
    number = view["number"]["number"] if view["number"] else ""
    if state is _S.REGISTERED and {number} != books.given:
        row.untrue += 1
        row.faults.append(f"it says the number {number}, and {books.given} was given")
    if number and not books.given:
        row.untrue += 1
        row.faults.append(f"it says the number {number}, and nobody gave one")


def _judge_tries(row: Row, view: Mapping[str, Any]) -> None:
    """No try begins while an earlier one may have got through; one got through at most."""
    outcomes = [one["outcome"] for one in view["attempts"]]
    for number, outcome in enumerate(outcomes[:-1], 1):
        if outcome not in _SENDABLE_AFTER:
            row.doubled += 1
            row.faults.append(f"try {number} is {outcome}, and another one followed")
    if sum(outcome in THROUGH for outcome in outcomes) > 1:
        row.untrue += 1
        row.faults.append(f"the record shows more than one delivery: {outcomes}")
