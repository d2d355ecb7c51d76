"""Something around the gateway is away: nothing is lost, nothing untrue is told (S21)."""

from __future__ import annotations

import asyncio
import collections
import csv
import io
import json
import os
import signal
from typing import Any

import pytest

from depesha.simulators.bodies import PRIMER
from depesha.simulators.seos_documents import REGISTERED, WAITING
from depesha.simulators.seos_quirks import Quirks
from depesha.simulators.seos_register import Mood
from tests.support.acceptance import Stage, check, document_of, kinds, letter, until, word
from tests.support.country import CLOCK

HELD_SECONDS = 40.0
"""The second look at a held message comes after 15 s."""


async def test_s21_registry_down_nothing_is_acknowledged_and_nothing_lost(world: Stage) -> None:
    """EMG-06, REG-01, LAT-05, RCV-03: killed meanwhile; the list can be taken out."""
    requests = [letter(f"Преписка {n}") for n in range(3)]
    for request in requests:
        assert word(await world.submit(request)) == WAITING
    await world.gateway.kill()
    await world.gateway.restart()
    books = world.sender.books
    for request in requests:
        assert [s.status for s in books.sent[request.document.guid].seen] == [WAITING]
    ids = [(await world.one(request))["id"] for request in requests]
    table = (await world.office.export("csv")).decode("utf-8-sig")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(table))}
    listed = {m["id"]: m for m in json.loads(await world.office.export("json"))["items"]}
    for found, request in zip(ids, requests, strict=True):
        row = rows[found]
        assert row["document_guid"] == request.document.guid
        assert row["subject"] == request.subject
        assert row["sender_number"] == f"РД-{request.document.guid[:8]}"
        assert row["substitute_number"] == ""
        assert listed[found]["envelope"]["subject"] == request.subject
    for _ in range(2):  # the registry is back, and repeats what it is not sure of
        for n, found in enumerate(ids):
            await world.register(found, f"ВХ-21-{n}")
    for n, (found, request) in enumerate(zip(ids, requests, strict=True)):
        await world.reaches(found, "ACKNOWLEDGED")
        seen = books.sent[request.document.guid].seen
        assert [s.status for s in seen] == [WAITING, REGISTERED]
        assert seen[-1].number is not None
        assert seen[-1].number.number == f"ВХ-21-{n}"


async def test_a_silent_scanner_holds_messages_and_turns_readiness_red(world: Stage) -> None:
    """CHK-05, law 1: held, told "waiting", and back by itself."""
    await world.country.scanner.stop()
    try:
        request = letter()
        assert word(await world.submit(request)) == WAITING
        message = await world.one(request)
        assert message["state"] == "HELD"
        malware = check(message, "malware")
        assert malware["verdict"] == "held"
        assert malware["findings"][0]["reason"] == "SCANNER_UNAVAILABLE"
        parts = await world.ready_is(503)
        assert not parts["scanner"]["ok"]
        assert parts["scanner"]["words"]
        assert parts["store"]["ok"]
    finally:
        await world.country.scanner.start()
    assert (await world.ready_is(200))["scanner"]["ok"]
    after = await world.reaches(message["id"], "ADMITTED", HELD_SECONDS)
    assert after["state"] == "ADMITTED"
    assert check(after, "malware")["verdict"] == "passed"
    heard = [s.status for s in world.sender.books.sent[request.document.guid].seen]
    assert heard == [WAITING]


async def test_a_hanging_register_and_a_good_copy_let_the_gateway_start(world: Stage) -> None:
    """RCV-03, BCK: yesterday's register is better than none, and not waited for long."""
    world.country.register.mood = Mood(slow_seconds=30)
    try:
        begun = CLOCK.monotonic()
        await world.gateway.restart()
        assert CLOCK.monotonic() - begun < 20
        assert (await world.ready_is(200))["directory"]["ok"]
        request = letter()
        assert word(await world.submit(request)) == WAITING
        assert (await world.one(request))["state"] == "ADMITTED"
    finally:
        world.country.register.mood = Mood()


