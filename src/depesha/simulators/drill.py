"""`depesha drill restore`: a store is lost and put back while two administrations write on (S25).

Real processes and sockets: traffic both ways, a back-up in the midst of it, more traffic, the store
destroyed, the restore, the reconciliation. Then the books of every side are compared. It decides
nothing about documents: it plays the registries, the peer's clerk who reads the letter, and the
person who looks into mailboxes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from depesha.ports import Clock, IdSource
from depesha.simulators.bodies import (
    IZVOR,
    NETWORKS,
    OBRAZETS,
    POLYANA,
    PRIMER,
    SEOS,
    SSEV,
    Body,
)
from depesha.simulators.country import Country
from depesha.simulators.demo_paper import BRISK
from depesha.simulators.demo_report import Action, DemoFailedError, Report, Told, expect
from depesha.simulators.drill_books import STILL, Books, judge
from depesha.simulators.drill_office import PAUSE, DrillOffice, Letter
from depesha.simulators.fault_link import Mode
from depesha.simulators.gateway_process import command
from depesha.simulators.interrupting import interruptible
from depesha.simulators.registry import RegistryClient
from depesha.simulators.traffic import Dice

DONE: Final = 0
FAILED: Final = 1
INTERRUPTED: Final = 130
A, B = PRIMER, OBRAZETS
"""The first one loses its store."""
BEFORE, AT, GAP, DOWN, AFTER = (
    "before the back-up",
    "at the back-up",
    "between back-up and loss",
    "while it was down",
    "after the restore",
)
PATIENCE: Final = 90.0
MARGIN: Final = timedelta(minutes=5)
"""Registries submit again from so long before the back-up."""
_QUICK: Final = [0.3, 0.5, 1.0, 1.0, *([2.0] * 40)]
SETTINGS: Final[dict[str, dict[str, object]]] = {
    **BRISK,
    "retry": {"notice": _QUICK, "jitter": 0.0},
    "outbound.retry": {
        **dict.fromkeys(("seos", "ssev", "email", "faults"), _QUICK),
        "questions": _QUICK[:12],
    },
    "seal": {"every_seconds": 1.0},
    "networks.ssev": {
        "poll_seconds": 0.5,
        "watch_seconds": 0.5,
        "absence_seconds": 1.5,
        "park_first_seconds": 1.0,
    },
}


class RestoreDrill:
    """The drill's steps over a country that is up."""

    def __init__(
        self, country: Country, *, clock: Clock, dice: Dice, documents: int, folder: Path
    ) -> None:
        """`documents` of each sort at each stage; back-ups go into `folder`."""
        self._country = country
        self._clock = clock
        self._count = documents
        self._folder = folder
        self._a, self._b = (self._office(body, dice) for body in (A, B))
        self._books = Books(country, self._a, self._b)
        self._since: datetime | None = None
        self._working: list[asyncio.Task[None]] = []
        self._ruled = 0
        """Decisions of the person."""

    def _office(self, body: Body, dice: Dice) -> DrillOffice:
        gateway = self._country.gateways[body.folder]
        client = RegistryClient(gateway.registry_api, self._country.tokens[body.folder])
        return DrillOffice(body, client, self._clock, dice)

    async def close(self) -> None:
        """Let the registries go."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        for office in (self._a, self._b):
            await office.client.close_session()

    def steps(self) -> tuple[tuple[str, Action], ...]:
        """What happens, in order."""
        return (
            ("traffic both ways", self._before),
            ("a back-up while documents are on their way", self._back_up),
            ("the back-up is whole", self._verify),
            ("traffic goes on", self._gap),
            ("the gateway is killed, its store destroyed", self._destroy),
            ("the store is put back", self._restore),
            ("the gateway asks before it sends", self._reconcile),
            ("registries and people do their part", self._people),
            ("the books of every side are compared", self._compare),
            ("the restore is approved", self._approve),
        )

    # --- traffic ---

    def _round(self, stage: str) -> list[tuple[DrillOffice, Letter]]:
        """Write a round of documents of every sort."""
        made: list[tuple[DrillOffice, Letter]] = []
        for _ in range(self._count):
            made += [
                (self._a, self._a.write(B, stage)),
                (self._a, self._a.write(B, stage, SSEV)),
                (self._a, self._a.write(IZVOR, stage, SEOS)),
                (self._a, self._a.write(POLYANA, stage)),
                (self._b, self._b.write(A, stage, SEOS)),
                (self._b, self._b.write(A, stage, SSEV)),
            ]
        return made

    @staticmethod
    async def _hand_in(letters: list[tuple[DrillOffice, Letter]]) -> None:
        await asyncio.gather(*(office.submit(letter) for office, letter in letters))

    async def _before(self) -> Told:
        for office in (self._a, self._b):
            self._working.append(asyncio.create_task(office.work()))
        letters = self._round(BEFORE)
        await self._hand_in(letters)
        await self._until(self._agreed, "the first documents are not settled")
        return Told(sentence=f"{len(letters)} documents are there, each with its number")

    async def _back_up(self) -> Told:
        """Some documents wait for a peer that cannot be reached, some are on their way."""
        wire = self._country.wires[f"{SEOS}.{B.folder}"]
        await wire.cut()
        waiting = [(self._a, self._a.write(B, AT, SEOS)) for _ in range(self._count)]
        await self._hand_in(waiting)
        await asyncio.gather(
            self._hand_in(self._round(AT)),
            self._depesha("backup", "--to", str(self._folder)),
        )
        told = json.loads(await self._depesha("backup", "--to", str(self._folder), "--json"))
        self._since = datetime.fromisoformat(told["at"])
        await wire.set(Mode.PASS)
        return Told(
            sentence=f"{told['blobs']} blobs, {told['sequence']} rows of evidence, "
            f"{told['bytes']} bytes; the second one copied only what was new",
            facts=told,
        )

    async def _verify(self) -> Told:
        told = json.loads(await command("backup", "verify", str(self._folder), "--json"))
        expect(bool(told["whole"]), f"it is not: {told}")
        return Told(sentence=f"{told['files']} files, {told['evidence_rows']} rows hold")

    async def _gap(self) -> Told:
        first = self._round(GAP)
        await self._hand_in(first)
        await self._until(self._agreed, "the documents of the gap are not settled")
        self._a.resting = True  # received, and never numbered before the loss
        late = [(self._b, self._b.write(A, GAP, SEOS)) for _ in range(self._count)]
        await self._hand_in(late)
        await self._until(lambda: self._handed_over(late), "the last ones are not handed over")
        flying = [(self._a, self._a.write(B, GAP)) for _ in range(self._count)]
        await self._hand_in(flying)
        count = len(first) + len(late) + len(flying)
        return Told(sentence=f"{count} documents that the back-up knows nothing of")

    # --- loss and restore ---

    async def _destroy(self) -> Told:
        gateway = self._country.gateways[A.folder]
        await gateway.kill()
        store = gateway.plan.folder / "store"
        await asyncio.to_thread(shutil.rmtree, store)
        meanwhile = [(self._b, self._b.write(A, DOWN)) for _ in range(self._count)]
        await self._hand_in(meanwhile)
        return Told(
            sentence=f"nothing is left; {len(meanwhile)} documents are sent to it meanwhile"
        )

    async def _restore(self) -> Told:
        told = json.loads(await self._depesha("restore", "--from", str(self._folder), "--json"))
        return Told(
            sentence=f"{told['evidence_rows']} rows of evidence hold; it knows what was until "
            f"{told['knows_until'][11:19]}; read again: {', '.join(told['read_again'])}",
            facts=told,
        )

    async def _reconcile(self) -> Told:
        gateway = self._country.gateways[A.folder]
        await gateway.start()
        await gateway.ready()
        self._a.resting = False
        await self._until(self._asked, "documents are still asked about")
        told = await self._report()
        counts = told["documents"]
        return Told(
            sentence=f"{counts['asked_about']} suspected, {counts['were_there']} were there, "
            f"{counts['were_not_there']} were not, {len(counts['with_a_person'])} for a person; "
            f"{len(told['unknown_documents'])} that peers speak of are not known",
            facts=counts,
        )

    async def _people(self) -> Told:
        """The registry submits again; the peer reads the letter; a person looks into mailboxes."""
        expect(self._since is not None, "there was no back-up")
        since = (self._since or self._clock.now()) - MARGIN
        again = await self._a.submit_again(since)
        new = [*((self._a, self._a.write(B, AFTER)) for _ in range(self._count))]
        await self._hand_in(new)
        asked = await self._letter(since)
        ruled = await self._until(self._settled_by_people, "documents are not settled")
        return Told(
            sentence=f"{again} documents submitted again, {asked} asked of the peer by letter, "
            f"{ruled} decided by a person"
        )

    async def _letter(self, since: datetime) -> int:
        """The peer's clerk: what it sent in the gap and has no number for is sent again."""
        until = self._clock.monotonic() + 10.0
        while self._clock.monotonic() < until:
            told = await self._b.told()
            waiting = [
                (letter, told[letter.guid][0])
                for letter in self._b.letters
                if letter.at >= since and told[letter.guid][0]["state"] != "REGISTERED"
            ]
            if not waiting:
                return 0
            await self._clock.sleep(PAUSE)
        count = 0
        for _, view in waiting:
            if view["state"] == "DELIVERED" and view["network"] == SEOS:
                reason = "възстановена е от копие и моли за повторение"
                await self._b.client.decide(view["id"], "rule_absent", reason)
                count += 1
        return count

    async def _settled_by_people(self) -> int | None:
        """Decide what waits for a person by looking where it lies; None while others remain."""
        found = await self._books.found()
        for office in (self._a, self._b):
            told = await office.told()
            for letter in office.letters:
                view = told.get(letter.guid, [None])[0]
                if view is None or view["state"] not in STILL:
                    continue
                there = found[letter.guid].copies > 0
                decision = "rule_there" if there else "rule_absent"
                await office.client.decide(view["id"], decision, "видяно в пощенската кутия")
                self._ruled += 1
        return self._ruled if await self._agreed() else None

    # --- the end ---

    async def _compare(self) -> Told:
        told, found = await self._books.told(), await self._books.found()
        letters = [*self._a.letters, *self._b.letters]
        judgement = judge(letters, told, found)
        expect(
            judgement.good,
            f"lost {judgement.lost}; doubled {judgement.doubled}; untrue {judgement.untrue}",
        )
        lines = tuple(
            f"{stage:<26} {sum(one.stage == stage for one in letters):>4}   0 lost   0 doubled"
            for stage in (BEFORE, AT, GAP, DOWN, AFTER)
        )
        return Told(
            sentence=f"{len(letters)} documents: 0 lost, 0 doubled, 0 untrue",
            lines=lines,
            facts={"documents": len(letters), "lost": 0, "doubled": 0, "untrue": 0},
        )

    async def _approve(self) -> Told:
        told = await self._report()
        left = told["documents"]["open"] + told["documents"]["with_a_person"]
        expect(not left and not told["unknown_documents"], f"still open: {left}")
        approval = await self._depesha("reconcile", "--approve", "протокол 1", "--json")
        expect(bool(json.loads(approval)["restored"]["approved_at"]), "it is not approved")
        last = json.loads(await self._depesha("backup", "--to", str(self._folder), "--json"))
        found = json.loads(await command("backup", "verify", str(self._folder), "--json"))
        expect(bool(found["whole"]), f"the store does not hold: {found}")
        return Told(sentence=f"{last['sequence']} rows of evidence hold, the restore among them")

    # --- looking ---

    async def _depesha(self, *arguments: str) -> str:
        settings = str(self._country.gateways[A.folder].settings)
        return await command(*arguments[:1], "-c", settings, *arguments[1:])

    async def _report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads(await self._depesha("reconcile", "--json"))
        return report

    async def _asked(self) -> bool:
        """Nothing is asked about any more, as far as the gateway itself can ask."""
        report = await self._report()
        return all(one["state"] == "PARKED" for one in report["documents"]["open"])

    async def _agreed(self) -> bool:
        told, found = await self._books.told(), await self._books.found()
        return judge([*self._a.letters, *self._b.letters], told, found).good

    async def _handed_over(self, letters: list[tuple[DrillOffice, Letter]]) -> bool:
        told = await self._b.told()
        return all(told[letter.guid][0]["state"] == "DELIVERED" for _, letter in letters)

    async def _until(self, reached: Callable[[], Any], otherwise: str) -> Any:
        """Wait until something is so; fail with what does not agree."""
        until = self._clock.monotonic() + PATIENCE
        while (answer := await reached()) is None or answer is False:
            for task in self._working:
                if task.done():
                    task.result()  # a registry that broke down is why nothing moves
            if self._clock.monotonic() > until:
                told, found = await self._books.told(), await self._books.found()
                wrong = judge([*self._a.letters, *self._b.letters], told, found)
                what = wrong.lost + wrong.doubled + wrong.untrue
                raise DemoFailedError(f"{otherwise}: {what}")
            await self._clock.sleep(3 * PAUSE)
        return answer


async def run(
    folder: Path,
    *,
    documents: int,
    as_json: bool,
    say: Callable[[str], None],
    clock: Clock,
    ids: IdSource,
) -> int:
    """Run the drill; 0 where nothing was lost, doubled or untrue, 1 otherwise, 130 interrupted."""
    report = Report(clock=clock, say=say, as_json=as_json)
    country = Country(
        folder / "country",
        clock=clock,
        ids=ids,
        gateways=(A, B),
        acting=(IZVOR,),
        bare=(),
        networks=NETWORKS,
        settings=SETTINGS,
        say=report.progress,
    )
    with interruptible() as interrupted:
        try:
            async with contextlib.AsyncExitStack() as stack:
                await stack.enter_async_context(country)
                drill = RestoreDrill(
                    country,
                    clock=clock,
                    dice=Dice(ids.guid()),
                    documents=documents,
                    folder=folder / "backups",
                )
                stack.push_async_callback(drill.close)
                for name, action in drill.steps():
                    if not await report.step(name, action):
                        return FAILED
        except asyncio.CancelledError:
            if not interrupted.is_set():
                raise
            return INTERRUPTED
    return DONE
