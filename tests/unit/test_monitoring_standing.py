"""Gauges at a scrape: true, bounded in time, in step with the home page's facts."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.overview import MemoryOverview
from depesha.adapters.memory.quarantine import MemoryQuarantine
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.store import MemoryStore
from depesha.adapters.memory.system import HandClock
from depesha.adapters.system import WorkerThreads
from depesha.errors import StorageError
from depesha.monitoring.gauges import Gauges
from depesha.monitoring.log import make_logger
from depesha.monitoring.metrics import Metrics
from depesha.monitoring.observer import LiveObserver
from depesha.monitoring.standing import Standing
from depesha.monitoring.usage import NAP, LoopLag, WatchedScanner
from depesha.schemas.facts import ScanResult
from depesha.schemas.lasting import Stage
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.overview import Home, Need, QueueAge
from depesha.schemas.surroundings import (
    CertificateEnd,
    PeerCertificates,
    ScannerState,
    Surroundings,
    days_until,
    outlook,
)
from depesha.schemas.usage import Hands, ThreadUse, Usage
from tests.support.memory import START, new_message

DAY = START.replace(hour=0)


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(metrics.render().decode())
        for sample in family.samples
    }


class SlowOverview(MemoryOverview):
    """Answers when it is let, and counts how often it was asked."""

    def __init__(self, state: MemoryState, clock: HandClock, folder: Path) -> None:
        quarantine = MemoryQuarantine(state, MemoryBlobs(folder, clock), clock)
        super().__init__(state, clock, quarantine=quarantine, networks=("seos",))
        self.let = asyncio.Event()
        self.let.set()
        self.asked = 0
        self.error: StorageError | None = None

    async def home(self, day: datetime, most: int = 20) -> Home:
        self.asked += 1
        assert most == 1
        await self.let.wait()
        if self.error is not None:
            raise self.error
        return await super().home(day, most)

    async def queue(self) -> tuple[QueueAge, ...]:
        return await super().queue()


@pytest.fixture
def clock() -> HandClock:
    return HandClock(START)


@pytest.fixture
def state() -> MemoryState:
    return MemoryState()


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("0")


@pytest.fixture
def overview(state: MemoryState, clock: HandClock, tmp_path: Path) -> SlowOverview:
    return SlowOverview(state, clock, tmp_path / "blobs")


@pytest.fixture
def standing(metrics: Metrics, overview: SlowOverview, clock: HandClock) -> Standing:
    return Standing(
        gauges=Gauges(metrics),
        overview=overview,
        clock=clock,
        midnight=lambda now: now.replace(hour=0, minute=0, second=0, microsecond=0),
        usage=lambda: Usage(
            hands=(Hands(lane="labour", workers=8, busy=3),),
            threads=ThreadUse(size=5, busy=5, waiting=2),
            store_waiting={"writer": 4},
        ),
        surroundings=lambda: Surroundings(
            at=START,
            scanners=(
                ScannerState(alive=True, database_built=START - timedelta(days=1)),
                ScannerState(alive=False),
            ),
            certificates=(CertificateEnd(use="signing", subject="x", ends=START),),
            peers=PeerCertificates(known=1, next_end=START, next_of="Агенция Образец"),
        ),
        seconds=0.05,
    )


async def admit(
    state: MemoryState, clock: HandClock, number: int, first: InboundState = InboundState.ADMITTED
) -> None:
    new = new_message(number, state=first)
    facts = {**new.evidence.facts, "network": "seos"}
    await MemoryStore(state, clock).admit(replace(new, evidence=replace(new.evidence, facts=facts)))


async def test_ages_needs_and_books_are_shown(
    state: MemoryState, clock: HandClock, metrics: Metrics, standing: Standing
) -> None:
    await admit(state, clock, 1)
    await admit(state, clock, 2, InboundState.HELD)
    clock.advance(5 * 3600)
    assert await standing.show()
    seen = samples(metrics)
    assert seen["depesha_network_oldest_waiting_seconds", ("in", "seos")] == 5 * 3600
    assert seen["depesha_network_oldest_waiting_seconds", ("out", "seos")] == 0
    assert seen["depesha_needs", (Need.HELD,)] == 1
    assert seen["depesha_need_overdue_seconds", (Need.HELD,)] == 3600
    assert seen["depesha_balance_documents", ("in", "seos", "held")] == 1
    assert seen["depesha_balance_difference_documents", ("in", "seos")] == 0
    assert seen["depesha_evidence_unsealed_rows", ()] == seen["depesha_evidence_rows", ()] == 2
    assert seen["depesha_registry_waiting_seconds", ()] == 5 * 3600
    assert seen["depesha_facts_timestamp_seconds", ()] == clock.now().timestamp()


async def test_books_that_differ_are_counted_and_a_new_day_forgets(
    state: MemoryState, clock: HandClock, metrics: Metrics, standing: Standing
) -> None:
    await admit(state, clock, 1)
    state.messages.clear()
    state.entries.clear()
    assert await standing.show()
    assert samples(metrics)["depesha_balance_difference_documents", ("in", "seos")] == 1
    clock.advance(24 * 3600)
    assert await standing.show()
    assert samples(metrics)["depesha_balance_difference_documents", ("in", "seos")] == 0


async def test_what_is_in_use_and_around_is_shown(metrics: Metrics, standing: Standing) -> None:
    assert await standing.show()
    seen = samples(metrics)
    assert seen["depesha_lane_workers", ("labour",)] == 8
    assert seen["depesha_lane_busy", ("labour",)] == 3
    assert (seen["depesha_threads_busy", ()], seen["depesha_threads_waiting", ()]) == (5, 2)
    assert seen["depesha_store_waiting", ("writer",)] == 4
    assert (seen["depesha_scanners", ()], seen["depesha_scanners_alive", ()]) == (2, 1)
    day_before = (START - timedelta(days=1)).timestamp()
    assert seen["depesha_scanner_database_timestamp_seconds", ()] == day_before
    assert seen["depesha_certificate_end_timestamp_seconds", ("signing",)] == START.timestamp()
    assert "Образец" not in metrics.render().decode()


async def test_a_slow_store_keeps_no_scrape_and_is_asked_once(
    overview: SlowOverview, metrics: Metrics, standing: Standing
) -> None:
    overview.let.clear()
    shown = await asyncio.gather(*(standing.show() for _ in range(5)))
    assert shown == [False] * 5
    assert overview.asked == 1
    assert samples(metrics)["depesha_facts_timestamp_seconds", ()] == 0
    assert samples(metrics)["depesha_lane_workers", ("labour",)] == 8
    overview.let.set()
    assert await standing.show()
    assert overview.asked == 1


async def test_facts_are_kept_for_a_moment(
    overview: SlowOverview, clock: HandClock, standing: Standing
) -> None:
    for seconds, asked in ((0, 1), (4, 1), (2, 2)):
        clock.advance(seconds)
        assert await standing.show()
        assert overview.asked == asked


async def test_a_store_that_fails_leaves_the_gauges_old(
    overview: SlowOverview, clock: HandClock, metrics: Metrics, standing: Standing
) -> None:
    assert await standing.show()
    clock.advance(60)
    overview.error = StorageError("the disk is away")
    assert not await standing.show()
    assert samples(metrics)["depesha_facts_timestamp_seconds", ()] == START.timestamp()
    overview.error = None
    assert await standing.show()


async def test_a_look_under_way_ends_with_the_gateway(
    overview: SlowOverview, standing: Standing
) -> None:
    overview.let.clear()
    assert not await standing.show()
    await standing.close()
    await standing.close()


# --- what the observer makes of the new events ---


@pytest.fixture
def observer(metrics: Metrics) -> LiveObserver:
    return LiveObserver(make_logger(io.StringIO(), "error", "json"), metrics)


@pytest.mark.parametrize(
    ("where", "code", "told"),
    [
        ("ssev.poll", "UNREACHABLE", ("network", "in", "ssev")),
        ("isds.login", "no code of ours", ("network", "in", "isds")),
        ("seos.server", "STORAGE", ("ours", "in", "seos")),
        ("seos.server", "ValueError", ("ours", "in", "seos")),
        ("ssev.watch", "UNREACHABLE", None),
        ("queue", "STORAGE", None),
    ],
)
def test_troubles_of_the_way_in_are_failures_of_its_network(
    metrics: Metrics, observer: LiveObserver, where: str, code: str, told: tuple[str, ...] | None
) -> None:
    observer.trouble(where, code)
    failures = {
        tuple(sorted(labels))
        for (name, labels), value in samples(metrics).items()
        if name == "depesha_failures_total" and value
    }
    assert failures == (set() if told is None else {tuple(sorted(told))})


def test_what_is_kept_back_at_first_is_a_failure_of_who_must_act(
    metrics: Metrics, observer: LiveObserver
) -> None:
    for first in InboundState:
        observer.stored("0", "seos", first, 0.1)
    seen = {k: v for k, v in samples(metrics).items() if k[0] == "depesha_failures_total"}
    assert sorted((sorted(labels), v) for (_, labels), v in seen.items()) == [
        (["in", "ours", "seos"], 1),
        (["in", "seos", "theirs"], 1),
    ]


def test_series_that_alerts_divide_by_stand_at_zero_from_the_start(metrics: Metrics) -> None:
    metrics.know(("seos", "ssev"))
    page = metrics.render().decode()
    for line in (
        'depesha_failures_total{blame="network",direction="out",network="ssev"} 0.0',
        'depesha_attempts_total{network="seos",outcome="unclear"} 0.0',
        'depesha_requests_total{listener="partners",status="5xx"} 0.0',
        'le="900.0",network="seos",stage="sending"} 0.0',
    ):
        assert line in page, line
    assert "_created" not in page


def test_every_stage_has_its_direction(metrics: Metrics, observer: LiveObserver) -> None:
    for stage in Stage:
        observer.lasted("seos", stage, 2.0)
    counts = {k[1] for k in samples(metrics) if k[0] == "depesha_stage_seconds_count"}
    assert {frozenset(labels) for labels in counts} == {
        frozenset({"in", "seos", "registering"}),
        frozenset({"in", "seos", "acknowledging"}),
        frozenset({"out", "seos", "sending"}),
        frozenset({"out", "seos", "confirming"}),
    }


# --- small eyes ---


class FixedScanner:
    """Says what it was told to."""

    async def scan(
        self, _files: Sequence[tuple[int, Path]], _budget: float, /
    ) -> tuple[ScanResult, ...]:
        return (
            ScanResult(index=1),
            ScanResult(index=2, malware="Иван.EICAR"),
            ScanResult(index=3, incomplete="cut off"),
        )

    async def ping(self) -> str:
        return "ClamAV"


async def test_scans_are_timed_and_counted_without_names(metrics: Metrics) -> None:
    watched = WatchedScanner(FixedScanner(), metrics, HandClock(START))
    assert len(await watched.scan([], 1.0)) == 3
    assert await watched.ping() == "ClamAV"
    seen = samples(metrics)
    for outcome in ("clean", "malware", "cut_off"):
        assert seen["depesha_scanned_files_total", (outcome,)] == 1
    assert seen["depesha_scan_seconds_count", ()] == 1
    assert "EICAR" not in metrics.render().decode()


class LateClock(HandClock):
    """Wakes everybody 0.3 s late."""

    async def sleep(self, seconds: float) -> None:
        self.advance(seconds + 0.3)


async def test_a_late_loop_is_seen(metrics: Metrics) -> None:
    await LoopLag(metrics, LateClock(START)).look()
    assert samples(metrics)["depesha_event_loop_lag_seconds_sum", ()] == pytest.approx(0.3)
    assert NAP < 1


async def test_the_pool_tells_how_busy_it_is() -> None:
    pool, go = WorkerThreads(1), asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait() -> None:
        asyncio.run_coroutine_threadsafe(go.wait(), loop).result()

    calls = [asyncio.create_task(pool.run(wait)) for _ in range(4)]
    await asyncio.sleep(0.05)
    assert pool.use() == ThreadUse(size=1, busy=1, waiting=3)
    go.set()
    await asyncio.gather(*calls)
    await asyncio.sleep(0)
    assert pool.use() == ThreadUse(size=1, busy=0, waiting=0)
    await pool.close()


# --- surroundings ---


def test_the_disk_lasts_as_long_as_its_line_says() -> None:
    hours = [(START + timedelta(hours=n), 1000 - 10 * n) for n in range(13)]
    assert outlook(hours).days_left == pytest.approx(880 / 240)
    assert outlook(hours[:6]).days_left is None, "five hours say nothing"
    assert outlook([(at, 1000) for at, _ in hours]).days_left is None
    assert outlook([(at, 1000) for at, _ in hours]).measured == timedelta(hours=12)
    assert outlook([]).days_left is None
    bump = [(at, free - (500 if n == 6 else 0)) for n, (at, free) in enumerate(hours)]
    assert outlook(bump).days_left == pytest.approx(880 / 240)


def test_days_are_whole_and_negative_after_the_end() -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert days_until(now + timedelta(hours=47), now) == 1
    assert days_until(now - timedelta(hours=1), now) == -1


def test_the_oldest_living_database_counts() -> None:
    old, new = START - timedelta(days=9), START
    scanners = (
        ScannerState(alive=True, database_built=new),
        ScannerState(alive=False, database_built=old),
        ScannerState(alive=True),
    )
    around = Surroundings(at=START, scanners=scanners)
    assert around.database_built == new
    assert replace(around, scanners=()).database_built is None
