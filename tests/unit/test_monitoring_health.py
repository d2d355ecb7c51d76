"""Readiness tells in words which part is missing; the operators' listener serves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request

from depesha.adapters.memory.system import START, HandClock, InlineThreads
from depesha.adapters.system import SystemClock
from depesha.errors import ScannerError, StorageError
from depesha.monitoring.health import Health, Part, directory_part, disk_part
from depesha.monitoring.metrics import Metrics
from depesha.monitoring.server import Operators
from tests.support.monitoring import FixedDirectory, FixedStore

Client = TestClient[Request, Application]


def part(name: str, *, words: str = "well", error: Exception | None = None) -> Part:
    async def ping() -> str:
        if error is not None:
            raise error
        return words

    return Part(name=name, ping=ping)


async def silence() -> str:
    await asyncio.Event().wait()
    return "never"


async def told(health: Health) -> dict[str, tuple[bool, str]]:
    return {state.name: (state.ok, state.words) for state in (await health.ready()).parts}


async def test_all_parts_well_is_ready() -> None:
    health = Health((part("scanner"), part("store")), HandClock())
    assert (await health.ready()).ready
    assert await told(health) == {"scanner": (True, "well"), "store": (True, "well")}


async def test_a_silent_scanner_is_not_ready_in_words() -> None:
    parts = (Part(name="scanner", ping=silence), part("store"))
    health = Health(parts, SystemClock(), seconds=0.02)
    assert not (await health.ready()).ready
    assert (await told(health))["scanner"] == (False, "gave no answer within 0.02 s")
    assert (await told(health))["store"] == (True, "well")


async def test_a_failing_part_says_its_public_text_or_only_its_type() -> None:
    parts = (
        part("scanner", error=ScannerError("the scanner gave no verdict", path="/secret")),
        part("store", error=RuntimeError("hunter2")),
    )
    assert await told(Health(parts, HandClock())) == {
        "scanner": (False, "the scanner gave no verdict"),
        "store": (False, "failed: RuntimeError"),
    }


async def test_many_probes_at_once_cost_one_ping() -> None:
    asked = 0

    async def ping() -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return "well"

    clock = HandClock()
    health = Health((Part(name="scanner", ping=ping),), clock, keep=1.0)
    await asyncio.gather(*(health.ready() for _ in range(20)))
    assert asked == 1
    clock.advance(1.5)
    await health.ready()
    assert asked == 2


async def test_a_stopping_gateway_is_not_ready() -> None:
    health = Health((part("store"),), HandClock())
    health.stop()
    readiness = await health.ready()
    assert not readiness.ready
    assert readiness.parts[0].words == "is stopping"


async def test_a_register_never_loaded_is_not_ready_and_an_old_one_is_told() -> None:
    clock = HandClock()
    never = Health((directory_part(FixedDirectory(loaded_at=None), clock),), clock)
    assert await told(never) == {
        "directory": (False, "the participants' register was never loaded")
    }
    late = FixedDirectory(loaded_at=START - timedelta(hours=2), last_error="refused")
    old = Health((directory_part(late, clock),), clock)
    words = "2 participants, 120 min old; the last refresh failed"
    assert await told(old) == {"directory": (True, words)}


async def test_a_full_or_missing_disk_is_not_ready(tmp_path: Path) -> None:
    clock, threads = HandClock(), InlineThreads()
    full = Health((disk_part(tmp_path, threads, least_free=1 << 62),), clock)
    assert "MiB free" in (await told(full))["disk"][1]
    assert not (await full.ready()).ready
    none = Health((disk_part(tmp_path / "none", threads),), clock)
    assert await told(none) == {"disk": (False, "the store's folder cannot be read")}


# --- the listener ----------------------------------------------------------------------------


@pytest.fixture
def store() -> FixedStore:
    return FixedStore()


@pytest.fixture
async def client(store: FixedStore) -> AsyncIterator[Client]:
    clock = HandClock()
    operators = Operators(
        health=Health((part("scanner", error=store.scanner_error), part("store")), clock, keep=0),
        metrics=Metrics("0.0.0"),
        store=store,
        directory=FixedDirectory(loaded_at=START),
        clock=clock,
        threads=InlineThreads(),
    )
    async with TestClient(TestServer(operators.application())) as made:
        yield made


async def test_alive_says_so(client: Client) -> None:
    answer = await client.get("/healthz")
    assert (answer.status, await answer.json()) == (200, {"alive": True})
    assert answer.headers["Cache-Control"] == "no-store"


async def test_ready_names_each_part(client: Client) -> None:
    answer = await client.get("/readyz")
    body = await answer.json()
    assert (answer.status, body["ready"]) == (200, True)
    assert [one["name"] for one in body["parts"]] == ["scanner", "store"]


async def test_metrics_show_parts_and_counts(client: Client) -> None:
    answer = await client.get("/metrics")
    text = await answer.text()
    assert answer.status == 200
    assert answer.content_type == "text/plain"
    assert 'depesha_part_up{part="scanner"} 1.0' in text
    assert 'depesha_messages{state="ADMITTED"} 3.0' in text
    assert "depesha_participants 2.0" in text


async def test_metrics_are_served_though_the_store_fails(client: Client, store: FixedStore) -> None:
    store.error = StorageError("the disk is gone")
    answer = await client.get("/metrics")
    assert answer.status == 200
    assert 'depesha_part_up{part="store"} 0.0' in await answer.text()


@pytest.mark.parametrize("path", ["/", "/admin", "/metrics/../x"])
async def test_nothing_else_is_there(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404
    assert (await client.post("/readyz")).status == 405


class TestNotReady:
    """The same listener over a scanner that fails."""

    @pytest.fixture
    def store(self) -> FixedStore:
        return FixedStore(scanner_error=ScannerError("the scanner gave no verdict"))

    async def test_not_ready_is_503(self, client: Client) -> None:
        answer = await client.get("/readyz")
        body = await answer.json()
        assert answer.status == 503
        assert body["parts"][0]["words"] == "the scanner gave no verdict"
