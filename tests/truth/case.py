"""One case: a document, a fault around it, and at each moment the sender held to the truth."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum, auto

from depesha.errors import DepeshaError
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.outbound import Decision
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.simulators.bodies import SEOS, Body
from tests.truth.judging import THROUGH, judge_end, judge_moment, judge_roads
from tests.truth.stand import HANDED_OVER, PAUSE, SETTLED, B, Letter, Stand
from tests.truth.table import Row

_S = OutboundState
PATIENCE = 25.0
LATE = 1.5
Act = Callable[[Stand], Awaitable[None]]
After = Callable[[Stand, Letter], Awaitable[None]]


async def nothing(_: Stand) -> None:
    """Do nothing."""


async def no_more(_: Stand, __: Letter) -> None:
    """Do nothing afterwards."""


class End(Enum):
    """How a case must end."""

    NUMBERED = auto()
    """One copy there, and its number back here."""
    HANDED_OVER = auto()
    """One copy there; nobody answers."""
    NOWHERE = auto()
    """No copy, and the sender says so."""


_FINAL = {
    End.NUMBERED: frozenset({_S.REGISTERED}),
    End.HANDED_OVER: HANDED_OVER,
    End.NOWHERE: frozenset({_S.UNDELIVERABLE, _S.RETURNED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Run it once; everything it breaks it mends."""

    channel: str
    fault: str
    begin: Act = nothing
    """Before the document is submitted."""
    end: Act = nothing
    """Once the first try has ended in whatever way."""
    ends_late: bool = False
    """The fault lasts until a while after the recipient gave its number."""
    awaits: str = ""
    """What A must have gone through before `end`, such as `ssev unclear`; empty: one try."""
    lasts: float = 0.0
    """No end of a try is awaited: the fault lasts for so many seconds."""
    goes: str = ""
    """What A must go through after `end`, before the recipient answers."""
    then: Act = nothing
    """After that."""
    sound: Act = nothing
    """At the very last: nothing may stay broken."""
    by: str = ""
    """The network that must have brought it; empty: any of them."""
    roads: tuple[str, ...] = ()
    """Networks by which it must really have come to B's gateway."""
    deaths: int = 0
    """Of the sender or the recipient, without which the row proves nothing."""
    channels: tuple[str, ...] = (SEOS,)
    recipient: Body = B
    size: int = 4096
    content: bytes | None = None
    ends: End = End.NUMBERED
    silent: bool = False
    """The sender need not notice the fault: a clean way is no sign that it was not met."""
    network_repeats: bool = False
    misled: bool = False
    """Before the end the sender's word is not judged: the other side itself said what is not so."""
    person: Decision | None = None
    """It is parked, for the network cannot tell; this is what a person finds out and decides."""
    person_sees: OutboundState = _S.PARKED
    """The state in which the document lies before that person."""
    after: After = no_more
    """Once it was numbered."""
    note: str = ""

    async def run(self, stand: Stand) -> Row:
        """Run it and return its row; whatever breaks is a fault of the row."""
        row, begun = Row(channel=self.channel, fault=self.fault, note=self.note), stand.deaths
        started = stand.clock.monotonic()
        letter = stand.letter(
            *self.channels, recipient=self.recipient, size=self.size, content=self.content
        )
        stand.office.held.add(letter.guid)
        try:
            await self._through(stand, row, letter)
        except (DepeshaError, TimeoutError, KeyError) as error:
            row.faults.append(f"the case broke: {error!r}")
            await self.end(stand)
        finally:
            await self.sound(stand)
            stand.office.held.discard(letter.guid)
        row.deaths = stand.deaths - begun
        row.struck = row.struck and row.deaths >= self.deaths
        row.seconds = stand.clock.monotonic() - started
        return row

    async def _through(self, stand: Stand, row: Row, letter: Letter) -> None:
        await self.begin(stand)
        await stand.submit(letter)
        if self.lasts:
            await stand.clock.sleep(self.lasts)
        else:
            await stand.went(letter.id, self.awaits, PATIENCE)
        early = await self._glimpse(stand, row, letter, "under the fault")
        if not self.ends_late:
            await self.end(stand)
        if self.person is not None:
            await self._decided(stand, row, letter, self.person)
        if self.goes:
            await stand.went(letter.id, self.goes, PATIENCE)
        known = HANDED_OVER | (SETTLED - {_S.PARKED})
        await stand.reaches(letter.id, known, PATIENCE)
        await self._glimpse(stand, row, letter, "after it")
        await self._arrived(stand, letter)
        await self.then(stand)
        await self._answered(stand, letter)
        if self.ends_late:
            await stand.clock.sleep(LATE)
            await self._glimpse(stand, row, letter, "while its number cannot come")
            await self.end(stand)
        await stand.reaches(letter.id, _FINAL[self.ends], PATIENCE)
        await self.after(stand, letter)
        await self._judge(stand, row, letter, early=early)

    async def _judge(self, stand: Stand, row: Row, letter: Letter, *, early: bool) -> None:
        view, books = await stand.show(letter.id), await stand.books(letter)
        row.way = await stand.way(letter.id)
        there = self.ends is not End.NOWHERE
        judge_end(row, view, books, there=there, network_repeats=self.network_repeats)
        judge_roads(row, books, early=early, expected=self.roads, repeats=self.network_repeats)
        if view["state"] not in _FINAL[self.ends]:
            row.untrue += 1
            row.faults.append(f"it says {view['state']} instead of {self.ends.name}")
        through = [one["network"] for one in view["attempts"] if one["outcome"] in THROUGH]
        if self.by and through != [self.by]:
            row.faults.append(f"the record says it went by {through}")
        tries = [one for one in row.way if " heard " not in one]
        noticed = self.silent or len(tries) > 1 or not there
        row.struck = noticed and {*self.roads} <= {*books.roads}

    async def _glimpse(self, stand: Stand, row: Row, letter: Letter, when: str) -> bool:
        """Judge the present word; return whether anything of the document is there."""
        before = await stand.books(letter)
        state = await stand.state(letter.id)
        if not self.misled:
            judge_moment(row, when, before, state, await stand.books(letter))
        return before.there

    async def _decided(self, stand: Stand, row: Row, letter: Letter, person: Decision) -> None:
        state = await stand.reaches(letter.id, {self.person_sees}, PATIENCE)
        if state is not self.person_sees:
            row.untrue += 1
            row.faults.append(f"it says {state}, though nobody can tell")
        await stand.decide(letter.id, person)
        row.note = f"{row.note}; a person says {person}".removeprefix("; ")

    async def _arrived(self, stand: Stand, letter: Letter) -> None:
        """Wait until it really came by every road that the case is about."""
        until = stand.clock.monotonic() + PATIENCE
        while not {*self.roads} <= {*(await stand.books(letter)).roads}:
            if stand.clock.monotonic() > until:
                return  # the row will say so
            await stand.clock.sleep(PAUSE)

    async def _answered(self, stand: Stand, letter: Letter) -> None:
        """Let the recipient give its number, and tell it."""
        stand.office.held.discard(letter.guid)
        peer = stand.country.peers.get(self.recipient.folder)
        if peer is not None and letter.guid in peer.books.received:
            day = stand.clock.now().date()
            number = RegistrationNumber(number=f"ВХ-{letter.guid[:6]}", date=day)
            await peer.register(letter.guid, number)
