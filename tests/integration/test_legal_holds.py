"""Legal holds (RET-13): what is held is neither proposed nor destroyed, until it is released."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from depesha.adapters.keys import load_or_create_seal_key
from depesha.adapters.memory.system import HandClock
from depesha.app.holding import Holding, ask
from depesha.app.retaining import Retaining
from depesha.config import Settings, load, render_default
from depesha.errors import RuleError, UnknownMessageError, WrongStateError
from depesha.queue.opening import Memory
from depesha.schemas.message import EvidenceKind
from tests.integration.test_retention_store import LATER, closed
from tests.support.memory import START, id_of, opened

HOLD = {"document": id_of(1), "ground": "преписка 14/2046"}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    file = tmp_path / "depesha.toml"
    text = render_default(name="Община Пример", identifier="000000001", guid="")
    file.write_text(text.replace("# received_years = 0", "received_years = 5"))
    return load(file)


async def proposed(retaining: Retaining) -> list[list[str]]:
    await retaining.tick()
    acts = (await retaining.do("retention-list", {}, "person:a"))["acts"]
    return [one["items"] for one in acts]


async def subject(memory: Memory) -> str:
    envelope = (await memory.store.get(id_of(1))).envelope
    return "" if envelope is None else envelope.subject


async def test_what_is_held_is_not_proposed_until_it_is_released(settings: Settings) -> None:
    clock = HandClock(START)
    async with opened(settings.store.folder, clock) as memory:
        await closed(memory, 1, b"<original>")
        retaining, holding = Retaining(settings, memory, clock), Holding(memory, clock)
        held = (await holding.do("hold-set", HOLD, "person:a"))["holds"]
        assert [(one["document"], one["by"], one["ground"]) for one in held] == [
            (id_of(1), "person:a", HOLD["ground"])
        ]
        with pytest.raises(WrongStateError):
            await holding.do("hold-set", HOLD, "person:b")
        clock.advance(LATER.total_seconds())
        assert await proposed(retaining) == []
        assert (await holding.do("hold-lift", HOLD, "person:b"))["holds"] == []
        with pytest.raises(WrongStateError):
            await holding.do("hold-lift", HOLD, "person:b")
        assert await proposed(retaining) == [[id_of(1)]]
        await memory.journal.verify()


async def test_a_hold_stops_an_act_that_two_people_have_approved(settings: Settings) -> None:
    clock = HandClock(START)
    async with opened(settings.store.folder, clock) as memory:
        await closed(memory, 1, b"<original>")
        clock.advance(LATER.total_seconds())
        retaining, holding = Retaining(settings, memory, clock), Holding(memory, clock)
        await retaining.tick()
        [act] = (await retaining.do("retention-list", {}, "person:a"))["acts"]
        for person in ("person:a", "person:b"):
            await retaining.approve(act["act"], person, act["list"], "разрешение 12")
        await holding.do("hold-set", HOLD, "person:c")
        await retaining.tick()
        assert await subject(memory)


async def test_evidence_names_who_and_when_but_not_the_words(settings: Settings) -> None:
    async with opened(settings.store.folder, HandClock(START)) as memory:
        await closed(memory, 1, b"<original>")
        holding = Holding(memory, HandClock(START))
        await holding.do("hold-set", HOLD, "person:a")
        await holding.do("hold-lift", HOLD, "person:b")
        rows = [json.loads(row.body) for row in await memory.journal.after(0, 1000)]
    about = [row for row in rows if row["kind"] == EvidenceKind.ATTENDED]
    told = [(row["actor"], row["facts"]["decision"]) for row in about]
    assert told == [("person:a", "held"), ("person:b", "released")]
    assert HOLD["ground"] not in json.dumps(rows, ensure_ascii=False)


@pytest.mark.parametrize("ground", ["", "   ", "x" * 501])
async def test_a_hold_names_its_ground(settings: Settings, ground: str) -> None:
    async with opened(settings.store.folder, HandClock(START)) as memory:
        await closed(memory, 1, b"<original>")
        with pytest.raises(RuleError):
            await Holding(memory, HandClock(START)).do(
                "hold-set", {**HOLD, "ground": ground}, "person:a"
            )


async def test_what_is_not_there_cannot_be_held(settings: Settings) -> None:
    async with opened(settings.store.folder, HandClock(START)) as memory:
        holding = Holding(memory, HandClock(START))
        with pytest.raises(UnknownMessageError):
            await holding.do("hold-set", HOLD, "person:a")
        with pytest.raises(RuleError):
            await holding.do("hold-somehow", HOLD, "person:a")


async def test_without_a_gateway_the_store_itself_is_asked(settings: Settings) -> None:
    async with opened(settings.store.folder, HandClock(START)) as memory:
        await closed(memory, 1, b"<original>")
    settings.seal.key.parent.mkdir(parents=True, exist_ok=True)
    load_or_create_seal_key(settings.seal.key)
    assert (await ask(settings, "hold-set", **HOLD))["holds"][0]["document"] == id_of(1)
    assert (await ask(settings, "hold-lift", **HOLD))["holds"] == []
