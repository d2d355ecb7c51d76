"""A gateway that reads in processes of its own: killed, they cost a repeat and nothing else.

The acceptance suite runs with the gateway's threads; what is read is the same code.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.ids import Guid
from depesha.simulators import papers
from depesha.simulators.country import Country
from depesha.simulators.gateway_process import GatewayProcess
from depesha.simulators.registry import RegistryClient
from depesha.simulators.seos_books import Exchange
from depesha.simulators.seos_documents import (
    REGISTERED,
    REJECTED,
    WAITING,
    Enclosure,
    Failure,
    RegistrationRequest,
    StatusResponse,
)
from tests.support.country import CLOCK, OBRAZETS, country, gateway, peer, registry
from tests.support.processes import children
from tests.support.simulators import letter

pytestmark = [
    pytest.mark.clamd,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
]
BOTH = "2 of 2 processes read"
REFUSED = Failure.__name__
"""By a SEOS error, as a bad signature is."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def made(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Country]:
    settings: dict[str, dict[str, object]] = {
        "networks.seos": {"reading_processes": 2},
        "networks.seos.trust": {"revocation_refresh_seconds": 0.3},
    }
    async with country(tmp_path_factory.mktemp("reading") / "c", settings=settings) as made:
        yield made


def said(answer: Exchange) -> str:
    if answer.heard is None:
        return answer.trouble
    response = answer.heard.body
    return response.status if isinstance(response, StatusResponse) else type(response).__name__


def fresh(content: bytes = b"") -> RegistrationRequest:
    """A document that nobody has seen before."""
    request = letter(f"Относно {os.urandom(8).hex()}")
    content = content or os.urandom(64).hex().encode()
    file = Enclosure(name="писмо.txt", content=content, media_type="text/plain")
    return replace(
        request,
        document=replace(
            request.document,
            number=RegistrationNumber(number=os.urandom(4).hex(), date=CLOCK.now().date()),
        ),
        enclosures=(file,),
    )


async def submit(made: Country, content: bytes = b"") -> tuple[str, Guid]:
    """Return what was answered and the document's GUID."""
    request = fresh(content)
    answer = await peer(made).submit(OBRAZETS.party, gateway(made).seos_url, request)
    return said(answer), request.document.guid


async def stored(office: RegistryClient) -> int:
    return len(await office.waiting())


