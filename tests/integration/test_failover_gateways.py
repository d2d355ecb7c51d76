"""Two gateway processes whose address names a primary and its standby: the primary is killed.

Documents come in and go out all the while. Nobody tells the gateways anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest

from depesha.errors import DepeshaError
from depesha.simulators import papers
from depesha.simulators.bodies import IZVOR, OBRAZETS
from depesha.simulators.gateway_process import GatewayProcess
from depesha.simulators.registry import RegistryClient
from depesha.simulators.seos_documents import REGISTERED, StatusResponse
from tests.integration.test_two_gateways import SENT, state, until, verified
from tests.support.country import CLOCK, IDS, peer, scan
from tests.support.simulators import letter
from tests.support.standby import Pair, pair
from tests.support.twins import Twins, twins

pytestmark = [pytest.mark.clamd, pytest.mark.slow, pytest.mark.timeout(240)]

AWAY = 2.0
"""Seconds from the primary's death until somebody promotes the standby."""
LATEST = 20.0
"""Seconds from the promotion until a document must have been answered."""


@dataclass
class Traffic:
    """Documents coming in at both gateways, each said again until it has an answer."""

    made: Twins
    answered: dict[str, float] = field(default_factory=dict)
    """When each document GUID was answered as received."""
    ending: asyncio.Event = field(default_factory=asyncio.Event)

    async def caller(self, gateways: tuple[GatewayProcess, ...]) -> None:
        """Hand in one document after the other."""
        izvor, number = peer(self.made.country), 0
        while not self.ending.is_set():
            number += 1
            request = letter(f"Писмо {IDS.guid()}")  # never twice the same content
            header = izvor._pen.header(OBRAZETS.party)
            wire = await izvor._pen.write(header, request, None)
            while True:
                exchange = await izvor.post(gateways[number % 2].direct_url, wire)
                said = None if exchange.heard is None else exchange.heard.body
                if isinstance(said, StatusResponse):
                    break
                number += 1
                await asyncio.sleep(0.1)
            self.answered[request.document.guid] = time.monotonic()

    async def submitter(self, office: RegistryClient, ids: dict[str, str]) -> None:
        """Submit one document of ours after the other, again until it is taken."""
        number = 0
        while not self.ending.is_set():
            number += 1
            guid = IDS.guid()
            words = scan(IZVOR, guid, number)
            while guid not in ids:
                with contextlib.suppress(DepeshaError, aiohttp.ClientError, TimeoutError):
                    files = [("a.pdf", papers.PDF, papers.pdf(guid))]
                    taken = await office.submit(words, files, key=guid)
                    ids[guid] = taken["id"]
                await asyncio.sleep(0.3)


async def killed_and_promoted(servers: Pair) -> float:
    """Let the standby take over; return when the promotion was ordered."""
    await asyncio.to_thread(servers.primary.kill)
    await asyncio.sleep(AWAY)
    ordered = time.monotonic()
    await asyncio.to_thread(servers.standby.promote)
    return ordered


async def test_documents_go_on_after_a_promotion_and_none_is_lost_or_doubled(
    tmp_path: Path,
) -> None:
    with pair() as servers:
        servers.primary.execute("CREATE DATABASE body")
        async with twins(tmp_path / "c", url=servers.url("body")) as made:
            traffic, ids = Traffic(made), dict[str, str]()
            both = (made.first, made.second)
            async with made.office(made.first) as one, made.office(made.second) as two:
                async with asyncio.TaskGroup() as group:
                    for _ in range(3):
                        group.create_task(traffic.caller(both))
                    group.create_task(traffic.submitter(two, ids))
                    await until(lambda: counted(traffic, 10))
                    ordered = await killed_and_promoted(servers)
                    before = len(traffic.answered)
                    await until(lambda: counted(traffic, before + 5))
                    again = min(at for at in traffic.answered.values() if at > ordered) - ordered
                    await until(lambda: counted(traffic, before + 15))
                    traffic.ending.set()

                async def sent() -> bool:
                    return all([await state(one, name) in SENT for name in ids.values()])

                await until(sent)
                rows = await made.ask("SELECT document FROM messages WHERE network = 'seos'")
                stored = Counter(str(row[0]).strip("{}").lower() for row in rows)
                answered = {guid.strip("{}").lower() for guid in traffic.answered}
                sys.stdout.write(
                    f"\n{before} answered before the primary died; {AWAY:g} s later promoted;"
                    f" the next one admitted {again:.2f} s after the order; in all"
                    f" {len(answered)} in, {len(ids)} out\n"
                )
                assert answered <= set(stored)
                assert set(stored.values()) == {1}
                assert again < LATEST
                received = [d.strip("{}").lower() for d in peer(made.country).books.received]
                assert Counter(received) == Counter(g.strip("{}").lower() for g in ids)
                # Leases and news: registered at one gateway, told to the sender by whoever hears.
                last = letter(f"Последно {IDS.guid()}")
                await peer(made.country).submit(OBRAZETS.party, made.first.direct_url, last)
                guid = last.document.guid
                [(name,)] = await made.ask(
                    "SELECT id FROM messages WHERE lower(trim(both '{}' from document)) = %s",
                    guid.strip("{}").lower(),
                )
                await two.register(name, "ВХ-1", CLOCK.now().date())
                told = await peer(made.country).wait_for_status(guid, REGISTERED, 20)
                assert told.number is not None
            assert await verified(made) > len(answered)


async def counted(traffic: Traffic, least: int) -> bool:
    """So many were answered."""
    return len(traffic.answered) >= least
