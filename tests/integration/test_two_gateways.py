"""Two gateway processes on one PostgreSQL: one house to everybody, and either is enough."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from depesha.adapters.keys import load_or_create_seal_key
from depesha.app.leading import NETWORKS
from depesha.queue.postgres.gateways import BEAT_SECONDS
from depesha.queue.postgres.opening import open_postgres
from depesha.schemas.journal import SealKey
from depesha.schemas.pack import verify_pack
from depesha.simulators import papers
from depesha.simulators.bodies import BRYAG, IZVOR, SEOS, SSEV, Body
from depesha.simulators.gateway_process import GatewayProcess, command
from depesha.simulators.registry import RegistryClient
from depesha.simulators.seos_documents import REGISTERED
from depesha.simulators.ssev_state import letter as ssev_letter
from depesha.simulators.ssev_values import Caller, Draft
from tests.support.country import CLOCK, IDS, OBRAZETS, peer, scan
from tests.support.simulators import letter
from tests.support.twins import DEATH_SECONDS, Twins, twins

pytestmark = [pytest.mark.clamd, pytest.mark.slow]

LATEST = DEATH_SECONDS + 2 * BEAT_SECONDS
"""Silent since just after its last beat, found dead by the other's next one; and some work."""
PATIENCE = 60.0
SENT = frozenset({"ACCEPTED", "DELIVERED", "REGISTERED"})