@pytest.mark.slow
async def test_without_any_register_messages_are_held_until_it_is_back(world: Stage) -> None:
    """Law 1: no copy on disk either; nobody is refused for it."""
    copy = world.gateway.plan.folder / "store" / "seos-register.json"
    await world.gateway.stop()
    await asyncio.to_thread(copy.unlink)
    await world.country.register.stop()
    try:
        await world.gateway.start()
        parts = await world.ready_is(503)
        assert "never loaded" in parts["directory"]["words"]
        request = letter()

        async def answered() -> Any:
            answer = await world.submit(request)
            return answer if answer.http_status else None

        assert word(await until(answered)) == WAITING
        message = await world.one(request)
        assert message["state"] == "HELD"
        reasons = {f["reason"] for c in message["checks"] for f in c["findings"]}
        assert "DIRECTORY_UNAVAILABLE" in reasons
    finally:
        await world.country.register.start()
    assert (await world.ready_is(200))["directory"]["ok"]
    after = await world.reaches(message["id"], "ADMITTED", HELD_SECONDS)
    assert after["state"] == "ADMITTED"


async def tried(world: Stage, message_id: str) -> list[str]:
    """Outcomes of the notices so far, as the journal tells them."""
    rows = await world.office.events(message_id)
    return [
        row["body"]["facts"]["outcome"] for row in rows if row["body"]["kind"] == "NOTICE_TRIED"
    ]


async def test_an_unreachable_sender_is_told_when_it_is_back(world: Stage) -> None:
    """REG-01, LAT-05: REGISTERED and not ACKNOWLEDGED until then; told once."""
    request = letter()
    await world.submit(request)
    message = await world.one(request)
    await world.sender.stop()
    try:
        await world.register(message["id"], "ВХ-81")

        async def twice() -> bool:
            return len(await tried(world, message["id"])) >= 2

        assert await until(twice)
        assert (await world.office.message(message["id"]))["state"] == "REGISTERED"
    finally:
        await world.sender.start()
    assert (await world.reaches(message["id"], "ACKNOWLEDGED"))["state"] == "ACKNOWLEDGED"
    assert set(await tried(world, message["id"])) == {"deferred"}
    heard = [s.status for s in world.sender.books.sent[request.document.guid].seen]
    assert heard == [WAITING, REGISTERED]


@pytest.mark.parametrize(
    ("quirks", "outcomes"),
    [
        (Quirks(http_500=2), ["deferred", "deferred"]),
        (Quirks(soap_faults=1), ["deferred"]),
        (Quirks(refused_notices=1), ["deferred"]),
        (Quirks(refused_notices=1, wrong_answer_signature=True), ["unclear"]),
        (Quirks(lost_answers=1), ["unclear"]),
        (Quirks(reset_answers=1), ["unclear"]),
        (Quirks(slow_seconds=3.0), ["unclear"]),
    ],
    ids=["500", "fault", "error", "forged-error", "lost", "cut", "slow"],
)
async def test_a_troubled_sender_gets_its_notice_in_the_end(
    world: Stage, quirks: Quirks, outcomes: list[str]
) -> None:
    """REG-01, law 3: what is not surely taken is not called taken; each try is written down."""
    request = letter()
    await world.submit(request)
    message = await world.one(request)
    world.sender.quirks = quirks
    try:
        await world.register(message["id"], "ВХ-82")

        async def enough() -> bool:
            return len(await tried(world, message["id"])) >= len(outcomes)

        assert await until(enough)
    finally:
        world.sender.quirks = Quirks()
    after = await world.reaches(message["id"], "ACKNOWLEDGED")
    assert after["state"] == "ACKNOWLEDGED"
    assert await tried(world, message["id"]) == outcomes
    journey = kinds(await world.office.events(message["id"]))
    assert journey.count("NOTICE_TAKEN") == 1
    assert journey.index("NOTICE_TRIED") < journey.index("NOTICE_TAKEN")
    heard = {s.status for s in world.sender.books.sent[request.document.guid].seen}
    assert heard == {WAITING, REGISTERED}


