"""The simulated participants' register, read by a plain zeep client over real TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
import zeep.transports
from lxml import etree

from depesha.schemas.wire.seos import REGISTER_WSDL
from depesha.simulators.seos_participant import SeosParticipant
from depesha.simulators.seos_register import Mood, SeosRegister
from tests.support.simulators import CLOCK, A, B, World, world


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        yield made


@pytest.fixture
async def a(small: World) -> SeosParticipant:
    return await small.join(A)


@pytest.fixture
async def b(small: World) -> SeosParticipant:
    return await small.join(B)


class Reader:
    """A zeep client in a thread; binding as the description says, address from the register."""

    def __init__(self, register: SeosRegister, folder: Path) -> None:
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = str(folder / "ca.cert.pem")
        self.session.cert = (str(folder / "p0.cert.pem"), str(folder / "p0.key.pem"))
        self._register = register

    async def call(self, operation: str, *arguments: object) -> Any:
        def work() -> Any:
            untyped: Any = zeep
            transport = untyped.transports.Transport(session=self.session)
            client = untyped.Client(str(REGISTER_WSDL), transport=transport)
            service = client.create_service("{uri:egovmsg}egovmsgBinding", self._register.url)
            return getattr(service, operation)(*arguments)

        return await asyncio.to_thread(work)

    async def raw(self) -> requests.Response:
        body = (
            '<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body>'
            '<r:GetAllRecords xmlns:r="uri:egovmsg"/></S:Body></S:Envelope>'
        )
        return await asyncio.to_thread(
            lambda: self.session.post(
                self._register.url, data=body, headers={"Content-Type": "text/xml"}, timeout=10
            )
        )


@pytest.fixture
def reader(
    small: World, a: SeosParticipant, b: SeosParticipant, tmp_path: Path
) -> Iterator[Reader]:
    made = Reader(small.register, tmp_path)
    yield made
    made.session.close()


def names(answer: Any) -> list[str]:
    return [e["AdministrativeBodyName"] for e in answer["Entities"]]


async def test_everything_is_read_with_all_its_fields(
    small: World, a: SeosParticipant, reader: Reader
) -> None:
    answer = await reader.call("GetAllRecords")
    assert names(answer) == [A.name, B.name]
    first = answer["Entities"][0]
    assert first["EntityIdentifier"] == A.identifier
    assert first["Guid"] == "{" + str(A.guid) + "}"
    assert first["ParentGuid"] == "{00000000-0000-0000-0000-000000000000}"
    assert first["CertificateSN"] == f"{a.identity.certificate.serial_number:016X}"
    assert first["Status"] == "Active"
    service = first["Services"][0]
    assert service["Guid"] == "{7060efa8-f1fa-4938-8b2b-12a78c86988f}"
    assert (service["URI"], service["Status"]) == (a.url, "Active")
    assert (service["Type"], service["Version"]) == ("service", 1)
    assert isinstance(answer["LastChange"], datetime)
    assert first["Contact"]["Phone"] in {"", None}


async def test_the_other_operations_select(
    small: World, b: SeosParticipant, reader: Reader
) -> None:
    assert names(await reader.call("GetByGuid", "{" + str(B.guid).upper() + "}")) == [B.name]
    assert names(await reader.call("GetByEntityIdentifier", A.identifier)) == [A.name]
    assert names(await reader.call("GetByCertificateSN", b.identity.serial)) == [B.name]
    changed = next(e for e in small.register.entries if e.party == A)
    small.register.put(changed)
    since = small.register.last_change - timedelta(microseconds=1)
    assert names(await reader.call("GetNewRecords", since)) == [A.name]
    nothing = await reader.call("GetByEntityIdentifier", "404")
    assert not nothing["Entities"]


async def test_the_shape_on_the_wire(reader: Reader) -> None:
    root = etree.fromstring((await reader.raw()).content)
    result = root.find("{*}Body/{uri:egovmsg}GetAllRecordsResponse/return")
    assert result is not None
    entities = result.find("Entities")
    assert entities is not None
    encoding = "{http://schemas.xmlsoap.org/soap/encoding/}"
    assert entities.get(encoding + "arrayType") == "tns:Entity[2]"
    assert root.nsmap["tns"] == "uri:egovmsg"
    assert [e.tag for e in entities] == ["item", "item"]
    kind = "{http://www.w3.org/2001/XMLSchema-instance}type"
    assert all(e.get(kind) for e in result.iter() if e is not result)
    assert entities.find("item/Services/item/URI") is not None


async def test_entries_change_while_it_runs(small: World, reader: Reader) -> None:
    before = small.register.last_change
    small.register.remove(small.register.entries[0].guid)
    assert names(await reader.call("GetAllRecords")) == [B.name]
    assert small.register.last_change > before


async def test_it_holds_as_many_as_production(small: World, reader: Reader) -> None:
    small.register.fill(1300)
    begun = CLOCK.monotonic()
    raw = (await reader.raw()).content
    assert CLOCK.monotonic() - begun < 5
    assert raw.count(b"<item") == 2600
    identifiers = {e.party.identifier for e in small.register.entries}
    assert len(identifiers) == len({e.serial for e in small.register.entries}) == 1300
    assert {len(i) for i in identifiers} == {9, 13}


async def test_its_moods(small: World, reader: Reader) -> None:
    register = small.register
    register.mood = Mood(empty=True)
    assert not (await reader.call("GetAllRecords"))["Entities"]
    register.mood = Mood(all_inactive=True)
    statuses = {e["Status"] for e in (await reader.call("GetAllRecords"))["Entities"]}
    assert statuses == {"Inactive"}
    register.mood = Mood(garbage=True)
    with pytest.raises(etree.XMLSyntaxError):
        etree.fromstring((await reader.raw()).content)
    register.mood = Mood(down=True)
    with pytest.raises(requests.ConnectionError):
        await reader.raw()
    register.mood = Mood(slow_seconds=0.3)
    begun = CLOCK.monotonic()
    await reader.raw()
    assert CLOCK.monotonic() - begun >= 0.3


async def test_it_can_be_stopped_and_comes_back_at_the_same_place(
    small: World, reader: Reader
) -> None:
    url = small.register.url
    await small.register.stop()
    with pytest.raises(requests.ConnectionError):
        await reader.raw()
    await small.register.start()
    assert small.register.url == url
    assert (await reader.raw()).status_code == 200


async def test_a_call_it_does_not_know_is_a_fault(small: World, reader: Reader) -> None:
    with pytest.raises(zeep.exceptions.Fault):
        await reader.call("GetByGuid", "no guid")
