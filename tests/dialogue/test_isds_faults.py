"""Log-ins and faults of the simulated ISDS over real sockets."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from depesha.adapters.memory.system import HandClock
from depesha.schemas.wire.isds import Service
from depesha.simulators.isds_people import WRONG_PASSWORDS
from depesha.simulators.isds_quirks import Fault, FaultKind, IsdsQuirks
from depesha.simulators.isds_service import prefix
from depesha.simulators.isds_values import Event, LoginKind
from depesha.simulators.tls import KeyFiles, client_context
from tests.support.isds import (
    PASSWORD,
    Stand,
    Told,
    basic,
    client_keys,
    enveloped,
    listing,
    stand,
    told,
)

DZ, DX = Service.OPERATIONS, Service.INFO


def failing(kind: FaultKind, operation: str = "", **more: object) -> IsdsQuirks:
    return IsdsQuirks(faults=(Fault(kind=kind, operation=operation, **more),))  # type: ignore[arg-type]  # free words of a test


# --- log-ins ----------------------------------------------------------------------------------


async def test_wrong_passwords_lock_even_the_right_one_out_for_an_hour(tmp_path: Path) -> None:
    async with stand(tmp_path, clock=HandClock()) as made:
        box = made.office
        right, wrong = made.logins[box.box_id], basic(f"u{box.box_id}", "spatne")
        made.logins[box.box_id] = wrong
        for _ in range(WRONG_PASSWORDS):
            refused = await made.received(box)
            assert (refused.http, "html" in refused.content_type) == (401, True)
        made.logins[box.box_id] = right
        assert (await made.received(box)).http == 401
        made.isds.pass_time(timedelta(minutes=60))
        assert (await made.received(box)).http == 200


async def test_a_right_password_forgets_earlier_wrong_ones(tmp_path: Path) -> None:
    async with stand(tmp_path) as made:
        box = made.office
        right = made.logins[box.box_id]
        for _ in range(2):
            made.logins[box.box_id] = basic(f"u{box.box_id}", "spatne")
            for _ in range(WRONG_PASSWORDS - 1):
                assert (await made.received(box)).http == 401
            made.logins[box.box_id] = right
            assert (await made.received(box)).http == 200


async def by_certificate(
    made: Stand, name: str, kind: LoginKind, user: str = "", password: str = ""
) -> Told:
    """List what was received over TLS with a client certificate."""
    assert made.tls is not None
    context = client_context(
        KeyFiles(
            key=made.folder / f"{name}.key.pem",
            certificate=made.folder / f"{name}.cert.pem",
            trusted=made.tls,
        )
    )
    headers = {"Content-Type": "text/xml"}
    if user:
        headers["Authorization"] = basic(user, password)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session,
        session.post(
            made.isds.urls.service(DX, kind),
            data=enveloped("GetListOfReceivedMessages", listing()),
            headers=headers,
        ) as answer,
    ):
        return told(answer.status, answer.headers["Content-Type"], await answer.read())


async def test_the_four_kinds_of_log_in(tmp_path: Path) -> None:
    async with stand(tmp_path, tls=True) as made:
        office, people = made.office, made.isds.people
        own, _ = await asyncio.to_thread(client_keys, tmp_path, "own", 1)
        hosted, _ = await asyncio.to_thread(client_keys, tmp_path, "hosted", 2)
        person, _ = await asyncio.to_thread(client_keys, tmp_path, "person", 3)
        await asyncio.to_thread(client_keys, tmp_path, "stranger", 4)
        people.admit_certificate(office, own)
        people.admit_hosted((office, made.company), hosted)
        people.admit(office, "osoba", PASSWORD, certificate=person)

        sent = await made.send(made.company, office)
        assert (await by_certificate(made, "own", LoginKind.CERTIFICATE)).code == "0000"
        events = made.isds.state.messages[sent].events
        assert events[-1][1] is Event.BY_APPLICATION
        for name, kind, user, password, http in (
            ("stranger", LoginKind.CERTIFICATE, "", "", 401),
            ("hosted", LoginKind.HOSTED, office.box_id, "", 200),
            ("hosted", LoginKind.HOSTED, made.company.box_id, "", 200),
            ("hosted", LoginKind.HOSTED, "zzzzzzz", "", 401),
            ("hosted", LoginKind.HOSTED, "", "", 401),
            ("own", LoginKind.HOSTED, office.box_id, "", 401),
            ("person", LoginKind.BOTH, "osoba", PASSWORD, 200),
            ("person", LoginKind.BOTH, "osoba", "spatne", 401),
            ("own", LoginKind.BOTH, "osoba", PASSWORD, 401),
            ("person", LoginKind.PASSWORD, "osoba", PASSWORD, 401),
        ):
            got = await by_certificate(made, name, kind, user, password)
            assert got.http == http, (name, kind)


def test_addresses_follow_the_kind_of_log_in() -> None:
    assert [prefix(kind) for kind in LoginKind] == [
        "/DS/",
        "/cert/DS/",
        "/certds/DS/",
        "/hspis/DS/",
    ]


# --- faults -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "http"),
    [
        (FaultKind.ERROR, 500),
        (FaultKind.OUTAGE, 503),
        (FaultKind.UNAUTHORIZED, 401),
        (FaultKind.GARBAGE, 200),
    ],
)
async def test_faults_that_do_nothing(tmp_path: Path, kind: FaultKind, http: int) -> None:
    async with stand(tmp_path, failing(kind, "CreateMessage")) as made:
        failed = await made.create(made.company, made.office)
        assert failed.http == http
        assert made.isds.state.messages == {}
        assert (await made.create(made.company, made.office)).code == "0000"


async def test_an_outage_speaks_czech_and_its_fault_code_is_no_name(tmp_path: Path) -> None:
    async with stand(tmp_path, IsdsQuirks(outage="Odstávka do 01:00.")) as made:
        told = await made.received(made.office)
        assert told.http == 503
        assert told.content_type.startswith("text/xml")
        assert "<faultstring>Odstávka do 01:00.</faultstring>".encode() in told.raw
        made.isds.quirks = IsdsQuirks()
        assert (await made.received(made.office)).code == "0000"


async def test_a_status_on_demand_by_operation_and_count(tmp_path: Path) -> None:
    quirks = failing(
        FaultKind.REFUSE, "GetListOfReceivedMessages", code="3006", text="Pomalé", skip=1, times=2
    )
    async with stand(tmp_path, quirks) as made:
        codes = [(await made.received(made.office)).code for _ in range(4)]
        assert codes == ["0000", "3006", "3006", "0000"]
        assert (await made.sent(made.office)).code == "0000"


@pytest.mark.parametrize("kind", [FaultKind.LOST, FaultKind.RESET_AFTER])
async def test_an_answer_lost_after_the_message_was_taken(tmp_path: Path, kind: FaultKind) -> None:
    async with stand(tmp_path, failing(kind, "CreateMessage")) as made:
        with pytest.raises(aiohttp.ClientError):
            await made.create(made.company, made.office, dmSenderRefNumber="FV-7")
        assert (await made.sent(made.company)).text("dmSenderRefNumber") == "FV-7"


async def test_a_connection_cut_before_anything(tmp_path: Path) -> None:
    async with stand(tmp_path, failing(FaultKind.RESET_BEFORE, "CreateMessage")) as made:
        with pytest.raises(aiohttp.ClientError):
            await made.create(made.company, made.office)
        assert made.isds.state.messages == {}


async def test_a_slow_answer_comes_when_the_work_is_done(tmp_path: Path) -> None:
    clock = HandClock()
    async with stand(tmp_path, failing(FaultKind.SLOW, seconds=30.0), clock=clock) as made:
        asked = asyncio.create_task(made.create(made.company, made.office))
        for _ in range(500):
            if clock.sleepers:
                break
            await asyncio.sleep(0.01)
        assert len(made.isds.state.messages) == 1
        assert not asked.done()
        clock.advance(30)
        assert (await asked).code == "0000"


async def test_a_message_stored_twice(tmp_path: Path) -> None:
    async with stand(tmp_path, failing(FaultKind.DUPLICATE)) as made:
        await made.send(made.company, made.office)
        assert len((await made.received(made.office)).all("dmRecord")) == 2
        await made.send(made.company, made.office)
        assert len((await made.received(made.office)).all("dmRecord")) == 3


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        (FaultKind.BAD_SIGNATURE, True),
        (FaultKind.BAD_CONTENT, True),
        (FaultKind.BAD_STAMP, False),  # openssl does not look at the stamp
        (FaultKind.BAD_HASH, False),
    ],
)
async def test_a_spoilt_paper_is_spoilt_once(
    tmp_path: Path, kind: FaultKind, *, refused: bool
) -> None:
    async with stand(tmp_path, failing(kind, "SignedMessageDownload")) as made:
        sent = await made.send(made.company, made.office)
        bad = (await made.one(made.office, "SignedMessageDownload", sent, DZ)).paper
        good = (await made.one(made.office, "SignedMessageDownload", sent, DZ)).paper
        assert (made.openssl(bad).returncode != 0) is refused
        assert made.openssl(good).returncode == 0
        assert len(bad) == len(good)


async def test_a_paper_without_stamp_says_so(tmp_path: Path) -> None:
    async with stand(tmp_path, failing(FaultKind.STAMPLESS)) as made:
        sent = await made.send(made.company, made.office)
        bare = await made.one(made.office, "SignedMessageDownload", sent, DZ)
        full = await made.one(made.office, "SignedMessageDownload", sent, DZ)
        assert (bare.code, full.code) == ("0005", "0000")
        assert len(full.paper) > len(bare.paper) + 1000
        assert made.openssl(bare.paper).returncode == 0


async def test_a_blocked_message_and_another_one_in_its_place(tmp_path: Path) -> None:
    async with stand(tmp_path) as made:
        sent, other = [await made.send(made.company, made.office) for _ in range(2)]
        made.isds.quirks = IsdsQuirks(blocked=frozenset({sent}))
        assert (await made.one(made.office, "SignedMessageDownload", sent, DZ)).code == "3022"
        made.isds.quirks = failing(FaultKind.OTHER_MESSAGE, "MessageDownload")
        got = await made.one(made.office, "MessageDownload", sent, DZ)
        assert got.text("dmID") == other


async def test_strangers_get_nothing(tmp_path: Path) -> None:
    async with stand(tmp_path) as made:
        sent = await made.send(made.company, made.office)
        for operation, service in (
            ("SignedSentMessageDownload", DZ),
            ("SentMessageEnvelopeDownload", DX),
        ):
            assert (await made.one(made.office, operation, sent, service)).code == "1211"
        assert (await made.one(made.company, "SignedMessageDownload", sent, DZ)).code == "1211"
        assert (await made.one(made.office, "SignedMessageDownload", "1", DZ)).code == "1219"


async def test_what_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    async with stand(tmp_path) as made:
        for body in (b"", b"<a", b"<!DOCTYPE a><a/>", b"<a/>"):
            url = made.isds.urls.service(DX)
            headers = {"Authorization": made.logins[made.office.box_id]}
            async with made.session.post(url, data=body, headers=headers) as answer:
                assert answer.status == 500
        async with made.session.get(made.isds.urls.service(DX)) as answer:
            assert answer.status == 405
        async with made.session.post(f"{made.isds.urls.ws1}/DS/vodz") as answer:
            assert answer.status == 404


async def test_papers_of_another_time(tmp_path: Path) -> None:
    quirks = IsdsQuirks(
        paper_host="isds.czebox.cz", isds_send=True, coarse_sender_types=True, zulu=True
    )
    async with stand(tmp_path, quirks) as made:
        sent = await made.send(made.company, made.office)
        paper = (await made.one(made.office, "SignedMessageDownload", sent, DZ)).paper
        content = made.openssl(paper).stdout
        assert b'xmlns:q="http://isds.czebox.cz/v20/message"' in content
        assert b"isds_send=" in content
        listed = await made.received(made.office)
        assert listed.text("dmSenderType") == "20"
        assert listed.text("dmDeliveryTime").endswith("Z")
