"""The journal against someone who can write to the database file."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.errors import ConfigurationError, EvidenceError
from depesha.queue.journal import SqliteJournal
from depesha.queue.lane import Transaction
from depesha.queue.opening import open_memory
from depesha.queue.rows import append
from depesha.schemas.journal import ROWS_PER_SEAL, SealKey
from depesha.schemas.pack import verify_pack
from tests.support.memory import (
    SEAL_KEY,
    START,
    evidence,
    id_of,
    new_message,
    opened,
    registration,
)

OTHER = SealKey(bytes(32))


async def fill(folder: Path) -> None:
    async with opened(folder) as memory:
        for n in range(4):
            await memory.store.admit(new_message(n))
        await memory.journal.seal()
        await memory.store.change(registration(1, "1"))
        await memory.journal.seal()
        await memory.journal.record(evidence(2))


def tamper(folder: Path, *statements: str) -> None:
    connection = sqlite3.connect(folder / "depesha.db")
    for name in ("evidence_stays", "evidence_remains", "seals_stay", "seals_remain"):
        connection.execute(f"DROP TRIGGER {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence SET body = replace(body, 'gateway', 'somebody') WHERE sequence = 3",
        "UPDATE evidence SET message_id = '' WHERE sequence = 3",
        "UPDATE evidence SET wire = x'00' WHERE sequence = 3",
        "UPDATE evidence SET wire = NULL WHERE sequence = 3",
        "UPDATE evidence SET hash = previous WHERE sequence = 6",
        "DELETE FROM evidence WHERE sequence = 3",
        "DELETE FROM evidence WHERE sequence = 5",
        "DELETE FROM evidence WHERE sequence > 3",
        "DELETE FROM seals WHERE number = 1",
        "UPDATE seals SET at = '2020-01-01T00:00:00+00:00' WHERE number = 2",
        "UPDATE seals SET last = 4, number = 3 WHERE number = 1",
        "UPDATE seals SET key = root WHERE number = 1",
    ],
)
async def test_tampering_is_found(tmp_path: Path, statement: str) -> None:
    await fill(tmp_path)
    async with opened(tmp_path) as memory:
        assert await memory.journal.verify() == 6
    tamper(tmp_path, statement)
    async with opened(tmp_path) as memory:
        with pytest.raises(EvidenceError):
            await memory.journal.verify()


async def test_a_seal_by_a_key_that_is_not_ours_is_not_believed(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with opened(tmp_path) as memory:
        clock = HandClock(START)
        with pytest.raises(EvidenceError):
            await SqliteJournal(memory.db, clock, OTHER).verify()
        after_rotation = SqliteJournal(memory.db, clock, OTHER, [SEAL_KEY.public])
        assert await after_rotation.verify() == 6
        await after_rotation.seal()
        assert await after_rotation.verify() == 6
        pack = await after_rotation.pack(id_of(2))
        assert len(verify_pack(pack, OTHER.public, SEAL_KEY.public).keys) == 2


async def test_a_backlog_gets_several_seals(tmp_path: Path) -> None:
    memory = await open_memory(
        tmp_path, clock=HandClock(START), ids=CountingIds(), seal_key=SEAL_KEY
    )

    def many(transaction: Transaction) -> None:
        for _ in range(ROWS_PER_SEAL + 10):
            append(transaction, evidence(None))

    await memory.db.write(many)
    seal = await memory.journal.seal()
    assert seal is not None
    assert (seal.number, seal.first, seal.last) == (2, ROWS_PER_SEAL + 1, ROWS_PER_SEAL + 10)
    assert await memory.journal.seal() is None
    assert await memory.journal.verify() == ROWS_PER_SEAL + 10
    await memory.close()


async def test_the_chain_goes_on_after_a_restart(tmp_path: Path) -> None:
    await fill(tmp_path)
    async with opened(tmp_path) as memory:
        assert await memory.journal.record(evidence(1)) == 7
        assert await memory.journal.verify() == 7


def test_a_seal_key_is_read_from_pem() -> None:
    private = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert SealKey.from_pem(pem).public == SEAL_KEY.public
    other = ec.generate_private_key(ec.SECP256R1())
    wrong = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for bad in (wrong, b"", b"no key", pem[:40]):
        with pytest.raises(ConfigurationError):
            SealKey.from_pem(bad)
    with pytest.raises(ConfigurationError):
        SealKey(b"short")
