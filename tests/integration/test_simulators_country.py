"""The country around the gateways: settings, descriptions, peers, scanner; and `simulate`."""

from __future__ import annotations

import asyncio
import json
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from depesha.adapters.seos.settings import SeosSettings
from depesha.config import load
from depesha.errors import ConfigurationError
from depesha.schemas.ids import guid
from depesha.simulators.bodies import ACTING, BARE, IZVOR
from depesha.simulators.country import Country
from depesha.simulators.gateway_plan import Plan, free_ports
from depesha.simulators.gateway_process import GatewayProcess
from depesha.simulators.seos_documents import REGISTERED
from depesha.simulators.seos_participant import SeosParticipant
from depesha.simulators.seos_quirks import Quirks
from depesha.simulators.simulate import YOU, Stand
from depesha.simulators.tls import KeyFiles
from tests.support.country import CLOCK, IDS
from tests.support.simulators import letter


def plan(folder: Path) -> Plan:
    for name in ("k", "c", "t", "crl"):
        (folder / name).touch()
    return Plan(
        folder=folder / "gateway",
        party=IZVOR.party,
        keys=KeyFiles(key=folder / "k", certificate=folder / "c", trusted=folder / "t"),
        scanner="unix:/run/пример/clamd.sock",
        register_url="https://127.0.0.1:1/service/",
        revocation_list=folder / "crl",
        partners_port=1,
        registry_port=2,
        operators_port=3,
        settings={
            "limits": {"attachment_bytes": 1000},
            "networks.seos": {"algorithm": "rsa-sha256"},
        },
    )


def test_the_settings_we_write_are_settings_the_product_takes(tmp_path: Path) -> None:
    gateway = GatewayProcess(plan(tmp_path), clock=CLOCK)
    gateway.write()
    settings = load(gateway.settings)
    assert settings.participant.name == IZVOR.party.name
    assert guid(settings.participant.guid) == IZVOR.party.guid
    assert settings.limits.attachment_bytes == 1000
    assert settings.scanner.addresses == ("unix:/run/пример/clamd.sock",)
    seos = SeosSettings(**settings.networks["seos"])
    assert seos.algorithm == "rsa-sha256"
    assert seos.trust.authorities == (str(tmp_path / "t"),)
    assert len(gateway.seal_key.read_text().strip()) == 64
    assert (gateway.plan.folder / "keys" / "seal.pem").stat().st_mode & 0o077 == 0


def test_a_seal_key_stays_when_settings_are_written_again(tmp_path: Path) -> None:
    gateway = GatewayProcess(plan(tmp_path), clock=CLOCK)
    gateway.write()
    before = gateway.seal_key.read_text()
    gateway.write()
    assert gateway.seal_key.read_text() == before


def test_free_ports_are_free_and_never_given_twice() -> None:
    ports = free_ports(30) + free_ports(30)
    assert len(set(ports)) == 60
    with socket.socket() as one:
        one.bind(("127.0.0.1", ports[0]))


@pytest.mark.clamd
async def test_a_country_without_gateways(tmp_path: Path) -> None:
    said: list[str] = []
    country = Country(tmp_path / "c", clock=CLOCK, ids=IDS, gateways=(), crowd=50, say=said.append)
    async with country:
        described = json.loads(country.description.read_text())
        assert country.description.stat().st_mode & 0o077 == 0
        assert set(described) >= {"gateways", "peers", "networks", "console_login"}
        assert [p["name"] for p in described["peers"]] == [b.party.name for b in BARE]
        assert set(described["peers"][0]) == {"name", "eik", "guid", "key", "certificate", "url"}
        assert len(country.register.entries) == 50
        izvor, dolina = country.peers["izvor"], country.peers["dolina"]
        request = letter()
        await izvor.submit(dolina.party, dolina.url, request)
        assert dolina.books.received
        stranger = country.peers["stranger"]
        refused = await stranger.submit(dolina.party, dolina.url, letter())
        assert refused.heard is not None
        assert refused.heard.type == "MSG_Error"
        assert len(country.peers) == len(ACTING) + 1
    assert said
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", int(izvor.url.split(":")[2].split("/")[0]))


@pytest.mark.clamd
async def test_a_failed_start_leaves_nothing_running(tmp_path: Path) -> None:
    country = Failing(tmp_path / "c", clock=CLOCK, ids=IDS, gateways=(), acting=(), bare=())
    with pytest.raises(ConfigurationError):
        async with country:
            pass
    assert not country.scanner._process
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", country.register._listener.port)


class Failing(Country):
    """Everything stands when its start fails."""

    def _write_description(self) -> None:
        raise ConfigurationError("no")


async def test_a_stand_registers_what_a_partner_sends(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        stand = Stand(tmp_path, "127.0.0.1", CLOCK, IDS)
        await stand.start(stack, 0, "")
        told = "\n".join(stand.told())
        assert stand.peer.url in told
        assert str(stand.partner_keys.key) in told
        you = await stack.enter_async_context(
            SeosParticipant(
                party=YOU.party,
                identity=stand.partner,
                keys=stand.partner_keys,
                find=stand.register.find,
                clock=CLOCK,
                ids=IDS,
                port=int(stand.partner_url.split(":")[2].strip("/")),
                quirks=Quirks(path="/"),
            )
        )
        said: list[str] = []
        working = asyncio.create_task(stand.work(said.append))
        request = letter()
        await you.submit(IZVOR.party, stand.peer.url, request)
        seen = await you.wait_for_status(request.document.guid, REGISTERED, 10)
        working.cancel()
        assert seen.number is not None
        assert seen.number.number == "ВХ-1"
