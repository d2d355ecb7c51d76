"""Every number the gateway counts, each with its sentence. The only door to prometheus_client.

Labels are bounded: a word that is not short and plain, or that comes after too many others, counts
as `other`. A document number, a person or an address must never become a label.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from depesha.errors import Blame
from depesha.schemas.lasting import INWARD, Stage
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Counts
from depesha.schemas.outbound_lifecycle import OutboundState

CONTENT_TYPE = CONTENT_TYPE_LATEST
OTHER = "other"
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,39}")
_MOST_WORDS = 64
_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_SIZES = tuple(float(4**n * 1024) for n in range(10))
_TRIES = (1, 2, 3, 5, 8, 13)
_WAYS = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600, 86400, 3 * 86400, 7 * 86400)
"""Seconds to days: a way waits for registries, people and other administrations."""
_LAGS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_GROUPS = (1, 2, 5, 10, 20, 50, 100, 200)
_OUTCOMES = ("delivered", "deferred", "refused", "unclear")
_LISTENERS = ("partners", "registry", "operators")
_CLASSES = ("2xx", "3xx", "4xx", "5xx")

# Each counter's birth as a second series: nobody asks for it.
disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped there


class Words:
    """Bounds the values of one label: at most 64 short plain words, then `other`."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, word: str) -> str:
        """Return the word itself, or `other`."""
        found = self._known.get(word)
        if found is not None:
            return found
        if len(self._known) >= _MOST_WORDS or _WORD.fullmatch(word) is None:
            return OTHER
        self._known[word] = word
        return word


