"""A busy week in an empty store: every state, books that balance, evidence that verifies."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from depesha.adapters.keys import load_or_create_seal_key
from depesha.adapters.system import SystemClock, SystemIds
from depesha.app.week import DAYS, live_a_week
from depesha.config import Settings
from depesha.errors import ConfigurationError
from depesha.queue.opening import Memory, open_memory
from depesha.schemas.ids import MessageId
from depesha.schemas.journal import SealKey
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, Message, holds_of
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.overview import LineQuery, Need
from depesha.schemas.pack import verify_pack
from depesha.schemas.route import Circuit
from depesha.schemas.verdict import Hold
from depesha.simulators.bodies import Body
from tests.support.week import PRIMER, VZOROV, lived

SOFIA = ZoneInfo("Europe/Sofia")


@asynccontextmanager
async def looking(settings: Settings) -> AsyncIterator[Memory]:
    clock = SystemClock()
    memory = await open_memory(
        settings.store.folder,
        clock=clock,
        ids=SystemIds(clock),
        seal_key=SealKey(load_or_create_seal_key(settings.seal.key)),
        networks=tuple(settings.networks),
    )
    try:
        yield memory
    finally:
        await memory.close()


async def everything(memory: Memory) -> list[Message | OutboundMessage]:
    found: list[Message | OutboundMessage] = []
    query = LineQuery()
    while True:
        page = await memory.overview.lines(query)
        found += [line.document for line in page.lines]
        if not page.next:
            return found
        query = LineQuery(after=page.next)


@pytest.mark.parametrize("body", [PRIMER, VZOROV], ids=lambda body: body.folder)
async def test_a_week_leaves_every_state_and_true_books(tmp_path: Path, body: Body) -> None:
    settings, told = await lived(tmp_path, body)
    async with looking(settings) as memory:
        counts = await memory.store.counts()
        assert {state for state, n in counts.by_state.items() if n} == set(InboundState)
        assert {s for s, n in counts.outbound_by_state.items() if n} == set(OutboundState)
        assert await memory.journal.verify() >= told.rows
        now = SystemClock().now()
        for days in range(DAYS + 1):
            day = (now - timedelta(days=days)).astimezone(SOFIA)
            home = await memory.overview.home(
                day.replace(hour=0, minute=0, second=0, microsecond=0)
            )
            assert home.balance.adds_up, home.balance
        documents = await everything(memory)
        assert {one.network for one in documents} - {""} == set(body.networks)
        await _gates(documents)
        await _needs(memory)
        await _kept(memory, documents)
        _office_hours(documents)
        assert counts.tasks_due == 0
    with pytest.raises(ConfigurationError):
        await live_a_week(settings, busy=False)


async def _gates(documents: list[Message | OutboundMessage]) -> None:
    held = [d for d in documents if isinstance(d, Message) and d.state is InboundState.HELD]
    reasons = {finding.reason for one in held for finding in holds_of(one.checks)}
    assert reasons == {
        Hold.REPEAT_SUSPECTED,
        Hold.ARCHIVE_ENCRYPTED,
        Hold.FORMAT_UNKNOWN,
        Hold.REVOCATION_UNKNOWN,
        Hold.DIRECTORY_UNAVAILABLE,
        Hold.SCANNER_UNAVAILABLE,
    }


async def _needs(memory: Memory) -> None:
    home = await memory.overview.home(
        SystemClock().now().replace(minute=0, second=0, microsecond=0)
    )
    open_ = [strip.network for strip in home.strips if strip.circuit is Circuit.OPEN]
    assert open_ == ["email"]
    wanted = {
        Need.HELD,
        Need.UNCLEAR,
        Need.ASKING,
        Need.DECLINED,
        Need.UNDELIVERABLE,
        Need.LATE_ANSWER,
        Need.TASK_PARKED,
    }
    assert wanted <= {item.need for item in home.needs}
    assert "02 000 000" in " ".join(item.reason for item in home.needs)
    assert home.sealing.seal is not None
    assert home.sealing.verified_rows == home.sealing.rows
    assert (await memory.overview.quarantine()).items != ()
    rows = await memory.journal.after(0, 10_000)
    kinds = {EvidenceKind(json.loads(row.body)["kind"]) for row in rows}
    people = {
        EvidenceKind.LOGGED_IN,
        EvidenceKind.LOGIN_FAILED,
        EvidenceKind.LOGGED_OUT,
        EvidenceKind.VIEWED,
        EvidenceKind.CONTENT_OPENED,
        EvidenceKind.ACCOUNT_CHANGED,
        EvidenceKind.RULED,
        EvidenceKind.RELEASED,
    }
    assert people <= kinds
    assert {EvidenceKind.REPEATED, EvidenceKind.TELEPHONE, EvidenceKind.SIGNALLED} <= kinds


async def _kept(memory: Memory, documents: list[Message | OutboundMessage]) -> None:
    """Contents open and packs verify, whatever became of the document."""
    samples: dict[str, Message | OutboundMessage] = {str(one.state): one for one in documents}
    for state, one in samples.items():
        pack = await memory.journal.pack(MessageId(one.id))
        assert verify_pack(pack, None).rows, state
        files = one.dispatch.files if isinstance(one, OutboundMessage) else ()
        if isinstance(one, Message) and one.state is not InboundState.REJECTED:
            assert memory.blobs.path(one.arrival.original) is not None
            files = () if one.envelope is None else one.envelope.attachments
        assert [f.name for f in files if memory.blobs.path(f.digest) is None] == []


def _office_hours(documents: list[Message | OutboundMessage]) -> None:
    """All but the last stretch was written while an office is open."""
    last = SystemClock().now() - timedelta(hours=10)
    hours = {began.astimezone(SOFIA).hour for one in documents if (began := _began(one)) < last}
    assert hours <= set(range(8, 18))


def _began(one: Message | OutboundMessage) -> datetime:
    return one.received_at if isinstance(one, Message) else one.dispatch.submitted_at
