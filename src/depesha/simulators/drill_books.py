"""What lies where when the drill is over, and the judging of one side's books against the other's.

Looks at every place where a document may lie; the judging is pure, so that planted faults can be
judged as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from depesha.simulators.bodies import EMAIL, SSEV, Body
from depesha.simulators.country import Country
from depesha.simulators.drill_office import DrillOffice, Letter

_MARK: Final = re.compile(r"\[DPS ([0-9a-f-]{36})\]")
_MAIL: Final = re.compile(rb"(?im)^Message-ID: <([0-9a-f-]{36})\.")
_THERE: Final = frozenset({"DELIVERED", "ACCEPTED", "REGISTERED"})
STILL: Final = frozenset({"PARKED", "UNDELIVERABLE", "RETURNED"})
"""States that need a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What lies at the recipient of one document."""

    copies: int
    """However it came; one is right."""
    numbers: frozenset[str] = frozenset()
    """Given by a registry behind a gateway."""


@dataclass(slots=True, kw_only=True)
class Judgement:
    """What does not agree, in words; empty where everything does."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Nothing is wrong."""
        return not (self.lost or self.doubled or self.untrue)


def judge(
    letters: Iterable[Letter],
    told: Mapping[str, list[dict[str, Any]]],
    found: Mapping[str, Found],
) -> Judgement:
    """Compare what the senders say with what lies at the recipients."""
    made = Judgement()
    for letter in letters:
        says, there = told.get(letter.guid, []), found.get(letter.guid, Found(copies=0))
        name = f"{letter.number} for {letter.recipient.folder}, {letter.stage}"
        if len(says) > 1 or there.copies > 1 or len(there.numbers) > 1:
            made.doubled.append(f"{name}: {there.copies} copies, numbers {sorted(there.numbers)}")
        if not says or not there.copies:
            state = says[0]["state"] if says else "nothing"
            made.lost.append(f"{name}: {there.copies} copies; its sender says {state}")
            continue
        made.untrue += _untrue(name, says[0], there)
    return made


def _untrue(name: str, says: dict[str, Any], there: Found) -> Iterable[str]:
    state = str(says["state"])
    number = says["number"]["number"] if says["number"] else ""
    if there.numbers and (state != "REGISTERED" or number not in there.numbers):
        yield f"{name}: its sender says {state} {number!r}; there it is {sorted(there.numbers)}"
    elif state not in _THERE:
        yield f"{name}: it is there, and its sender says {state}"


class Books:
    """Looks at all places of a country."""

    def __init__(self, country: Country, lost: DrillOffice, other: DrillOffice) -> None:
        """`lost` is the registry whose gateway loses its store."""
        self._country = country
        self._lost = lost
        self._other = other

    async def told(self) -> dict[str, list[dict[str, Any]]]:
        """Return what both senders say of their documents."""
        return await self._lost.told() | await self._other.told()

    async def found(self) -> dict[str, Found]:
        """Return what lies at the recipients of all documents."""
        return {
            letter.guid: await self._one(letter)
            for office in (self._lost, self._other)
            for letter in office.letters
        }

    async def _one(self, letter: Letter) -> Found:
        """Count copies. The gateway that lost its store may know one document by two names."""
        guid, body = letter.guid, letter.recipient
        beside = self._in_mail(body, guid) + self._in_portal(body, guid)
        if body == self._lost.body:
            numbers = self._lost.book.get(guid, {})
            return Found(copies=min(1, len(numbers)), numbers=frozenset(numbers.values()))
        if body == self._other.body:
            numbers = self._other.book.get(guid, {})
            by_seos = len(numbers) - beside if beside <= len(numbers) else 0
            copies = beside + by_seos + await self._other.repeats(guid)
            return Found(copies=copies, numbers=frozenset(numbers.values()))
        return Found(copies=beside + self._in_seos(body, guid))

    def _in_seos(self, body: Body, guid: str) -> int:
        peer = self._country.peers.get(body.folder)
        return 0 if peer is None else int(guid in peer.books.received)

    def _in_portal(self, body: Body, guid: str) -> int:
        profile = self._country.ssev.profiles.get(body.folder) if SSEV in body.networks else None
        if profile is None:
            return 0
        marks = (
            _MARK.search(message.subject)
            for message, _ in self._country.ssev.simulator.state.inbox(profile)
        )
        return sum(mark is not None and mark[1] == guid for mark in marks)

    def _in_mail(self, body: Body, guid: str) -> int:
        place = self._country.mail.bodies.get(body.folder) if EMAIL in body.networks else None
        if place is None:
            return 0
        letters = (_MAIL.search(m.content.partition(b"\r\n\r\n")[0]) for m in place.box.mails)
        return sum(one is not None and one[1].decode() == guid for one in letters)
