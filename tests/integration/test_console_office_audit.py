"""The audit of people, the runbook and the wall as browsers meet them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from depesha.monitoring.alarms import ALARMS
from depesha.monitoring.console.access.wording import catalogue
from depesha.monitoring.console.helping import HELPS, KEYS, OF_NEED, OF_PART, OF_PROOF, OF_STRIP
from depesha.monitoring.console.office.runbook import PARTS
from depesha.monitoring.health import Readiness
from depesha.schemas.evidence import row_hash
from depesha.schemas.ids import Digest
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.overview import Need
from depesha.schemas.people import Role
from depesha.schemas.sentences import LANGUAGES
from tests.integration.test_console_pages import harmless
from tests.support.console import Browser
from tests.support.console_office import Desk, office
from tests.support.console_pages import busy
from tests.support.memory import id_of

CHIEF = Role.SECURITY_ADMINISTRATOR
REASON = {"purpose": "inspection", "ground": "ЗАП-12/2026"}


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with office(tmp_path) as opened:
        yield opened


async def visitor(desk: Desk, *roles: Role, login: str = "") -> Browser:
    made = await desk.house.visitor(*roles, login=login)
    made.headers["Accept-Language"] = "en"
    return made


def facts(desk: Desk, sequence: int) -> dict[str, object]:
    found: dict[str, object] = json.loads(desk.house.state.evidence[sequence - 1][0].body)["facts"]
    return found


# --- audit ---


async def test_the_audit_tells_who_did_what_to_which_document_and_why(desk: Desk) -> None:
    await busy(desk.house)
    clerk = await visitor(desk, Role.CLERK, login="clerk")
    path = f"/documents/{id_of(4)}/open/original"
    await clerk.get(path)
    await clerk.submit(path, how="text", purpose="complaint", ground="ЖБ-7/2026")
    await Browser(desk.house.office).log_in("nobody-here", "x")
    auditor = await visitor(desk, Role.AUDITOR)
    text = (await auditor.get("/audit")).text
    for told in ("ЖБ-7/2026", "Content opened", "Log-in failed", f"/documents/{id_of(4)}"):
        assert told in text, told
    only = (await auditor.get("/audit?who=clerk&deed=viewed")).text
    assert "ЖБ-7/2026" in only
    assert "Log-in failed" not in only
    of_document = (await auditor.get(f"/audit?document={id_of(4)}")).text
    assert "ЖБ-7/2026" in of_document
    assert "Logged in" not in of_document
    assert "ЖБ-7/2026" in (await auditor.get("/audit?since=2026-03-02&until=2026-03-02")).text
    assert "ЖБ-7/2026" not in (await auditor.get("/audit?since=2026-03-03")).text


async def test_looking_at_the_audit_is_in_the_audit(desk: Desk) -> None:
    auditor = await visitor(desk, Role.AUDITOR, login="auditor")
    await auditor.get("/audit")
    body = json.loads(desk.house.state.evidence[-1][0].body)
    assert (body["kind"], body["actor"]) == ("VIEWED", "person:auditor")
    assert body["facts"]["page"] == "audit"


@pytest.mark.parametrize("asked", ["document=nonsense", "since=tomorrow", "until=2026-13-40"])
async def test_what_cannot_be_asked_is_said(desk: Desk, asked: str) -> None:
    auditor = await visitor(desk, Role.AUDITOR)
    answer = await auditor.get(f"/audit?{asked}")
    assert answer.status == 200
    assert 'role="alert"' in answer.text


async def test_who_may_not_know_subjects_reads_no_numbers(desk: Desk) -> None:
    await busy(desk.house)
    row = NewEvidence(
        kind=EvidenceKind.REGISTERED,
        at=desk.house.office.clock.now(),
        message_id=id_of(4),
        actor="person:clerk",
        facts={"number": "ВХ-777", "ground": "ДЗ-5"},
    )
    await desk.parts.journal.record(row)
    chief, auditor = await visitor(desk, CHIEF), await visitor(desk, Role.AUDITOR)
    assert "ВХ-777" in (await auditor.get("/audit")).text
    text = (await chief.get("/audit")).text
    assert "ВХ-777" not in text
    assert "ДЗ-5" in text
    for form in ("csv", "json"):
        await chief.get("/audit/file")
        answer = await chief.submit("/audit/file", form=form, **REASON)
        assert answer.status == 200
        assert "ВХ-777" not in answer.text


async def test_a_file_of_the_audit_names_its_place_in_the_chain_and_is_recorded(
    desk: Desk,
) -> None:
    auditor = await visitor(desk, Role.AUDITOR, login="auditor")
    await desk.parts.journal.seal()
    await auditor.get("/audit")
    await auditor.get("/audit/file?who=auditor")
    answer = await auditor.submit("/audit/file", form="csv", **REASON)
    number = len(desk.house.state.evidence)
    assert f"depesha-audit-{number}.csv" in answer.headers["Content-Disposition"]
    told = facts(desk, number)
    assert told["file"] == sha256(answer.text.encode()).hexdigest()
    assert (told["report"], told["ground"]) == ("audit", "ЗАП-12/2026")
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert told["rows"] == len(rows) == 3
    assert [row["what"] for row in rows] == ["VIEWED", "LOGGED_IN", "ACCOUNT_CHANGED"]
    assert [row["seal"] for row in rows] == ["", "1", "1"]
    answer = await auditor.submit("/audit/file", form="json", **REASON)
    for row in json.loads(answer.text)["rows"]:
        made = row_hash(row["sequence"], row["message_id"], row["body"], Digest(row["previous"]))
        assert made == row["hash"]


async def test_no_file_without_purpose_and_ground(desk: Desk) -> None:
    auditor = await visitor(desk, Role.AUDITOR)
    await auditor.get("/audit/file")
    before = len(desk.house.state.evidence)
    for wrong in ({"purpose": ""}, {"ground": " "}, {"ground": "x" * 201}):
        answer = await auditor.submit("/audit/file", form="csv", **{**REASON, **wrong})
        assert answer.status == 400
    assert len(desk.house.state.evidence) == before


async def test_a_ground_is_no_formula_in_a_table(desk: Desk) -> None:
    auditor = await visitor(desk, Role.AUDITOR)
    await auditor.get("/audit/file")
    await auditor.submit("/audit/file", form="csv", purpose="legal", ground='=HYPERLINK("x")')
    answer = await auditor.submit("/audit/file", form="csv", **REASON)
    rows = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert '\'=HYPERLINK("x")' in {row["ground"] for row in rows}


# --- runbook ---


def test_every_thing_that_can_be_red_has_a_page_in_each_language() -> None:
    assert set(OF_NEED) == set(Need)
    used = {*OF_NEED.values(), *OF_PART.values(), *OF_STRIP.values(), *OF_PROOF.values()}
    used |= {HELPS.books, HELPS.certificate, HELPS.peer, HELPS.disk, HELPS.scanner, HELPS.paused}
    assert used | {alarm.key for alarm in ALARMS} <= set(KEYS)
    assert len(set(KEYS)) == len(KEYS)
    for language in LANGUAGES:
        words = catalogue(language)
        for key in KEYS:
            for part in ("title", *PARTS):
                assert words.get(f"runbook.{key}.{part}"), (language, key, part)
            assert len(words[f"runbook.{key}.now"].splitlines()) > 1, (language, key)


def test_every_runbook_text_belongs_to_a_page() -> None:
    frame = {"title", "law", "page", "what-now", "part"}
    told = {one.split(".")[1] for one in catalogue("en") if one.startswith("runbook.")}
    assert told - frame == set(KEYS)


async def test_red_things_of_the_home_page_lead_to_the_runbook(desk: Desk) -> None:
    await busy(desk.house)
    clerk = await visitor(desk, Role.CLERK)
    text = (await clerk.get("/")).text
    wanted = ("unclear-waiting", "held-waiting", "refused-waiting", "network-cut", "seal-late")
    for key in wanted:
        assert f'href="/runbook/{key}"' in text, key
        assert (await clerk.get(f"/runbook/{key}")).status == 200
    assert (await clerk.get("/runbook/nothing")).status == 404
    for number, key in ((1, "held-waiting"), (5, "parked-waiting")):
        assert f'href="/runbook/{key}"' in (await clerk.get(f"/documents/{id_of(number)}")).text


# --- wall ---


async def test_the_wall_shows_no_subject_whoever_looks(desk: Desk) -> None:
    await busy(desk.house)
    clerk = await visitor(desk, Role.CLERK)
    answer = await clerk.get("/wall")
    harmless(answer)
    for shown in ("does not answer", "/runbook/scanner-down", "/runbook/network-cut", "cut off"):
        assert shown in answer.text, shown
    home = (await clerk.get("/")).text
    for secret in ("Агенция Образец, тел. 00 111 222", "преписка"):
        assert secret not in answer.text
    assert "Агенция Образец, тел. 00 111 222" in home
    desk.house.office.clock.advance(3)
    desk.readiness.append(Readiness(ready=True, parts=()))
    assert "does not answer" not in (await clerk.get("/wall")).text


async def test_a_screen_has_a_pass_of_its_own_that_opens_nothing_else(desk: Desk) -> None:
    chief = await visitor(desk, CHIEF)
    await chief.get("/walls")
    answer = await chief.submit("/walls", name="hall", days="90")
    code = answer.text.split('class="card secret"')[1].split("<code>")[1].split("</code>")[0]
    screen = Browser(desk.house.office)
    assert (await screen.get("/wall")).location.startswith("/login")
    assert 'name="code"' in (await screen.get("/wall/screen")).text
    assert (await screen.submit("/wall/screen", code="wrong")).status == 403
    assert (await screen.submit("/wall/screen", code=code.upper())).status == 303
    assert 'id="wall"' in (await screen.get("/wall/screen")).text
    for path in ("/", "/wall", "/search", "/users", "/changes"):
        assert (await screen.get(path)).location.startswith("/login"), path
    other = Browser(desk.house.office)
    await other.get("/wall/screen")
    assert (await other.submit("/wall/screen", code=code)).status == 403
    assert code.replace("-", "") not in str(desk.house.state.notes)
    await chief.get("/walls")
    await chief.submit("/walls/hall/revoke")
    assert 'id="wall"' not in (await screen.get("/wall/screen")).text


async def test_a_pass_ends_and_guessing_codes_does_too(desk: Desk) -> None:
    chief = await visitor(desk, CHIEF)
    await chief.get("/walls")
    answer = await chief.submit("/walls", name="hall", days="1")
    code = answer.text.split('class="card secret"')[1].split("<code>")[1].split("</code>")[0]
    screen = Browser(desk.house.office)
    await screen.get("/wall/screen")
    await screen.submit("/wall/screen", code=code)
    desk.house.office.clock.advance(timedelta(days=1).total_seconds())
    assert 'id="wall"' not in (await screen.get("/wall/screen")).text
    statuses = [(await screen.submit("/wall/screen", code="x")).status for _ in range(31)]
    assert statuses[-1] == 429


async def test_many_screens_ask_the_store_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clerk = await visitor(desk, Role.CLERK)
    asked = []
    overview = desk.parts.overview
    home = overview.home

    async def counting(*values: object) -> object:
        asked.append(values)
        return await home(*values)  # type: ignore[arg-type]  # as given

    monkeypatch.setattr(overview, "home", counting)
    for _ in range(5):
        await clerk.get("/wall")
    assert len(asked) == 1
    desk.house.office.clock.advance(3)
    await clerk.get("/wall")
    assert len(asked) == 2
