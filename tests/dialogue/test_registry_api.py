"""How the registry API behaves on loopback: waiting, feeding, withholding, failing, explaining."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from depesha.adapters.registry.tokens import Scope, TokenStore
from depesha.errors import StorageError
from depesha.schemas.ids import MessageId
from depesha.schemas.lifecycle import InboundState
from tests.support.registry import NUMBER, QUICK, Api, running_api, sha

GOOD = {"number": NUMBER.number, "date": NUMBER.date.isoformat()}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


# --- waiting ---


async def test_a_long_poll_answers_as_soon_as_something_is_admitted(tmp_path: Path) -> None:
    never = replace(QUICK, poll_seconds=30.0)
    async with running_api(tmp_path, never) as api:
        asked = asyncio.ensure_future(api.call("GET", "/inbox?wait=20"))
        await asyncio.sleep(0.2)
        assert not asked.done()
        began = time.monotonic()
        identity = await api.body.put()
        _, page, _ = await asked
    assert [item["id"] for item in page["items"]] == [identity]
    assert time.monotonic() - began < 15, "rung for, not found by looking: that takes 20 s"


async def test_a_long_poll_sees_by_itself_what_nobody_rang_for(api: Api) -> None:
    asked = asyncio.ensure_future(api.call("GET", "/inbox?wait=20"))
    await asyncio.sleep(0.1)
    api.body.ringing = api.body.observer  # type: ignore[assignment] # another process: no bell
    await api.body.put()
    _, page, _ = await asyncio.wait_for(asked, 5)
    assert len(page["items"]) == 1


async def test_a_long_poll_ends_empty_when_its_time_is_up(api: Api) -> None:
    await api.body.put(InboundState.HELD)
    status, page, _ = await api.call("GET", "/inbox?wait=0.2")
    assert (status, page) == (200, {"items": [], "next": ""})


async def test_stopping_the_listener_ends_long_polls_and_feeds(api: Api) -> None:
    asked = asyncio.ensure_future(api.call("GET", "/inbox?wait=30"))
    feed = await api.session.get(api.url("/events"), headers=api.headers())
    await asyncio.sleep(0.1)
    await asyncio.wait_for(api.server.close(), 5)
    assert (await asked)[1]["items"] == []
    assert feed.status == 200


async def test_pages_follow_their_cursor(api: Api) -> None:
    given = [await api.body.put() for _ in range(3)]
    _, first, _ = await api.call("GET", "/inbox?limit=2")
    _, rest, _ = await api.call("GET", f"/inbox?limit=2&after={first['next']}")
    assert [m["id"] for m in (*first["items"], *rest["items"])] == given
    assert rest["next"] == ""


async def test_several_states_may_be_asked_for(api: Api) -> None:
    given = [await api.body.put(state) for state in (InboundState.ADMITTED, InboundState.HELD)]
    await api.body.put(InboundState.REJECTED)
    _, page, _ = await api.call("GET", "/inbox?state=ADMITTED&state=HELD")
    assert [m["id"] for m in page["items"]] == given


async def test_a_list_names_no_persons_and_says_why_a_message_is_held(api: Api) -> None:
    await api.body.put(InboundState.HELD)
    _, page, _ = await api.call("GET", "/held", headers={"Accept-Language": "bg"})
    assert "Име Образец" not in json.dumps(page, ensure_ascii=False)
    (line,) = page["items"]
    assert line["envelope"]["sender"]["name"] == "Община Пример"
    assert line["envelope"]["correspondents"] is None
    assert line["checks"][0]["findings"][0]["sentence"] == "bg: SCANNER_UNAVAILABLE"
    _, message, _ = await api.call("GET", f"/messages/{line['id']}")
    assert message["envelope"]["correspondents"][0]["name"] == "Име Образец"


# --- what a message shows ---


async def test_a_message_shows_times_numbers_and_way_of_receipt_apart(api: Api) -> None:
    identity = await api.body.put()
    await api.call("POST", f"/messages/{identity}/registration", json=GOOD)
    _, message, _ = await api.call("GET", f"/messages/{identity}")
    assert message["receipt"] == {"form": "electronic", "network": "seos"}
    assert message["received_at"] != message["registered_at"]
    assert message["number"] == GOOD
    assert message["envelope"]["document"]["number"]["number"].startswith("ИЗХ-")
    assert message["possible"] == ["closure"]
    assert [w["reason"] for w in message["warnings"]] == ["ANNEX_MISSING"]


@pytest.mark.parametrize(
    ("header", "spoken"),
    [
        ("bg-BG", "bg"),
        ("de, uk;q=0.5, cs;q=0.7", "cs"),
        ("de", "en"),
        ("en;q=0, *", "en"),
        ("", "en"),
    ],
)
async def test_sentences_come_in_the_callers_language(api: Api, header: str, spoken: str) -> None:
    identity = await api.body.put(InboundState.HELD)
    _, message, response = await api.call(
        "GET", f"/messages/{identity}", headers={"Accept-Language": header}
    )
    assert message["checks"][0]["findings"][0]["sentence"] == f"{spoken}: SCANNER_UNAVAILABLE"
    assert response.headers["Content-Language"] == spoken
    assert response.headers["Vary"] == "Accept-Language"


async def test_views_are_written_down_with_token_and_clerk(api: Api) -> None:
    identity = await api.body.put()
    user = {"Depesha-User": "i.obrazec"}
    await api.call("GET", f"/messages/{identity}", "registry", headers=user)
    await api.call("GET", f"/messages/{identity}", "inbox:read")
    await api.call("GET", f"/messages/{identity}/attachments/1", "registry", headers=user)
    await api.call("GET", f"/messages/{identity}/original", "registry")
    await api.call("GET", f"/messages/{identity}/evidence", "registry")
    _, journey, _ = await api.call("GET", f"/messages/{identity}/events")
    rows = [(row["body"]["kind"], row["body"]["actor"]) for row in journey["items"][1:]]
    assert rows == [
        ("HANDED_OVER", "token:registry/i.obrazec"),
        ("VIEWED", "token:INBOX_READ"),
        ("VIEWED", "token:registry/i.obrazec"),
        ("VIEWED", "token:registry"),
        ("EXPORTED", "token:registry"),
    ]


# --- deciding ---


async def test_a_conflict_names_the_number_that_stands(api: Api) -> None:
    identity = await api.body.put()
    path = f"/messages/{identity}/registration"
    assert (await api.call("POST", path, json=GOOD))[0] == 201
    assert (await api.call("POST", path, json=GOOD))[0] == 200
    status, problem, _ = await api.call("POST", path, json=GOOD | {"number": "ВХ-2"})
    assert status == 409
    assert problem["code"] == "CONFLICT"
    assert {"number": problem["number"], "date": problem["date"]} == GOOD
    assert not problem["temporary"]
    assert problem["blame"] == "theirs"


async def test_a_wrong_state_says_what_may_follow(api: Api) -> None:
    identity = await api.body.put(InboundState.HELD)
    status, problem, _ = await api.call("POST", f"/messages/{identity}/registration", json=GOOD)
    assert (status, problem["code"], problem["state"]) == (409, "WRONG_STATE", "HELD")
    assert problem["possible"] == ["refusal", "release"]


async def test_a_held_message_is_refused_by_a_clerk_only(api: Api) -> None:
    identity = await api.body.put(InboundState.HELD)
    path, body = f"/messages/{identity}/refusal", {"reason": "Нечетимо"}
    assert (await api.call("POST", path, "registry", json=body))[0] == 403
    assert (await api.message(identity)).state is InboundState.HELD
    assert (await api.call("POST", path, "messages:clerk", json=body))[0] == 200


@pytest.mark.parametrize("place", ["attachments/1", "original"])
async def test_content_nobody_vouched_for_is_for_clerks(api: Api, place: str) -> None:
    identity = await api.body.put(InboundState.HELD)
    path = f"/messages/{identity}/{place}"
    status, problem, _ = await api.call("GET", path, "registry")
    assert (status, problem["code"]) == (403, "WITHHELD")
    assert (await api.call("GET", path))[0] == 200
    await api.body.desk.refuse(identity, "опасно", "token:sample")
    assert (await api.call("GET", path, "registry"))[0] == 403


@pytest.mark.parametrize(
    ("body", "status", "pointers"),
    [
        (b'{"number":"1"}', 422, ["/date"]),
        (b'{"number":"","date":"2026-03-02"}', 422, ["/number"]),
        (b'{"number":"  ","date":"2026-03-02"}', 422, ["/number"]),
        (b'{"number":"a\\nb","date":"2026-03-02"}', 422, ["/number"]),
        (b'{"number":7,"date":"2026-03-02"}', 422, ["/number"]),
        (b'{"number":"1","date":"2.3.2026"}', 422, ["/date"]),
        (b'{"number":"1","date":"2999-01-01"}', 422, ["/date"]),
        (b'{"number":"1","date":"2026-03-02","a/b~":1}', 422, ["/a~1b~0"]),
        (b'{"number":"1","number":"2","date":"2026-03-02"}', 400, []),
        (b'{"number":"1","date":NaN}', 400, []),
        (b"[" * 9000, 400, []),
        (json.dumps({f"k{n}": 1 for n in range(1000)}).encode(), 400, []),
        (json.dumps(GOOD | {"x": "y" * 9000}).encode(), 422, ["/x"]),
        (b"\xff\xfe", 400, []),
        (b"[]", 422, [""]),
        (b"", 400, []),
    ],
)
async def test_bad_bodies_are_refused_with_pointers(
    api: Api, body: bytes, status: int, pointers: list[str]
) -> None:
    identity = await api.body.put()
    got, problem, _ = await api.call(
        "POST",
        f"/messages/{identity}/registration",
        data=body,
        headers={"Content-Type": "application/json"},
    )
    assert got == status
    assert [e.get("pointer", "") for e in problem.get("errors", [])] == pointers
    assert (await api.message(identity)).number is None


@pytest.mark.parametrize("size", [0, 451])
async def test_a_refusal_needs_a_reason_that_the_network_can_carry(api: Api, size: int) -> None:
    identity = await api.body.put()
    path = f"/messages/{identity}/refusal"
    assert (await api.call("POST", path, json={"reason": "я" * size}))[0] == 422
    assert (await api.call("POST", path, json={"reason": "я" * 450}))[0] == 200


@pytest.mark.parametrize(
    "query",
    ["state=NONE", "limit=0", "limit=1000", "wait=61", "after=x", "stat=HELD", "limit=1&limit=2"],
)
async def test_bad_queries_name_their_parameter(api: Api, query: str) -> None:
    status, problem, _ = await api.call("GET", f"/inbox?{query}")
    assert status == 422
    assert problem["errors"][0]["parameter"] == query.partition("=")[0]


# --- who may ---


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Basic YTpi", "bearer dep_0.0", "Bearer " + "x" * 9000]
)
async def test_without_a_good_token_nobody_comes_in(api: Api, header: str) -> None:
    headers = {"Authorization": header} if header else {}
    status, problem, response = await api.call("GET", "/inbox", "", headers=headers)
    if len(header) > 8190:
        assert status == 400
        return
    assert (status, problem["code"]) == (401, "UNAUTHENTICATED")
    assert response.headers["WWW-Authenticate"].startswith('Bearer realm="depesha"')


async def test_wrong_tokens_are_limited_and_a_good_one_still_passes(tmp_path: Path) -> None:
    async with running_api(tmp_path, replace(QUICK, failed_attempts=3)) as api:
        seen = [await api.call("GET", "/inbox", "") for _ in range(4)]
        assert [status for status, _, _ in seen] == [401, 401, 401, 429]
        assert 0 < int(seen[-1][2].headers["Retry-After"]) <= 61
        assert (await api.call("GET", "/inbox"))[0] == 200


async def test_a_token_made_by_another_process_is_good_at_once(tmp_path: Path) -> None:
    """The gateway looks at the file now and then, but a new token need not wait for that."""
    async with running_api(tmp_path, replace(QUICK, token_reload_seconds=3600.0)) as api:
        assert (await api.call("GET", "/inbox"))[0] == 200
        elsewhere = TokenStore(tmp_path / "tokens.json", api.body.clock, api.body.ids)
        _, secret = await asyncio.to_thread(elsewhere.create, "fresh", (Scope.INBOX_READ,))
        await asyncio.sleep(0.15)  # as long as it takes a script to use it
        headers = {"Authorization": f"Bearer {secret}"}
        assert (await api.call("GET", "/inbox", "", headers=headers))[0] == 200


async def test_a_revoked_token_is_out_at_once_even_in_a_feed(api: Api) -> None:
    async with api.session.get(api.url("/events"), headers=api.headers("inbox:read")) as response:
        await response.content.readuntil(b"\n\n")
        await asyncio.to_thread(api.parts.tokens.revoke, "INBOX_READ")
        assert (await api.call("GET", "/inbox", "inbox:read"))[0] == 401
        await asyncio.wait_for(response.content.read(), 5)


# --- the feed ---


def events_in(text: bytes) -> list[dict[str, Any]]:
    lines = text.decode().split("\n")
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


async def read_until(response: aiohttp.ClientResponse, count: int) -> list[dict[str, Any]]:
    text = b""
    async with asyncio.timeout(5):
        while len(events_in(text)) < count:
            text += await response.content.readuntil(b"\n\n")
    return events_in(text)


async def test_the_feed_tells_what_happens_from_now_on(api: Api) -> None:
    await api.body.put()
    async with api.session.get(api.url("/events"), headers=api.headers()) as response:
        assert response.headers["Cache-Control"] == "no-store"
        identity = await api.body.put()
        await api.call("POST", f"/messages/{identity}/registration", json=GOOD)
        events = await read_until(response, 2)
    assert [(e["kind"], e["message_id"]) for e in events] == [
        ("RECEIVED", identity),
        ("REGISTERED", identity),
    ]
    assert set(events[0]) == {"sequence", "kind", "message_id", "at"}


async def test_a_resumed_feed_loses_nothing_and_repeats_nothing(api: Api) -> None:
    given = [await api.body.put() for _ in range(4)]
    async with api.session.get(api.url("/events?after=0"), headers=api.headers()) as response:
        first = (await read_until(response, 4))[:2]
    headers = api.headers() | {"Last-Event-ID": str(first[-1]["sequence"])}
    async with api.session.get(api.url("/events"), headers=headers) as response:
        rest = await read_until(response, 2)
    assert [e["message_id"] for e in (*first, *rest)] == given


async def test_a_quiet_feed_beats_and_moves_its_reader_on(api: Api) -> None:
    async with api.session.get(api.url("/events"), headers=api.headers()) as response:
        retry = await response.content.readuntil(b"\n\n")
        first = await response.content.readuntil(b"\n\n")
        identity = await api.body.put()
        await api.call("GET", f"/messages/{identity}", "inbox:read")
        text = b""
        async with asyncio.timeout(5):
            while text.count(b": alive") < 2:
                text += await response.content.readuntil(b"\n\n")
    assert retry == b"retry: 3000\n\n"
    assert first.startswith(b": alive\nid: ")
    assert events_in(text)[0]["kind"] == "RECEIVED"
    assert len(events_in(text)) == 1  # the view is no event


async def test_a_bad_last_event_id_is_refused(api: Api) -> None:
    for bad in ("x", "-1", "9" * 30, "٣"):
        status, problem, _ = await api.call(
            "GET", "/events", headers={"Last-Event-ID": bad.encode().decode("latin-1")}
        )
        assert (status, problem["code"]) == (422, "INVALID")


# --- failing ---


class BrokenDesk:
    """A desk whose every answer is the given failure."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __getattr__(self, name: str) -> Any:
        raise self._error


