"""Nasty file names, the substitute list (S21), and the toy registry, over a real connection."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from email.message import Message as Headers
from pathlib import Path
from urllib.parse import unquote

import pytest

from depesha.errors import UnreachableError
from depesha.schemas.lifecycle import InboundState
from depesha.simulators.registry import RegistryClient, RegistryProblemError
from tests.support.registry import FILES, NUMBER, Api, running_api

NASTY = [
    "Заявление.pdf",
    'quote".pdf',
    "back\\slash.pdf",
    "../../etc/passwd",
    "..\\..\\windows\\system.ini",
    "/absolute",
    "line\r\nSet-Cookie: a=b\r\n\r\n<script>.pdf",
    "tab\t.pdf",
    "nul\0byte.pdf",
    "semi;colon; filename=other.exe",
    "per%cent%0d%0a.pdf",
    "rtl\u202egnp.exe",
    "zero\u200bwidth.pdf",
    "line\u2028separator.pdf",
    "\u0085next.pdf",
    "",
    "   ",
    "...",
    "CON",
    "a" * 300 + ".pdf",
    "ж" * 300 + "." + "ж" * 300,
    "emoji😀.pdf",
    "e\u0301.pdf",
    "*'utf-8''x.pdf",
    "single'quote.pdf",
    "<b>.html",
    "pipe|colon:star*.txt",
    "\ud800lone.pdf".encode("utf-16", "surrogatepass").decode("utf-16", "replace"),
]


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path) as running:
        yield running


@pytest.mark.parametrize("name", NASTY)
async def test_no_file_name_breaks_out_of_its_header(api: Api, name: str) -> None:
    identity = await api.body.put(files={name: b"x"})
    status, body, response = await api.call("GET", f"/messages/{identity}/attachments/1")
    assert (status, body) == (200, b"x")
    assert "Set-Cookie" not in response.headers
    (value,) = response.headers.getall("Content-Disposition")
    assert value.isascii()
    assert value.isprintable()
    parsed = Headers()
    parsed["Content-Disposition"] = value
    assert parsed.get_content_disposition() == "attachment"
    plain, extended = parsed.get_filename(), unquote(value.partition("filename*=UTF-8''")[2])
    for saved in (str(plain), extended):
        assert saved.strip(" .")
        assert not set(saved) & set('/\\:*?"<>|\r\n\t\0\u202e\u200b\u2028\u0085')
        assert len(saved.encode()) <= 600


async def test_an_ordinary_name_arrives_as_its_sender_wrote_it(api: Api) -> None:
    identity = await api.body.put()
    _, _, response = await api.call("GET", f"/messages/{identity}/attachments/1")
    assert response.headers["Content-Disposition"] == (
        'attachment; filename="_________.pdf"; '
        "filename*=UTF-8''%D0%97%D0%B0%D1%8F%D0%B2%D0%BB%D0%B5%D0%BD%D0%B8%D0%B5.pdf"
    )


@pytest.mark.parametrize(
    ("detected", "sent"),
    [
        ("application/pdf", "application/pdf"),
        ("", "application/octet-stream"),
        ("text/html\r\nX: y", "application/octet-stream"),
        ("text/html; charset=x", "application/octet-stream"),
    ],
)
async def test_the_media_type_is_by_content_and_fit_for_a_header(
    api: Api, detected: str, sent: str
) -> None:
    identity = await api.body.put(detected=detected)
    _, _, response = await api.call("GET", f"/messages/{identity}/attachments/1")
    assert response.headers["Content-Type"] == sent


FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "\t=1",
    " =1",
    "＝1",
    "|cmd",
    "%0A",
    '=HYPERLINK("http")',
]


async def test_the_exported_list_holds_everything_and_runs_nothing(api: Api) -> None:
    for formula in FORMULAS:
        await api.body.put(subject=formula, files={formula: b"x"})
    plain = await api.body.put(subject='Ред 1, "кавички"\nред 2')
    status, body, response = await api.call("GET", "/inbox/export")
    assert status == 200
    assert response.headers["Content-Type"].startswith("text/csv; charset=utf-8")
    assert body.count(b"\r\n") == len(FORMULAS) + 2
    rows = list(csv.DictReader(io.StringIO(body.decode(), newline="")))
    assert len(rows) == len(FORMULAS) + 1
    for row in rows:
        assert not any(cell.lstrip().startswith(tuple("=+-@|%＝")) for cell in row.values())
    last = rows[-1]
    assert last["id"] == plain
    assert last["subject"] == 'Ред 1, "кавички"\nред 2'
    assert last["sender"] == "Община Пример"
    assert last["attachments"] == "2"
    assert last["warnings"] == "ANNEX_MISSING"
    assert last["substitute_number"] == ""


async def test_the_exported_list_takes_every_page_and_only_its_states(api: Api) -> None:
    for _ in range(205):
        await api.body.put(files={})
    await api.body.put(InboundState.HELD)
    _, body, _ = await api.call("GET", "/inbox/export?bom=true")
    assert body.startswith(b"\xef\xbb\xbf")
    assert len(body.strip().split(b"\r\n")) == 206
    _, document, _ = await api.call("GET", "/inbox/export?format=json")
    assert len(document["items"]) == 205
    _, document, _ = await api.call("GET", "/inbox/export?format=json&state=STOPPED")
    assert document["items"] == []


async def test_an_export_is_written_down(api: Api) -> None:
    await api.call("GET", "/inbox/export", "registry")
    (row,) = [json.loads(r.body) for r in await api.body.journal.after(0, 10)]
    assert (row["kind"], row["actor"]) == ("EXPORTED", "token:registry")


# --- the toy registry ---


async def test_the_toy_registry_does_the_whole_work(api: Api) -> None:
    base = str(api.server.make_url(""))
    async with RegistryClient(base, api.secrets["registry"]) as registry:
        identity = await api.body.put()
        (waiting,) = await registry.waiting(5)
        message = await registry.message(waiting["id"])
        files = [await registry.attachment(identity, a["index"]) for a in message["attachments"]]
        assert files == list(FILES.values())
        assert (await registry.original(identity)).startswith(b"<original>")
        done = await registry.register(identity, NUMBER.number, NUMBER.date)
        assert done["state"] == "REGISTERED"
        again = await registry.register(identity, NUMBER.number, NUMBER.date.isoformat())
        assert again == done
        assert await registry.waiting(0) == []
        ended = await registry.close(identity, finished=True, reason="Готово")
        assert ended["state"] == "CLOSED"
        refused = await registry.refuse(await api.body.put(), "Сгрешен адресат")
        assert refused["reason"] == "Сгрешен адресат"
        assert identity.encode() in await registry.evidence(identity)
        assert (await registry.events(identity))[0]["body"]["kind"] == "RECEIVED"


async def test_the_toy_registry_tells_problems_apart(api: Api) -> None:
    base = str(api.server.make_url(""))
    async with RegistryClient(base, api.secrets["registry"]) as registry:
        identity = await api.body.put(InboundState.HELD)
        with pytest.raises(RegistryProblemError) as caught:
            await registry.register(identity, "1", NUMBER.date)
        assert caught.value.status == 409
        assert caught.value.problem["code"] == "WRONG_STATE"
        with pytest.raises(RegistryProblemError) as caught:
            await registry.held()
        assert caught.value.status == 403
    async with RegistryClient("http://127.0.0.1:9", "x") as registry:
        with pytest.raises(UnreachableError):
            await registry.waiting()
