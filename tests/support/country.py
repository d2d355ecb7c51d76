"""A whole country for tests: gateways as processes, real sockets, a real scanner.

Nothing here asserts.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from depesha.adapters.system import SystemClock, SystemIds
from depesha.simulators.bodies import ACTING, BARE, GATEWAYS, IZVOR, OBRAZETS, PRIMER, Body
from depesha.simulators.country import Country
from depesha.simulators.gateway_process import GatewayProcess
from depesha.simulators.registry import RegistryClient
from depesha.simulators.seos_participant import SeosParticipant

CLOCK = SystemClock()
IDS = SystemIds()

__all__ = [
    "ACTING",
    "BARE",
    "CLOCK",
    "GATEWAYS",
    "IDS",
    "IZVOR",
    "OBRAZETS",
    "PRIMER",
    "Unmanned",
    "country",
    "gateway",
    "peer",
    "registry",
    "scan",
]


class Unmanned(Country):
    """Everything but the gateways' processes, whose settings are written."""

    async def _start_gateways(self) -> None:
        for gateway in self.gateways.values():
            await asyncio.to_thread(gateway.write)
        self.tokens.update(dict.fromkeys(self.gateways, "a token"))

    def _write_description(self) -> None:
        """There is nobody to describe."""


def scan(recipient: Body, guid: str, number: int) -> dict[str, Any]:
    """The words of a document of ours whose file is a scan, as the registry submits them."""
    return {
        "recipient": {"identifier": recipient.party.identifier},
        "document": {
            "guid": guid,
            "number": f"ИЗХ-{number}",
            "date": CLOCK.now().date().isoformat(),
        },
        "kind": "Писмо",
        "subject": f"Документ {number}",
        "scan_instead": "Подписан на хартия.",
    }


@asynccontextmanager
async def country(
    folder: Path,
    *,
    gateways: tuple[Body, ...] = (OBRAZETS,),
    acting: tuple[Body, ...] = (IZVOR,),
    settings: Mapping[str, Mapping[str, object]] | None = None,
) -> AsyncIterator[Country]:
    """Start a country, small by default: one administration with a gateway, one peer."""
    made = Country(
        folder, clock=CLOCK, ids=IDS, gateways=gateways, acting=acting, settings=settings
    )
    async with made:
        yield made


def registry(made: Country, body: Body = OBRAZETS) -> RegistryClient:
    """A registry at one administration; use it as an async context manager."""
    return RegistryClient(made.gateways[body.folder].registry_api, made.tokens[body.folder])


def gateway(made: Country, body: Body = OBRAZETS) -> GatewayProcess:
    """The gateway of one administration: it may be killed and restarted."""
    return made.gateways[body.folder]


def peer(made: Country, body: Body = IZVOR) -> SeosParticipant:
    """An acting peer."""
    return made.peers[body.folder]
