"""Content whose time is over goes; evidence stays, verifies, and says who let it go."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from depesha.adapters.memory.system import HandClock
from depesha.errors import ConflictError, EvidenceError, StorageError
from depesha.queue.backup_reading import verify_backup
from depesha.queue.backup_shelf import Shelf
from depesha.queue.opening import Memory
from depesha.queue.retention import Retention, protocol
from depesha.schemas.ids import Digest, MessageId
from depesha.schemas.lifecycle import InboundEvent, InboundState
from depesha.schemas.message import EvidenceKind, NewEvidence, TaskKind
from depesha.schemas.notes import Area
from depesha.schemas.outbound_lifecycle import OutboundEvent, OutboundState
from depesha.schemas.overview import LineQuery
from depesha.schemas.pack import verify_pack
from depesha.schemas.retention import Act, Approval, Sort, Terms, act_bytes, load_act
from tests.support.backups import back_up, quiet
from tests.support.memory import (
    SEAL_KEY,
    START,
    arrival,
    evidence,
    id_of,
    new_message,
    opened,
    registration,
    step,
    task,
)
from tests.support.outbound_memory import move, new_outbound, out_id

TERMS = Terms(years={Sort.RECEIVED: 5, Sort.SENT: 5, Sort.RETURNED: 1})
SECRET = "Относно преписка"
LATER = timedelta(days=6 * 366)


async def closed(memory: Memory, number: int, original: bytes) -> Digest:
    """Store a message that was received, numbered and closed; return its original."""
    blob = await asyncio.to_thread(memory.blobs.put, original)
    came = arrival(number)
    new = new_message(number, arrived=replace(came, original=blob), wire=b"<our answer/>")
    await memory.store.admit(new)
    await memory.store.change(registration(number, f"ВХ-{number}"))
    await memory.store.change(step(number, InboundEvent.CLOSED, EvidenceKind.CLOSED))
    return blob


def lies_in(store: Path, words: bytes) -> bool:
    """Tell whether bytes stand anywhere on the disk."""
    files = (one for one in store.rglob("*") if one.is_file())
    return any(words in one.read_bytes() for one in files)


def act(*items: MessageId, people: int = 2) -> Act:
    made = Act(name="act-1", rule=TERMS.rule(Sort.RECEIVED), at=START, items=items)
    for person in range(people):
        approval = Approval(actor=f"person:{person}", at=START, ground="разрешение 12")
        made = made.with_approval(approval, made.digest)
    return made


async def test_content_goes_and_the_chain_still_holds(tmp_path: Path) -> None:
    store, clock = tmp_path / "store", HandClock(START)
    async with opened(store, clock) as memory:
        blob = await closed(memory, 1, b"<original>" * 100)
        other = await closed(memory, 2, b"<another>" * 100)
        await memory.journal.seal()
        assert lies_in(store, f"{SECRET} 1".encode())
        clock.advance(LATER.total_seconds())
        retention = Retention(memory.db, memory.blobs, clock)
        assert await retention.due(TERMS, Sort.RECEIVED, 10) == (id_of(1), id_of(2))
        one = act(id_of(1))
        done = await retention.destroy(one, TERMS)
        assert (done.count, done.kept) == (1, ())
        await memory.journal.record(protocol(one, done, clock.now()))

        assert memory.blobs.path(blob) is None
        assert memory.blobs.path(other) is not None
        kept = await memory.store.get(id_of(1))
        assert kept.state is InboundState.CLOSED
        assert kept.envelope is not None
        assert kept.envelope.subject == ""
        assert kept.envelope.correspondents == ()
        assert [file.name for file in kept.envelope.attachments] == ["", ""]
        assert kept.number is not None
        assert kept.arrival.original == blob, "the digest stays"

        rows = await memory.journal.verify()
        assert rows == len(await memory.journal.after(0, 1000))
        report = verify_pack(await memory.journal.pack(id_of(1)), SEAL_KEY.public)
        assert "act act-1" in report.destroyed
        assert all(not row.wire for row in report.rows)
        assert not verify_pack(await memory.journal.pack(id_of(2)), SEAL_KEY.public).destroyed
        assert await retention.due(TERMS, Sort.RECEIVED, 10) == (id_of(2),)
        again = await retention.destroy(one, TERMS)
        assert again.files == 0, "carried out twice is carried out once"
        assert await memory.journal.verify() == rows
        await memory.overview.catch_up()
        found = await memory.overview.lines(LineQuery(words="преписка"))
        assert [line.document.id for line in found.lines] == [id_of(2)]
    assert not lies_in(store, f"{SECRET} 1".encode())
    assert not lies_in(store, b"<original>")
    assert lies_in(store, f"{SECRET} 2".encode())

    async with opened(store, clock) as memory:
        manifest = await back_up(store, tmp_path / "to", clock)
        assert blob not in {name for name, _ in manifest.blobs} | set(manifest.missing)
        assert verify_backup(Shelf(tmp_path / "to"), manifest.name, quiet).whole


async def test_what_has_not_ended_is_at_work_or_held_is_never_touched(tmp_path: Path) -> None:
    clock = HandClock(START)
    async with opened(tmp_path, clock) as memory:
        await memory.store.admit(new_message(1))
        await memory.store.admit(new_message(2))
        await memory.store.change(registration(2, "ВХ-2"))
        await closed(memory, 3, b"held")
        await closed(memory, 4, b"at work")
        await memory.store.change(
            replace(step(4, None, EvidenceKind.NOTICE_TRIED), tasks=(task(TaskKind.NOTICE),))
        )
        await memory.notebook.write(
            Area.LEGAL_HOLDS, id_of(3), b"{}", evidence(3, EvidenceKind.RULED)
        )
        retention = Retention(memory.db, memory.blobs, clock)
        await closed(memory, 5, b"too early")
        clock.advance(LATER.total_seconds())
        everything = tuple(id_of(number) for number in range(1, 5))
        assert await retention.due(TERMS, Sort.RECEIVED, 10) == (id_of(5),)
        done = await retention.destroy(act(*everything), TERMS)
        assert (done.count, done.kept) == (0, everything)
        numbered = Terms(years=TERMS.years, numbered_ends=True)
        assert await retention.due(numbered, Sort.RECEIVED, 10) == (id_of(5),)
        for_ever = Terms(years={Sort.RECEIVED: None})
        assert await retention.due(for_ever, Sort.RECEIVED, 10) == ()
        assert (await retention.destroy(act(id_of(5)), for_ever)).count == 0


async def test_documents_of_ours_go_the_same_way(tmp_path: Path) -> None:
    clock = HandClock(START)
    async with opened(tmp_path, clock) as memory:
        await memory.outbound.submit(new_outbound(1))
        await memory.outbound.change(move(1, OutboundEvent.RETURNED))
        clock.advance(LATER.total_seconds())
        retention = Retention(memory.db, memory.blobs, clock)
        due = await retention.due(TERMS, Sort.RETURNED, 10)
        assert due == (out_id(1),)
        done = await retention.destroy(act(*due), TERMS)
        assert done.count == 1
        kept = await memory.outbound.get(out_id(1))
        assert kept.state is OutboundState.RETURNED
        assert (kept.dispatch.subject, kept.dispatch.correspondents) == ("", ())
        assert all(not file.name for file in kept.dispatch.files)
        await memory.journal.verify()
        report = verify_pack(await memory.journal.pack(out_id(1)), SEAL_KEY.public)
        assert report.destroyed


async def test_bytes_that_vanish_by_nobodys_act_are_found(tmp_path: Path) -> None:
    async with opened(tmp_path) as memory:
        await closed(memory, 1, b"<original>")
        await memory.db.write(lambda t: t.run("UPDATE evidence SET wire = NULL WHERE sequence = 1"))
        with pytest.raises(EvidenceError, match="wire bytes of evidence row 1"):
            await memory.journal.verify()
        with pytest.raises(EvidenceError, match="wire bytes"):
            verify_pack(await memory.journal.pack(id_of(1)), SEAL_KEY.public)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE evidence SET body = '{}'",
        "UPDATE evidence SET wire = x'00'",
        "UPDATE evidence SET wire = NULL, body = '{}'",
        "UPDATE evidence SET hash = previous",
        "DELETE FROM evidence",
    ],
)
async def test_nothing_else_of_a_row_can_be_changed(tmp_path: Path, change: str) -> None:
    async with opened(tmp_path) as memory:
        await closed(memory, 1, b"<original>")
        with pytest.raises(StorageError):
            await memory.db.write(lambda t: t.run(change))
        await memory.journal.verify()


async def test_a_blob_that_another_document_needs_stays(tmp_path: Path) -> None:
    clock = HandClock(START)
    async with opened(tmp_path, clock) as memory:
        blob = await closed(memory, 1, b"<original>")
        await memory.journal.record(
            NewEvidence(
                kind=EvidenceKind.HEARD,
                at=START,
                message_id=id_of(1),
                actor="gateway",
                facts={"receipt": blob},
            )
        )
        shared = arrival(1).contents[0].attachment.digest
        await closed(memory, 2, b"<another>")
        await memory.db.write(
            lambda t: t.run("INSERT INTO blob_refs VALUES (unhex(?), 'm', 99)", shared)
        )
        await asyncio.to_thread(memory.blobs.put, b"file 1 1")
        clock.advance(LATER.total_seconds())
        retention = Retention(memory.db, memory.blobs, clock)
        done = await retention.destroy(act(id_of(1)), TERMS)
        assert done.count == 1
        assert memory.blobs.path(shared) is not None
        assert memory.blobs.path(blob) is None


def test_a_term_runs_from_the_first_of_january_after_the_end() -> None:
    ended = datetime(2026, 3, 2, tzinfo=UTC)
    for now, over in (
        (datetime(2031, 12, 31, 23, tzinfo=UTC), False),
        (datetime(2032, 1, 1, 0, tzinfo=UTC), True),
    ):
        before = TERMS.before(Sort.RECEIVED, now)
        assert before is not None
        assert (ended < before) is over
    assert TERMS.before(Sort.REFUSED, ended) is None


def test_two_different_people_approve_the_very_list() -> None:
    one = act(id_of(1), people=1)
    assert not one.approved
    same = Approval(actor="person:0", at=START, ground="разрешение 12")
    with pytest.raises(ConflictError, match="one person"):
        one.with_approval(same, one.digest)
    other = Approval(actor="person:1", at=START, ground="разрешение 12")
    with pytest.raises(ConflictError, match="another one"):
        one.with_approval(other, act(id_of(2)).digest)
    assert one.with_approval(other, one.digest).approved
    assert load_act(act_bytes(one)) == one
    assert json.loads(act_bytes(one))["items"] == [id_of(1)]
