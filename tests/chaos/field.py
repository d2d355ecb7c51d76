"""The field of a run: the stand with all its people, from the first document to the comparison."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Final, Self

from depesha.errors import DepeshaError
from depesha.schemas.pack import verify_pack
from depesha.simulators.bodies import BRYAG, ISDS, IZVOR, SSEV, VRAH
from depesha.simulators.registry import RegistryClient
from tests.chaos.books import Books, Judgement, judge, received_by, sent_by, without_gateways
from tests.chaos.boxes import Boxes, judge_boxes, read_boxes
from tests.chaos.lands import LANDS
from tests.chaos.plan import Lot, Plan
from tests.chaos.staff import Clerks, PeerOffice, read_portal
from tests.chaos.watch import Watch, without_owner
from tests.chaos.weather import Weather
from tests.crash.ending import judge_log, judge_memory
from tests.crash.office import Office
from tests.truth.faults import isds_sound
from tests.truth.keeper import ended
from tests.truth.stand import Stand

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from tests.crash.audit import Ledger

TRIES: Final = [0.5, 1.0, 2.0, *([3.0] * 600)]
"""Waits that are never used up within a run: half an hour of a peer that is away."""
SETTINGS: Final[dict[str, dict[str, object]]] = {
    "retry": {"notice": TRIES, "jitter": 0.0},
    "outbound": {"patience_seconds": 1.0, "look_again_seconds": 1.0, "workers": 8},
    "outbound.retry": {
        "seos": TRIES,
        "ssev": TRIES,
        "isds": TRIES,
        "email": TRIES,
        "faults": TRIES,
        "questions": TRIES,
    },
    "outbound.breaker": {
        "failures": 3,
        "peers": 2,
        "rest_seconds": 1.0,
        "rest_longest_seconds": 2.0,
        "probe_seconds": 5.0,
    },
    "networks.isds": {"connections": 4, "answer_seconds": 5.0, "transfer_seconds": 10.0},
    "networks.email.mailbox": {"command_seconds": 5.0},
    # Late answers are asked after within seconds, day and night.
    "follow_up": {"late_hours": 0.01, "again_hours": 0.01, "unclear": 99, "waiting": 99},
    "calendar": {"country": "", "weekdays": list(range(7)), "hours": [["00:00", "23:59"]]},
    "seal": {"every_seconds": 1.0},
}
PROGRESS: Final = 10.0
PATIENCE: Final = 300.0
"""Seconds after the last fault until everything must be settled."""
SAMPLE: Final = 30
"""Documents whose evidence is verified at both sides."""


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What is to be told of a run."""

    plan: Plan
    books: Books
    judgement: Judgement
    boxes: Boxes
    """Of ISDS; empty where the land has none."""
    faults: list[str]
    calls: Counter[str]
    befell: Counter[str]
    deaths: Counter[str]
    packs: int = 0
    journals: str = ""

    @property
    def good(self) -> bool:
        """Nothing is wrong."""
        return self.judgement.good and not self.faults


