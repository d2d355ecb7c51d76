"""Our client against the simulated ISDS: real sockets, every answer and request by the schema."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path

import pytest

from depesha.adapters.isds.checking import Expected, ZfoChecker
from depesha.adapters.isds.codes import Action
from depesha.adapters.isds.parts import Part
from depesha.adapters.isds.problems import IsdsError, LoginRefusedError, OutageError
from depesha.adapters.isds.rules import as_kept
from depesha.adapters.system import WorkerThreads
from depesha.errors import BrokenOffError, StorageError, UnreachableError
from depesha.schemas.wire.isds import Paper
from depesha.simulators.isds_quirks import Fault, FaultKind, IsdsQuirks
from tests.support import isds_papers
from tests.support.isds_client import CLOCK, Stand, office, stand

PDF = b"%PDF-1.7\n\xc5\xbe\xc3\xa1dost\n%%EOF\n" * 5_000
HOUR = timedelta(hours=1)


def checker(place: Stand) -> ZfoChecker:
    judge = isds_papers.judge(place.isds.sealer.trusted_pem)
    return ZfoChecker(seals=judge, stamps=judge)


def folder(place: Stand, name: str) -> Path:
    path = place.folder / name
    path.mkdir()
    return path


def left_in(folder: Path, pattern: str) -> list[Path]:
    return list(folder.glob(pattern))


async def send(place: Stand, **more: str) -> str:
    files = [place.file("zadost.pdf", PDF), place.file("priloha.txt", b"text\n", "enclosure")]
    return await place.sender.client.create_message(place.words(**more), files)


async def test_a_message_goes_out_comes_in_and_is_genuine(tmp_path: Path) -> None:
    async with stand(tmp_path) as place:
        number = await send(place, sender_reference="DPS-7", to_hands="podatelna")
        inbox = place.recipient.client
        rows = await inbox.received(since=CLOCK.now() - HOUR)
        assert [(row.words.dm_id, row.words.sender_reference) for row in rows] == [
            (number, "DPS-7")
        ]
        assert rows[0].words.to_hands == "podatelna"
        assert rows[0].words.subject == as_kept("Žádost o <součinnost>")
        stored = await inbox.fetch_received(number, tmp_path / "in.zfo")
        checked = checker(place).check(
            stored.path,
            folder(place, "open"),
            CLOCK.now(),
            Expected(kind=Paper.RECEIVED, dm_id=number, recipient_box=place.recipient.box.box_id),
        )
        assert checked.flaws == ()
        assert checked.content is not None
        assert [f.stored.digest for f in checked.content.files] == [
            hashlib.sha256(PDF).hexdigest(),
            hashlib.sha256(b"text\n").hexdigest(),
        ]
        await inbox.mark_downloaded(number)
        assert [row.state for row in await inbox.received()] == [7]
        assert [row.state for row in await place.sender.client.sent()] == [6]
        assert await inbox.is_genuine(stored.path, stored.size)
        algorithm, value = await inbox.stored_hash(number)
        assert (algorithm, value) == ("SHA-256", checked.content.hash_declared)
        assert place.isds.request_deviations == []


async def test_the_sender_keeps_its_own_paper_and_the_delivery(tmp_path: Path) -> None:
    async with stand(tmp_path) as place:
        number = await send(place)
        await place.recipient.client.received()
        outbox = place.sender.client
        sent = await outbox.fetch_sent(number, tmp_path / "out.zfo")
        proof = await outbox.fetch_delivery(number, tmp_path / "out_info.zfo")
        for kind, paper in ((Paper.SENT, sent), (Paper.DELIVERY, proof)):
            checked = checker(place).check(
                paper.path,
                folder(place, kind.value),
                CLOCK.now(),
                Expected(kind=kind, dm_id=number, sender_box=place.sender.box.box_id),
            )
            assert checked.flaws == ()
        told = await outbox.delivery(number)
        assert told.state == 6
        assert [e.text.split(":")[0] for e in told.events][:2] == ["EV0", "EV5"]
        changes = await outbox.state_changes(CLOCK.now() - HOUR)
        assert {(c.dm_id, c.state) for c in changes} >= {(number, 4), (number, 6)}
        assert place.isds.request_deviations == []


async def test_what_is_known_of_boxes(tmp_path: Path) -> None:
    async with stand(tmp_path) as place:
        client, other = place.sender.client, place.recipient.box
        assert await client.box_state(other.box_id) == 1
        with pytest.raises(IsdsError) as refused:
            await client.box_state("zzzzzzz")
        assert refused.value.action is Action.REFUSED
        assert (await client.owner()).box_id == place.sender.box.box_id
        found = await client.search("Ukázkov")
        assert [box.box_id for box in found.boxes] == [other.box_id]
        known = await client.box(other.box_id)
        assert known is not None
        assert (known.name, known.state, known.kind) == (other.name, 1, "OVM")
        assert await client.password_expires_at() is None
        assert place.isds.request_deviations == []


async def test_a_lost_answer_is_unclear_and_the_message_is_found(tmp_path: Path) -> None:
    lost = Fault(kind=FaultKind.LOST, operation="CreateMessage")
    async with stand(tmp_path, IsdsQuirks(faults=(lost,))) as place:
        with pytest.raises(BrokenOffError):
            await send(place, sender_reference="DPS-lost")
        sought = await place.sender.client.find_sent("DPS-lost", CLOCK.now() - HOUR)
        assert sought.complete
        assert len(sought.found) == 1
        nothing = await place.sender.client.find_sent("DPS-other", CLOCK.now() - HOUR)
        assert (nothing.found, nothing.complete) == ((), True)


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.OUTAGE, OutageError),
        (FaultKind.ERROR, BrokenOffError),
        (FaultKind.GARBAGE, BrokenOffError),
        (FaultKind.RESET_AFTER, BrokenOffError),
        (FaultKind.REDIRECT, IsdsError),
    ],
)
async def test_every_failure_of_a_send_is_one_of_ours(
    tmp_path: Path, kind: FaultKind, error: type[Exception]
) -> None:
    fault = Fault(kind=kind, operation="CreateMessage", text="Plánovaná odstávka")
    async with stand(tmp_path, IsdsQuirks(faults=(fault,))) as place:
        with pytest.raises(error) as failed:
            await send(place)
        assert type(failed.value) is error


async def test_an_outage_is_told_in_its_own_words(tmp_path: Path) -> None:
    async with stand(tmp_path, IsdsQuirks(outage="Odstávka do pátku")) as place:
        with pytest.raises(OutageError) as failed:
            await place.sender.client.owner()
        assert failed.value.said == "Odstávka do pátku"
        assert isinstance(failed.value, UnreachableError)
        assert "Odstávka" not in str(failed.value)


async def test_a_refused_log_in_stops_the_session_before_it_locks_the_account(
    tmp_path: Path,
) -> None:
    async with stand(tmp_path) as place:
        threads = WorkerThreads(1)
        wrong = office(place.isds, place.sender.box, threads, password="spatne")
        try:
            for _ in range(8):
                with pytest.raises(LoginRefusedError) as refused:
                    await wrong.client.owner()
                assert "spatne" not in str(refused.value)
            assert place.isds.calls["GetOwnerInfoFromLogin2"] == 1
            assert wrong.session.stopped
            assert (await place.sender.client.owner()).box_id == place.sender.box.box_id
            wrong.session.resume(place.sender.session._login)
            assert (await wrong.client.owner()).box_id == place.sender.box.box_id
        finally:
            await wrong.session.close()
            await threads.close()


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("1219", Action.GONE),
        ("1229", Action.NOT_READY),
        ("3022", Action.PERSON),
        ("9502", Action.RETRY),
        ("1281", Action.OTHER_SERVICE),
    ],
)
async def test_status_codes_reach_the_caller_and_leave_no_file(
    tmp_path: Path, code: str, action: Action
) -> None:
    fault = Fault(kind=FaultKind.REFUSE, operation="SignedMessageDownload", code=code, text="Ne.")
    async with stand(tmp_path, IsdsQuirks(faults=(fault,))) as place:
        number = await send(place)
        target = tmp_path / "in.zfo"
        with pytest.raises(IsdsError) as refused:
            await place.recipient.client.fetch_received(number, target)
        assert (refused.value.action, refused.value.status_code) == (action, code)
        assert refused.value.said == "Ne."
        assert left_in(tmp_path, "in.zfo*") == []


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        (FaultKind.BAD_SIGNATURE, Part.SIGNATURE),
        (FaultKind.BAD_CONTENT, Part.CONTENT),
        (FaultKind.BAD_STAMP, Part.STAMP),
        (FaultKind.BAD_HASH, Part.HASH),
        (FaultKind.OTHER_MESSAGE, Part.PAPER),
    ],
)
async def test_a_spoilt_paper_is_told_apart(tmp_path: Path, kind: FaultKind, part: Part) -> None:
    fault = Fault(kind=kind, operation="SignedMessageDownload")
    async with stand(tmp_path, IsdsQuirks(faults=(fault,))) as place:
        await send(place)
        number = await send(place)
        stored = await place.recipient.client.fetch_received(number, tmp_path / "in.zfo")
        expected = Expected(kind=Paper.RECEIVED, dm_id=number)
        checked = checker(place).check(stored.path, folder(place, "open"), CLOCK.now(), expected)
        assert checked.broken[:1] == (part,)
        assert checked.signature_facts().finding is not None


async def test_a_paper_without_stamp_is_taken_and_told(tmp_path: Path) -> None:
    fault = Fault(kind=FaultKind.STAMPLESS, operation="SignedMessageDownload")
    async with stand(tmp_path, IsdsQuirks(faults=(fault,))) as place:
        number = await send(place)
        stored = await place.recipient.client.fetch_received(number, tmp_path / "in.zfo")
        checked = checker(place).check(stored.path, folder(place, "open"), CLOCK.now())
        assert (checked.flaws, checked.stamp) == ((), None)


async def test_a_file_that_changed_stops_the_send_before_anything_leaves(tmp_path: Path) -> None:
    async with stand(tmp_path) as place:
        file = place.file("zadost.pdf", PDF)
        file.path.write_bytes(b"short")
        with pytest.raises(StorageError):
            await place.sender.client.create_message(place.words(), [file])
        assert await place.sender.client.sent() == ()


async def test_a_big_message_both_ways(tmp_path: Path) -> None:
    content = PDF * 170  # over 20 MB
    async with stand(tmp_path) as place:
        client = place.sender.client
        main = await client.upload(place.file("plany.pdf", content))
        assert main.hash_1 == hashlib.sha256(content).hexdigest()
        second = place.file("dopis.txt", b"dopis\n", "enclosure")
        number = await client.create_big_message(place.words(), [main], [second])
        inbox = place.recipient.client
        rows = await inbox.received()
        assert [(row.words.dm_id, row.big) for row in rows] == [(number, True)]
        stored = await inbox.fetch_big_received(number, tmp_path / "in.zfo")
        checked = checker(place).check(stored.path, folder(place, "open"), CLOCK.now())
        assert checked.flaws == ()
        assert checked.content is not None
        assert [f.stored.size for f in checked.content.files] == [len(content), 6]
        one = await inbox.fetch_attachment(number, 1, tmp_path / "one")
        assert (one.name, one.stored.size) == ("dopis.txt", 6)
        with pytest.raises(IsdsError) as end:
            await inbox.fetch_attachment(number, 2, tmp_path / "two")
        assert end.value.action is Action.END
        with pytest.raises(IsdsError) as other:
            await inbox.fetch_received(number, tmp_path / "small.zfo")
        assert other.value.action is Action.OTHER_SERVICE
        await client.fetch_big_sent(number, tmp_path / "out.zfo")
        assert place.isds.request_deviations == []
        assert left_in(tmp_path, "*.parts") == []