class Metrics:
    """All collectors of one gateway, in a registry of its own: several may live in a process."""

    def __init__(self, version: str) -> None:
        self.registry = CollectorRegistry()
        self._checks: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        ProcessCollector(registry=self.registry)
        self._counters()
        self._durations()
        self._resources()
        self._standing()
        info = Info("depesha_build", "Version that runs.", registry=self.registry)
        info.info({"version": version})

    def _count(self, name: str, sentence: str, *labels: str) -> Counter:
        return Counter(f"depesha_{name}", sentence, labels, registry=self.registry)

    def _gauge(self, name: str, sentence: str, *labels: str) -> Gauge:
        return Gauge(f"depesha_{name}", sentence, labels, registry=self.registry)

    def _spread(
        self, name: str, sentence: str, *labels: str, buckets: Iterable[float] = _FAST
    ) -> Histogram:
        return Histogram(
            f"depesha_{name}", sentence, labels, buckets=tuple(buckets), registry=self.registry
        )

    def _counters(self) -> None:
        count = self._count
        self.received = count("messages_received", "Messages whose bytes arrived.", "network")
        self.checks = count("checks", "Verdicts of the checks.", "check", "outcome")
        self.findings = count("findings", "Reasons for which messages were kept back.", "code")
        self.stored = count("messages_stored", "Messages made durable.", "network", "state")
        self.repeats = count("repeats", "Messages that came again.", "network", "by")
        self.changes = count("state_changes", "Steps of stored messages.", "network", "state")
        self.notices = count("notices", "Tries to tell a sender.", "network", "outcome")
        self.words = count("words", "Smaller messages handled.", "network", "kind")
        self.tasks = count("tasks", "Tasks run.", "kind", "outcome")
        self.troubles = count("troubles", "Failures of ours or of neighbours.", "where", "code")
        self.attempts = count(
            "attempts", "Tries to send documents of ours that ended.", "network", "outcome"
        )
        self.moves = count("outbound_changes", "Steps of documents of ours.", "network", "state")
        self.requests = count("requests", "Requests answered.", "listener", "status")
        self.failures = count(
            "failures",
            "What did not succeed, by who must act: theirs (peer), network, ours.",
            *("network", "direction", "blame"),
        )

    def _durations(self) -> None:
        spread = self._spread
        self.message_size = spread(
            "message_size_bytes", "Sizes of messages as they arrived.", "network", buckets=_SIZES
        )
        self.check_seconds = spread("check_seconds", "Time a check took.", "check")
        self.durable_seconds = spread(
            "durable_seconds", "From a message's arrival until it was on disk.", "network"
        )
        self.notice_attempts = spread(
            "notice_attempts", "Tries until a sender took its notice.", "network", buckets=_TRIES
        )
        self.attempt_seconds = spread(
            "attempt_seconds", "Time one try to send a document took.", "network"
        )
        self.stage_seconds = spread(
            "stage_seconds",
            "Stretches of a document's way: registering, acknowledging, sending, confirming.",
            *("network", "direction", "stage"),
            buckets=_WAYS,
        )
        self.task_seconds = spread("task_seconds", "Time a task took.", "kind")
        self.request_seconds = spread("request_seconds", "Time until an answer.", "listener")

    def _resources(self) -> None:
        spread = self._spread
        self.commit_seconds = spread(
            "store_commit_seconds", "Time the disk took for a commit of the store.", buckets=_FAST
        )
        self.commit_callers = spread(
            "store_commit_callers", "Callers that one commit served.", buckets=_GROUPS
        )
        self.scan_seconds = spread("scan_seconds", "Time a scan of a document's files took.")
        self.scans = self._count("scanned_files", "Files scanned, by verdict.", "outcome")
        self.loop_lag = spread(
            "event_loop_lag_seconds", "How late the event loop woke a sleeper.", buckets=_LAGS
        )

    def know(self, networks: Iterable[str]) -> None:
        """Show the series that alerts divide by from the start, at zero.

        Otherwise the first failure of all would be the birth of its series, and no increase.
        """
        for network in networks:
            self.received.labels(network)
            for outcome in _OUTCOMES:
                self.attempts.labels(network, outcome)
            for direction in ("in", "out"):
                for blame in Blame:
                    self.failures.labels(network, direction, blame)
            for stage in Stage:
                direction = "in" if stage in INWARD else "out"
                self.stage_seconds.labels(network, direction, stage)
        for listener in _LISTENERS:
            for status in _CLASSES:
                self.requests.labels(listener, status)
        self.troubles.labels("store", "STORAGE")

    def _standing(self) -> None:
        gauge = self._gauge
        self.messages = gauge("messages", "Messages in this state now.", "state")
        self.oldest_waiting = gauge(
            "oldest_waiting_seconds", "Age of the oldest message that waits for the registry."
        )
        self.outbound = gauge("outbound_documents", "Documents of ours in this state now.", "state")
        self.oldest_outbound = gauge(
            "oldest_outbound_seconds", "Age of the oldest document of ours that no network has yet."
        )
        self.circuit_open = gauge(
            "circuit_open", "1 where the channel's breaker lets no ordinary try through.", "network"
        )
        self.tasks_due = gauge("tasks_due", "Tasks that could run now.")
        self.oldest_due = gauge("oldest_due_seconds", "How long the oldest due task has waited.")
        self.parked = gauge("parked", "Tasks that wait for a person.")
        self.part_up = gauge("part_up", "1 where the part answered its last ping.", "part")
        self.directory_age = gauge(
            "directory_age_seconds", "Age of the participants' register in use; -1 for none."
        )
        self.participants = gauge("participants", "Participants in the register in use.")

    def check_ran(self, check: str, outcome: str, seconds: float) -> None:
        """Count one check; its collectors are looked up once, for each message has a dozen."""
        kept = self._checks.get((check, outcome))
        if kept is None:
            kept = self.checks.labels(check, outcome), self.check_seconds.labels(check)
            self._checks[check, outcome] = kept
        counter, histogram = kept
        counter.inc()
        histogram.observe(seconds)

    def show(self, counts: Counts, now: datetime) -> None:
        """Set the gauges to what the store counted; a state that it does not name has none."""
        for state in InboundState:
            self.messages.labels(state).set(counts.by_state.get(state, 0))
        for stage in OutboundState:
            self.outbound.labels(stage).set(counts.outbound_by_state.get(stage, 0))
        self.oldest_outbound.set(_age(counts.oldest_outbound, now, 0))
        self.oldest_waiting.set(_age(counts.oldest_waiting, now, 0))
        self.tasks_due.set(counts.tasks_due)
        self.oldest_due.set(_age(counts.oldest_due, now, 0))
        self.parked.set(counts.parked)

    def show_directory(self, loaded_at: datetime | None, participants: int, now: datetime) -> None:
        """Set the gauges to the state of the participants' register."""
        self.directory_age.set(_age(loaded_at, now, -1))
        self.participants.set(participants)

    def render(self) -> bytes:
        """Return the exposition text; takes milliseconds: call it from a thread."""
        return generate_latest(self.registry)


def _age(since: datetime | None, now: datetime, none: float) -> float:
    return none if since is None else max(0.0, (now - since).total_seconds())