def lives(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


async def until_gone(pids: list[int]) -> None:
    for _ in range(500):
        if not any(map(lives, pids)):
            return
        await asyncio.sleep(0.02)
    raise AssertionError("processes outlived their gateway")


async def test_what_they_read_is_checked_like_everything(made: Country) -> None:
    """CHK-05, REG-01: the usual way, malware, and the register's number."""
    assert len(children(gateway(made).pid)) == 2
    async with registry(made) as office:
        answer, document = await submit(made)
        assert answer == WAITING
        [waiting] = await office.waiting(5)
        await office.register(waiting["id"], "ВХ-1", CLOCK.now().date())
        seen = await peer(made).wait_for_status(document, REGISTERED, 10)
        assert seen.number is not None
        assert (await submit(made, papers.EICAR))[0] == REJECTED
        assert (await submit(made, os.urandom(1_500_000).hex().encode()))[0] == WAITING, (
            "too large for memory"
        )


async def test_one_that_dies_with_a_message_costs_a_repeat(made: Country) -> None:
    """Law 2: nothing was answered, so the sender says it again; it is there once."""
    process, izvor = gateway(made), peer(made)
    async with registry(made) as office:
        before, there = children(process.pid), await stored(office)
        for pid in before:
            os.kill(pid, signal.SIGSTOP)
        request = fresh()
        going = asyncio.create_task(izvor.submit(OBRAZETS.party, process.seos_url, request))
        await asyncio.sleep(0.5)
        assert not going.done()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        assert said(await going) in {"no connection", "broken off"}
        assert await stored(office) == there
        assert said(await izvor.resend(request.document.guid)) == WAITING
        assert said(await izvor.resend(request.document.guid)) == WAITING
        assert await stored(office) == there + 1
        assert set(children(process.pid)).isdisjoint(before)


async def replaced(process: GatewayProcess, before: list[int]) -> None:
    """Wait until each has another one in its place, and all of them read."""
    for _ in range(600):
        if set(children(process.pid)).isdisjoint(before) and await words(process) == BOTH:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(await words(process))


async def words(process: GatewayProcess) -> str:
    """What the gateway says of its reading processes."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(process.operators + "/readyz") as response,
    ):
        parts = (await response.json())["parts"]
    return str(next(part["words"] for part in parts if part["name"] == "readers"))


async def test_one_that_comes_later_has_the_keys_of_its_gateway(made: Country) -> None:
    """A certificate replaced on disk is used from the next start on, by the whole gateway."""
    process = gateway(made)
    before, keys = children(process.pid), process.plan.keys
    held = {file: file.read_bytes() for file in (keys.key, keys.certificate)}
    try:
        for file in held:
            file.write_bytes(b"of next year")
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        await replaced(process, before)
        assert (await submit(made))[0] == WAITING
    finally:
        for file, content in held.items():
            file.write_bytes(content)


async def test_what_waited_for_one_bears_the_time_of_its_reading(made: Country) -> None:
    """Stored bytes are young when they are put: who cleans up must not take them for old ones."""
    process = gateway(made)
    pids = children(process.pid)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    going = [asyncio.create_task(submit(made)) for _ in range(4)]
    await asyncio.sleep(2)
    resumed = time.time()
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    assert {answer for answer, _ in await asyncio.gather(*going)} == {WAITING}
    blobs = process.plan.folder / "store/blobs"
    put = sorted(file.stat().st_mtime for file in blobs.glob("??/*"))
    assert len([at for at in put if at >= resumed]) >= 2, "two were read before they stood still"


async def test_a_long_answer_is_heard(made: Country) -> None:
    files = tuple(
        Enclosure(name=f"{n:03}" + "я" * 240 + ".txt", content=os.urandom(16).hex().encode())
        for n in range(99)
    )
    request = replace(fresh(), enclosures=files)
    process = gateway(made)
    assert said(await peer(made).submit(OBRAZETS.party, process.seos_url, request)) == WAITING


async def test_none_outlives_its_killed_gateway_not_even_in_the_middle(made: Country) -> None:
    """One that stands still sees no end of its socket; the kernel ends it."""
    process = gateway(made)
    pids = children(process.pid)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    await process.kill()
    await until_gone(pids)
    await process.start()
    await process.ready()
    assert (await submit(made))[0] == WAITING
    spools = {folder.name for folder in (process.plan.folder / "store/blobs/spool").iterdir()}
    assert spools == {f"reading-{n}-{pid}" for n, pid in enumerate(children(process.pid), 1)}


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
async def test_none_outlives_its_gateway(made: Country, how: signal.Signals) -> None:
    process = gateway(made)
    pids = children(process.pid)
    await (process.kill() if how is signal.SIGKILL else process.stop())
    await until_gone(pids)
    await process.start()
    await process.ready()
    assert (await submit(made))[0] == WAITING


async def test_they_learn_whom_the_authority_revoked(made: Country) -> None:
    """The list is fetched by the gateway, and each process knows it before its next call."""
    assert (await submit(made))[0] == WAITING
    made.authority.revoke(peer(made).identity)
    now = CLOCK.now()
    gateway(made).plan.revocation_list.write_bytes(made.authority.crl(now, now + timedelta(days=1)))
    answers = set()
    for _ in range(100):
        answers.add((await submit(made))[0])
        if REFUSED in answers:
            break
        await asyncio.sleep(0.1)
    assert answers <= {WAITING, REFUSED}
    assert {(await submit(made))[0] for _ in range(6)} == {REFUSED}, "each of the two knows it"
