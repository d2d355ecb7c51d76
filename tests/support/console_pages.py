"""The console's content pages over doubles, with documents in many states to be looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
from aiohttp.test_utils import TestServer

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.desk import MemoryDesk
from depesha.adapters.memory.journal import MemoryJournal
from depesha.adapters.memory.notebook import MemoryNotebook
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.outbound import MemoryOutbound
from depesha.adapters.memory.outbox import MemoryOutbox
from depesha.adapters.memory.overview import MemoryOverview
from depesha.adapters.memory.people import MemoryAccounts, MemorySessions
from depesha.adapters.memory.quarantine import MemoryQuarantine
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.store import MemoryStore
from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.adapters.memory.tasks import MemoryTasks
from depesha.adapters.system import SystemIds, WorkerThreads
from depesha.app.console import ConsoleParts, People, World, build_console, console_parts
from depesha.config import Settings, load
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.pages.parts import PageParts
from depesha.monitoring.console.pages.routes import routes
from depesha.schemas.dispatch import AttemptOutcome, Dispatch
from depesha.schemas.envelope import Party
from depesha.schemas.facts import Arrival
from depesha.schemas.ids import MessageId
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Claim, EvidenceKind, NewTask, TaskKind
from depesha.schemas.outbound_lifecycle import OutboundEvent
from depesha.schemas.people import Role
from depesha.schemas.route import ChannelHealth, Circuit, RouteExplanation, RouteLine
from depesha.schemas.surroundings import Surroundings
from tests.support.console import BASE, CHEAP, Browser, Office
from tests.support.memory import (
    NETWORKS,
    SEAL_KEY,
    START,
    arrival,
    evidence,
    id_of,
    new_message,
    registration,
)
from tests.support.outbound_memory import begun, ended, move, new_outbound, out_id, said, signed

WIRE = b"<answer><script>alert(1)</script></answer>"


@dataclass(frozen=True)
class Inside:
    """What other pages may be made of."""

    settings: Settings
    kept: People
    world: World
    console: ConsoleParts
    parts: PageParts
    state: MemoryState


@dataclass
class House:
    """A console with its pages, and the doubles behind it."""

    office: Office
    parts: PageParts
    state: MemoryState
    store: MemoryStore
    outbound: MemoryOutbound
    tasks: MemoryTasks
    blobs: MemoryBlobs
    desk: MemoryDesk
    around: list[Surroundings] = field(default_factory=list)
    """The last one is what stands around the store now."""

    async def visitor(self, *roles: Role, login: str = "") -> Browser:
        """Return a browser that is logged in."""
        name = login or "-".join(sorted(roles))[:40]
        await self.office.add(name, *roles)
        browser = Browser(self.office)
        assert (await browser.log_in(name)).location == "/"
        return browser

    async def admit(
        self,
        number: int,
        state: InboundState = InboundState.ADMITTED,
        arrived: Arrival | None = None,
        tasks: tuple[NewTask, ...] = (),
    ) -> MessageId:
        """Store a received message whose bytes are kept."""
        came = arrived or arrival(number)
        original = self.blobs.put(b"<original>" + str(number).encode() + b"</original>")
        came = replace(came, original=original)
        new = new_message(number, state=state, arrived=came, tasks=tasks, wire=WIRE)
        facts = {**new.evidence.facts, "network": came.network, "checks": ["malware:passed"]}
        await self.store.admit(replace(new, evidence=replace(new.evidence, facts=facts)))
        return id_of(number)

    async def park(self, number: int, reason: str) -> int:
        """Give a message's work to a person; return the task."""
        claim: Claim = (await self.tasks.claim([TaskKind.NOTICE], 1, 60))[0]
        await self.tasks.park(claim, reason, evidence(number, EvidenceKind.PARKED))
        return claim.task_id


def explained(dispatch: Dispatch, language: str) -> RouteExplanation:
    """Stand in for the gateway's explanation."""
    line = RouteLine(
        network="seos",
        rank=1,
        taken=True,
        verdict="verdict",
        reasons=(f"reason {dispatch.subject}",),
        remedies=("remedy",),
        facts=("fact",),
    )
    return RouteExplanation(language=language, step="the step", lines=(line,))


