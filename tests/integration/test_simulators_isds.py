"""ISDS in a simulated country: boxes, log-ins, settings the product takes, a stand for partners."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from depesha.adapters.isds.settings import IsdsSettings
from depesha.adapters.isds.settings import LoginKind as Kind
from depesha.adapters.system import WorkerThreads
from depesha.app.channel_probes import ChannelProbes
from depesha.config import load
from depesha.simulators import simulate_networks
from depesha.simulators.bodies import ALL_NETWORKS, EMAIL, ISDS, OBRAZETS, OFFICES, PRIKLAD, VZOROV
from depesha.simulators.country import Country
from depesha.simulators.isds_quirks import Fault, FaultKind, IsdsQuirks
from depesha.simulators.isds_values import Draft, LoginKind, StoredFile
from depesha.simulators.simulate_networks import IsdsStand
from tests.support.country import CLOCK, IDS, Unmanned
from tests.support.isds import stand

pytestmark = pytest.mark.clamd


@pytest.fixture
async def country(tmp_path: Path) -> AsyncIterator[Country]:
    async with Unmanned(
        tmp_path / "c",
        clock=CLOCK,
        ids=IDS,
        gateways=(OBRAZETS, *OFFICES),
        acting=(),
        bare=(),
        networks=ALL_NETWORKS,
        settings={"limits": {"attachment_bytes": 1000}},
        own_settings={VZOROV.folder: {"limits": {"attachments": 7}}},
    ) as made:
        yield made


async def test_the_offices_settings_are_settings_the_product_takes(country: Country) -> None:
    kinds = []
    for office in OFFICES:
        settings = load(country.gateways[office.folder].settings)
        assert set(settings.networks) == {ISDS, EMAIL}
        assert (settings.participant.identifier, settings.participant.guid) == (
            office.party.identifier,
            "",
        )
        assert settings.outbound.channels == ALL_NETWORKS
        isds = IsdsSettings(**settings.networks[ISDS])
        assert [one.box_id for one in isds.boxes] == [country.isds.box(office)]
        assert str(country.wires["isds.ws1"].port) in isds.host
        kinds.append(isds.boxes[0].login)
    assert kinds == [Kind.PASSWORD, Kind.CERTIFICATE]
    text = country.gateways[VZOROV.folder].settings.read_text(encoding="utf-8")
    secret = country.isds.holders[VZOROV.folder].password_file
    assert secret is not None
    assert secret.read_text().strip() not in text
    assert secret.stat().st_mode & 0o077 == 0
    assert ISDS not in load(country.gateways[OBRAZETS.folder].settings).networks


async def test_settings_of_one_body_stand_for_those_of_all(country: Country) -> None:
    limits = {folder: load(gateway.settings).limits for folder, gateway in country.gateways.items()}
    assert limits[OBRAZETS.folder].attachment_bytes == 1000
    assert limits[PRIKLAD.folder].attachment_bytes == 1000
    assert limits[VZOROV.folder].attachments == 7
    assert limits[VZOROV.folder].attachment_bytes > 1000


async def test_the_description_tells_boxes_and_where_there_is_no_seos(country: Country) -> None:
    told = json.loads(json.dumps(country.described()))
    assert {"ws1", "ws2", "seals", "logins"} == set(told["networks"]["isds"])
    assert len({one["box_id"] for one in told["networks"]["isds"]["logins"]}) == 2
    seos, *offices = told["gateways"]
    assert seos["seos_url"]
    assert [(one["seos_url"], one["guid"]) for one in offices] == [("", "")] * 2
    named = country.register.find(OBRAZETS.party.guid or IDS.guid())
    assert named is not None


async def test_the_doctor_tells_whether_the_box_lets_us_in(
    country: Country, tmp_path: Path
) -> None:
    threads = WorkerThreads(2)
    found = {}
    for office in OFFICES:
        scratch = tmp_path / office.folder
        scratch.mkdir()
        settings = load(country.gateways[office.folder].settings)
        probes = dict(ChannelProbes(settings, threads, scratch, CLOCK).probes())
        found[office.folder] = (await probes[ISDS](), probes[ISDS])
    for office in OFFICES:
        diagnosis, probe = found[office.folder]
        assert diagnosis.state == "ok", diagnosis
        assert country.isds.box(office) in diagnosis.sentence
        await country.wires.cut(ISDS)
        assert (await probe()).state == "warn"
        await country.wires.mend(ISDS)
    await threads.close()


async def test_a_caller_that_goes_before_the_answer_is_no_fault_of_the_simulator(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with stand(tmp_path) as made:
        slow = Fault(kind=FaultKind.SLOW, operation="GetListOfReceivedMessages", seconds=0.2)
        made.isds.quirks = IsdsQuirks(faults=(slow,))
        with caplog.at_level(logging.ERROR), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await made.received(made.office)
        await asyncio.sleep(0.4)
        assert made.isds.calls["GetListOfReceivedMessages"] == 1
        assert [record.getMessage() for record in caplog.records] == []


async def test_a_stand_of_isds_reads_and_answers_what_a_partner_sends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulate_networks, "OFFICE_SECONDS", 0.01)
    async with AsyncExitStack() as stack:
        stand = IsdsStand(tmp_path, "127.0.0.1", CLOCK, IDS)
        await stand.start(stack, 0)
        told = "\n".join(stand.told())
        assert stand.isds.urls.ws1 in told
        you, office = stand.isds.holders["you"], stand.isds.holders["priklad"]
        people, state = stand.isds.simulator.people, stand.isds.simulator.state
        assert you.password_file is not None
        password = you.password_file.read_text().strip()
        assert password in told
        by_password = people.enter(LoginKind.PASSWORD, you.user, password, None)
        certificate = x509.load_pem_x509_certificate(you.keys.certificate.read_bytes())
        der = certificate.public_bytes(Encoding.DER)
        assert people.enter(LoginKind.CERTIFICATE, None, "", der).box is by_password.box
        draft = Draft(
            recipient=office.box.box_id,
            annotation="Žádost",
            texts={"dmSenderRefNumber": "VU 1/2026"},
        )
        content = state.files.put(b"x")
        file = StoredFile(path=content, size=1, name="a.txt", mime="text/plain", meta="main")
        message = state.submit(by_password, draft, (file,))
        said: list[str] = []
        await stand.work(said.append)
        await stand.work(said.append)
        assert message.accepted_at is not None
        [answer] = state.received(you.box.box_id)
        assert answer.draft.texts["dmRecipientRefNumber"] == "VU 1/2026"
        assert len(said) == 1
        assert answer.message_id in said[0]
