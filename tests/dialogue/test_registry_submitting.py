"""Submitting documents over a real socket: once, whole, within limits, and nothing left behind."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from depesha.adapters.registry.settings import SubmissionLimits
from depesha.errors import StorageError
from depesha.schemas.dispatch import Mark, Quality
from depesha.schemas.outbound_lifecycle import OutboundState
from tests.support.registry import Api, running_api
from tests.support.registry_outbound import KEY, PDF, WORDS, form, spools

SMALL = SubmissionLimits(
    message_bytes=4_000, file_bytes=300_000, total_bytes=400_000, files=3, pause_seconds=0.5
)
WHOLE: dict[str, Any] = WORDS | {
    "recipient": {"identifier": "000000002", "name": "Друго име"},
    "document": {
        "guid": "{ABCDEF01-0000-4000-8000-000000000001}",
        "number": "ИЗХ-1",
        "date": "2026-03-02",
    },
    "text": "Първи ред\r\nвтори ред",
    "parent": {"guid": "abcdef01-0000-4000-8000-000000000002", "number": "1", "date": "2026-01-01"},
    "corrects": "abcdef01-0000-4000-8000-000000000003",
    "attention_to": "отдел",
    "deadline": "2026-04-01",
    "correspondents": [{"name": "Име Образец", "city": "Пример", "applicant": True}],
    "service": {"name": "Услуга", "kind": "вътрешна", "code": "1"},
    "marks": ["PERSONAL_DATA", "PERSONAL_DATA"],
    "floor": "REGISTERED_DELIVERY",
    "channels": ["seos", "ssev", "seos"],
    "files": [
        {"part": "b", "comment": "второто"},
        {"part": "a", "name": "първо.pdf", "media_type": "application/x-pdf"},
    ],
}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path, limits=SMALL) as running:
        yield running


async def post(api: Api, data: Any, who: str = "send", **headers: str) -> tuple[int, Any, Any]:
    return await api.call("POST", "/messages", who, data=data, headers=KEY | headers)


async def test_a_document_is_taken_with_its_files_durable(api: Api, tmp_path: Path) -> None:
    status, body, response = await post(api, form())
    assert status == 202
    assert response.headers["Location"] == f"/api/v1/messages/{body['id']}"
    (stored,) = api.outbound.outbox.documents.values()
    assert (stored.id, stored.state, stored.actor) == (
        body["id"],
        OutboundState.SUBMITTED,
        "token:SEND",
    )
    (file,) = stored.dispatch.files
    assert (file.name, file.size, file.media_type) == ("писмо.pdf", len(PDF), "application/pdf")
    assert stored.contents[0].detected == "application/pdf"
    kept = api.body.blobs.path(file.digest)
    assert kept is not None
    assert kept.read_bytes() == PDF
    assert spools(tmp_path) == []
    party = stored.dispatch.recipient
    assert (party.name, party.guid) == (
        "Агенция Образец",
        "22222222-0000-4000-8000-000000000002",
    )
    assert body["document"]["number"] == {"number": "ИЗХ-12", "date": "2026-03-02"}


async def test_everything_that_can_be_said_arrives(api: Api) -> None:
    files = [("a", "x.pdf", PDF), ("b", "y.pdf", PDF + b" ")]
    status, body, _ = await post(api, form(WHOLE, files))
    assert status == 202, body
    (stored,) = api.outbound.outbox.documents.values()
    sent = stored.dispatch
    assert body["document"]["guid"] == sent.document.guid == "abcdef01-0000-4000-8000-000000000001"
    assert [(f.index, f.name, f.comment) for f in sent.files] == [
        (1, "y.pdf", "второто"),
        (2, "първо.pdf", ""),
    ]
    assert sent.recipient.name == "Друго име"
    assert sent.text == "Първи ред\nвтори ред"
    assert sent.parent is not None
    assert sent.parent.number is not None
    assert sent.corrects == "abcdef01-0000-4000-8000-000000000003"
    assert (sent.marks, sent.channels) == ((Mark.PERSONAL_DATA,), ("seos", "ssev"))
    assert sent.floor is Quality.REGISTERED_DELIVERY
    assert sent.correspondents[0].applicant
    assert sent.service is not None


async def test_the_words_may_come_last(api: Api) -> None:
    made = aiohttp.FormData(quote_fields=False)
    made.add_field("f", PDF, filename="a.pdf", content_type="application/pdf")
    words = json.dumps(WORDS).encode()
    made.add_field("message", words, filename="m", content_type="application/json")
    assert (await post(api, made))[0] == 202


async def test_a_repeat_is_answered_in_the_same_words_whatever_happened_since(api: Api) -> None:
    first = await post(api, form())
    identity = first[1]["id"]
    stored = api.outbound.outbox.documents[identity]
    api.outbound.put(OutboundState.DELIVERED, id=stored.id, dispatch=stored.dispatch)
    again = await post(api, form())
    assert (first[0], first[1]) == (again[0], again[1])
    assert "Idempotency-Replayed" not in first[2].headers
    assert again[2].headers["Idempotency-Replayed"] == "true"
    assert len(api.outbound.outbox.documents) == 1


async def test_many_at_once_with_one_key_make_one_document(api: Api) -> None:
    answers = await asyncio.gather(*(post(api, form()) for _ in range(20)))
    assert {status for status, _, _ in answers} == {202}
    assert len({body["id"] for _, body, _ in answers}) == 1


async def test_another_request_under_the_same_key_is_a_conflict(api: Api) -> None:
    await post(api, form())
    for words, files in (
        (WORDS | {"subject": "Друго"}, [("file", "писмо.pdf", PDF)]),
        (WORDS, [("file", "писмо.pdf", PDF + b"%")]),
        (WORDS, [("file", "друго.pdf", PDF)]),
    ):
        status, problem, _ = await post(api, form(words, files))
        assert (status, problem["code"]) == (409, "CONFLICT")


async def test_the_same_key_for_another_clerk_is_no_second_document(api: Api) -> None:
    assert (await post(api, form(), **{"Depesha-User": "a"}))[0] == 202
    assert (await post(api, form(), **{"Depesha-User": "b"}))[0] == 409


@pytest.mark.parametrize("key", ["", "a b", "ключ".encode().decode("latin-1"), "x" * 256])
async def test_a_key_is_needed_and_visible(api: Api, key: str, tmp_path: Path) -> None:
    status, problem, _ = await api.call(
        "POST", "/messages", data=form(), headers={"Idempotency-Key": key}
    )
    assert (status, problem["errors"][0]["parameter"]) == (422, "Idempotency-Key")
    assert (await api.call("POST", "/messages", data=form()))[0] == 422
    assert spools(tmp_path) == []


async def test_all_defects_come_at_once_in_the_authors_language(api: Api, tmp_path: Path) -> None:
    words = {"recipient": {"identifier": "999999999"}, "document": {"number": "1"}}
    status, problem, _ = await post(
        api, form(words, [("f", "a.exe", b"MZ" + b"\0" * 100)]), **{"Accept-Language": "bg"}
    )
    assert (status, problem["code"], problem["blame"]) == (422, "DEFECTS", "theirs")
    assert [defect["reason"] for defect in problem["defects"]] == [
        "NUMBER_MISSING",
        "KIND_MISSING",
        "CONTENT_MISSING",
        "RECIPIENT_UNKNOWN",
        "FILE_KIND_FORBIDDEN",
        "SIGNATURE_MISSING",
    ]
    assert problem["defects"][0]["sentence"] == "Документът няма регистрационен номер и дата."
    assert all(defect["remedy"] for defect in problem["defects"])
    assert api.outbound.outbox.documents == {}
    assert spools(tmp_path) == []
    status, problem, _ = await post(api, form(WORDS, []))
    assert [defect["reason"] for defect in problem["defects"]] == ["ATTACHMENT_MISSING"]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"subjekt": "x"}, "/subjekt"),
        ({"recipient": {"identifier": "1", "mail": "x"}}, "/recipient/mail"),
        ({"document": {"number": 12, "date": "2026-03-02"}}, "/document/number"),
        ({"document": {"number": "1", "date": "02.03.2026"}}, "/document/date"),
        ({"document": {"guid": "x"}}, "/document/guid"),
        ({"parent": {"guid": "abcdef01-0000-4000-8000-000000000002", "number": "1"}}, "/parent"),
        ({"marks": ["SECRET"]}, "/marks/0"),
        ({"floor": "NONE"}, "/floor"),
        ({"channels": ["../x"]}, "/channels/0"),
        ({"subject": "a\u0000b"}, "/subject"),
        ({"files": [{"part": "nowhere"}]}, "/files/0/part"),
        ({"files": [{"part": "file"}, {"part": "file"}]}, "/files/1/part"),
        ({"files": []}, "/files"),
        ({"files": [{"part": "file", "name": "../../etc/passwd"}]}, "/files/0/name"),
        ({"correspondents": [{"city": "Пример"}]}, "/correspondents/0/name"),
    ],
)
async def test_what_cannot_be_meant_is_refused_with_a_pointer(
    api: Api, change: dict[str, Any], pointer: str, tmp_path: Path
) -> None:
    status, problem, _ = await post(api, form(WORDS | change))
    assert (status, problem["code"]) == (422, "INVALID")
    assert pointer in [error["pointer"] for error in problem["errors"]]
    assert api.outbound.outbox.documents == {}
    assert spools(tmp_path) == []


@pytest.mark.parametrize(
    "made",
    [
        form(b"{" + b" " * 5_000),
        form(WORDS, [("f", "a.pdf", b"x" * 300_001)]),
        form(WORDS, [("f", "a", b"x" * 250_000), ("g", "b", b"x" * 250_000)]),
        form(WORDS, [("f", f"{n}.pdf", PDF) for n in range(4)]),
        form(WORDS, [("f", "a", b"x" * 3_000_000)]),
    ],
    ids=["words", "one file", "all files", "number of files", "whole body"],
)
async def test_limits_hold_while_reading(api: Api, made: aiohttp.FormData, tmp_path: Path) -> None:
    status, problem, _ = await post(api, made)
    assert (status, problem["code"]) == (413, "TOO_LARGE")
    assert spools(tmp_path) == []


async def test_a_fault_in_the_words_is_told_before_the_files_are_read(api: Api) -> None:
    read = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal read
        yield b'--x\r\nContent-Disposition: form-data; name="message"\r\n\r\n{"a":1}\r\n'
        yield b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'
        for _ in range(200):
            read += 1
            yield b"x" * 1000
            await asyncio.sleep(0.01)

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    status, problem, _ = await post(api, body(), **headers)
    assert (status, problem["code"]) == (422, "INVALID")
    assert read < 150


FORMS = {
    "no boundary at all": b"nothing",
    "no end": b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nabc',
    "no name": b"--x\r\nContent-Type: text/plain\r\n\r\nabc\r\n--x--\r\n",
    "a form in the form": b"--x\r\nContent-Type: multipart/mixed; boundary=y\r\n\r\n"
    b"--y\r\n--x--\r\n",
    "another boundary": b'--x\r\nContent-Disposition: form-data; name="f"\r\n\r\na\r\n--xy\r\n',
    "a charset part": b'--x\r\nContent-Disposition: form-data; name="_charset_"\r\n\r\n'
    + b"u" * 40
    + b"\r\n--x--\r\n",
    "long heads": b"--x\r\nA: " + b"a" * 20_000 + b"\r\n\r\n\r\n--x--\r\n",
    "many heads": b"--x\r\n" + b"A: b\r\n" * 500 + b"\r\n\r\n--x--\r\n",
    "a name in bytes": b'--x\r\nContent-Disposition: form-data; name="\xff\xfe"\r\n\r\n'
    b"a\r\n--x--\r\n",
}


@pytest.mark.parametrize("data", FORMS.values(), ids=FORMS)
async def test_a_form_that_is_none_is_refused_and_breaks_nothing(
    api: Api, data: bytes, tmp_path: Path
) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    status, problem, _ = await post(api, data, **headers)
    assert status in {400, 422}, problem
    assert problem["code"] in {"MALFORMED", "INVALID"}
    assert spools(tmp_path) == []
    assert (await post(api, form()))[0] == 202


@pytest.mark.parametrize(
    "head", ["Content-Encoding: gzip", "Content-Transfer-Encoding: base64"], ids=str
)
async def test_packed_parts_are_not_taken(api: Api, head: str) -> None:
    data = f'--x\r\nContent-Disposition: form-data; name="f"\r\n{head}\r\n\r\nYQ==\r\n--x--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert (await post(api, data.encode(), **headers))[0] == 415


@pytest.mark.parametrize("name", ["../../x.pdf", "a\\b.pdf", ".."])
async def test_a_file_is_named_by_a_name_and_no_path(api: Api, name: str) -> None:
    disposition = f'form-data; name="f"; filename="{name}"'.replace("\\", "\\\\")
    data = f"--x\r\nContent-Disposition: {disposition}\r\n\r\nabc\r\n--x--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    status, problem, _ = await post(api, data.encode(), **headers)
    assert (status, problem["errors"][0]["parameter"]) == (422, "f")


async def test_who_stands_still_is_let_go(api: Api, tmp_path: Path) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\nabc'
        await asyncio.sleep(5)
        yield b""

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with asyncio.timeout(4):
        status, problem, _ = await post(api, body(), **headers)
    assert (status, problem["code"]) == (408, "TIMED_OUT")
    assert spools(tmp_path) == []


async def test_who_hangs_up_in_the_middle_leaves_nothing(tmp_path: Path) -> None:
    async with running_api(tmp_path) as api:
        url = api.server.make_url("/")
        assert url.host is not None
        _, writer = await asyncio.open_connection(url.host, url.port)
        try:
            head = (
                "POST /api/v1/messages HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                f"{api.secrets['send']}\r\nIdempotency-Key: k\r\nContent-Length: 5000000\r\n"
                "Content-Type: multipart/form-data; boundary=x\r\n\r\n"
                '--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'
            )
            writer.write(head.encode() + b"x" * 2_500_000)
            await writer.drain()
            assert await seen(lambda: bool(spools(tmp_path)))
        finally:
            writer.transport.abort()
        assert await seen(lambda: not spools(tmp_path))
        assert api.outbound.outbox.documents == {}
        assert api.body.observer.named("trouble") == []


async def seen(what: Callable[[], bool]) -> bool:
    """Watch for the other side's work for a while."""
    for _ in range(300):
        if what():
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_full_disk_is_told_as_ours_and_the_repeat_succeeds(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StorageError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(api.body.blobs, "put", full)
        status, problem, _ = await post(api, form())
        assert (status, problem["code"], problem["temporary"]) == (503, "STORAGE", True)
        assert spools(tmp_path) == []
    assert (await post(api, form()))[0] == 202


async def test_a_large_file_comes_whole(tmp_path: Path) -> None:
    content = PDF + bytes(range(256)) * 20_000
    async with running_api(tmp_path) as api:
        assert (await post(api, form(WORDS, [("f", "a.pdf", content)])))[0] == 202
        (stored,) = api.outbound.outbox.documents.values()
        assert stored.dispatch.files[0].digest == hashlib.sha256(content).hexdigest()
        assert stored.dispatch.files[0].size == len(content)
