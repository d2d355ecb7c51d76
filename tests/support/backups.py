"""Stores to be backed up, and making back-ups of them. Nothing here asserts."""

from __future__ import annotations

import asyncio
from pathlib import Path

from depesha.adapters.memory.system import HandClock
from depesha.queue.backup import BackupMaker, Origin
from depesha.queue.backup_shelf import Shelf
from depesha.queue.opening import Memory
from depesha.schemas.backup import Manifest
from depesha.schemas.facts import Arrival
from depesha.schemas.ids import Digest
from depesha.schemas.message import EvidenceKind, NewEvidence
from tests.support.memory import SEAL_KEY, START, new_message

GROWS = frozenset({"numbers.log"})


def quiet(_what: str, _done: int, _all: int) -> None:
    """Say nothing."""


def maker(store: Path, to: Path, clock: HandClock | None = None) -> BackupMaker:
    """Return what makes back-ups of a store."""
    origin = Origin(
        folder=store,
        version="1",
        participant="000000001",
        grows=GROWS,
        further={"config/depesha.toml": b"[store]\n"},
    )
    return BackupMaker(origin, Shelf(to), SEAL_KEY, clock or HandClock(START))


async def back_up(store: Path, to: Path, clock: HandClock | None = None) -> Manifest:
    """Make one."""
    return await asyncio.to_thread(maker(store, to, clock).make)


async def keep(memory: Memory, number: int, data: bytes) -> Digest:
    """Keep bytes that a row of evidence names."""
    name = await asyncio.to_thread(memory.blobs.put, data)
    await memory.journal.record(
        NewEvidence(
            kind=EvidenceKind.ASKED,
            at=START,
            message_id=None,
            actor="gateway",
            facts={"receipt": name, "number": number},
        )
    )
    return name


async def admit(memory: Memory, number: int) -> Arrival:
    """Store a message whose original lies among the blobs."""
    new = new_message(number)
    await memory.store.admit(new)
    return new.arrival
