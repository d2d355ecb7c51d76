"""The registry API on loopback: every row of the table, every documented answer, every scope."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped] # it ships no types
import pytest
from openapi_spec_validator import validate

from depesha.adapters.memory.state import Task
from depesha.adapters.registry.api import ALL_ROUTES
from depesha.adapters.registry.openapi import document, problems_of
from depesha.adapters.registry.problems import KINDS
from depesha.adapters.registry.routes import Route
from depesha.adapters.registry.table import ROUTES
from depesha.adapters.registry.tokens import Scope
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, NewEvidence, NewTask, TaskKind
from depesha.schemas.outbound_lifecycle import OutboundState
from tests.support.registry import NUMBER, QUICK, WHEN, Api, running_api
from tests.support.registry_outbound import KEY, WORDS, form

DOCUMENT = document(ALL_ROUTES, "0.0.0")
GOOD = {"number": NUMBER.number, "date": NUMBER.date.isoformat()}
OTHER = GOOD | {"number": "ВХ-1/02.03.2026"}
REASON = {"reason": "Проверено от служител"}
OTHER_REASON = {"reason": "Проверено отново"}
NOBODY = "0" * 32


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    patient = replace(QUICK, failed_attempts=100)
    async with running_api(tmp_path, patient, seats=2) as running:
        yield running


@dataclass
class Recorder:
    """Calls, checks the answer against the document, and remembers what was seen."""

    api: Api
    seen: set[tuple[str, str]] = field(default_factory=set)

    async def ask(self, operation: str, status: int, place: str = "", **more: Any) -> Any:
        route = next(r for r in ALL_ROUTES if r.operation == operation)
        path = place or route.path
        got, body, response = await self.api.call(route.method, path, **more)
        assert got == status, (operation, path, got, body)
        described = DOCUMENT["paths"][route.path][route.method.lower()]["responses"][str(status)]
        content = described.get("content", {})
        if not content:
            assert body == b""
        elif operation != "getAttachment" or status != 200:
            assert response.content_type in content
        schema = content.get(response.content_type, {}).get("schema", {})
        if schema:
            jsonschema.validate(body, schema | {"components": DOCUMENT["components"]})
        self.seen.add((operation, str(status)))
        return body


def documented() -> set[tuple[str, str]]:
    return {
        (operation["operationId"], status)
        for methods in DOCUMENT["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
        if status != "default"
    }


def filled(route: Route, identity: str = NOBODY) -> str:
    path = re.sub(r"\{n\}|\{task\}", "1", route.path.replace("{id}", identity))
    path = path.replace("{code}", "STORAGE").replace("{identifier}", "999999999")
    return path + ("?q=Пример" if route.operation == "findParticipants" else "")


def test_the_document_is_valid_openapi() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")


async def test_the_served_document_is_the_one_of_the_table(api: Api) -> None:
    _, body, _ = await api.call("GET", "/openapi.json", who="")
    assert body == DOCUMENT


async def parked_task(api: Api) -> int:
    identity = await api.body.put()
    task = NewTask(kind=TaskKind.WEBHOOK, due_at=WHEN)
    api.body.state.add_tasks(identity, (task,), WHEN)
    (claim,) = await api.body.tasks.claim((TaskKind.WEBHOOK,), 1, 60.0)
    evidence = NewEvidence(kind=EvidenceKind.PARKED, at=WHEN, message_id=identity, actor="worker")
    await api.body.tasks.park(claim, "отговори 500", evidence)
    return claim.task_id


async def everywhere(recorder: Recorder) -> None:
    """What every row with a token, a body or a query answers in the same way."""
    for route in ROUTES:
        operation, path = route.operation, filled(route)
        body: dict[str, Any] = {"json": {}} if route.body else {}
        await recorder.ask(operation, 401, path, who="", **body)
        of_bodies = operation in {"findParticipants", "getParticipant"}
        wrong = "INBOX_READ" if of_bodies else "PARTICIPANTS_READ"
        await recorder.ask(operation, 403, path, who=Scope[wrong].value, **body)
        headers = {"Depesha-User": "a b"}
        await recorder.ask(operation, 422, path, headers=headers, **body)
        if route.form:
            await forms(recorder, operation)
        if route.body:
            typed = {"Content-Type": "application/json"}
            await recorder.ask(operation, 400, path, data=b"{", headers=typed)
            await recorder.ask(operation, 413, path, data=b" " * 20_000, headers=typed)
            await recorder.ask(operation, 415, path, data=b"{}")
        if "{identifier}" in route.path or "{id}" in route.path or "{task}" in route.path:
            await recorder.ask(operation, 404, path, **_valid(route))


async def forms(recorder: Recorder, operation: str) -> None:
    """What a form answers that is none, or that says what cannot be."""
    ask = recorder.ask
    typed = {"Content-Type": "multipart/form-data; boundary=x", **KEY}
    await ask(operation, 400, data=b"--y", headers=typed)
    await ask(operation, 413, data=form(b" " * 300_000), headers=KEY)
    await ask(operation, 415, json={}, headers=KEY)
    await ask(operation, 202, data=form(), headers=KEY)
    await ask(operation, 409, data=form(WORDS | {"subject": "Друго"}), headers=KEY)


def _valid(route: Route) -> dict[str, Any]:
    bodies = {
        "registerMessage": GOOD,
        "refuseMessage": REASON,
        "closeMessage": REASON | {"finished": True},
        "releaseMessage": REASON,
        "decideMessage": REASON | {"decision": "resume"},
        "explainRoute": {"id": NOBODY},
    }
    return {"json": bodies[route.operation]} if route.operation in bodies else {}


async def test_every_documented_answer_is_seen_and_fits_its_schema(api: Api) -> None:
    recorder = Recorder(api)
    ask = recorder.ask
    await everywhere(recorder)
    identity = await api.body.put()
    one = f"/messages/{identity}"
    page = await ask("listInbox", 200)
    assert [item["id"] for item in page["items"]] == [identity]
    await ask("exportInbox", 200)
    await ask("exportInbox", 200, "/inbox/export?format=json")
    message = await ask("getMessage", 200, one)
    tag = {"If-None-Match": f'"{message["attachments"][0]["sha256"]}"'}
    await ask("getAttachment", 200, one + "/attachments/1")
    await ask("getAttachment", 304, one + "/attachments/1", headers=tag)
    await ask("getOriginal", 200, one + "/original")
    tag = {"If-None-Match": f'"{message["original_sha256"]}"'}
    await ask("getOriginal", 304, one + "/original", headers=tag)
    await ask("registerMessage", 201, one + "/registration", json=GOOD)
    await ask("registerMessage", 200, one + "/registration", json=GOOD)
    await ask("registerMessage", 409, one + "/registration", json=OTHER)
    await ask("refuseMessage", 409, one + "/refusal", json=REASON)
    await ask("releaseMessage", 409, one + "/release", json=REASON)
    await ask("closeMessage", 200, one + "/closure", json=REASON | {"finished": True})
    await ask("closeMessage", 409, one + "/closure", json=REASON | {"finished": False})
    await ask("getJourney", 200, one + "/events")
    await ask("getEvidence", 200, one + "/evidence")
    await ask("getProof", 200, one + "/proof")
    held = await api.body.put(InboundState.HELD)
    await ask("listHeld", 200)
    await ask("releaseMessage", 200, f"/messages/{held}/release", json=REASON)
    await ask("refuseMessage", 200, f"/messages/{held}/refusal", json=REASON)
    rejected = await api.body.put(InboundState.REJECTED)
    await ask("getAttachment", 410, f"/messages/{rejected}/attachments/1")
    await ask("getOriginal", 410, f"/messages/{rejected}/original")
    await outbound_answers(recorder)
    task = await parked_task(api)
    assert (await ask("listParked", 200))["items"][0]["task_id"] == task
    await ask("retryParked", 204, f"/parked/{task}/retry")
    assert (await ask("listParked", 200))["items"] == []
    found = await ask("findParticipants", 200, "/participants?q=Община")
    assert [item["identifier"] for item in found["items"]] == ["000000001"]
    await ask("getOpenapi", 200, who="")
    await ask("explainProblem", 200, "/problems/STORAGE", who="")
    await ask("explainProblem", 404, "/problems/NO_SUCH", who="")
    await feeds(recorder)
    assert recorder.seen == documented()


async def outbound_answers(recorder: Recorder) -> None:
    ask, body = recorder.ask, recorder.api.outbound
    parked = body.put(OutboundState.PARKED)
    await ask("listOutbox", 200)
    shown = await ask("getMessage", 200, f"/messages/{parked.id}")
    assert shown["direction"] == "out"
    place = f"/messages/{parked.id}/decision"
    await ask("decideMessage", 200, place, json=REASON | {"decision": "rule_absent"})
    await ask("decideMessage", 409, place, json=REASON | {"decision": "rule_absent"} | OTHER_REASON)
    await ask("explainRoute", 200, json={"recipient": {"identifier": "000000002"}})
    await ask("explainRoute", 404, json={"id": NOBODY})
    await ask("getParticipant", 200, "/participants/000000002")


async def feeds(recorder: Recorder) -> None:
    api = recorder.api
    open_ones = [await api.session.get(api.url("/events"), headers=api.headers()) for _ in range(2)]
    assert [(r.status, r.content_type) for r in open_ones] == [(200, "text/event-stream")] * 2
    await recorder.ask("followEvents", 429, "/events")
    await recorder.ask("listInbox", 429, "/inbox?state=STOPPED&wait=1")
    for response in open_ones:
        response.close()
    recorder.seen.add(("followEvents", "200"))


@pytest.mark.parametrize("route", ROUTES, ids=lambda r: r.operation)
async def test_a_row_lets_in_its_scopes_and_no_others(api: Api, route: Route) -> None:
    for scope in Scope:
        async with api.session.request(
            route.method, api.url(filled(route)), headers=api.headers(scope.value), json={}
        ) as response:
            let_in = response.status != 403
        assert let_in == (scope is Scope.ADMIN or scope in route.scopes), scope


def test_every_kind_of_problem_has_one_code_and_is_used() -> None:
    assert len({kind.code for kind in KINDS}) == len(KINDS)
    by_row = {kind for route in ALL_ROUTES for kind in problems_of(route)}
    anywhere = {"WRONG_METHOD", "TIMED_OUT", "TOO_MANY_ATTEMPTS", "INTERNAL", "STORAGE", "BUSY"}
    assert {kind.code for kind in KINDS} - {kind.code for kind in by_row} == anywhere


async def test_a_retry_stands_in_its_messages_journey_however_many_are_parked(api: Api) -> None:
    for number in range(500):
        api.body.state.tasks[-number - 1] = Task(
            task_id=-number - 1,
            kind=TaskKind.WEBHOOK,
            message_id=None,
            payload={},
            created_at=WHEN,
            due_at=WHEN,
            parked_at=WHEN,
        )
    task = await parked_task(api)
    owner = api.body.state.tasks[task].message_id
    status, _, _ = await api.call("POST", f"/parked/{task}/retry")
    assert status == 204
    assert owner is not None
    last = (await api.body.journal.events(owner))[-1]
    assert json.loads(last.body)["kind"] == "UNPARKED"
