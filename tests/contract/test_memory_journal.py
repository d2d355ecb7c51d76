"""The contract of `Journal`, on the double and on SQLite, and of the packs it exports."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from depesha.errors import EvidenceError, UnknownMessageError
from depesha.schemas.dispatch import AttemptOutcome
from depesha.schemas.evidence import GENESIS, check_chain, seal_hash
from depesha.schemas.journal import SealKey, check_signature
from depesha.schemas.message import EvidenceKind
from depesha.schemas.outbound_lifecycle import OutboundEvent
from depesha.schemas.pack import verify_pack
from tests.support.memory import (
    BODIES,
    SEAL_KEY,
    Body,
    arrival,
    attachment,
    body,
    digest_of,
    evidence,
    id_of,
    new_message,
    registration,
)
from tests.support.outbound_memory import begun, ended, new_outbound, out_id, said, signed


@pytest.fixture(params=BODIES)
async def memory(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Body]:
    async with body(request.param, tmp_path) as opened:
        yield opened


async def test_rows_are_chained_in_order(memory: Body) -> None:
    assert await memory.journal.record(evidence(None, actor_count=3)) == 1
    await memory.store.admit(new_message(1))
    assert await memory.journal.record(evidence(1)) == 3
    rows = await memory.journal.after(0, 10)
    check_chain(list(rows), GENESIS)
    assert [row.message_id for row in rows] == ["", id_of(1), id_of(1)]
    assert await memory.journal.events(id_of(1)) == rows[1:]
    assert await memory.journal.after(1, 1) == rows[1:2]
    assert await memory.journal.events(id_of(5)) == ()


async def test_rows_recorded_at_once_stay_one_chain(memory: Body) -> None:
    numbers = await asyncio.gather(*(memory.journal.record(evidence(None)) for _ in range(50)))
    assert sorted(numbers) == list(range(1, 51))
    assert await memory.journal.verify() == 50


async def test_seals_link_and_cover_everything(memory: Body) -> None:
    assert await memory.journal.seal() is None
    for _ in range(3):
        await memory.journal.record(evidence(None))
    first = await memory.journal.seal()
    assert first is not None
    assert await memory.journal.seal() is None
    await memory.journal.record(evidence(None))
    second = await memory.journal.seal()
    assert second is not None
    assert (first.number, first.first, first.last) == (1, 1, 3)
    assert (second.number, second.first, second.last) == (2, 4, 4)
    assert (first.previous, second.previous) == (GENESIS, seal_hash(first))
    check_signature(second)
    await memory.journal.record(evidence(None))
    assert await memory.journal.verify() == 5


async def test_sealing_at_once_seals_once(memory: Body) -> None:
    await memory.journal.record(evidence(None))
    seals = await asyncio.gather(*(memory.journal.seal() for _ in range(4)))
    assert [seal.number for seal in seals if seal] == [1]


async def pack_of(memory: Body) -> bytes:
    await memory.journal.record(evidence(None))
    await memory.store.admit(new_message(1, wire=b"<answer>1</answer>"))
    await memory.store.admit(new_message(2))
    await memory.journal.seal()
    await memory.store.change(registration(1, "1"))
    await memory.journal.record(evidence(None))
    return await memory.journal.pack(id_of(1))


async def test_a_pack_proves_the_journey_offline(memory: Body) -> None:
    report = verify_pack(await pack_of(memory), SEAL_KEY.public)
    assert report.trusted
    assert report.message_id == id_of(1)
    assert [(row.sequence, row.kind, row.seal) for row in report.rows] == [
        (2, EvidenceKind.RECEIVED, 1),
        (4, EvidenceKind.REGISTERED, 2),
    ]
    assert report.rows[0].wire == b"<answer>1</answer>"
    came = arrival(1)
    assert [(b.role, b.digest, b.attested) for b in report.blobs] == [
        ("original", came.original, True),
        ("attachment 1", came.contents[0].attachment.digest, False),
        ("attachment 2", came.contents[1].attachment.digest, False),
    ]
    assert not verify_pack(await memory.journal.pack(id_of(1)), None).trusted


async def test_a_pack_proves_a_document_of_ours_offline(memory: Body) -> None:
    await memory.outbound.submit(new_outbound(1))
    await memory.outbound.change(signed(1, facts={"release": digest_of("release 1")}))
    await memory.journal.seal()
    await memory.outbound.change(begun(1, facts={"payload": digest_of("payload 1 1")}))
    await memory.outbound.change(ended(1, AttemptOutcome.DELIVERED, wire=b"<taken/>"))
    word = said(1, OutboundEvent.PEER_REGISTERED, facts={"original": digest_of("notice")})
    await memory.outbound.change(word)
    report = verify_pack(await memory.journal.pack(out_id(1)), SEAL_KEY.public)
    assert (report.trusted, report.message_id) == (True, out_id(1))
    assert [row.kind for row in report.rows] == [
        EvidenceKind.SUBMITTED,
        EvidenceKind.SIGNED,
        EvidenceKind.ATTEMPT_BEGUN,
        EvidenceKind.ATTEMPT_SETTLED,
        EvidenceKind.HEARD,
    ]
    assert report.rows[3].wire == b"<taken/>"
    assert [(b.role, b.digest, b.size, b.attested) for b in report.blobs] == [
        ("attachment 1", attachment(1, 1).digest, 75_000, True),
        ("release", digest_of("release 1"), None, True),
        ("try 1", digest_of("payload 1 1"), None, True),
        ("heard in row 5", digest_of("notice"), None, True),
    ]


async def test_a_pack_names_the_originals_of_repeats(memory: Body) -> None:
    await memory.store.admit(new_message(1))
    again = evidence(1, EvidenceKind.REPEATED, original=digest_of("again"))
    await memory.journal.record(again)
    report = verify_pack(await memory.journal.pack(id_of(1)), SEAL_KEY.public)
    assert [(b.role, b.digest) for b in report.blobs if b.size is None] == [
        ("heard in row 2", digest_of("again"))
    ]


async def test_a_pack_of_nothing_is_an_error(memory: Body) -> None:
    with pytest.raises(UnknownMessageError):
        await memory.journal.pack(id_of(1))


async def test_another_key_is_not_believed(memory: Body) -> None:
    pack = await pack_of(memory)
    other = SealKey(bytes(32)).public
    with pytest.raises(EvidenceError):
        verify_pack(pack, other)
    assert verify_pack(pack, other, SEAL_KEY.public).trusted


def _set(path: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(pack: dict[str, Any]) -> None:
        *way, last = path.split(".")
        place: Any = pack
        for name in way:
            place = place[int(name)] if isinstance(place, list) else place[name]
        place[last] = value

    return change


def _forged_wire(pack: dict[str, Any]) -> None:
    pack["rows"][0]["wire"] = base64.b64encode(b"<answer>2</answer>").decode()


def _lost_wire(pack: dict[str, Any]) -> None:
    del pack["rows"][0]["wire"]


def _swapped(pack: dict[str, Any]) -> None:
    pack["rows"].reverse()


def _doubled(pack: dict[str, Any]) -> None:
    pack["rows"].append(pack["rows"][-1])


def _other_body(pack: dict[str, Any]) -> None:
    pack["rows"][0]["body"] = pack["rows"][0]["body"].replace("gateway", "someone")


@pytest.mark.parametrize(
    "forge",
    [
        _forged_wire,
        _lost_wire,
        _swapped,
        _doubled,
        _other_body,
        _set("rows", []),
        _set("seals", []),
        _set("format", "other"),
        _set("rows.0.path", []),
        _set("rows.0.seal", 2),
        _set("rows.0.sequence", 3),
        _set("rows.0.hash", "0" * 64),
        _set("rows.1.message_id", "0" * 32),
        _set("message_id", "0" * 32),
        _set("seals.0.root", "0" * 64),
        _set("seals.0.at", "2020-01-01T00:00:00+00:00"),
        _set("seals.0.signature", "0" * 128),
        _set("seals.1.previous", "0" * 64),
        _set("seals.1.key", SealKey(bytes(32)).public),
        _set("seals.1.signature", "0" * 128),
        _set("seals.1.at", "2020-01-01T00:00:00+00:00"),
        _set("rows", None),
    ],
)
async def test_a_forged_pack_is_found_out(
    memory: Body, forge: Callable[[dict[str, Any]], None]
) -> None:
    pack = json.loads(await pack_of(memory))
    forge(pack)
    with pytest.raises(EvidenceError):
        verify_pack(json.dumps(pack).encode(), SEAL_KEY.public)


@pytest.mark.parametrize("noise", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000])
def test_what_is_no_pack_is_refused(noise: bytes) -> None:
    with pytest.raises(EvidenceError):
        verify_pack(noise, None)
