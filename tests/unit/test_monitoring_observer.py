"""Each event becomes its counters and its line; labels are bounded; it costs next to nothing."""

from __future__ import annotations

import inspect
import io
import json
import timeit
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from depesha.adapters.memory.observer import RecordingObserver
from depesha.monitoring.log import make_logger
from depesha.monitoring.metrics import OTHER, Metrics, Words
from depesha.monitoring.observer import LiveObserver
from depesha.ports import Observer
from depesha.schemas.message import Counts
from depesha.schemas.verdict import (
    CheckRecord,
    Held,
    Hold,
    Passed,
    Rejected,
    Rejection,
    Repeated,
    finding,
)

MESSAGE = "0" * 31 + "1"
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def tell_everything(observer: Observer) -> None:
    observer.arrived("seos", 4_096)
    observer.examined(
        "seos",
        (
            CheckRecord(check="structure", verdict=Passed(), seconds=0.001),
            CheckRecord(
                check="malware",
                verdict=Held(finding=finding(Hold.SCANNER_UNAVAILABLE), retry=True),
                seconds=0.1,
            ),
            CheckRecord(
                check="formats",
                verdict=Rejected(finding=finding(Rejection.MACRO_FOUND, file="Иван.docm")),
                seconds=0.01,
            ),
            CheckRecord(
                check="duplicate", verdict=Repeated(message_id=MESSAGE, by="document"), seconds=0.0
            ),
        ),
    )
    observer.stored(MESSAGE, "seos", "ADMITTED", 0.25)
    observer.repeated(MESSAGE, "seos", "document")
    observer.changed(MESSAGE, "seos", "REGISTERED")
    observer.notice(MESSAGE, "seos", "delivered", 2)
    observer.word("seos", "status_request")
    observer.task("NOTICE", "done", 0.01)
    observer.trouble("scanner", "SCANNER")
    observer.tried(MESSAGE, "seos", "deferred", 0.5)
    observer.moved(MESSAGE, "seos", "DEFERRED")
    observer.circuit("seos", "OPEN")
    observer.failed("seos", "out", "network")
    observer.lasted("seos", "sending", 2.0)
    observer.committed(3, 0.004)
    observer.request("partners", 200, 0.01)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics("0.0.0")


def samples(metrics: Metrics) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    text = metrics.render().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.parametrize("level", ["debug", "info"])
def test_every_event_is_counted(metrics: Metrics, level: str) -> None:
    tell_everything(LiveObserver(make_logger(io.StringIO(), level, "json"), metrics))
    seen = samples(metrics)
    seos = ("network", "seos")
    for name, labels in [
        ("depesha_messages_received_total", (seos,)),
        ("depesha_checks_total", (("check", "malware"), ("outcome", "held"))),
        ("depesha_findings_total", (("code", "MACRO_FOUND"),)),
        ("depesha_messages_stored_total", (seos, ("state", "ADMITTED"))),
        ("depesha_repeats_total", (("by", "document"), seos)),
        ("depesha_state_changes_total", (seos, ("state", "REGISTERED"))),
        ("depesha_notices_total", (seos, ("outcome", "delivered"))),
        ("depesha_words_total", (("kind", "status_request"), seos)),
        ("depesha_tasks_total", (("kind", "NOTICE"), ("outcome", "done"))),
        ("depesha_troubles_total", (("code", "SCANNER"), ("where", "scanner"))),
        ("depesha_attempts_total", (seos, ("outcome", "deferred"))),
        ("depesha_attempt_seconds_count", (seos,)),
        ("depesha_outbound_changes_total", (seos, ("state", "DEFERRED"))),
        ("depesha_circuit_open", (seos,)),
        ("depesha_requests_total", (("listener", "partners"), ("status", "2xx"))),
        ("depesha_durable_seconds_count", (seos,)),
        ("depesha_failures_total", (("blame", "network"), ("direction", "out"), seos)),
        ("depesha_stage_seconds_count", (("direction", "out"), seos, ("stage", "sending"))),
        ("depesha_store_commit_seconds_count", ()),
    ]:
        assert seen[name, labels] == 1, name
    assert seen["depesha_message_size_bytes_sum", (seos,)] == 4_096


def test_lines_carry_the_message_and_no_facts(metrics: Metrics) -> None:
    stream = io.StringIO()
    tell_everything(LiveObserver(make_logger(stream, "debug", "json"), metrics))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert {"message stored", "trouble", "check kept back"} <= {line["event"] for line in lines}
    assert "Иван" not in stream.getvalue()
    assert "[redacted]" not in stream.getvalue()
    (stored,) = [line for line in lines if line["event"] == "message stored"]
    assert (stored["message"], stored["state"], stored["seconds"]) == (MESSAGE, "ADMITTED", 0.25)


