"""Light, endless, seeded traffic for the demo: peers that write, and registries that work.

The registries touch only what the acting peers sent: messages of the bare peers are left to
whoever acts as them. Troubles are told and never end the traffic.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

from depesha.errors import DepeshaError
from depesha.ports import Clock
from depesha.simulators.bodies import STRANGER
from depesha.simulators.country import Country
from depesha.simulators.demo_report import Report
from depesha.simulators.demo_witness import document_of, shown
from depesha.simulators.gateway_process import GatewayProcess
from depesha.simulators.registry import RegistryClient
from depesha.simulators.seos_books import Exchange
from depesha.simulators.seos_participant import SeosParticipant
from depesha.simulators.seos_signing import Hand
from depesha.simulators.traffic import Dice, Item, Sort, Traffic

PAUSE_SECONDS: Final = 1.0
"""Shortest pause between two documents; chance adds up to twice as much."""
POLL_SECONDS: Final = 20.0
OFFICE_SECONDS: Final = 1.5
"""How long a toy clerk thinks."""
DECLINED: Final = "Документът не е от компетентността на администрацията."
SETTLED: Final = "Преписката е приключена."


class Liveliness:
    """Keeps a country busy until cancelled."""

    def __init__(self, country: Country, *, report: Report, clock: Clock, dice: Dice) -> None:
        self._country = country
        self._report = report
        self._clock = clock
        self._dice = dice
        self._traffic = Traffic(dice.guid(), clock.now().date())
        self._sorts: dict[str, Sort] = {}
        self._numbers = 0

    async def run(self) -> None:
        """Write and register without end."""
        offices = (
            self._office(name) for name, one in self._country.gateways.items() if one.seos_url
        )
        await asyncio.gather(self._write(), *offices)

    async def _write(self) -> None:
        peers = [p for name, p in self._country.peers.items() if name != STRANGER.folder]
        gateways = [one for one in self._country.gateways.values() if one.seos_url]
        while True:
            item = self._traffic.next()
            peer, gateway = self._dice.pick(peers), self._dice.pick(gateways)
            if item.sort is Sort.STRANGER:
                peer = self._country.peers[STRANGER.folder]
            self._sorts[item.request.document.guid] = item.sort
            try:
                exchange = await self._send(item, peer, gateway)
            except DepeshaError as error:
                self._report.progress(f"{peer.party.name}: {error.public}")
            else:
                self._report.progress(
                    f"{peer.party.name} → {gateway.plan.party.name}: document {item.number} "
                    f"({item.sort}): {shown(exchange)}"
                )
            await self._clock.sleep(PAUSE_SECONDS * (1 + self._dice.below(200) / 100))

    async def _send(self, item: Item, peer: SeosParticipant, gateway: GatewayProcess) -> Exchange:
        recipient, url, hand = gateway.plan.party, gateway.seos_url, None
        if item.sort is Sort.BROKEN:
            hand = Hand(algorithm=peer.quirks.algorithm, broken=True)
        if item.sort is Sort.MISDIRECTED:
            recipient = next(iter(self._country.bare.values())).body.party
        exchange = await peer.submit(recipient, url, item.request, hand=hand)
        if item.sort is Sort.DUPLICATE:
            return await peer.submit(recipient, url, item.request)
        if item.sort is Sort.RESENT:
            return await peer.resend(item.request.document.guid)
        if item.sort is Sort.INQUIRED:
            return await peer.ask(recipient, url, item.request.document)
        return exchange

    async def _office(self, name: str) -> None:
        gateway = self._country.gateways[name]
        ours = {p.party.identifier for p in self._country.peers.values()}
        left_alone: set[str] = set()
        client = RegistryClient(gateway.registry_api, self._country.tokens[name])
        async with client:
            while True:
                try:
                    waiting = await client.waiting(POLL_SECONDS)
                    for listed in waiting:
                        if listed["id"] in left_alone:
                            continue
                        message = await client.message(listed["id"])
                        if message["envelope"]["sender"]["identifier"] in ours:
                            await self._decide(client, message)
                        else:
                            left_alone.add(listed["id"])
                except DepeshaError as error:
                    self._report.progress(f"{gateway.plan.party.name}, registry: {error.public}")
                await self._clock.sleep(OFFICE_SECONDS)

    async def _decide(self, client: RegistryClient, message: dict[str, Any]) -> None:
        sort = self._sorts.pop(document_of(message), Sort.GOOD)
        if sort is Sort.DECLINED:
            await client.refuse(message["id"], DECLINED)
            return
        self._numbers += 1
        today = self._clock.now().date()
        await client.register(message["id"], f"ВХ-{self._numbers}", today)
        if sort is Sort.CLOSED:
            await self._clock.sleep(OFFICE_SECONDS)
            await client.close(message["id"], finished=True, reason=SETTLED)
