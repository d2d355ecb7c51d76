"""Attachments handed on: proved, made anew, never a foreign error, nothing left behind."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import BinaryIO, Never

import pytest

from depesha.adapters.memory.journal import MemoryJournal
from depesha.adapters.memory.store import MemoryStore
from depesha.errors import StorageError
from depesha.gateway.attachments import Attachments
from depesha.schemas.envelope import Attachment
from depesha.schemas.facts import Arrival
from depesha.schemas.ids import Digest, MessageId
from depesha.schemas.lifecycle import InboundEvent
from depesha.schemas.message import Change, EvidenceKind, Message, NewEvidence
from tests.support.house import PDF, House

DATA = PDF + b"unlike any other"
ACTOR = "token:registry"


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


async def lost(house: House) -> Arrival:
    """Store a message whose attachment is gone, as after a power cut."""
    arrival = house.arrival(1, DATA)
    await house.receive(arrival)
    house.blobs.remove(arrival.contents[0].attachment.digest)
    return arrival


def full(original: Path, index: int, into: BinaryIO) -> Never:
    del original, index
    into.write(DATA[:9])
    raise OSError(errno.ENOSPC, "no space left on device", "/somewhere")


async def test_a_full_disk_is_a_storage_error_and_leaves_no_spool(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await lost(house)
    with monkeypatch.context() as broken:
        broken.setattr(house.originals, "extract", full)
        with pytest.raises(StorageError) as refusal:
            await house.desk.attachment(house.only(), 1, ACTOR)
    assert "/somewhere" not in str(refusal.value)
    assert list((tmp_path / "spool").iterdir()) == []
    with await house.desk.attachment(house.only(), 1, ACTOR) as file:
        assert file.read() == DATA


async def test_a_file_that_cannot_be_read_is_a_storage_error(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.receive(house.arrival(1, DATA))

    def torn(_path: Path, _mode: str) -> Never:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(Path, "open", torn)
    with pytest.raises(StorageError):
        await house.desk.attachment(house.only(), 1, ACTOR)


@pytest.mark.parametrize("opening", [1, 2])
async def test_bytes_sealed_away_between_look_and_opening_are_made_anew(
    house: House, monkeypatch: pytest.MonkeyPatch, opening: int
) -> None:
    """A refused message with the same attachment drops its copy at that very moment."""
    arrival = house.arrival(1, DATA)
    await house.receive(arrival)
    digest, whole, looks = arrival.contents[0].attachment.digest, house.blobs.path, [0]

    def path(asked: Digest) -> Path | None:
        found = whole(asked)
        if asked == digest:
            looks[0] += 1
            if looks[0] == opening:
                house.blobs.remove(digest)
        return found

    monkeypatch.setattr(house.blobs, "path", path)
    if opening == 2:
        house.blobs.remove(digest)
    with await house.desk.attachment(house.only(), 1, ACTOR) as file:
        assert file.read() == DATA


async def test_bytes_sealed_away_while_the_view_is_written_down_are_read_all_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrival = house.arrival(1, DATA)
    await house.receive(arrival)
    record = house.journal.record

    async def slow(_: MemoryJournal, evidence: NewEvidence) -> int:
        house.blobs.remove(arrival.contents[0].attachment.digest)
        return await record(evidence)

    monkeypatch.setattr(MemoryJournal, "record", slow)
    with await house.desk.attachment(house.only(), 1, ACTOR) as file:
        assert file.read() == DATA


async def test_damaged_bytes_are_mended_from_the_original(house: House) -> None:
    arrival = house.arrival(1, DATA)
    await house.receive(arrival)
    path = house.blobs.path(arrival.contents[0].attachment.digest)
    assert path is not None
    path.write_bytes(DATA[:-1])
    with await house.desk.attachment(house.only(), 1, ACTOR) as file:
        assert file.read() == DATA


async def test_no_step_names_a_state_that_it_did_not_come_from(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clerk refuses what was held at the look, and admitted by a recheck at the commit."""
    house.scanner.failure = "unavailable"
    await house.receive(house.arrival(1))
    look = MemoryStore.get

    async def released(store: MemoryStore, message_id: MessageId) -> Message:
        found = await look(store, message_id)
        word = NewEvidence(
            kind=EvidenceKind.RECHECKED,
            at=house.clock.now(),
            message_id=message_id,
            actor="gateway",
        )
        await store.change(
            Change(message_id=message_id, event=InboundEvent.CHECKED_PASSED, evidence=word)
        )
        return found

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(MemoryStore, "get", released)
        await house.desk.refuse(house.only(), "не е за нас", ACTOR)
    last = json.loads((await house.journal.events(house.only()))[-1].body)
    assert (last["kind"], last["facts"]["event"]) == ("REFUSED", InboundEvent.REFUSED)
    assert last["facts"].get("from", "ADMITTED") == "ADMITTED"


async def test_a_view_that_cannot_be_written_down_hands_nothing_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.receive(house.arrival(1, DATA))
    opened: list[BinaryIO] = []
    whole = Attachments.open

    def seen(self: Attachments, message: Message, attachment: Attachment) -> BinaryIO:
        opened.append(whole(self, message, attachment))
        return opened[-1]

    async def refused(_: MemoryJournal, _evidence: NewEvidence) -> int:
        raise StorageError("the store could not do its work")

    monkeypatch.setattr(Attachments, "open", seen)
    monkeypatch.setattr(MemoryJournal, "record", refused)
    with pytest.raises(StorageError):
        await house.desk.attachment(house.only(), 1, ACTOR)
    assert [file.closed for file in opened] == [True]
