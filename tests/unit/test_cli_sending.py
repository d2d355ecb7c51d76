"""Commands about documents on their way out: what they ask, what they print, how they end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from depesha.cli import OURS, TEMPORARY, USAGE, run
from depesha.cli.form import Form, digest_of
from tests.support.registry import running_api
from tests.support.registry_outbound import PDF, spools
from tests.support.registry_stub import Stub, registry_stub

ID = "0" * 31 + "7"
DOCUMENT: dict[str, Any] = {
    "id": ID,
    "direction": "out",
    "state": "PARKED",
    "state_name": "Waiting for a person's decision",
    "submitted_at": "2026-03-02T09:00:00Z",
    "submitted_by": "token:registry",
    "changed_at": "2026-03-02T09:05:00Z",
    "recipient": {"identifier": "000000002", "name": "Агенция \x1b[31mОбразец"},
    "document": {"guid": "x", "number": {"number": "ИЗХ-7", "date": "2026-03-02"}},
    "number": {"number": "ВХ-9", "date": "2026-03-03"},
    "network": "seos",
    "possible": ["ask_again", "rule_absent"],
    "defects": [{"reason": "X", "sentence": "Няма номер.", "remedy": "Регистрирайте."}],
    "attempts": [
        {
            "number": 1,
            "network": "seos",
            "intended_at": "2026-03-02T09:01:00Z",
            "settled_at": None,
            "outcome": "UNCLEAR",
            "code": "BROKEN_OFF",
        }
    ],
    "route": {
        "step": "A person decides",
        "lines": [{"rank": 1, "network": "seos", "verdict": "barred", "reasons": ["away"]}],
    },
    "attachments": [],
}
SENT = ["--to", "000000002", "--number", "ИЗХ-7", "--date", "2026-03-02"]
SENT += ["--subject", "Проба", "--kind", "Писмо"]
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


@pytest.fixture
def letter(tmp_path: Path) -> str:
    file = tmp_path / "писмо 1.pdf"
    file.write_bytes(PDF)
    return str(file)


def taken(stub: Stub, state: str = "SUBMITTED", **more: Any) -> None:
    stub.answers["POST /api/v1/messages"] = (202, {"id": ID, "state": "SUBMITTED"})
    stub.answers[f"GET /api/v1/messages/{ID}"] = (200, DOCUMENT | {"state": state} | more)


def test_send_prints_the_id(ask: Ask, stub: Stub, letter: str) -> None:
    taken(stub)
    assert ask("send", letter, *SENT) == (0, f"{ID}\n", "")
    ((line, token, body),) = stub.asked
    assert (line, token) == ("POST /api/v1/messages", "Bearer dep_x.y")
    assert PDF in body
    assert "писмо".encode() not in body.split(b"\r\n\r\n")[2]


def test_the_same_command_is_the_same_document(letter: str) -> None:
    words: dict[str, Any] = {"subject": "x"}
    file = Path(letter)
    assert digest_of(words, [file]) == digest_of(words, [file])
    assert digest_of(words, [file]) != digest_of(words | {"subject": "y"}, [file])
    before = digest_of(words, [file])
    file.write_bytes(b"other")
    assert digest_of(words, [file]) != before


def test_a_form_has_the_length_it_says(letter: str) -> None:
    told: list[tuple[int, int]] = []
    form = Form({"a": "б"}, [Path(letter)] * 2, "0" * 64, lambda *both: told.append(both))
    body = b"".join(form)
    assert len(body) == form.length == told[-1][0] == told[-1][1]
    assert list(form) == list(form)


@pytest.mark.parametrize(
    ("state", "status"), [("REGISTERED", 0), ("CLOSED", 0), ("DECLINED", OURS)]
)
def test_wait_ends_with_the_recipients_answer(
    ask: Ask, stub: Stub, letter: str, state: str, status: int
) -> None:
    taken(stub, state, reason="Сгрешен адресат")
    got, out, err = ask("send", letter, *SENT, "--wait")
    assert (got, out) == (status, "ВХ-9 of 2026-03-03\n")
    assert f"{ID} is {state}." in err
    assert ("Сгрешен адресат" in err) == bool(status)


@pytest.mark.parametrize("state", ["PARKED", "UNDELIVERABLE", "RETURNED"])
def test_wait_ends_where_a_person_is_needed(ask: Ask, stub: Stub, letter: str, state: str) -> None:
    taken(stub, state, number=None)
    assert ask("send", letter, *SENT, "--wait")[0] == OURS


def test_wait_gives_up_in_time_and_says_that_it_goes_on(ask: Ask, stub: Stub, letter: str) -> None:
    taken(stub, "DEFERRED", number=None)
    status, _, err = ask("send", letter, *SENT, "--wait", "--seconds", "1")
    assert status == TEMPORARY
    assert "goes on by itself" in err


def test_defects_are_one_line_with_their_remedies(ask: Ask, stub: Stub, letter: str) -> None:
    problem = {
        "title": "The document may not leave as it is",
        "defects": [{"reason": "A", "sentence": "It has no number.", "remedy": "Register it."}],
        "errors": [{"pointer": "/kind", "detail": "is too long"}],
    }
    stub.answers["POST /api/v1/messages"] = (422, problem)
    status, out, err = ask("send", letter, *SENT)
    assert (status, out) == (OURS, "")
    assert err == (
        "depesha: The document may not leave as it is: /kind is too long: "
        "It has no number. Register it.\n"
    )


@pytest.mark.parametrize(
    "words",
    [
        ["send", *SENT],
        ["send", __file__, *SENT, "--key", "не се вижда"],
        ["send", "/no/such/file", *SENT],
        ["explain-route"],
        ["explain-route", "--to", "1", "--id", ID],
        ["decide", ID, "delete", "--reason", "x"],
        ["decide", ID, "resume"],
    ],
)
def test_wrong_usage_is_told_as_such(ask: Ask, words: list[str]) -> None:
    assert ask(*words)[0] == USAGE


def test_the_outbox_is_a_table_of_both_numbers(ask: Ask, stub: Stub) -> None:
    stub.answers["GET /api/v1/outbox"] = (200, {"items": [DOCUMENT], "next": ID})
    status, out, _ = ask("outbox", "--state", "parked")
    assert status == 0
    assert stub.asked[0][0] == "GET /api/v1/outbox?state=PARKED&limit=50"
    for words in (ID, "ИЗХ-7 of 2026-03-02", "ВХ-9 of 2026-03-03", "Агенция ?[31mОбразец"):
        assert words in out


def test_show_prints_a_document_on_its_way(ask: Ask, stub: Stub) -> None:
    stub.answers[f"GET /api/v1/messages/{ID}"] = (200, DOCUMENT)
    _, out, _ = ask("show", ID)
    for words in (
        "PARKED",
        "BROKEN_OFF",
        "last plan: A person decides",
        "rule_absent",
        "Няма номер.",
    ):
        assert words in out
    assert "\x1b" not in out


def test_parked_shows_documents_that_wait_for_a_person(ask: Ask, stub: Stub) -> None:
    stub.answers["GET /api/v1/parked"] = (200, {"items": []})
    stub.answers["GET /api/v1/outbox"] = (200, {"items": [DOCUMENT]})
    _, out, _ = ask("parked", "list")
    assert "No work is parked." in out
    assert ID in out
    assert stub.asked[1][0].startswith("GET /api/v1/outbox?state=PARKED&state=UNDELIVERABLE")
    _, out, _ = ask("parked", "list", "--json")
    assert json.loads(out) == {"items": [], "documents": [DOCUMENT]}


def test_a_decision_is_sent_with_its_reason(ask: Ask, stub: Stub) -> None:
    stub.answers[f"POST /api/v1/messages/{ID}/decision"] = (200, DOCUMENT | {"state": "DEFERRED"})
    assert ask("decide", ID, "rule-absent", "--reason", "обадих се")[1] == f"{ID} is DEFERRED.\n"
    assert stub.asked[0][2] == {"decision": "rule_absent", "reason": "обадих се"}


def test_a_route_is_explained_in_text_or_json(ask: Ask, stub: Stub, letter: str) -> None:
    stub.answers["POST /api/v1/routes/explain"] = (200, "Изпраща се\n1. seos: избран\n".encode())
    _, out, _ = ask("explain-route", letter, "--to", "000000002", "--personal-data")
    assert out == "Изпраща се\n1. seos: избран\n"
    assert stub.asked[0][2] == {
        "recipient": {"identifier": "000000002"},
        "floor": "SIGNED_MAIL",
        "channels": [],
        "marks": ["PERSONAL_DATA"],
        "files": [{"name": "писмо 1.pdf", "size": len(PDF)}],
    }
    stub.answers["POST /api/v1/routes/explain"] = (200, {"step": "x"})
    assert json.loads(ask("explain-route", "--id", ID, "--json")[1]) == {"step": "x"}
    assert stub.asked[1][2] == {"id": ID}


# --- against the real API ---


async def test_the_command_and_the_real_api_understand_each_other(
    tmp_path: Path, letter: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_api(tmp_path) as api:
        where = ["--api", str(api.server.make_url("")), "--token", api.secrets["admin"]]
        command = ["send", letter, *SENT, "--scan-instead", "на хартия", *where]
        for _ in range(2):
            assert await asyncio.to_thread(run, command) == 0
        first, second = capsys.readouterr().out.split()
        assert first == second
        (document,) = api.outbound.outbox.documents.values()
        assert document.dispatch.files[0].name == "писмо 1.pdf"
        assert await asyncio.to_thread(run, ["show", first, *where]) == 0
        assert await asyncio.to_thread(run, ["explain-route", "--to", "000000002", *where]) == 0
        assert "1. seos: " in capsys.readouterr().out
        assert await asyncio.to_thread(run, ["parked", "list", *where]) == 0
        assert await asyncio.to_thread(run, ["outbox", *where]) == 0


async def test_a_refusal_in_the_middle_of_a_large_file_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = tmp_path / "large.pdf"
    large.write_bytes(PDF + bytes(8_000_000))
    async with running_api(tmp_path) as api:
        where = ["--api", str(api.server.make_url("")), "--token", api.secrets["inbox:read"]]
        assert await asyncio.to_thread(run, ["send", str(large), *SENT, *where]) == OURS
        assert capsys.readouterr().err == "depesha: The token may not do this\n"
        assert api.outbound.outbox.documents == {}
        assert spools(tmp_path) == []
