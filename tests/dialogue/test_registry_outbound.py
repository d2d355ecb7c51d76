"""Documents on their way out over a real socket: lists, one of them, files, plans, decisions."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from depesha.adapters.registry.tokens import Scope
from depesha.schemas.dispatch import AttemptOutcome, Defect
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.outbound_sentences import outbound_state_name
from depesha.schemas.route import reasoned
from tests.support import outbound as fictional
from tests.support.registry import TODAY, Api, running_api
from tests.support.registry_outbound import KEY, PDF, form


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


async def submitted(api: Api) -> str:
    _, body, _ = await api.call("POST", "/messages", data=form(), headers=KEY)
    return str(body["id"])


async def test_a_submitted_document_is_read_under_its_own_address(api: Api) -> None:
    identity = await submitted(api)
    for who in ("send", "decide"):
        status, shown, _ = await api.call("GET", f"/messages/{identity}", who)
        assert (status, shown["direction"], shown["state"]) == (200, "out", "SUBMITTED")
        assert shown["document"]["number"]["number"] == "ИЗХ-12"
        assert shown["attachments"][0]["detected"] == "application/pdf"
    _, content, response = await api.call("GET", f"/messages/{identity}/attachments/1", "send")
    assert content == PDF
    assert response.content_type == "application/pdf"
    _, journey, _ = await api.call("GET", f"/messages/{identity}/events", "send")
    assert [row["body"]["kind"] for row in journey["items"]] == [
        "SUBMITTED",
        "VIEWED",
        "VIEWED",
        "VIEWED",
    ]
    status, pack, _ = await api.call("GET", f"/messages/{identity}/evidence", "evidence:read")
    assert (status, identity in json.dumps(pack)) == (200, True)


async def test_each_direction_has_its_own_readers(api: Api) -> None:
    leaving, arrived = await submitted(api), await api.body.put()
    for place in ("", "/attachments/1", "/events"):
        status, problem, _ = await api.call("GET", f"/messages/{leaving}{place}", "inbox:read")
        assert (status, problem["scopes"]) == (403, ["send", "decide"])
        status, problem, _ = await api.call("GET", f"/messages/{arrived}{place}", "send")
        assert (status, problem["scopes"]) == (403, ["inbox:read"])
        assert (await api.call("GET", f"/messages/{arrived}{place}", "inbox:read"))[0] == 200


async def test_a_document_shows_tries_numbers_reasons_and_plan_in_the_callers_language(
    api: Api,
) -> None:
    tried = fictional.attempt(
        outcome=AttemptOutcome.DELIVERED, settled_at=fictional.NOW, reference="номер 5"
    )
    number = RegistrationNumber(number="ВХ-77", date=TODAY)
    message = api.outbound.put(
        OutboundState.REGISTERED,
        attempts=(tried,),
        number=number,
        answered_at=fictional.NOW,
        defects=(reasoned(Defect.NUMBER_MISSING),),
    )
    bulgarian = {"Accept-Language": "bg"}
    _, shown, _ = await api.call("GET", f"/messages/{message.id}", headers=bulgarian)
    assert shown["state_name"] == outbound_state_name(OutboundState.REGISTERED, "bg")
    assert shown["number"] == {"number": "ВХ-77", "date": TODAY.isoformat()}
    assert shown["document"]["number"]["number"] == "ИЗХ-1"
    (attempt,) = shown["attempts"]
    assert (attempt["network"], attempt["outcome"], attempt["reference"]) == (
        "seos",
        "DELIVERED",
        "номер 5",
    )
    assert shown["route"]["language"] == "bg"
    assert [line["network"] for line in shown["route"]["lines"]] == ["seos", "ssev", "email"]
    assert shown["defects"][0]["sentence"] == "Документът няма регистрационен номер и дата."
    assert shown["possible"] == []


async def test_the_outbox_is_paged_and_names_no_persons(api: Api) -> None:
    parked = api.outbound.put(OutboundState.PARKED)
    undeliverable = api.outbound.put(OutboundState.UNDELIVERABLE)
    delivered = api.outbound.put(OutboundState.DELIVERED)
    _, first, _ = await api.call("GET", "/outbox?limit=2", "send")
    _, rest, _ = await api.call("GET", f"/outbox?limit=2&after={first['next']}", "send")
    assert [m["id"] for m in (*first["items"], *rest["items"])] == [
        parked.id,
        undeliverable.id,
        delivered.id,
    ]
    assert rest["next"] == ""
    assert {m["correspondents"] for m in first["items"]} == {None}
    assert {m["route"] for m in first["items"]} == {None}
    _, page, _ = await api.call("GET", "/outbox?state=PARKED&state=UNDELIVERABLE")
    assert [m["id"] for m in page["items"]] == [parked.id, undeliverable.id]
    assert (await api.call("GET", "/outbox?state=ADMITTED"))[0] == 422


@pytest.mark.parametrize(
    ("state", "decision", "after"),
    [
        ("PARKED", "rule_absent", "DEFERRED"),
        ("PARKED", "rule_there", "DELIVERED"),
        ("PARKED", "ask_again", "UNCLEAR"),
        ("UNDELIVERABLE", "resume", "DEFERRED"),
        ("UNDELIVERABLE", "return", "RETURNED"),
        ("DEFERRED", "confirm_fallback", "DEFERRED"),
    ],
)
async def test_a_persons_decision_moves_a_document_and_is_kept(
    api: Api, state: str, decision: str, after: str
) -> None:
    message = api.outbound.put(OutboundState(state))
    body = {"decision": decision, "reason": "По телефона"}
    for _ in range(2):
        status, shown, _ = await api.call(
            "POST", f"/messages/{message.id}/decision", "decide", json=body
        )
        assert (status, shown["state"], shown["reason"]) == (200, after, "По телефона")
    records = await api.body.journal.events(message.id)
    (row,) = [json.loads(record.body) for record in records]
    assert (row["kind"], row["actor"]) == ("RULED", "token:DECIDE")
    assert "По телефона" not in records[0].body


@pytest.mark.parametrize("decision", ["resume", "return", "rule_there", "ask_again"])
async def test_a_decision_out_of_place_says_what_is_possible(api: Api, decision: str) -> None:
    message = api.outbound.put(OutboundState.REGISTERED, attempts=())
    body = {"decision": decision, "reason": "x"}
    status, problem, _ = await api.call("POST", f"/messages/{message.id}/decision", json=body)
    assert (status, problem["code"], problem["state"]) == (409, "WRONG_STATE", "REGISTERED")


@pytest.mark.parametrize("body", [{"decision": "delete", "reason": "x"}, {"decision": "resume"}])
async def test_a_decision_needs_a_known_word_and_a_reason(api: Api, body: dict[str, str]) -> None:
    message = api.outbound.put(OutboundState.PARKED)
    assert (await api.call("POST", f"/messages/{message.id}/decision", json=body))[0] == 422


async def test_what_arrived_is_not_decided_about_as_if_it_left(api: Api) -> None:
    arrived = await api.body.put()
    body = {"decision": "resume", "reason": "x"}
    assert (await api.call("POST", f"/messages/{arrived}/decision", json=body))[0] == 404


# --- dry runs ---

ASKED: dict[str, Any] = {
    "recipient": {"identifier": "000000002"},
    "marks": ["PERSONAL_DATA"],
    "files": [{"name": "писмо.pdf", "size": 5_000_000}],
}


async def test_a_route_is_explained_without_bytes_and_nothing_is_kept(api: Api) -> None:
    status, plan, _ = await api.call(
        "POST", "/routes/explain", "send", json=ASKED, headers={"Accept-Language": "bg"}
    )
    assert (status, plan["language"]) == (200, "bg")
    seos, _, mail = plan["lines"]
    assert (seos["taken"], mail["taken"]) == (True, False)
    assert len(mail["reasons"]) == len(mail["remedies"]) == 1
    assert api.outbound.outbox.documents == {}


async def test_a_route_is_explained_in_plain_text_where_asked(api: Api) -> None:
    plain = {"Accept": "text/plain"}
    status, text, response = await api.call("POST", "/routes/explain", json=ASKED, headers=plain)
    assert (status, response.content_type) == (200, "text/plain")
    assert "1. seos: " in text.decode()


async def test_the_route_of_a_document_on_its_way_is_explained_by_its_id(api: Api) -> None:
    message = api.outbound.put(OutboundState.DEFERRED)
    _, plan, _ = await api.call("POST", "/routes/explain", json={"id": message.id})
    assert plan["lines"][0]["network"] == "seos"


@pytest.mark.parametrize("body", [{}, {"id": "0" * 32, "kind": "x"}, {"id": "x"}, {"files": []}])
async def test_a_dry_run_needs_a_recipient_or_an_id(api: Api, body: dict[str, Any]) -> None:
    assert (await api.call("POST", "/routes/explain", json=body))[0] == 422


async def test_a_participant_is_shown_with_its_channels(api: Api) -> None:
    _, shown, _ = await api.call("GET", "/participants/000000002", "participants:read")
    assert [channel["network"] for channel in shown["channels"]] == ["seos", "ssev", "email"]
    assert shown["channels"][0]["certificate_days"] == 42
    assert (await api.call("GET", "/participants/a%2Fb"))[0] == 404


# --- the feed ---


async def test_the_feed_tells_of_documents_by_the_names_that_webhooks_have(api: Api) -> None:
    message = api.outbound.put(OutboundState.PARKED)
    async with api.session.get(api.url("/events?after=0"), headers=api.headers()) as feed:
        body = {"decision": "rule_there", "reason": "x"}
        await api.call("POST", f"/messages/{message.id}/decision", json=body)
        seen = b""
        async with asyncio.timeout(5):
            while b"event: RULED" not in seen or not seen.endswith(b"\n\n"):
                seen += await feed.content.readany()
    data = next(line for line in seen.decode().splitlines() if line.startswith("data: "))
    assert json.loads(data.removeprefix("data: "))["type"] == "dispatch.delivered"


def test_sending_and_deciding_are_apart() -> None:
    assert (Scope.SEND, Scope.DECIDE) == ("send", "decide")