def test_labels_stay_bounded_whatever_is_told(metrics: Metrics) -> None:
    observer = LiveObserver(make_logger(io.StringIO(), "error", "json"), metrics)
    for number in range(1_000):
        observer.word(f"network{number}", f"Иван {number}")
    words = [key for key in samples(metrics) if key[0] == "depesha_words_total"]
    assert len(words) <= 65
    assert all(("kind", OTHER) in labels for _, labels in words)


def test_a_circuit_is_open_until_it_is_closed(metrics: Metrics) -> None:
    observer = LiveObserver(make_logger(io.StringIO(), "error", "json"), metrics)
    seen = []
    for state in ("OPEN", "HALF_OPEN", "CLOSED"):
        observer.circuit("ssev", state)
        seen.append(samples(metrics)["depesha_circuit_open", (("network", "ssev"),)])
    assert seen == [1, 1, 0]


def test_a_document_moves_before_it_is_on_any_network(metrics: Metrics) -> None:
    observer = LiveObserver(make_logger(io.StringIO(), "error", "json"), metrics)
    observer.moved(MESSAGE, "", "SIGNED")
    labels = (("network", "none"), ("state", "SIGNED"))
    assert samples(metrics)["depesha_outbound_changes_total", labels] == 1


def test_words_are_kept_or_become_other() -> None:
    words = Words()
    assert [words(one) for one in ("seos", "Иван", "a b", "a" * 41, "", "seos")] == [
        *("seos", OTHER, OTHER, OTHER, OTHER, "seos")
    ]


def test_two_gateways_in_one_process_count_apart() -> None:
    one, other = Metrics("1"), Metrics("2")
    one.parked.set(3)
    assert samples(one)["depesha_parked", ()] == 3
    assert samples(other)["depesha_parked", ()] == 0


def test_the_standing_of_the_store_is_shown(metrics: Metrics) -> None:
    counts = Counts(
        by_state={"ADMITTED": 7},
        oldest_waiting=NOW - timedelta(seconds=90),
        tasks_due=2,
        oldest_due=None,
        parked=1,
        outbound_by_state={"SENDING": 4},
        oldest_outbound=NOW - timedelta(seconds=30),
    )
    metrics.show(counts, NOW)
    metrics.show_directory(None, 0, NOW)
    seen = samples(metrics)
    assert seen["depesha_messages", (("state", "ADMITTED"),)] == 7
    assert seen["depesha_outbound_documents", (("state", "SENDING"),)] == 4
    assert seen["depesha_oldest_outbound_seconds", ()] == 30
    assert seen["depesha_oldest_waiting_seconds", ()] == 90
    assert seen["depesha_oldest_due_seconds", ()] == 0
    assert seen["depesha_directory_age_seconds", ()] == -1


def test_a_state_that_empties_shows_it(metrics: Metrics) -> None:
    full = Counts(
        by_state={"HELD": 3},
        oldest_waiting=None,
        tasks_due=0,
        oldest_due=None,
        parked=0,
        outbound_by_state={"UNCLEAR": 2},
    )
    metrics.show(full, NOW)
    metrics.show(replace(full, by_state={}, outbound_by_state={}), NOW)
    seen = samples(metrics)
    assert seen["depesha_messages", (("state", "HELD"),)] == 0
    assert seen["depesha_outbound_documents", (("state", "UNCLEAR"),)] == 0


def test_every_metric_has_the_prefix_a_sentence_and_base_units(metrics: Metrics) -> None:
    text = metrics.render().decode()
    for family in text_string_to_metric_families(text):
        if family.name.startswith("process_"):
            continue
        assert family.name.startswith("depesha_"), family.name
        assert family.documentation.endswith("."), family.name
        assert not family.name.endswith(("_ms", "_milliseconds", "_kb", "_mb")), family.name


def test_the_double_remembers_all_of_it() -> None:
    observer = RecordingObserver()
    tell_everything(observer)
    assert {str(event[0]) for event in observer.events} == {
        name for name, _ in inspect.getmembers(Observer, inspect.isfunction) if name[0] != "_"
    }
    assert observer.named("trouble") == [("scanner", "SCANNER")]


def test_an_event_costs_little(metrics: Metrics) -> None:
    observer = LiveObserver(make_logger(io.StringIO(), "info", "json"), metrics)
    best = min(
        timeit.repeat(
            lambda: observer.stored(MESSAGE, "seos", "ADMITTED", 0.25), number=500, repeat=5
        )
    )
    assert best / 500 < 200e-6, "ten times the aim, for busy machines"
