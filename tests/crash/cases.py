"""The cases: where and when the gateway dies, and what its neighbours do. Each fills one row."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from depesha.schemas.ids import Guid
from depesha.schemas.steps import Step
from depesha.simulators.seos_documents import WAITING, RegistrationRequest
from tests.crash.sender import PAUSE, FaultError, document
from tests.crash.stand import Stand
from tests.crash.table import Row

IN_FLIGHT = 3
MOST_TRIES = 5
KILL = "SIGKILL"

STRAIGHT = (
    Step.BYTES_READ,
    Step.ORIGINAL_KEPT,
    Step.CHECKED,
    Step.ANSWER_SIGNED,
    Step.STORED,
    Step.ANSWERED,
    Step.REGISTRATION_ASKED,
    Step.REGISTRATION_STORED,
    Step.NOTICE_CLAIMED,
    Step.NOTICE_TAKEN,
    Step.NOTICE_STORED,
)
LATER = (Step.SEALING, Step.SEALED)
REPEATED = (
    Step.BYTES_READ,
    Step.ORIGINAL_KEPT,
    Step.CHECKED,
    Step.ANSWER_SIGNED,
    Step.REPEAT_STORED,
    Step.ANSWERED,
)
HELD = ((Step.RECHECKING,), (Step.RECHECKING, Step.RECHECKED))
QUARANTINE = (Step.QUARANTINE_KEYED, Step.QUARANTINE_WRITTEN, Step.QUARANTINED)


def variant(*, asks: bool) -> str:
    """How the table calls it."""
    return "asks" if asks else "repeats"


async def straight(stand: Stand, step: Step, *, asks: bool) -> Row:
    """Die at a step of a new document's way."""
    row, request, before = Row(step=step, variant=variant(asks=asks)), document(), len(stand.deaths)
    guid = request.document.guid
    stand.arm(step)
    await stand.sender.submit(request)
    await stand.sender.until_answered(guid, asks=asks)
    await stand.sender.until_registered(guid, asks=asks)
    return await _ended(stand, row, request, before, step)


async def later(stand: Stand, step: Step, *, asks: bool) -> Row:
    """Die at a step that comes by itself after the answer."""
    row, request, before = Row(step=step, variant=variant(asks=asks)), document(), len(stand.deaths)
    guid = request.document.guid
    await stand.sender.submit(request)
    await stand.sender.until_answered(guid, asks=asks)
    stand.arm(step)
    await stand.sender.until_registered(guid, asks=asks)
    return await _ended(stand, row, request, before, step)


async def repeated(stand: Stand, step: Step, *, asks: bool) -> Row:
    """Die while an answered document comes once more."""
    row, before = Row(step=f"{step} of a repeat", variant=variant(asks=asks)), len(stand.deaths)
    request = document()
    guid = request.document.guid
    await stand.sender.submit(request)
    await stand.sender.until_answered(guid, asks=asks)
    stand.arm(step)
    exchange = await stand.sender.peer.resend(guid)
    while exchange.trouble:
        stand.judge_keeper()
        await asyncio.sleep(PAUSE)
        exchange = await stand.sender.again(guid, asks=asks)
    await stand.sender.until_registered(guid, asks=asks)
    return await _ended(stand, row, request, before, step)


async def asked(stand: Stand) -> Row:
    """Die while a question after a document's state is answered."""
    row, before = Row(step=Step.WORD_STORED, variant="asks"), len(stand.deaths)
    request = document()
    guid = request.document.guid
    await stand.sender.submit(request)
    await stand.sender.until_answered(guid, asks=True)
    stand.arm(Step.WORD_STORED)
    while (await stand.sender.ask(guid)).trouble:
        stand.judge_keeper()
        await asyncio.sleep(PAUSE)
    await stand.sender.until_registered(guid, asks=True)
    return await _ended(stand, row, request, before, Step.WORD_STORED)


async def held(stand: Stand, steps: tuple[Step, ...], *, asks: bool) -> Row:
    """Hold a document by a dead scanner, and die while it is looked at again."""
    row = Row(step=f"{steps[-1]} of a held one", variant=variant(asks=asks))
    before, request = len(stand.deaths), document()
    guid = request.document.guid
    await stand.scanner_dies()
    stand.arm(steps[0])
    await stand.sender.submit(request)
    await stand.sender.until_answered(guid, asks=asks)
    if not await stand.until_killed(before + 1):
        row.faults.append("a held message was not looked at again")
    for step in steps[1:]:
        stand.arm(step)
    await stand.country.scanner.start()
    await stand.sender.until_registered(guid, asks=asks)
    return await _ended(stand, row, request, before, *steps)


