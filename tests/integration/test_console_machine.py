"""The console's pages about the machine as browsers meet them: truth, rights, pauses, tests."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from typing import Any

import pytest

from depesha.adapters.memory.channel import MemoryChannel
from depesha.errors import Blame, ConfigurationError, DepeshaError, PeerError
from depesha.monitoring.console.machine.routes import routes
from depesha.schemas.letters import LeftLetter
from depesha.schemas.notes import Area
from depesha.schemas.participant import ParticipantStatus
from depesha.schemas.pauses import Way, load_pauses, paused
from depesha.schemas.people import PERMISSIONS, Action, Right, Role
from depesha.schemas.sentences import LANGUAGES
from tests.integration.test_console_pages import BAD, HOSTILE, harmless, proper
from tests.support.console import Browser
from tests.support.console_machine import AGENCY, CITIZEN, Machine, body, machine
from tests.support.console_pages import busy
from tests.support.memory import START, id_of
from tests.support.outbound_memory import out_id

REASON = "подмяна на сертификат, ДЗ-7/2026"
ADDRESSES = {"network": "ssev", "way": "sending", "number": "1", "identifier": AGENCY}


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Machine]:
    async with machine(tmp_path) as opened:
        yield opened


async def visitor(here: Machine, *roles: Role, login: str = "") -> Browser:
    made = await here.house.visitor(*roles, login=login)
    made.headers["Accept-Language"] = "en"
    return made


def last(here: Machine) -> dict[str, Any]:
    found = json.loads(here.house.office.last())
    return {"kind": found["kind"], "actor": found["actor"], **found["facts"]}


def address(path: str, **changes: str) -> str:
    named = {**ADDRESSES, "key": "task-1", "id": out_id(3), **changes}
    return re.sub(r"\{(\w+)\}", lambda found: named[found[1]], path)


async def rests(here: Machine) -> tuple[str, ...]:
    return tuple(await here.notebook.read(Area.PAUSES))


# --- rights ---


@pytest.mark.parametrize("role", Role)
async def test_pages_open_to_those_who_may_and_refuse_others(here: Machine, role: Role) -> None:
    await busy(here.house)
    await here.house.parts.journal.seal()
    task = next(str(t.task_id) for t in here.house.state.tasks.values() if t.parked_at)
    someone = await visitor(here, role)
    before = await rests(here)
    for route in routes(here.parts):
        assert isinstance(route.needs, Action)
        may = PERMISSIONS[role].get(route.needs, Right.NO) is not Right.NO
        path = address(route.path, key=f"task-{task}")
        if path == "/seals/pack" or "/resume/" in path:
            continue  # led on, or nothing rests
        if route.method == "GET":
            assert (await someone.get(path)).status == (200 if may else 403), path
        elif not may:
            answer = await someone.post(path, {"form_token": someone.form_token})
            assert answer.status == 403, path
    assert await rests(here) == before


async def test_nothing_is_done_without_the_form_token(here: Machine) -> None:
    operator = await visitor(here, Role.OPERATOR)
    for route in routes(here.parts):
        if route.method == "POST":
            answer = await operator.post(address(route.path), {"reason": REASON})
            assert answer.status == 403, route.path
    assert not here.house.state.notes


async def test_an_operator_sees_no_subject_and_no_citizen(here: Machine) -> None:
    await busy(here.house)
    operator = await visitor(here, Role.OPERATOR)
    task = next(t.task_id for t in here.house.state.tasks.values() if t.parked_at)
    secret = ("Жалба", "citizen.example", "преписка", "Относно", CITIZEN, "00 111", "ИЗХ-")
    for path in (
        "/channels",
        "/channels/seos",
        "/channels/email/left",
        "/channels/seos/test",
        "/queue",
        "/quarantine",
        "/seals",
        f"/participants/{AGENCY}",
        f"/needs/{out_id(3)}/take",
        f"/needs/task-{task}/take",
        f"/documents/{out_id(3)}/seen",
    ):
        page = await operator.get(path)
        assert page.status == 200, path
        assert not [word for word in secret if word in page.text], path
        assert "/search?q=" not in page.text
    both = await visitor(here, Role.CLERK, Role.OPERATOR, login="both")
    assert "Жалба 1" in (await both.get("/channels/email/left")).text
    assert CITIZEN in (await both.get("/channels/seos")).text
    assert "00 111" in (await both.get("/queue")).text


@pytest.mark.parametrize("language", LANGUAGES)
async def test_pages_speak_four_languages_to_screen_readers(here: Machine, language: str) -> None:
    await busy(here.house)
    await here.house.parts.journal.seal()
    here.house.office.clock.advance(3 * 3600)
    both = await visitor(here, Role.CLERK, Role.OPERATOR, login="both")
    both.headers["Accept-Language"] = language
    await both.get("/channels/ssev/pause/sending")
    done = await both.submit("/channels/ssev/pause/sending", reason=REASON)
    assert done.status == 303
    await both.get("/channels/ssev/test")
    answers = [await both.submit("/channels/ssev/test")]
    here.channels["ssev"].down = True
    await both.get("/channels/ssev/test")
    answers.append(await both.submit("/channels/ssev/test"))
    for path in (
        "/",
        "/participants",
        f"/participants/{AGENCY}",
        f"/participants/{AGENCY}/route",
        "/channels",
        *(f"/channels/{one.network}" for one in here.parts.setups),
        "/channels/ssev?done=paused",
        "/channels/ssev/resume/sending",
        "/channels/email/pause/receiving",
        "/channels/email/left",
        "/channels/ssev/test",
        "/queue",
        "/quarantine",
        "/seals",
        f"/needs/{out_id(2)}/take",
        f"/documents/{out_id(3)}/seen",
        f"/documents/{out_id(3)}",
    ):
        answers.append(await both.get(path))
        assert answers[-1].status == 200, path
    for answer in answers:
        proper(answer, language)
        harmless(answer)


# --- pausing ---


async def test_pausing_says_its_effect_keeps_the_reason_and_is_shown(here: Machine) -> None:
    operator = await visitor(here, Role.OPERATOR)
    page = await operator.get("/channels/ssev/pause/sending")
    assert "No new try is begun by this network" in page.text
    refused = await operator.submit("/channels/ssev/pause/sending", reason="  ", onward="yes")
    assert refused.status == 400
    assert "checked" in refused.text
    assert not await rests(here)
    done = await operator.submit("/channels/ssev/pause/sending", reason=REASON, onward="yes")
    assert done.location == "/channels/ssev?done=paused"
    (pause,) = load_pauses(await here.notebook.read(Area.PAUSES))
    assert (pause.network, pause.way, pause.login) == ("ssev", Way.SENDING, "operator")
    assert (pause.reason, pause.onward) == (REASON, True)
    row = last(here)
    assert (row["kind"], row["actor"]) == ("OPERATED", "person:operator")
    assert (row["decision"], row["network"], row["onward"]) == ("paused-sending", "ssev", "yes")
    assert REASON not in here.house.office.last()
    shown = (await operator.get(done.location)).text
    assert "Sending is paused." in shown
    assert REASON in shown
    home = (await operator.get("/")).text
    top = home[home.index('id="sentence"') : home.index("</section>")]
    assert 'class="sentence unproven"' in home
    assert "Paused by a person" in top
    assert "SSEV" in top
    auditor = await visitor(here, Role.AUDITOR)
    seen = (await auditor.get("/channels")).text
    assert "Sending is paused." in seen
    assert REASON not in seen


async def test_a_pause_is_resumed_once_and_not_twice(here: Machine) -> None:
    operator = await visitor(here, Role.OPERATOR)
    await operator.get("/channels/email/pause/receiving")
    token = operator.page
    await operator.submit("/channels/email/pause/receiving", reason=REASON)
    operator.page = token
    assert (await operator.submit("/channels/email/pause/receiving", reason="x")).status == 400
    again = await operator.get("/channels/email/pause/receiving")
    assert "It stands so already" in again.text
    assert "<textarea" not in again.text
    page = await operator.get("/channels/email/resume/receiving")
    assert "all that lies there is taken in" in page.text
    assert (await operator.submit("/channels/email/resume/receiving")).location.endswith("resumed")
    assert last(here)["decision"] == "resumed-receiving"
    assert not await rests(here)
    before = len(here.house.state.evidence)
    assert (await operator.submit("/channels/email/resume/receiving")).status == 400
    assert len(here.house.state.evidence) == before


async def test_receiving_by_push_cannot_be_paused_and_the_page_says_why(here: Machine) -> None:
    operator = await visitor(here, Role.OPERATOR)
    page = await operator.get("/channels/seos")
    assert "Receiving cannot be paused: partners call us directly" in page.text
    assert "/channels/seos/pause/receiving" not in page.text
    for path in ("/channels/seos/pause/receiving", "/channels/none/pause/sending"):
        assert (await operator.get(path)).status == 404
        assert (await operator.submit(path, reason=REASON)).status == 404
    assert (await operator.submit("/channels/ssev/pause/both", reason=REASON)).status == 404
    assert not await rests(here)


# --- testing ---


class Failing(MemoryChannel):
    """A channel whose test fails in one way."""

    failure: DepeshaError = PeerError("it says no")

    async def ping(self) -> str:
        raise self.failure


async def outcome(here: Machine, network: str = "ssev") -> str:
    operator = await visitor(here, Role.OPERATOR, login=f"op-{len(here.house.state.evidence)}")
    await operator.get(f"/channels/{network}/test")
    answer = await operator.submit(f"/channels/{network}/test")
    assert answer.status == 200
    return unescape(answer.text)


async def test_a_network_that_answers_is_said_to(here: Machine) -> None:
    assert "The network answers and lets us in." in await outcome(here)
    row = last(here)
    assert (row["decision"], row["network"], row["report"]) == ("tested", "ssev", "none")


async def test_the_network_is_at_fault_where_another_answers(here: Machine) -> None:
    here.channels["ssev"].down = True
    assert "It lies with the network" in await outcome(here)
    assert (last(here)["report"], last(here)["code"]) == ("network", "UNREACHABLE")


async def test_our_line_is_at_fault_where_nobody_is_reached(here: Machine) -> None:
    for channel in here.channels.values():
        channel.down = True
    assert "It lies with our own line" in await outcome(here)


async def test_we_are_at_fault_where_a_log_in_of_ours_is_wrong(here: Machine) -> None:
    broken = Failing("ssev", blobs=here.parts.pages.blobs, clock=here.parts.pages.clock, ids=None)  # type: ignore[arg-type]  # never asked
    broken.failure = ConfigurationError("the password is refused")
    here.channels["ssev"] = broken
    assert broken.failure.blame is Blame.OURS
    told = await outcome(here)
    assert "It lies with us" in told
    assert "the password is refused" in told


async def test_peers_are_named_where_the_network_answers_and_they_do_not(here: Machine) -> None:
    told = await outcome(here, "seos")
    assert "What fails are single bodies" in told
    assert "Агенция Образец" in told
    assert CITIZEN not in told
    here.channels["seos"].down = True
    assert "Failing since" in await outcome(here, "seos")


# --- letters ---


async def test_letters_are_cleared_by_choice_and_stay_in_the_mailbox(here: Machine) -> None:
    both = await visitor(here, Role.CLERK, Role.OPERATOR, login="both")
    page = await both.get("/channels/email/left")
    assert "sender1@citizen.example" in page.text
    assert "the letters stay in the mailbox" in page.text
    assert "sender not known" in page.text
    assert (await both.submit("/channels/email/left")).status == 400
    fields = {"letter-7-1": "yes", "letter-7-9": "yes", "letter-": "yes"}
    done = await both.submit("/channels/email/left", **fields)
    assert done.location == "/channels/email/left?cleared=1"
    assert [one.key for one in await here.letters.left()] == ["7-3", "7-2"]
    row = last(here)
    assert (row["decision"], row["letters"]) == ("letters-cleared", 1)
    assert "citizen.example" not in here.house.office.last()
    assert "Taken off the list: 1" in (await both.get(done.location)).text


# --- participants ---


async def test_bodies_are_found_in_bounded_pages(here: Machine) -> None:
    await busy(here.house)
    clerk = await visitor(here, Role.CLERK)
    first = await clerk.get("/participants")
    links = re.findall(r'href="(/participants/\d+)"', first.text)
    assert len(links) == 25
    following = unescape(re.findall(r'href="(/participants\?[^"]+)"', first.text)[0])
    second = await clerk.get(following)
    more = re.findall(r'href="(/participants/\d+)"', second.text)
    assert len({*links, *more}) == 38
    found = await clerk.get("/participants?q=Агенция+Образец&network=seos")
    assert re.findall(r'href="(/participants/\d+)"', found.text) == [f"/participants/{AGENCY}"]
    assert "02 000 002" in found.text
    assert "temporarily inactive" in found.text
    assert "no copy yet" in found.text
    odd = await clerk.get("/participants?page=99999999&network=../x&q=%00")
    assert odd.status == 200


async def test_one_body_with_traffic_certificate_failure_and_route(here: Machine) -> None:
    await busy(here.house)
    clerk = await visitor(here, Role.CLERK)
    for number in range(2, 40):
        page = (await clerk.get(f"/participants/{number:09d}")).text
        assert ("/search?q=" in page) is True
    page = unescape((await clerk.get(f"/participants/{AGENCY}")).text)
    assert re.search(r"<dt>Sent</dt><dd>6", page)
    assert "When it ends is not known" in page or "Seen with the last message" in page
    assert "Failures are those that this gateway met" in page
    route = await clerk.get(f"/participants/{AGENCY}/route")
    assert "the step" in route.text
    assert "Nothing is sent or stored" in route.text
    assert (await clerk.get("/participants/999999999")).status == 404
    kinds = here.house.office.kinds()
    assert kinds.count("SUBMITTED") == 6
    assert "VIEWED" in kinds


# --- queue, quarantine, seals ---


async def test_the_queue_tells_ages_and_what_waits_for_a_person(here: Machine) -> None:
    await busy(here.house)
    here.house.office.clock.advance(2 * 3600)
    clerk = await visitor(here, Role.CLERK)
    page = (await clerk.get("/queue")).text
    assert "very late" in page
    assert "Агенция Образец, тел. 00 111 222" in page
    assert f"/needs/{id_of(5)}/take" in page
    assert "unpark" not in page, "starting it again is the operator's"
    operator = await visitor(here, Role.OPERATOR)
    assert "/unpark" in (await operator.get("/queue")).text


async def test_the_quarantine_says_what_is_destroyed_when(here: Machine) -> None:
    house = here.house
    await busy(house)
    original = house.state.messages[id_of(3)].arrival.original
    house.office.clock.advance(600)
    quarantine = house.parts.overview._quarantine  # type: ignore[attr-defined]  # the double's
    assert quarantine.seal(original, START + timedelta(days=30))
    clerk = await visitor(here, Role.CLERK)
    page = (await clerk.get("/quarantine")).text
    assert original in page
    assert "ПР-3" in page
    operator = await visitor(here, Role.OPERATOR)
    plain = (await operator.get("/quarantine?after=1.2")).text
    assert original in plain
    assert "ПР-3" not in plain


async def test_the_chain_is_verified_on_demand(here: Machine) -> None:
    await busy(here.house)
    await here.house.parts.journal.seal()
    auditor = await visitor(here, Role.AUDITOR)
    await auditor.get("/seals")
    assert (await auditor.submit("/seals")).location == "/seals"
    page = (await auditor.get("/seals")).text
    assert "The whole chain was verified and holds" in page
    decisions = [json.loads(r.body)["facts"].get("decision") for r, _ in here.house.state.evidence]
    assert [one for one in decisions if one] == ["verifying", "verified"]


async def test_a_broken_chain_is_said_aloud(here: Machine) -> None:
    await busy(here.house)
    rows = here.house.state.evidence
    record, wire = rows[2]
    changed = type(record)(
        sequence=record.sequence,
        message_id=record.message_id,
        previous=record.previous,
        hash=record.hash,
        body=record.body.replace("gateway", "somebody"),
    )
    rows[2] = (changed, wire)
    auditor = await visitor(here, Role.AUDITOR)
    await auditor.get("/seals")
    await auditor.submit("/seals")
    page = await auditor.get("/seals")
    assert "The chain does NOT hold" in page.text
    assert any('"verified-broken"' in record.body for record, _ in rows)


async def test_a_seal_is_kept_elsewhere_and_a_pack_is_found(here: Machine) -> None:
    await busy(here.house)
    await here.house.parts.journal.seal()
    auditor = await visitor(here, Role.AUDITOR)
    saved = await auditor.get("/seals/file/1")
    seal = json.loads(saved.text)
    assert (seal["number"], seal["root"]) == (1, here.house.state.seals[0].root)
    assert saved.headers["Content-Disposition"] == 'attachment; filename="seal-1.json"'
    for number in ("0", "2", "9" * 40, "x"):
        assert (await auditor.get(f"/seals/file/{number}")).status == 404
    found = await auditor.get(f"/seals/pack?id={out_id(1)}")
    assert found.location == f"/documents/{out_id(1)}/evidence"
    for strange in ("", "nonsense", id_of(99), "%3Cscript%3E"):
        answer = await auditor.get(f"/seals/pack?id={strange}")
        assert answer.status == 400
        harmless(answer)


# --- who looks after what ---


async def test_a_need_is_taken_shown_to_all_taken_over_and_given_back(here: Machine) -> None:
    await busy(here.house)
    first = await visitor(here, Role.CLERK, login="first")
    second = await visitor(here, Role.OPERATOR, login="second")
    path = f"/needs/{out_id(2)}/take"
    page = await first.get(path)
    assert "Everybody sees that you look after it" in page.text
    old = first.page
    assert (await first.submit(path)).location == "/#needs"
    assert (last(here)["kind"], last(here)["decision"]) == ("ATTENDED", "taken")
    assert "Taken by Лице Примерно" in (await second.get("/")).text
    assert "Taken by" in (await second.get(f"/documents/{out_id(2)}")).text
    first.page = old
    assert (await first.submit(path)).status == 400, "what the page showed does not stand"
    over = await second.get(path)
    assert "takes the place of the present one" in over.text
    await second.submit(path)
    assert last(here)["decision"] == "taken-over"
    assert "Give it back" in (await second.get(path)).text
    await second.submit(path)
    assert last(here)["decision"] == "given-back"
    assert "Taken by" not in (await first.get("/")).text
    assert not await here.notebook.read(Area.TAKEN)


async def test_parked_work_and_a_silent_registry_are_taken_too(here: Machine) -> None:
    await busy(here.house)
    clerk = await visitor(here, Role.CLERK)
    task = next(t.task_id for t in here.house.state.tasks.values() if t.parked_at)
    for key in (f"task-{task}", "REGISTRY_SILENT"):
        await clerk.get(f"/needs/{key}/take")
        assert (await clerk.submit(f"/needs/{key}/take")).status == 303
    assert set(await here.notebook.read(Area.TAKEN)) == {f"task-{task}", "REGISTRY_SILENT"}
    for key in ("task-999", "task-0", "NOTHING", id_of(99), "x" * 100):
        assert (await clerk.get(f"/needs/{key}/take")).status == 404, key


async def test_what_was_taken_long_ago_is_forgotten(here: Machine) -> None:
    await busy(here.house)
    clerk = await visitor(here, Role.CLERK)
    await clerk.get(f"/needs/{out_id(2)}/take")
    await clerk.submit(f"/needs/{out_id(2)}/take")
    here.house.office.clock.advance(31 * 24 * 3600)
    other = await visitor(here, Role.CLERK, login="other")
    await other.get(f"/needs/{out_id(3)}/take")
    await other.submit(f"/needs/{out_id(3)}/take")
    assert set(await here.notebook.read(Area.TAKEN)) == {out_id(3)}
    assert last(here)["actor"] == "gateway"


async def test_a_refusal_that_was_seen_leaves_the_list_with_a_note(here: Machine) -> None:
    await busy(here.house)
    clerk = await visitor(here, Role.CLERK)
    home = (await clerk.get("/")).text
    assert f"/documents/{out_id(3)}/seen" in home
    path = f"/documents/{out_id(3)}/seen"
    page = await clerk.get(path)
    assert "It stays declined" in page.text
    assert (await clerk.submit(path, note="")).status == 400
    assert (await clerk.submit(path, note="Обадихме се, изпраща се по пощата")).status == 303
    assert (last(here)["decision"], last(here)["kind"]) == ("seen", "ATTENDED")
    assert "Обадихме" not in here.house.office.last()
    home = (await clerk.get("/")).text
    assert path not in home
    assert "declined a document" not in home
    story = (await clerk.get(f"/documents/{out_id(3)}")).text
    assert "Обадихме се" in story
    operator = await visitor(here, Role.OPERATOR)
    assert "Обадихме" not in (await operator.get(f"/documents/{out_id(3)}")).text
    await clerk.get(path)
    await clerk.submit(path)
    assert path in (await clerk.get("/")).text
    assert (await clerk.get(f"/documents/{out_id(1)}/seen")).status == 400
    assert (await clerk.get(f"/documents/{id_of(1)}/seen")).status == 400


# --- hostile words ---


async def test_hostile_words_stay_words(here: Machine) -> None:
    await busy(here.house)
    evil = body(2, BAD, phone=BAD, email=BAD, url=f"https://{BAD}/", serial=BAD)
    directory: Any = here.parts.directories["seos"]
    directory.put(evil)
    directory.put(body(77, BAD, identifier=BAD, status=ParticipantStatus.INACTIVE))
    await directory.refresh()
    here.letters.put(
        LeftLetter(key="7-9", why=BAD, at=START, size=1, sender=BAD, subject=BAD),
    )
    both = await visitor(here, Role.CLERK, Role.OPERATOR, login="both")
    pages = [
        await both.get(path)
        for path in (
            "/participants?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E",
            "/participants?network=seos",
            "/participants?network=seos&page=2",
            f"/participants/{AGENCY}",
            f"/participants/{AGENCY}/route",
            "/channels/seos",
            "/channels/seos/test",
            "/channels/email/left",
        )
    ]
    await both.get("/channels/ssev/pause/sending")
    pages.append(await both.submit("/channels/ssev/pause/sending", reason=BAD))
    words = BAD.replace("\u202e", "").replace("\0", "")
    await both.get("/channels/ssev/pause/sending")
    assert (await both.submit("/channels/ssev/pause/sending", reason=words)).status == 303
    await both.get(f"/documents/{out_id(3)}/seen")
    await both.submit(f"/documents/{out_id(3)}/seen", note=words)
    pages += [
        await both.get(path)
        for path in ("/channels", "/channels/ssev", f"/documents/{out_id(3)}", "/")
    ]
    for page in pages:
        harmless(page)
    assert sum("alert(1)" in unescape(page.text) for page in pages) > 5
    assert paused(load_pauses(await here.notebook.read(Area.PAUSES)), "ssev", Way.SENDING)
    assert len(HOSTILE) > 3
