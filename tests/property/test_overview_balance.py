"""Whatever comes and goes, the closing balance of each day is what the journal says."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import AsyncExitStack
from datetime import date, timedelta
from pathlib import Path

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from depesha.adapters.memory.channel import BROKEN, FAULT, REFUSED, UNREACHABLE, Planned
from depesha.adapters.memory.scanner import EICAR
from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.errors import ConflictError, WrongStateError
from depesha.gateway.labour import KINDS
from depesha.queue.opening import Memory
from depesha.queue.postgres.opening import open_postgres
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.ids import MessageId
from depesha.schemas.message import EvidenceKind, NewEvidence, Query, TaskKind
from depesha.schemas.outbound import Decision, OutboundChange, OutboundQuery, OutboundWord
from depesha.schemas.outbound_lifecycle import OutboundEvent
from depesha.schemas.outcome import Delivered
from tests.support import memory
from tests.support.balance import RealDeparting, RealHouse, balanced, shown, told_by
from tests.support.postgres import quick_server

SENDING = tuple(kind for kind in TaskKind if kind not in KINDS)
WORDS = (
    OutboundEvent.PEER_REGISTERED,
    OutboundEvent.PEER_DECLINED,
    OutboundEvent.PEER_CLOSED,
    OutboundEvent.PEER_STOPPED,
)
TRIES = st.sampled_from(
    [
        Planned(outcome=UNREACHABLE),
        Planned(outcome=FAULT),
        Planned(outcome=REFUSED),
        Planned(outcome=BROKEN, stored=True),
        Planned(outcome=BROKEN, stored=False),
        Planned(outcome=Delivered()),
    ]
)
WHICH = st.integers(0, 30)
STEPS = st.one_of(
    st.tuples(st.sampled_from(["arrive", "arrive infected", "arrive again", "work"]), WHICH),
    st.tuples(st.sampled_from(["register", "refuse", "release", "close"]), WHICH),
    st.tuples(st.sampled_from(["submit", "word", "decide", "scanner", "hours"]), WHICH),
)


class Life:
    """One house with both ways, living through steps."""

    def __init__(self, folder: Path, real: Memory, clock: HandClock, ids: CountingIds) -> None:
        self.real = real
        self.clock = clock
        self.way_in = RealHouse(folder / "in", real, clock, ids)
        self.way_out = RealDeparting(folder / "out", real, clock, ids)
        self.came = 0

    async def step(self, name: str, which: int) -> None:
        try:
            await getattr(self, name.replace(" ", "_"))(which)
        except (WrongStateError, ConflictError):
            return  # a person was too late: nothing is left behind

    async def arrive(self, _which: int) -> None:
        self.came += 1
        await self.way_in.receive(self.way_in.arrival(self.came))

    async def arrive_infected(self, _which: int) -> None:
        self.came += 1
        await self.way_in.receive(self.way_in.arrival(self.came, EICAR))

    async def arrive_again(self, which: int) -> None:
        if self.came:
            await self.way_in.receive(self.way_in.arrival(1 + which % self.came))

    async def work(self, _which: int) -> None:
        await self.way_in.work(*KINDS)
        for _ in range(60):
            claims = await self.real.tasks.claim(SENDING, 1, 60.0)
            if not claims:
                return
            await self.way_out.one(claims[0])

    async def register(self, which: int) -> None:
        number = RegistrationNumber(number=f"ВХ-{which}", date=date(2026, 3, 2))
        await self.way_in.desk.register(await self._received(which), number, "token:test")

    async def refuse(self, which: int) -> None:
        await self.way_in.desk.refuse(await self._received(which), "не е за нас", "token:test")

    async def release(self, which: int) -> None:
        await self.way_in.desk.release(await self._received(which), "прегледано", "token:test")

    async def close(self, which: int) -> None:
        message = await self._received(which)
        await self.way_in.desk.close(message, finished=which % 2 == 0, reason="", actor="token:t")

    async def submit(self, _which: int) -> None:
        await self.way_out.submit()

    async def word(self, which: int) -> None:
        """The recipient says something, in or out of place."""
        event = WORDS[which % len(WORDS)]
        message = await self._ours(which)
        row = NewEvidence(
            kind=EvidenceKind.HEARD, at=self.clock.now(), message_id=message, actor="peer:test"
        )
        word = OutboundWord(event=event)
        await self.real.outbound.change(OutboundChange(message_id=message, evidence=row, word=word))

    async def decide(self, which: int) -> None:
        decision = list(Decision)[which % len(Decision)]
        await self.way_out.desk.decide(await self._ours(which), decision, "така", "person:test")

    async def scanner(self, which: int) -> None:
        self.way_in.scanner.failure = "unavailable" if which % 2 else ""
        self.way_out.scanner.failure = self.way_in.scanner.failure

    async def hours(self, which: int) -> None:
        self.clock.advance(3600.0 * which + 61)

    async def _received(self, which: int) -> MessageId:
        messages = (await self.real.store.page(Query())).messages
        if not messages:
            raise WrongStateError("nothing came yet")
        return messages[which % len(messages)].id

    async def _ours(self, which: int) -> MessageId:
        messages = (await self.real.outbound.page(OutboundQuery())).messages
        if not messages:
            raise WrongStateError("nothing was submitted yet")
        return messages[which % len(messages)].id

    async def judge(self) -> None:
        documents = told_by(await self.real.journal.after(0, 100_000))
        start = memory.START.replace(hour=0)
        while start <= self.clock.now():
            end = start + timedelta(days=1)
            balance = (await self.real.overview.home(start)).balance
            assert shown(balance) == balanced(documents, start, end)
            assert balance.adds_up
            start = end


@settings(max_examples=max(1, settings().max_examples // 4))  # each opens a store on disk
@given(
    steps=st.lists(STEPS, max_size=40),
    scripts=st.lists(st.lists(TRIES, max_size=4), min_size=3, max_size=3),
)
def test_the_closing_balance_is_what_the_journal_says(
    steps: list[tuple[str, int]], scripts: list[list[Planned]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_lived(Path(folder), steps, scripts))


async def _lived(folder: Path, steps: list[tuple[str, int]], scripts: list[list[Planned]]) -> None:
    clock, ids = HandClock(memory.START), CountingIds()
    async with memory.opened(folder / "store", clock, ids) as real:
        life = Life(folder, real, clock, ids)
        for channel, script in zip(life.way_out.channels.values(), scripts, strict=True):
            channel.script.extend(script)
        for name, which in steps:
            await life.step(name, which)
        await life.judge()


_TOLD_AS_FOUND = (Phase.explicit, Phase.reuse, Phase.generate)


@settings(  # each makes a database
    max_examples=max(1, settings().max_examples // 20), phases=_TOLD_AS_FOUND
)
@given(
    ones=st.lists(STEPS, max_size=25),
    others=st.lists(STEPS, max_size=25),
    scripts=st.lists(st.lists(TRIES, max_size=3), min_size=3, max_size=3),
)
def test_two_gateways_on_one_database_close_the_same_balance(
    ones: list[tuple[str, int]],
    others: list[tuple[str, int]],
    scripts: list[list[Planned]],
) -> None:
    with tempfile.TemporaryDirectory() as folder, quick_server().database() as url:
        asyncio.run(_shared(Path(folder), url, (ones, others), scripts))


async def _shared(
    folder: Path,
    url: str,
    steps: tuple[list[tuple[str, int]], ...],
    scripts: list[list[Planned]],
) -> None:
    """Both live at the same time, meet the same documents, and count for themselves."""
    clock, ids = HandClock(memory.START), CountingIds()
    async with AsyncExitStack() as open_:
        lives = []
        for name in ("a", "b"):
            real = await open_postgres(
                url,
                folder / "store",
                clock=clock,
                ids=ids,
                seal_key=memory.SEAL_KEY,
                networks=memory.NETWORKS,
                gateway=name,
                careless=True,
            )
            open_.push_async_callback(real.close)
            lives.append(Life(folder / "files", real, clock, ids))
            for channel, script in zip(lives[-1].way_out.channels.values(), scripts, strict=True):
                channel.script.extend(script)
        one, two = (life.way_in for life in lives)  # they share the files
        two.originals.arrivals, two.originals.files = one.originals.arrivals, one.originals.files
        two.blobs.put_at = one.blobs.put_at
        await asyncio.gather(*(_live(one, some) for one, some in zip(lives, steps, strict=True)))
        for life in lives:
            await life.judge()
            assert await life.real.journal.verify() == len(
                await life.real.journal.after(0, 100_000)
            )


async def _live(life: Life, steps: list[tuple[str, int]]) -> None:
    for name, which in steps:
        await life.step(name, which)