async def test_a_store_that_fails_is_told_as_ours_and_temporary(tmp_path: Path) -> None:
    desk = BrokenDesk(StorageError("the disk is full", path="/secret"))
    async with running_api(tmp_path, desk=desk) as api:
        status, problem, response = await api.call("GET", "/inbox")
        assert (status, problem["code"], problem["blame"]) == (503, "STORAGE", "ours")
        assert problem["temporary"]
        assert response.headers["Retry-After"] == "5"
        assert "secret" not in json.dumps(problem)
        assert ("registry_api", "STORAGE") in api.body.observer.named("trouble")


async def test_an_unforeseen_failure_says_nothing_of_what_it_saw(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    desk = BrokenDesk(KeyError("ЕГН 0000000000"))
    with caplog.at_level(logging.DEBUG):
        async with running_api(tmp_path, desk=desk) as api:
            status, problem, response = await api.call("GET", "/inbox")
    assert (status, problem["code"]) == (500, "INTERNAL")
    assert problem["instance"] == f"urn:uuid:{response.headers['X-Request-Id']}"
    said = json.dumps(problem) + caplog.text
    assert "0000000000" not in said
    assert "unforeseen KeyError at" in caplog.text


async def test_a_desk_that_hangs_is_given_up_in_time(tmp_path: Path) -> None:
    class Hanging(BrokenDesk):
        async def find(self, _: MessageId) -> None:
            await asyncio.sleep(60)

    settings = replace(QUICK, request_seconds=0.1)
    async with running_api(tmp_path, settings, desk=Hanging(OSError())) as api:
        status, problem, _ = await api.call("GET", f"/messages/{'0' * 32}")
    assert (status, problem["code"]) == (503, "BUSY")


async def test_a_body_that_never_ends_is_given_up_in_time(tmp_path: Path) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(2)

    async with running_api(tmp_path, replace(QUICK, body_seconds=0.1)) as api:
        path = f"/messages/{'0' * 32}/registration"
        status, problem, _ = await api.call(
            "POST", path, data=slowly(), headers={"Content-Type": "application/json"}
        )
    assert (status, problem["code"]) == (408, "TIMED_OUT")


async def test_even_wrong_addresses_and_methods_are_problems(api: Api) -> None:
    status, problem, _ = await api.call("GET", "/nowhere")
    assert (status, problem["code"]) == (404, "NOT_FOUND")
    status, problem, response = await api.call("DELETE", "/inbox")
    assert (status, problem["code"]) == (405, "WRONG_METHOD")
    assert response.headers["Allow"] == "GET"
    assert (await api.call("GET", "/messages/ABC"))[1]["code"] == "UNKNOWN_MESSAGE"
    assert (await api.call("GET", f"/messages/{'0' * 32}/attachments/x"))[1]["code"] == "NOT_FOUND"


async def test_every_answer_wears_the_safe_headers(api: Api) -> None:
    for path in ("/inbox", "/nowhere", "/openapi.json", "/inbox?limit=x"):
        _, _, response = await api.call("GET", path)
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"
        assert "default-src 'none'" in response.headers["Content-Security-Policy"]
        assert len(response.headers["X-Request-Id"]) == 36
    listeners = {listener for listener, _, _ in api.body.observer.named("request")}
    assert listeners == {"registry"}


async def test_a_damaged_token_file_lets_nobody_in(api: Api, tmp_path: Path) -> None:
    await asyncio.to_thread((tmp_path / "tokens.json").write_text, "{")
    assert (await api.call("GET", "/inbox"))[0] == 401
    assert ("tokens", "CONFIGURATION") in api.body.observer.named("trouble")


# --- files ---


async def test_a_file_is_streamed_with_its_digest(tmp_path: Path) -> None:
    content = bytes(range(256)) * 40
    async with running_api(tmp_path, replace(QUICK, chunk_bytes=1000)) as api:
        identity = await api.body.put(files={"a.bin": content, "empty": b""})
        path = f"/messages/{identity}/attachments/"
        status, body, response = await api.call("GET", path + "1")
        assert (status, body) == (200, content)
        assert response.headers["ETag"] == f'"{sha(content)}"'
        assert response.content_length == len(content)
        assert response.headers["Content-Security-Policy"].startswith("sandbox")
        assert (await api.call("GET", path + "2"))[1] == b""


@pytest.mark.parametrize("wrong", [b"X" * 5000, b"a" * 4999, b"a" * 5001])
async def test_bytes_that_are_not_the_right_ones_never_make_a_whole_file(
    tmp_path: Path, wrong: bytes
) -> None:
    right = b"a" * 5000
    async with running_api(tmp_path, replace(QUICK, chunk_bytes=1000)) as api:
        identity = await api.body.put(files={"a": right})
        api.body.memory_desk.contents[sha(right)] = wrong
        with pytest.raises(aiohttp.ClientError):
            await api.call("GET", f"/messages/{identity}/attachments/1")
        assert ("registry_api", "CONTENT_DIFFERS") in api.body.observer.named("trouble")


async def test_bytes_that_are_gone_are_said_to_be_gone(api: Api) -> None:
    identity = await api.body.put()
    message = await api.message(identity)
    api.body.blobs.remove(message.arrival.original)
    status, problem, _ = await api.call("GET", f"/messages/{identity}/original")
    assert (status, problem["code"]) == (410, "GONE")