async def test_sigterm_ends_within_seconds_and_loses_nothing(world: Stage) -> None:
    """Law 2, RCV-03: requests, a long poll and a feed in flight; answered or repeatable."""
    admitted = (await world.page("ADMITTED"))["items"]
    last = admitted[-1]["id"] if admitted else ""
    later = f"/inbox?wait=30&after={last}&state=STOPPED"
    polling = asyncio.create_task(world.office._json("GET", later, seconds=40))
    reading = asyncio.create_task(world.office._bytes("GET", "/events"))
    await asyncio.sleep(0.2)
    requests = [letter(f"В полет {n}") for n in range(30)]
    flying = [asyncio.create_task(world.submit(request)) for request in requests]
    await asyncio.wait(flying, return_when=asyncio.FIRST_COMPLETED)
    begun = CLOCK.monotonic()
    os.kill(world.gateway.pid, signal.SIGTERM)
    ended = await world.gateway.wait()
    seconds = CLOCK.monotonic() - begun
    answers = await asyncio.gather(*flying)
    await asyncio.gather(polling, reading, return_exceptions=True)
    await world.gateway.restart()
    assert (ended, seconds < 10) == (0, True), (ended, seconds)
    assert WAITING in {word(answer) for answer in answers}
    kept = collections.Counter(map(document_of, (await world.page("ADMITTED"))["items"]))
    for request, answer in zip(requests, answers, strict=True):
        document = request.document.guid
        if word(answer) == WAITING:
            assert kept[document] == 1  # what was answered is there
            continue
        assert answer.trouble in {"no connection", "broken off"}
        assert word(await world.sender.resend(document)) == WAITING
    kept = collections.Counter(map(document_of, (await world.page("ADMITTED"))["items"]))
    assert [kept[request.document.guid] for request in requests] == [1] * len(requests)


async def test_sigterm_does_not_wait_for_a_sender_that_hangs(world: Stage) -> None:
    """REG-01: the notice in hand is given back and told right after the next start."""
    world.sender.quirks = Quirks(slow_seconds=90)
    try:
        request = letter()
        await world.sender.submit(PRIMER.party, world.builtin.seos_url, request)
        calls = len(world.sender.books.calls)
        await asyncio.sleep(1.0)  # registered by itself; the notice hangs
        begun = CLOCK.monotonic()
        os.kill(world.builtin.pid, signal.SIGTERM)
        ended = await world.builtin.wait()
        assert (ended, CLOCK.monotonic() - begun < 10) == (0, True)
        assert len(world.sender.books.calls) == calls  # it has not been heard yet
    finally:
        world.sender.quirks = Quirks()
        await world.builtin.restart()
    seen = await world.sender.wait_for_status(request.document.guid, REGISTERED, 20)
    assert seen.number is not None


async def test_a_killed_gateway_tells_the_number_soon_after_its_start(world: Stage) -> None:
    """REG-01, BCK: SIGKILL while the notice is under way."""
    world.sender.quirks = Quirks(slow_seconds=1.5)
    try:
        request = letter()
        await world.submit(request)
        message = await world.one(request)
        await world.register(message["id"], "ВХ-83")
        await asyncio.sleep(0.3)
        await world.gateway.kill()
    finally:
        world.sender.quirks = Quirks()
        await world.gateway.restart()
    seen = await world.sender.wait_for_status(request.document.guid, REGISTERED, 20)
    assert seen.number is not None
    assert (await world.reaches(message["id"], "ACKNOWLEDGED"))["state"] == "ACKNOWLEDGED"