async def cut(stand: Stand, how: str) -> Row:
    """Break the registry's connection; the gateway lives."""
    row, request, before = Row(step=f"registry cut {how}"), document(), len(stand.deaths)
    guid = request.document.guid
    stand.office.cuts[guid] = how
    await stand.sender.submit(request)
    await stand.sender.until_answered(guid, asks=False)
    await stand.sender.until_registered(guid, asks=False)
    await stand.finish(row, [guid], before)
    row.killed = "the line" if guid in stand.office.cut else "no"
    return row


async def scanner_dies(stand: Stand, chance: random.Random) -> Callable[[], Awaitable[Row]]:
    """Kill clamd under three documents; one more comes while it is dead. Return who waits.

    They are held and looked at again by the queue's own table, which takes a quarter of a minute.
    """
    row, before = Row(step="clamd, with documents in flight"), len(stand.deaths)
    requests = [document() for _ in range(IN_FLIGHT + 1)]
    moment = chance.uniform(0.0, 0.1)
    sending = [asyncio.create_task(stand.sender.submit(r)) for r in requests[:-1]]
    await asyncio.sleep(moment)
    await stand.scanner_dies()
    await asyncio.gather(*sending)
    await stand.sender.submit(requests[-1])
    guids = [request.document.guid for request in requests]
    states = [await asyncio.to_thread(stand.ledger.messages, guid) for guid in guids]
    if [state for _, state, _ in states[-1]] != ["HELD"]:
        row.faults.append(f"a document that nobody scanned is {states[-1]}")
    told = [s.status for s in stand.sender.seen(guids[-1])]
    if told != [WAITING]:
        row.faults.append(f"the sender of a held document was told {told}")
    count = sum(found[0][1] == "HELD" for found in states if found)
    row.note = f"(after {moment * 1000:.0f} ms; {count} of {len(guids)} were held)"
    await stand.country.scanner.start()

    async def rest() -> Row:
        for guid in guids:
            await stand.sender.until_answered(guid, asks=False)
            await stand.sender.until_registered(guid, asks=False)
        await stand.finish(row, guids, before)
        row.killed, row.restarts, row.up, row.whole = "clamd", 0, 0.0, 0.0
        return row

    return rest


async def span(stand: Stand) -> float:
    """How long documents in flight take from the first byte to the last commit, undisturbed."""
    begun = stand.clock.monotonic()
    guids = await _fly(stand, [document() for _ in range(IN_FLIGHT)])
    await stand.until_settled(guids)
    return stand.clock.monotonic() - begun


async def at_random(
    stand: Stand, number: int, moment: float, while_starting: float | None, *, asks: bool
) -> Row:
    """Die `moment` seconds after documents left, and perhaps once more while starting.

    Where all was over by then the moment was too late: half of it is taken.
    """
    row = Row(step="", variant=variant(asks=asks))
    for _ in range(MOST_TRIES):
        row = Row(step="", variant=row.variant, faults=row.faults)
        before, requests = len(stand.deaths), [document() for _ in range(IN_FLIGHT)]
        guids = [request.document.guid for request in requests]
        flight = asyncio.create_task(_fly(stand, requests, asks=asks))
        await asyncio.sleep(moment)
        await stand.kill()
        settled = [await asyncio.to_thread(stand.ledger.settled, guid) for guid in guids]
        killed = await stand.until_killed(before + 1)
        row.step = f"random {number}: {moment * 1000:.0f} ms"
        if while_starting is not None:
            await stand.begun()
            await asyncio.sleep(while_starting)
            await stand.kill()
            killed = await stand.until_killed(before + 2)
            row.step += f" + {while_starting * 1000:.0f} ms"
        await flight
        await stand.finish(row, guids, before)
        row.killed = KILL if killed and not all(settled) else "no"
        row.note = f"({settled.count(False)} in flight) {row.note}"
        if not all(settled):
            break
        moment /= 2
    return row


async def _fly(
    stand: Stand, requests: list[RegistrationRequest], *, asks: bool = False
) -> list[Guid]:
    async def one(request: RegistrationRequest) -> None:
        guid = request.document.guid
        await stand.sender.submit(request)
        await stand.sender.until_answered(guid, asks=asks)
        await stand.sender.until_registered(guid, asks=asks)

    await asyncio.gather(*(one(request) for request in requests))
    return [request.document.guid for request in requests]


async def _ended(
    stand: Stand, row: Row, request: RegistrationRequest, before: int, *steps: Step
) -> Row:
    killed = await stand.until_killed(before + len(steps))
    await stand.up()
    await stand.finish(row, [request.document.guid], before)
    waits = [stand.disarm(step) for step in steps]
    row.killed = KILL if killed and not any(waits) else "no"
    return row


async def guarded(case: Awaitable[Row], name: str) -> Row:
    """Turn what went wrong on the way into a fault of the row."""
    try:
        return await case
    except FaultError as fault:
        return Row(step=name, killed="?", faults=[str(fault)])
