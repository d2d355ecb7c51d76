"""The register's answer in every shape, and what a refresh may and may not take away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.system import HandClock, InlineThreads
from depesha.adapters.seos.calling import Caller, CallLimits
from depesha.adapters.seos.entries import RegisterCopy, read_register
from depesha.adapters.seos.register import SeosDirectory, SeosRegister
from depesha.errors import PeerError, WireError
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid, SerialNumber
from depesha.schemas.participant import Participant, ParticipantStatus
from tests.support.seos import NOW, A, participant

EXCHANGE = "{7060EFA8-f1fa-4938-8b2b-12a78c86988f}"
OTHER = "{11111111-f1fa-4938-8b2b-12a78c86988f}"


def service(guid: str = EXCHANGE, uri: str = "https://a.example/", status: str = "Active") -> str:
    return (
        f"<item><Version>188</Version><URI> {uri} </URI><Status>{status}</Status>"
        f"<Guid>{guid}</Guid><Name>каквото и да е</Name></item>"
    )


def entity(services: str, status: str = "Active", more: str = "") -> str:
    return (
        f"<item><Status>{status}</Status><CertificateSN>00ab12CD34EF5678</CertificateSN>"
        f"<Services>{services}</Services><Contact><Phone>02</Phone><Fax/>"
        "<EmailAddress>a@b.example</EmailAddress></Contact>"
        "<ParentGuid>{00000000-0000-0000-0000-000000000000}</ParentGuid>"
        "<LastChange>2026-01-10T12:00:00+02:00</LastChange>"
        "<AdministrativeBodyName> Община   Пример </AdministrativeBodyName>"
        "<Guid>{AAAAAAAA-1111-4111-8111-aaaaaaaaaaaa}</Guid>"
        f"<EntityIdentifier>000000001 </EntityIdentifier>{more}</item>"
    )


def wire(*entities: str) -> bytes:
    return (
        '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        '<r:GetAllRecordsResponse xmlns:r="uri:egovmsg"><return>'
        "<LastChange>2024-01-15T08:00:00</LastChange>"
        f"<Entities>{''.join(entities)}</Entities></return>"
        "</r:GetAllRecordsResponse></e:Body></e:Envelope>"
    ).encode()


def one(body: bytes) -> Participant:
    (found,) = read_register(body).participants
    return found


def test_fields_in_any_order_become_a_participant() -> None:
    assert one(wire(entity(service()))) == Participant(
        guid=Guid("aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa"),
        identifier="000000001",
        name="Община Пример",
        status=ParticipantStatus.ACTIVE,
        serial=SerialNumber("AB12CD34EF5678"),
        url="https://a.example/",
        phone="02",
        email="a@b.example",
        changed_at=datetime(2026, 1, 10, 10, tzinfo=UTC),
    )


def test_the_register_s_own_change_is_read() -> None:
    assert read_register(wire()).changed_at == datetime(2024, 1, 15, 6, tzinfo=UTC)


@pytest.mark.parametrize(
    ("services", "url"),
    [
        (service(OTHER, "https://other.example/") + service(), "https://a.example/"),
        (service(status="Inactive") + service(uri="https://b.example/X"), "https://b.example/X"),
        (service(uri="") + service(OTHER, "https://other.example/"), "https://other.example/"),
        (service(uri=""), ""),
        ("", ""),
    ],
)
def test_the_service_is_chosen_by_its_guid(services: str, url: str) -> None:
    assert one(wire(entity(services))).url == url


@pytest.mark.parametrize(
    ("own", "services", "status"),
    [
        ("Active", service(), ParticipantStatus.ACTIVE),
        ("Inactive", service(), ParticipantStatus.INACTIVE),
        ("TemporarilyInactive", service(), ParticipantStatus.TEMPORARILY_INACTIVE),
        ("Active", service(status="TemporarilyInactive"), ParticipantStatus.TEMPORARILY_INACTIVE),
        ("Active", service(status="Closed"), ParticipantStatus.INACTIVE),
        ("Active", "", ParticipantStatus.INACTIVE),
        ("whatever", service(), ParticipantStatus.INACTIVE),
    ],
)
def test_the_effective_status(own: str, services: str, status: ParticipantStatus) -> None:
    assert one(wire(entity(services, own))).status is status


def test_an_unusable_entry_spoils_no_other() -> None:
    copy = read_register(wire("<item/>", "<item><Guid>x</Guid></item>", entity(service())))
    assert (len(copy.participants), copy.unusable) == (1, 2)


def test_an_unusable_serial_is_none() -> None:
    body = wire(entity(service())).replace(b"00ab12CD34EF5678", b"not hex")
    assert one(body).serial is None


def test_other_answers_are_errors() -> None:
    with pytest.raises(WireError):
        read_register(b"<html/>")
    fault = wire().replace(b"GetAllRecordsResponse", b"Fault")
    with pytest.raises(PeerError):
        read_register(fault)


class Fixed(SeosRegister):
    """A register that says what a test wants."""

    def __init__(self) -> None:
        caller = Caller(tls=None, limits=CallLimits())
        super().__init__(url="https://register.example/", caller=caller, threads=InlineThreads())
        self.says: tuple[Participant, ...] = ()

    async def fetch(self) -> RegisterCopy:
        return RegisterCopy(participants=self.says, changed_at=None)


def crowd(count: int) -> tuple[Participant, ...]:
    return tuple(
        participant(
            Party(
                identifier=f"{n:09}",
                name=f"Орган {n}",
                guid=Guid(f"{n:08x}-1111-4111-8111-{0:012}"),
            )
        )
        for n in range(count)
    )


@pytest.fixture
def register() -> Fixed:
    return Fixed()


def directory(register: Fixed, folder: Path, share: float = 0.2) -> SeosDirectory:
    return SeosDirectory(
        register=register,
        threads=InlineThreads(),
        clock=HandClock(NOW),
        observer=RecordingObserver(),
        file=folder / "register.json",
        max_deactivated=share,
    )


async def test_a_participant_that_is_missing_becomes_inactive(
    register: Fixed, tmp_path: Path
) -> None:
    subject = directory(register, tmp_path)
    register.says = crowd(10)
    await subject.refresh()
    register.says = crowd(9)
    state = await subject.refresh()
    assert (state.participants, state.last_error) == (10, "")
    found = subject.by_identifier("000000009")
    assert found is not None
    assert found.status is ParticipantStatus.INACTIVE


async def test_a_mass_deactivation_is_refused_and_told(register: Fixed, tmp_path: Path) -> None:
    subject = directory(register, tmp_path)
    register.says = crowd(30)
    before = await subject.refresh()
    for says in (
        crowd(23),
        tuple(replace(p, status=ParticipantStatus.INACTIVE) for p in crowd(30)),
        (),
    ):
        register.says = says
        state = await subject.refresh()
        assert state.last_error
        assert replace(state, last_error="") == before
    assert all(p.status is ParticipantStatus.ACTIVE for p in subject.search("", 99))
    register.says = crowd(25)
    assert (await subject.refresh()).last_error == ""


async def test_the_operator_may_let_it_happen(register: Fixed, tmp_path: Path) -> None:
    subject = directory(register, tmp_path, share=1.0)
    register.says = crowd(30)
    await subject.refresh()
    register.says = crowd(1)
    assert (await subject.refresh()).last_error == ""


async def test_earlier_serials_are_kept_newest_first(register: Fixed, tmp_path: Path) -> None:
    subject = directory(register, tmp_path)
    for serial in ("01", "2", "3", "2"):
        register.says = (participant(serial=SerialNumber(serial)),)
        await subject.refresh()
    found = subject.by_identifier(A.identifier)
    assert found is not None
    assert (found.serial, found.earlier_serials) == ("2", ("3", "01"))


async def test_the_last_good_copy_survives_a_restart(register: Fixed, tmp_path: Path) -> None:
    first = directory(register, tmp_path)
    assert first.load().loaded_at is None
    register.says = crowd(3)
    state = await first.refresh()
    second = directory(register, tmp_path)
    assert second.load() == state
    assert second.search("", 9) == first.search("", 9)
    left = await asyncio.to_thread(lambda: [path.name for path in tmp_path.iterdir()])
    assert left == ["register.json"]


async def test_a_damaged_copy_is_told_and_not_used(register: Fixed, tmp_path: Path) -> None:
    (tmp_path / "register.json").write_bytes(b'{"loaded_at": 1')
    state = directory(register, tmp_path).load()
    assert state.loaded_at is None
    assert state.last_error


async def test_a_copy_that_cannot_be_written_serves_from_memory(
    register: Fixed, tmp_path: Path
) -> None:
    subject = directory(register, tmp_path / "nowhere")
    register.says = crowd(2)
    state = await subject.refresh()
    assert state.participants == 2
    assert state.last_error