class Field:
    """`async with Field(plan, folder, say) as field`, then `play` once."""

    settings: Mapping[str, Mapping[str, object]] = SETTINGS
    own_settings: Mapping[str, Mapping[str, Mapping[str, object]]] = {}
    """Of single gateways, by the body's folder."""
    ledgers: Mapping[str, Ledger] | None = None
    """Where they do not lie in the gateways' folders."""
    may_end = False
    """Whether gateways may end by themselves: where disks are filled."""
    patience = PATIENCE

    def __init__(self, plan: Plan, folder: Path, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.land = LANDS[plan.land]
        self.folder = folder
        self.say = say
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        try:
            await self._open()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def _open(self) -> None:
        land = self.land
        sender, recipient = land.pair
        stand = Stand(
            self.folder,
            pair=land.pair,
            networks=land.networks,
            acting=land.acting,
            settings=self.settings,
            own_settings=self.own_settings,
            ledgers=self.ledgers,
        )
        self.stand = await self._stack.enter_async_context(stand)
        country = stand.country
        index = Office(
            stand.a.gateway.registry_api, country.tokens[sender.folder], stand.clock, "А"
        )
        self._stack.push_async_callback(index.client.close_session)
        self.offices = {sender.folder: index, recipient.folder: stand.office}
        for document in self.plan.documents:
            office = self.offices.get(document.recipient)
            if office is not None and document.lot is Lot.DECLINED:
                office.refuses[document.guid] = f"не е за нас, {document.number}"
            if office is not None and document.cut:
                office.cuts[document.guid] = document.cut
        self.watch = Watch(stand.ledgers)
        self.peers = {
            p.folder: PeerOffice(country.peers[p.folder], p.folder, stand.clock)
            for p in land.acting
        }
        self._work(index.work(), self.watch.work(), *(one.work() for one in self.peers.values()))
        if SSEV in land.networks:
            self._work(read_portal(country, (IZVOR, VRAH, BRYAG)))
        if ISDS in land.networks:
            await isds_sound(stand)
        self.clients = {
            body.folder: RegistryClient(
                country.gateways[body.folder].registry_api, country.tokens[body.folder]
            )
            for body in land.pair
        }
        for client in self.clients.values():
            self._stack.push_async_callback(client.close_session)
        self.weather = Weather(stand, self.plan.events)
        self._stack.push_async_callback(self.weather.stop)
        self.say(f"{land.name} stands")

    def _work(self, *works: Coroutine[Any, Any, None]) -> None:
        for work in works:
            self._stack.push_async_callback(ended, asyncio.create_task(work))

    async def play(self) -> Outcome:
        """Hand everything in under all the faults, wait, compare."""
        clerks = Clerks(self.clients, self.stand.clock, self.weather.handed_in, self.unfinished)
        progress = asyncio.create_task(self._progress(clerks))
        try:
            await clerks.work(self.plan.documents)
            self.say("everything is handed in")
            await self.weather.over()
            await self.calm()
            self.say("the faults have ended")
            await self._stand_up()
            faults = await self._settle()
            await self._stand_up()  # one may have died by the last order of all
        finally:
            await ended(progress)
        for office in self.offices.values():
            clerks.calls["cut at the recipient's registry"] += len(office.cut)
            clerks.calls["repeated by the recipient's registry"] += office.repeats
        books = await self._books(clerks)
        boxes = await self._boxes()
        judgement = judge(self.plan.documents, books)
        judge_boxes(boxes, books, judgement)
        packs = await self._packs(faults)
        await self._rest()
        faults += clerks.faults + self._faults()
        journals = await self._memories(faults)
        return Outcome(
            plan=self.plan,
            books=books,
            judgement=judgement,
            boxes=boxes,
            faults=faults,
            calls=clerks.calls,
            befell=self.weather.befell,
            deaths=Counter({"of A": len(self.stand.a.deaths), "of B": len(self.stand.b.deaths)}),
            packs=packs,
            journals=journals,
        )

    def unfinished(self) -> int:
        """How many documents are on their way; clerks wait while there are many."""
        return self.watch.unfinished()

    async def calm(self) -> None:
        """Wait for the end of whatever else befalls the country."""

    async def _stand_up(self) -> None:
        """Wait until every gateway answers."""
        for keeper in (self.stand.a, self.stand.b):
            await keeper.up()

    async def _progress(self, clerks: Clerks) -> None:
        while True:
            await asyncio.sleep(PROGRESS)
            states = ", ".join(f"{s} {n}" for s, n in self.watch.states().most_common())
            answered = tuple(d for d in self.plan.documents if d.guid in clerks.answers)
            done = self.watch.settled(answered)
            self.say(
                f"{len(answered)} handed in, {done} settled, {self.stand.deaths} deaths: {states}"
            )

    async def _settle(self) -> list[str]:
        """Wait until nothing is awaited any more; return what is, where that takes too long."""
        until = self.stand.clock.monotonic() + self.patience
        documents = self.plan.documents
        while True:
            await self.watch.look()
            missing = len(documents) - self.watch.settled(documents)
            if not missing and self.watch.all_received():
                self.say("everything is settled")
                return []
            if self.stand.clock.monotonic() > until:
                return [f"{missing} documents are not settled; received: {self.watch.received}"]
            for keeper in (self.stand.a, self.stand.b):
                keeper.judge()
            await asyncio.sleep(0.5)

    async def _books(self, clerks: Clerks) -> Books:
        books = Books(handed_in=clerks.answers)
        for client in self.clients.values():
            for guid, told in await sent_by(client):
                books.told.setdefault(guid, []).append(told)
        for folder, office in self.offices.items():
            for guid, found in await received_by(folder, office):
                books.found[guid].append(found)
        theirs = without_gateways(self.stand.country, self.land)
        for guid, found in await asyncio.to_thread(list, theirs):
            books.found[guid].append(found)
        return books

    async def _boxes(self) -> Boxes:
        """Count what lies in ISDS, beside what the registries have of it."""
        if ISDS not in self.land.networks:
            return Boxes()
        return await asyncio.to_thread(read_boxes, self.stand.country)

    async def _packs(self, faults: list[str]) -> int:
        """Verify the evidence of some documents, at the sender and at the registry it came to."""
        chance = Random(self.plan.seed)  # noqa: S311 - chance that can be had again
        documents = self.plan.documents
        held = 0
        for document in chance.sample(documents, min(SAMPLE, len(documents))):
            row = self.watch.rows[document.sender].get(document.guid)
            names = [(document.sender, row.id)] if row is not None else []
            office = self.offices.get(document.recipient)
            if office is not None:
                names += [(document.recipient, n) for n in office.book.get(document.guid, {})]
            for folder, name in names:
                gateway = self.stand.country.gateways[folder]
                key = gateway.seal_key.read_text("ascii").strip()
                try:
                    pack = await self.clients[folder].evidence(name)
                    await asyncio.to_thread(verify_pack, pack, key)
                    held += 1
                except DepeshaError as error:
                    faults.append(f"the evidence of {document.guid} at {folder}: {error}")
        return held

    async def _rest(self) -> None:
        """Stop both gateways in order, for good."""
        for keeper in (self.stand.a, self.stand.b):
            keeper.judge()
            await keeper.stop()
            await keeper.gateway.stop()

    def _faults(self) -> list[str]:
        faults = [f for office in self.offices.values() for f in office.faults]
        for folder, ledger in self.stand.ledgers.items():
            faults += [f"at {folder}: {fault}" for fault in without_owner(ledger)]
        for gateway in self.stand.country.gateways.values():
            told, found = judge_log(gateway.log, may_end=self.may_end)
            self.say(told)
            faults += found
        return faults

    async def _memories(self, faults: list[str]) -> str:
        told = []
        for folder, gateway in self.stand.country.gateways.items():
            received = sum(self.watch.received[folder].values())
            line, found = await judge_memory(gateway.plan.folder, received)
            told.append(line)
            faults += [
                f"at {folder}: {one}" for one in found if not one.startswith("tasks are left")
            ]
        return "; ".join(told)
