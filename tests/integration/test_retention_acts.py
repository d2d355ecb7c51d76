"""An act of destruction: proposed by the gateway, approved by two people, carried out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from depesha.adapters.memory.system import HandClock
from depesha.app import orders
from depesha.app.retaining import Retaining
from depesha.config import Settings, load, render_default
from depesha.errors import ConflictError, PeerError, UnknownMessageError
from depesha.queue.opening import Memory
from depesha.schemas.message import EvidenceKind
from tests.integration.test_retention_store import LATER, closed
from tests.support.memory import START, id_of, opened


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "depesha.toml"
    text = render_default(name="Община Пример", identifier="000000001", guid="")
    file.write_text(text.replace("# received_years = 0", "received_years = 5"))
    return load(file)


async def kinds(memory: Memory) -> list[tuple[str, str]]:
    rows = [json.loads(row.body) for row in await memory.journal.after(0, 1000)]
    return [(row["kind"], row["actor"]) for row in rows]


async def test_the_whole_way_of_an_act(settings: Settings) -> None:
    clock = HandClock(START)
    async with opened(settings.store.folder, clock) as memory:
        await closed(memory, 1, b"<original>")
        retaining = Retaining(settings, memory, clock)
        await retaining.tick()
        assert (await retaining.do("retention-list", {}, "person:a"))["acts"] == []
        clock.advance(LATER.total_seconds())
        for _ in range(2):
            await retaining.tick()
        acts = (await retaining.do("retention-list", {}, "person:a"))["acts"]
        assert [one["items"] for one in acts] == [[id_of(1)]], "proposed once"
        facts = {"name": acts[0]["act"], "list": acts[0]["list"], "ground": "разрешение 12"}
        await retaining.do("retention-approve", facts, "person:a")
        with pytest.raises(ConflictError):
            await retaining.do("retention-approve", facts, "person:a")
        await retaining.tick()
        subject = (await memory.store.get(id_of(1))).envelope
        assert subject is not None
        assert subject.subject, "one person is not enough"
        await retaining.do("retention-approve", facts, "person:b")
        await retaining.tick()
        done = (await retaining.do("retention-list", {}, "person:a"))["acts"][0]
        assert done["destroyed"] == 1
        assert done["done_at"]
        bare = (await memory.store.get(id_of(1))).envelope
        assert bare is not None
        assert not bare.subject
        with pytest.raises(ConflictError, match="carried out"):
            await retaining.do("retention-approve", facts, "person:c")
        with pytest.raises(UnknownMessageError):
            await retaining.do("retention-approve", {**facts, "name": "none"}, "person:c")
        told = await kinds(memory)
        assert told[-5:] == [
            (EvidenceKind.REPORTED, "gateway"),
            (EvidenceKind.RULED, "person:a"),
            (EvidenceKind.RULED, "person:b"),
            (EvidenceKind.DESTROYED, "gateway"),
            (EvidenceKind.DESTROYED, "gateway"),
        ]
        await memory.journal.verify()


async def test_orders_go_by_the_socket_and_the_kernel_says_whose_they_are(tmp_path: Path) -> None:
    heard: list[tuple[str, dict[str, str], str]] = []

    async def do(act: str, facts: dict[str, str], actor: str) -> orders.Report:
        heard.append((act, facts, actor))
        if facts:
            raise ConflictError("not so", remedy="otherwise")
        return {"acts": []}

    folder = tmp_path / ("deep" * 20) / ("deeper" * 20)
    folder.mkdir(parents=True)
    assert await orders.ask(folder, "retention-list", {}) is None
    async with orders.open_door({"retention": do}, folder):
        assert await orders.ask(folder, "retention-list", {}) == {"acts": []}
        with pytest.raises(PeerError, match="not so"):
            await orders.ask(folder, "retention-approve", {"name": "x"})
        with pytest.raises(PeerError, match="no such order"):
            await orders.ask(folder, "other-list", {})
        assert (folder / orders.SOCKET).stat().st_mode & 0o077 == 0
    assert [actor for _, _, actor in heard] == [orders.this_user()] * 2
    assert not (folder / orders.SOCKET).exists()
