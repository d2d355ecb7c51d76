"""Commands that ask a running gateway: what they ask, what they print, how they fail."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depesha.cli import OURS, TEMPORARY, USAGE, run
from tests.support.registry_stub import Stub, registry_stub

ID = "0" * 31 + "7"
MESSAGE: dict[str, Any] = {
    "id": ID,
    "state": "HELD",
    "received_at": "2026-03-02T09:00:00Z",
    "possible": ["release", "refuse"],
    "number": {"number": "ВХ-7", "date": "2026-03-02"},
    "envelope": {
        "sender": {"name": "Агенция \x1b[31mОбразец\u202e"},
        "subject": "Относно\nпроба",
        "kind": "писмо",
        "document": {"guid": "x", "number": {"number": "42", "date": "2026-03-01"}},
    },
    "attachments": [
        {"index": 1, "name": "a.pdf", "media_type": "x", "detected": "application/pdf", "size": 9}
    ],
    "checks": [
        {"check": "structure", "verdict": "passed", "seconds": 0.0012, "findings": []},
        {
            "check": "malware",
            "verdict": "held",
            "seconds": 0.2,
            "findings": [{"reason": "SCANNER_UNAVAILABLE", "sentence": "Скенерът мълчи."}],
        },
    ],
}
Ask = Callable[..., tuple[int, str, str]]


@pytest.fixture
def stub() -> Iterator[Stub]:
    with registry_stub() as made:
        yield made


@pytest.fixture
def ask(stub: Stub, capsys: pytest.CaptureFixture[str]) -> Ask:
    def command(*words: str) -> tuple[int, str, str]:
        status = run([*words, "--api", stub.url, "--token", "dep_x.y"])
        told = capsys.readouterr()
        return status, told.out, told.err

    return command


def test_inbox_asks_with_the_token_and_prints_a_table(ask: Ask, stub: Stub) -> None:
    stub.answers["GET /api/v1/inbox"] = (200, {"items": [MESSAGE], "next": ID})
    status, out, _ = ask("inbox", "--state", "held", "--limit", "5")
    assert status == 0
    assert stub.asked == [("GET /api/v1/inbox?state=HELD&limit=5", "Bearer dep_x.y", None)]
    assert ID in out
    assert "Относно проба" in out
    assert f"--after {ID}" in out


def test_what_a_sender_wrote_cannot_steer_the_terminal(ask: Ask, stub: Stub) -> None:
    stub.answers["GET /api/v1/inbox"] = (200, {"items": [MESSAGE], "next": ""})
    _, out, _ = ask("inbox")
    assert "Агенция ?[31mОбразец?" in out
    assert "\x1b" not in out
    assert "\u202e" not in out


def test_an_empty_inbox_says_so(ask: Ask, stub: Stub) -> None:
    stub.answers["GET /api/v1/inbox"] = (200, {"items": [], "next": ""})
    assert ask("inbox")[1] == "Nothing waits.\n"


@pytest.mark.parametrize(
    ("words", "path", "answer"),
    [
        (["inbox"], "GET /api/v1/inbox", {"items": [MESSAGE], "next": ""}),
        (["show", ID], f"GET /api/v1/messages/{ID}", MESSAGE),
        (["held", "list"], "GET /api/v1/held", {"items": [MESSAGE], "next": ""}),
        (["parked", "retry", "4"], "POST /api/v1/parked/4/retry", {"task_id": 4}),
        (
            ["held", "release", ID, "--reason", "x"],
            f"POST /api/v1/messages/{ID}/release",
            MESSAGE,
        ),
    ],
)
def test_json_is_the_answer_itself(
    ask: Ask, stub: Stub, words: list[str], path: str, answer: dict[str, Any]
) -> None:
    stub.answers[path] = (200, answer)
    status, out, _ = ask(*words, "--json")
    assert (status, json.loads(out)) == (0, answer)


def test_show_prints_state_numbers_files_and_checks(ask: Ask, stub: Stub) -> None:
    stub.answers[f"GET /api/v1/messages/{ID}"] = (200, MESSAGE)
    _, out, _ = ask("show", ID)
    for words in ("HELD", "ВХ-7 of 2026-03-02", "42 of 2026-03-01", "a.pdf", "Скенерът мълчи."):
        assert words in out


def test_show_with_the_journey(ask: Ask, stub: Stub) -> None:
    event = {"sequence": 3, "body": {"kind": "RECEIVED", "at": "2026", "actor": "gateway"}}
    stub.answers[f"GET /api/v1/messages/{ID}"] = (200, MESSAGE)
    stub.answers[f"GET /api/v1/messages/{ID}/events"] = (200, {"items": [event]})
    assert "RECEIVED" in ask("show", ID, "--events")[1]
    assert json.loads(ask("show", ID, "--events", "--json")[1])["events"] == [event]


def test_held_lists_the_reasons(ask: Ask, stub: Stub) -> None:
    stub.answers["GET /api/v1/held"] = (200, {"items": [MESSAGE], "next": ""})
    assert "Скенерът мълчи." in ask("held", "list")[1]


@pytest.mark.parametrize(("word", "path"), [("release", "release"), ("refuse", "refusal")])
def test_a_persons_word_is_sent_with_its_reason(ask: Ask, stub: Stub, word: str, path: str) -> None:
    stub.answers[f"POST /api/v1/messages/{ID}/{path}"] = (200, {**MESSAGE, "state": "ADMITTED"})
    status, out, _ = ask("held", word, ID, "--reason", "проверено по телефона")
    assert (status, out) == (0, f"{ID} is ADMITTED.\n")
    assert stub.asked[0][2] == {"reason": "проверено по телефона"}


def test_parked_work_is_listed_and_retried(ask: Ask, stub: Stub) -> None:
    task = {"task_id": 4, "kind": "NOTICE", "message_id": ID, "reason": "refused"}
    task |= {"parked_at": "2026", "attempts": 13}
    stub.answers["GET /api/v1/parked"] = (200, {"items": [task]})
    stub.answers["GET /api/v1/outbox"] = (200, {"items": []})
    stub.answers["POST /api/v1/parked/4/retry"] = (200, {})
    assert "NOTICE" in ask("parked", "list")[1]
    assert ask("parked", "retry", "4")[1] == "Task 4 is due now.\n"


def test_a_group_alone_lists(
    stub: Stub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEPESHA_TOKEN", "x")
    assert run(["held"]) == OURS, "no settings here: but it tried to list"
    assert "cannot be read" in capsys.readouterr().err


def test_a_path_typed_by_a_person_stays_one_segment(ask: Ask, stub: Stub) -> None:
    ask("show", "../../admin?x=1")
    assert stub.asked[0][0] == "GET /api/v1/messages/..%2F..%2Fadmin%3Fx%3D1"


# --- failures --------------------------------------------------------------------------------


def test_a_problem_is_told_by_title_and_detail(ask: Ask) -> None:
    status, out, err = ask("show", ID)
    assert (status, out) == (OURS, "")
    assert err == "depesha: Not found: no such message\n"


@pytest.mark.parametrize("status", [429, 500, 503])
def test_what_may_pass_is_temporary(ask: Ask, stub: Stub, status: int) -> None:
    stub.answers["GET /api/v1/inbox"] = (status, {"title": "Busy"})
    assert ask("inbox")[0] == TEMPORARY


@pytest.mark.parametrize("body", [b"<html>", b"", b"[1]", b'"x"', b"\xff"])
def test_an_answer_that_is_no_problem_document_is_told_by_status(
    ask: Ask, stub: Stub, body: bytes
) -> None:
    stub.answers["GET /api/v1/inbox"] = (403, body)
    status, _, err = ask("inbox")
    assert (status, err) == (OURS, "depesha: the gateway answered with status 403\n")


def test_an_answer_that_is_no_json_is_theirs(ask: Ask, stub: Stub) -> None:
    stub.answers["GET /api/v1/inbox"] = (200, b"<html>")
    status, _, err = ask("inbox")
    assert status == TEMPORARY
    assert "something else than JSON" in err


def test_nobody_there_is_temporary_and_says_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["inbox", "--api", "http://127.0.0.1:1", "--token", "x"]) == TEMPORARY
    assert "depesha serve" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["ftp://a.example", "127.0.0.1:8441", "http://"])
def test_a_wrong_address_is_wrong_usage(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["inbox", "--api", url, "--token", "x"]) == USAGE
    assert "--api needs an address" in capsys.readouterr().err
