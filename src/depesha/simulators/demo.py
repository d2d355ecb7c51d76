"""`depesha demo`: a small country in one command, once through the main job or kept alive.

It starts, tells and stops; the steps are in `demo_story`, the endless traffic in `demo_traffic`.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

from depesha.ports import Clock, IdSource
from depesha.simulators.bodies import ALL_NETWORKS, GATEWAYS, OFFICES, PRIMER, VZOROV
from depesha.simulators.console_people import POSTS
from depesha.simulators.country import Country
from depesha.simulators.demo_boxes import BoxStory
from depesha.simulators.demo_paper import BRISK
from depesha.simulators.demo_report import Action, DemoFailedError, Report, Told
from depesha.simulators.demo_sending import SendingStory
from depesha.simulators.demo_story import SETTINGS, Story
from depesha.simulators.demo_traffic import Liveliness
from depesha.simulators.gateway_process import GatewayProcess
from depesha.simulators.interrupting import interruptible
from depesha.simulators.traffic import Dice

DONE: Final = 0
FAILED: Final = 1
INTERRUPTED: Final = 130


async def run(
    folder: Path | None,
    *,
    once: bool,
    traffic: bool,
    week: bool,
    as_json: bool,
    say: Callable[[str], None],
    clock: Clock,
    ids: IdSource,
) -> int:
    """Run the demo; return 0 where all of it happened, 1 where a step failed, 130 if interrupted.

    `folder` None takes one that is removed at the end. `once`: the main job, then an end;
    otherwise until Ctrl-C or SIGTERM, with light traffic unless told not to. `week`: one gateway
    of each country starts with a week that it never lived.
    """
    report = Report(clock=clock, say=say, as_json=as_json)
    settings = {**SETTINGS, **BRISK} if once else None
    with _place(folder) as where, interruptible() as interrupted:
        country = Country(
            where,
            clock=clock,
            ids=ids,
            gateways=(*GATEWAYS, *OFFICES),
            networks=ALL_NETWORKS,
            settings=settings,
            own_settings={office.folder: {"limits": {}} for office in OFFICES},
            commands=not once,
            people=POSTS[:1] if once else POSTS,
            weeks=(PRIMER.folder, VZOROV.folder) if week and not once else (),
            say=report.progress,
        )
        dice = Dice(ids.guid())
        try:
            async with _up(country, report) as started:
                if not started:
                    return FAILED
                if once:
                    way_in = Story(country, clock=clock, dice=dice)
                    way_out = SendingStory(country, clock=clock, dice=dice)
                    boxes = BoxStory(country, clock=clock, dice=dice)
                    return await _once((way_in, way_out, boxes), report)
                lively = Liveliness(country, report=report, clock=clock, dice=dice)
                return await _keep(country, report, lively if traffic else None)
        except asyncio.CancelledError:
            if not interrupted.is_set():
                raise
            return INTERRUPTED if once else DONE


@asynccontextmanager
async def _up(country: Country, report: Report) -> AsyncIterator[bool]:
    async with contextlib.AsyncExitStack() as stack:

        async def start() -> Told:
            await stack.enter_async_context(country)
            return Told(
                sentence="authority, register, SSEV, ISDS, mail server, clamd, "
                f"{len(country.gateways)} gateways, {len(country.peers)} acting and "
                f"{len(country.bare)} bare peers; "
                f"{country.description}",
                facts={"description": str(country.description)},
            )

        try:
            yield await report.step("a small country is up", start)
        finally:
            report.progress("stopping everything")


class _Part(Protocol):
    """A part of the demo."""

    def steps(self) -> tuple[tuple[str, Action], ...]:
        """What happens, in order."""

    async def close(self) -> None:
        """Let go of what was opened."""


async def _once(stories: tuple[_Part, ...], report: Report) -> int:
    async def conclude() -> Told:
        return Told(sentence=f"all of it happened, in {report.seconds:.1f} s with the set-up")

    try:
        steps = [step for story in stories for step in story.steps()]
        for name, action in (*steps, ("the end", conclude)):
            if not await report.step(name, action):
                return FAILED
    finally:
        for story in stories:
            await story.close()
    return DONE


async def _keep(country: Country, report: Report, lively: Liveliness | None) -> int:
    async def tell() -> Told:
        return Told(
            sentence="everything listens; Ctrl-C ends it",
            lines=tuple(_addresses(country)),
            facts=country.described(),
        )

    await report.step("where everything is", tell)
    jobs = [_watch(gateway) for gateway in country.gateways.values()]
    if lively is not None:
        jobs.append(lively.run())
    tasks = [asyncio.ensure_future(job) for job in jobs]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def tell_end() -> Told:
        for task in done:
            task.result()
        raise DemoFailedError("something ended by itself")

    return DONE if await report.step("everything keeps running", tell_end) else FAILED


async def _watch(gateway: GatewayProcess) -> None:
    """A gateway that ends by itself ends the demo."""
    status = await gateway.wait()
    log = await asyncio.to_thread(gateway.tail)
    raise DemoFailedError(
        f"the gateway of {gateway.plan.party.name} ended with status {status}: {log}"
    )


def _addresses(country: Country) -> Iterator[str]:
    for name, gateway in country.gateways.items():
        sign = "EIK" if gateway.seos_url else "IČO"
        yield f"{gateway.plan.party.name} ({sign} {gateway.plan.party.identifier})"
        if gateway.seos_url:
            yield f"  partners      {gateway.seos_url}"
        yield f"  registry API  {gateway.registry_api}/api/v1/openapi.json"
        yield f"  token         {country.tokens[name]}"
        yield f"  console       {gateway.operators}/ (and /readyz, /metrics, /healthz)"
        yield f"  commands      depesha inbox -c {gateway.settings}"
    if country.logins:
        first = country.logins[0]
        yield f"Log-in of every console: {first.post.login} / {first.password}"
    for login in country.logins[1:]:
        key = f", second factor {login.key}" if login.key else ""
        yield f"  at the first one, too: {login.post.login} / {login.password}{key}"
    yield "Bare peers: nobody listens; act as them with their keys"
    for one in country.bare.values():
        yield f"  {one.body.party.name:<20} {one.url}  {one.keys.key}"
    yield f"Participants' register  {country.register.url}"
    yield f"SSEV                    {country.ssev.urls.soap}, {country.ssev.urls.api}"
    yield f"ISDS                    {country.isds.urls.ws1}, {country.isds.urls.ws2}"
    for kind, row in country.mail.described().items():
        yield f"{kind.upper():<23} {row['url']}, {row['security']}"
    for network, box in country.mail.operators.items():
        yield f"Operator of {network:<11} {box.address}"
    yield f"All of it for programs  {country.description}"


@contextlib.contextmanager
def _place(folder: Path | None) -> Iterator[Path]:
    if folder is not None:
        yield folder
        return
    made = Path(tempfile.mkdtemp(prefix="depesha-demo-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