@asynccontextmanager
async def house(
    folder: Path,
    *,
    port: int | None = None,
    clock: HandClock | None = None,
    more: Callable[[Inside], Sequence[Route]] = lambda _inside: (),
) -> AsyncIterator[House]:
    """Open the console with its pages, and those of `more`, on a real socket."""
    file = folder / "depesha.toml"
    file.write_text(BASE, encoding="utf-8")
    settings, clock, state = load(file), clock or HandClock(START), MemoryState()
    observer, threads = RecordingObserver(), WorkerThreads(4)
    journal = MemoryJournal(state, clock, SEAL_KEY)
    kept = People(accounts=MemoryAccounts(state), sessions=MemorySessions(state), journal=journal)
    blobs, tasks = MemoryBlobs(folder / "blobs", clock), MemoryTasks(state, clock, CountingIds())
    quarantine = MemoryQuarantine(state, blobs, clock)
    desk = MemoryDesk(state, clock, observer)
    around = [Surroundings()]
    async with aiohttp.ClientSession() as client:
        world = World(
            clock=clock, ids=SystemIds(), threads=threads, observer=observer, session=client
        )
        made = await console_parts(settings, kept, world, cost=CHEAP)
        parts = PageParts(
            pages=made.pages,
            reasons=made.reasons,
            overview=MemoryOverview(state, clock, quarantine=quarantine, networks=NETWORKS),
            desk=desk,
            outbox=MemoryOutbox(
                state=state,
                clock=clock,
                ids=CountingIds(),
                observer=observer,
                judge=lambda _dispatch, _contents: (),
                explained=explained,
            ),
            journal=journal,
            parked=tasks,
            blobs=blobs,
            changes=tasks,
            clock=clock,
            threads=threads,
            zone=ZoneInfo("Europe/Sofia"),
            own=Party(identifier="000000001", name="Община Пример"),
            contact="тел. 00 000 000",
            notebook=MemoryNotebook(state),
            surroundings=lambda: around[-1],
        )
        inside = Inside(settings, kept, world, made, parts, state)
        table = (*routes(parts), *more(inside))
        console = build_console(settings, kept, world, made, table)
        server = TestServer(console.application(), port=port)
        await server.start_server()
        try:
            yield House(
                office=Office(
                    console=console,
                    parts=made,
                    kept=kept,
                    world=world,
                    clock=clock,
                    state=state,
                    observer=observer,
                    server=server,
                    settings=settings,
                ),
                parts=parts,
                state=state,
                store=MemoryStore(state, clock),
                outbound=MemoryOutbound(state, clock),
                tasks=tasks,
                blobs=blobs,
                desk=desk,
                around=around,
            )
        finally:
            parts.stopping.set()
            await server.close()
            await threads.close()


async def busy(here: House) -> None:
    """Fill the house: all kinds of needs, a fallback, a closed breaker and an open one."""
    await here.admit(1, InboundState.HELD)
    await here.admit(2)
    await here.admit(3, InboundState.REJECTED)
    await here.admit(4)
    await here.store.change(registration(4, "ВХ-4"))
    task = NewTask(kind=TaskKind.NOTICE, due_at=START, payload={})
    await here.admit(5, tasks=(task,))
    await here.park(5, "Агенция Образец, тел. 00 111 222")
    out = here.outbound
    for number in range(1, 7):
        await out.submit(new_outbound(number))
        await out.change(signed(number))
        await out.change(begun(number, facts={"network": "seos"}))
    await out.change(ended(1, AttemptOutcome.REFUSED, wire=WIRE, facts={"outcome": "refused"}))
    await out.change(
        begun(1, 2, "ssev", facts={"network": "ssev", "plan": ["send:ssev", "seos:NOT_DUE"]})
    )
    await out.change(
        ended(1, AttemptOutcome.DELIVERED, 2, facts={"network": "ssev", "outcome": "delivered"})
    )
    await out.change(ended(2, AttemptOutcome.UNCLEAR))
    await out.change(move(2, OutboundEvent.GIVEN_UP_ASKING))
    await out.change(ended(3, AttemptOutcome.DELIVERED))
    await out.change(said(3, OutboundEvent.PEER_DECLINED, reason="Не е за нас"))
    await out.change(ended(4, AttemptOutcome.UNCLEAR))
    await out.change(ended(5, AttemptOutcome.ACCEPTED))
    here.state.health["seos", ""] = ChannelHealth(
        network="seos",
        circuit=Circuit.OPEN,
        last_code="UNREACHABLE",
        probe_at=START + timedelta(minutes=5),
    )


__all__ = ["WIRE", "House", "busy", "house", "out_id"]