async def until(what: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> float:
    """Wait until it holds; return the seconds it took."""
    begun = time.monotonic()
    while not await what():
        assert time.monotonic() - begun < seconds, "it never came"
        await asyncio.sleep(0.1)
    return time.monotonic() - begun


async def submit(office: RegistryClient, recipient: Body, number: int) -> str:
    """Hand a scan in; return its id."""
    guid = IDS.guid()
    words = scan(recipient, guid, number)
    taken = await office.submit(words, [("a.pdf", papers.PDF, papers.pdf(guid))], key=guid)
    message_id: str = taken["id"]
    return message_id


async def state(office: RegistryClient, message_id: str) -> str:
    """Return the state of a document of ours."""
    shown: dict[str, Any] = await office.show(message_id)
    return str(shown["state"])


async def verified(pair: Twins) -> int:
    """Read the whole chain of evidence as a third gateway would; return its rows."""
    folder = pair.first.plan.folder
    memory = await open_postgres(
        *(pair.url, folder / "store"),
        clock=CLOCK,
        ids=IDS,
        seal_key=SealKey(load_or_create_seal_key(folder / "keys" / "seal.pem")),
        gateway="judge",
        careless=True,
    )
    try:
        await memory.journal.seal()
        return await memory.journal.verify()
    finally:
        await memory.close()


async def test_both_are_one_house_and_know_a_document_as_one(tmp_path: Path) -> None:
    async with twins(tmp_path / "c") as pair:
        one, two = pair.office(pair.first), pair.office(pair.second)
        async with one, two:
            izvor = peer(pair.country)
            to_first, to_second, to_both = letter("Първо"), letter("Второ"), letter("Двете")
            await izvor.submit(OBRAZETS.party, pair.first.direct_url, to_first)
            await izvor.submit(OBRAZETS.party, pair.second.direct_url, to_second)
            # The same signed bytes at both at once, and many times.
            first = await izvor.submit(OBRAZETS.party, pair.first.direct_url, to_both)
            guid = to_both.document.guid
            urls = [pair.first.direct_url, pair.second.direct_url] * 5
            again = await asyncio.gather(*(izvor.post(url, first.sent) for url in urls))
            assert {answer.http_status for answer in again} == {200}
            fresh = letter("Наведнъж")
            wire = await izvor._pen.write(izvor._pen.header(OBRAZETS.party), fresh, None)
            answers = await asyncio.gather(*(izvor.post(url, wire) for url in urls))
            said = [a.heard.body for a in answers if a.heard is not None]
            assert len(said) == len(urls)
            assert all(one == said[0] for one in said), "one document has one answer"
            seen = [sorted(m["id"] for m in await office.waiting(5)) for office in (one, two)]
            assert seen[0] == seen[1]
            assert len(seen[0]) == 4
            # Registered at the other gateway than the one that took it in.
            ids = {m["envelope"]["document"]["guid"]: m["id"] for m in await two.waiting()}
            await two.register(ids[guid], "ВХ-1", CLOCK.now().date())
            assert (await one.message(ids[guid]))["state"] == "REGISTERED"
            told = await izvor.wait_for_status(guid, REGISTERED, 20)
            assert told.number is not None
            await commands(pair, ids[guid])
        held = await verified(pair)
        sys.stdout.write(f"\nthe chain of both holds: {held} rows\n")


async def commands(pair: Twins, message_id: str) -> None:
    """Use the command line beside two living gateways."""
    given = ("-c", str(pair.first.settings))
    assert json.loads(await command("user", "list", *given, "--json")) is not None
    for gateway in (pair.first, pair.second):
        report = json.loads(await command("doctor", "-c", str(gateway.settings), "--json"))
        assert report["well"], report
    await pair.first.let_commands_ask("commands")
    out = pair.first.plan.folder / "pack.zip"
    await command("evidence", "export", *given, message_id, "-o", str(out))
    assert verify_pack(await asyncio.to_thread(out.read_bytes), None).rows


async def test_what_a_killed_gateway_had_in_hand_is_done_by_the_other(tmp_path: Path) -> None:
    async with twins(tmp_path / "c") as pair, pair.office(pair.second) as office:
        izvor = peer(pair.country)
        izvor.quirks = replace(izvor.quirks, slow_answer_seconds=3.0)
        ids = [await submit(office, IZVOR, number) for number in range(12)]

        async def working() -> bool:
            return await pair.in_hand("one") > 0

        await until(working)
        await asyncio.sleep(0.5)  # its calls are with the peer now
        held = await pair.in_hand("one")
        await pair.first.kill()
        izvor.quirks = replace(izvor.quirks, slow_answer_seconds=0.0)

        async def freed() -> bool:
            return await pair.in_hand("one") == 0

        async def sent() -> bool:
            states = [await state(office, message_id) for message_id in ids]
            return all(one in SENT for one in states)

        freed_after = await until(freed)
        done_after = freed_after + await until(sent)
        sys.stdout.write(
            f"\nkilled with {held} tasks in hand: taken over after {freed_after:.1f} s"
            f" (dead after {DEATH_SECONDS:g} s), everything sent after {done_after:.1f} s\n"
        )
        assert held > 0
        assert freed_after <= LATEST
        assert len(izvor.books.received) == len(ids)
        assert await verified(pair) > len(ids)


async def test_a_network_whose_state_lies_in_files_passes_to_the_other(tmp_path: Path) -> None:
    async with twins(tmp_path / "c", networks=(SEOS, SSEV)) as pair:
        leader = await pair.leader(NETWORKS)
        other = pair.other(leader)
        async with pair.office(other) as office:
            ids = [await submit(office, BRYAG, 1)]
            await received(pair, office, "Преди")

            async def handed_over() -> bool:
                return all([await state(office, one) in SENT for one in ids])

            await until(handed_over)
            await leader.kill()
            ids.append(await submit(office, BRYAG, 2))
            begun = time.monotonic()
            await received(pair, office, "После")
            came = time.monotonic() - begun
            await until(handed_over)
            sys.stdout.write(f"\nSSEV passed over: a letter came {came:.1f} s after the death\n")
            assert came <= LATEST
            assert await new_leader(pair) is other
            await leader.start()
            await leader.ready()
            await received(pair, office, "Пак")
            assert await new_leader(pair) is other, "it does not come back by itself"
        # The subjects of letters of ours hold the document's GUID.
        subjects = [m.subject for m in pair.country.ssev.simulator.state.messages.values()]
        assert len(subjects) == len(set(subjects)), "nothing went twice"


async def new_leader(pair: Twins) -> GatewayProcess:
    """Who speaks the networks now."""
    return await pair.leader(NETWORKS)


async def received(pair: Twins, office: RegistryClient, subject: str) -> None:
    """Send a letter over SSEV, and wait until a gateway's inbox shows it."""
    ssev = pair.country.ssev
    sender = Caller(profile=ssev.profiles["bryag"], login=ssev.logins["bryag"])
    draft = Draft(subject=subject, template_id=1, fields=ssev_letter("Текст.", ()))
    await ssev.simulator.state.send(sender, (ssev.profiles[OBRAZETS.folder],), draft)

    async def there() -> bool:
        return any(m["envelope"]["subject"] == subject for m in await office.waiting())

    await until(there)
