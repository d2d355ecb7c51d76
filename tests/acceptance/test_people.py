"""S23 and S24: the life of an account, and what the gateway writes down of people, by real sockets.

A browser, the command line and a peer meet the gateway as a process of its own.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from depesha.errors import PeerError
from depesha.schemas.evidence import row_hash
from depesha.simulators.bodies import IZVOR
from depesha.simulators.console_people import Visitor, code_at
from depesha.simulators.registry import RegistryProblemError
from depesha.simulators.seos_documents import WAITING, Enclosure
from tests.support.acceptance import Ran, Stage, letter, run, word
from tests.support.country import CLOCK, IDS

pytestmark = pytest.mark.slow

FIRST, OWN = "първа-врата-2026-пример", "моя дълга фраза за вход 7"
OK, BAD, FORBIDDEN = 200, 400, 403
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
GROUND = "ЖАЛ-12/2026"
CITIZEN = "Лице Примерно Гражданско"


async def user(world: Stage, *words: str, typed: str = "") -> Ran:
    verb, *rest = words
    settings = ("-c", str(world.gateway.settings))
    command = (sys.executable, "-m", "depesha", "user", verb, *settings, *rest)
    return await run(*command, stdin=typed.encode() + b"\n" if typed else None)


async def hired(world: Stage, login: str, name: str, *roles: str) -> None:
    asked = [part for role in roles for part in ("--role", role)]
    made = await user(
        world,
        "add",
        login,
        "--name",
        name,
        "--ground",
        "ДЗ-1/2026",
        "--language",
        "en",
        "--password-stdin",
        *asked,
        typed=FIRST,
    )
    assert made.status == 0, made.err


async def undertaken(world: Stage, login: str, days: int = 0) -> None:
    day = (CLOCK.now() + timedelta(days=days)).date().isoformat()
    assert (await user(world, "undertaking", login, day)).status == 0


async def gets_in(world: Stage, login: str, password: str) -> bool:
    async with Visitor(world.gateway.operators) as visitor:
        try:
            await visitor.log_in(login, password)
        except PeerError:
            return False
    return True


async def settled(visitor: Visitor, login: str, *, second: bool = False) -> str:
    """Log in for the first time: change the password, enrol what is asked for; return the key."""
    await visitor.log_in(login, FIRST)
    await visitor.open("/password")
    await visitor.submit("/password", old=FIRST, new=OWN, again=OWN)
    return await visitor.enrol(CLOCK, OWN) if second else ""


async def held(world: Stage, subject: str) -> str:
    """Let a peer send what only a person can judge; return our id of it."""
    content = b"\x00\x01\xfe" + IDS.guid().encode() + bytes(range(256))
    file = Enclosure(name="лични-данни.bin", content=content, media_type="text/unknown")
    request = letter(subject, file)
    assert word(await world.submit(request)) == WAITING
    found: str = (await world.one(request))["id"]
    return found


async def rows(world: Stage, reader: Visitor) -> list[dict[str, Any]]:
    """The audit as its file hands it out: rows with their exact bodies."""
    day = (CLOCK.now() - timedelta(days=1)).date().isoformat()
    await reader.open(f"/audit/file?since={day}")
    status = await reader.submit(
        "/audit/file", form="json", purpose="inspection", ground="ОДИТ-1/2026"
    )
    assert status == OK
    told: list[dict[str, Any]] = json.loads(reader.page)["rows"]
    return told


def of(told: list[dict[str, Any]], kind: str, who: str = "") -> list[dict[str, Any]]:
    bodies = [json.loads(row["body"]) for row in told if row["body"]]
    return [b for b in bodies if b["kind"] == kind and who in {"", b["actor"]}]


# --- S23 ---


async def test_s23_no_access_before_the_undertaking_and_from_its_day_on(world: Stage) -> None:
    """ACC-03, ACC-13: the date of the undertaking is the date of the right."""
    await hired(world, "novak", "Нов Служител (пример)", "clerk")
    assert not await gets_in(world, "novak", FIRST)
    await undertaken(world, "novak", days=3)
    assert not await gets_in(world, "novak", FIRST)
    await undertaken(world, "novak", days=-1)
    async with Visitor(world.gateway.operators) as visitor:
        await visitor.log_in("novak", FIRST)
        await visitor.open("/")
        assert 'name="old"' in visitor.page, "the given password must be changed first"
        await visitor.submit("/password", old=FIRST, new=OWN, again=OWN)
        assert await visitor.open("/") == OK
        assert 'id="sentence"' in visitor.page
    assert not await gets_in(world, "novak", FIRST)
    assert await gets_in(world, "novak", OWN)


async def test_s23_leave_breach_and_the_letter_that_opens_again(world: Stage) -> None:
    """ACC-05 to -09, -12: tasks go to the deputy, a block is at once, nothing is ownerless."""
    document = await held(world, "Преписка за заместване")
    for login, name in (("otpuskar", "Отсъстващ Пример"), ("zamestnik", "Заместващ Пример")):
        await hired(world, login, name, "clerk")
        await undertaken(world, login, days=-1)
    async with (
        Visitor(world.gateway.operators) as away,
        Visitor(world.gateway.operators) as deputy,
    ):
        await settled(away, "otpuskar")
        await settled(deputy, "zamestnik")
        need = f"/needs/{document}/take"
        assert await away.open(need) == OK
        await away.submit(need)
        await deputy.open(f"/documents/{document}")
        assert "Taken by Отсъстващ Пример" in unescape(deputy.page)

        today = CLOCK.now().date().isoformat()
        named = await user(world, "deputy", "otpuskar", "zamestnik", "--since", today)
        assert named.status == 0, named.err
        await deputy.open(f"/documents/{document}")
        assert "Taken by Заместващ Пример" in unescape(deputy.page), "all his tasks go there"

        shut = await user(world, "block", "otpuskar", "--why", "breach", "--ground", "ЗАП-7/2026")
        assert shut.status == 0, shut.err
        await away.open("/")
        assert 'name="password"' in away.page, "thrown out in the same moment, without notice"
        assert not await gets_in(world, "otpuskar", OWN)
        await deputy.open(f"/documents/{document}")
        assert "Taken by Заместващ Пример" in unescape(deputy.page)

        assert (await user(world, "unblock", "otpuskar")).status != 0, "a letter is needed"
        assert not await gets_in(world, "otpuskar", OWN)
        again = await user(world, "unblock", "otpuskar", "--ground", "ПИСМО-3/2026")
        assert again.status == 0, again.err
        assert await gets_in(world, "otpuskar", OWN)

    left = await user(world, "block", "zamestnik", "--why", "left", "--ground", "ЗАП-8/2026")
    assert left.status == 0, left.err
    taken_back = await user(world, "deputy", "otpuskar")
    async with Visitor(world.gateway.operators) as back:
        await back.log_in("otpuskar", OWN)
        await back.open(f"/documents/{document}")
        assert taken_back.status == 0, taken_back.err
        assert "Taken by Отсъстващ Пример" in unescape(back.page)
    known = {one["login"]: one for one in (await user(world, "list", "--json")).json}
    assert known["zamestnik"]["blocked"]["why"] == "left", "blocked, and not deleted (ACC-05)"


# --- S24 ---


async def test_s24_what_people_do_is_written_down_by_itself(world: Stage) -> None:
    """AUD-01 to AUD-05, ROL-06, ROL-08: time, person, what, purpose and ground, in the chain."""
    document = await held(world, f"Жалба от {CITIZEN}")
    people = {
        "gishe": "clerk",
        "mashina": "operator",
        "odit": "auditor",
        "danni": "data-administrator",
    }
    for login, role in people.items():
        await hired(world, login, f"{login} (пример)", role)
        await undertaken(world, login, days=-1)
    began = CLOCK.now()

    async with Visitor(world.gateway.operators) as clerk:
        await settled(clerk, "gishe")
        assert await clerk.open(f"/documents/{document}") == OK
        assert CITIZEN in unescape(clerk.page)
        opened = f"/documents/{document}/open/attachment-1"
        await clerk.open(opened)
        assert await clerk.submit(opened) == BAD, "not without purpose and ground"
        await clerk.open(opened)
        assert await clerk.submit(opened, purpose="complaint", ground=GROUND) == OK
        pack = f"/documents/{document}/evidence"
        await clerk.open(pack)
        assert await clerk.submit(pack, purpose="legal", ground="СЪД-4/2026") == OK
        assert json.loads(clerk.page)["format"].startswith("depesha-evidence-pack/")
        deed = f"/documents/{document}/do/refuse-held"
        await clerk.open(deed)
        await clerk.submit(deed, reason="Не е за нас")
        changed = await world.reaches(document, "REFUSAL_ACKNOWLEDGED")
        assert changed["state"] in {"REFUSED", "REFUSAL_ACKNOWLEDGED"}

    async with Visitor(world.gateway.operators) as operator:
        await settled(operator, "mashina")
        assert await operator.open(f"/documents/{document}") == OK, "the state is seen"
        assert CITIZEN not in unescape(operator.page), "and not what it is about"
        assert "лични-данни" not in unescape(operator.page)
        assert await operator.open("/search?q=Гражданско") == FORBIDDEN
        assert CITIZEN not in unescape(operator.page)

    async with Visitor(world.gateway.operators) as keeper:
        key = await settled(keeper, "danni", second=True)
        assert key
        assert code_at(key, CLOCK.now().timestamp())
        for path in (f"/documents/{document}/open/original", f"/documents/{document}/evidence"):
            assert await keeper.open(path) == FORBIDDEN

    assert not await gets_in(world, "gishe", "не е тази")
    assert not await gets_in(world, "nobody-at-all", "каквото и да е")

    async with Visitor(world.gateway.operators) as auditor:
        await settled(auditor, "odit")
        told = await rows(world, auditor)
        judge(told, document, began.isoformat())
        await auditor.open(f"/audit?document={document}")
        page = unescape(auditor.page)
        for words in ("gishe", GROUND, "СЪД-4/2026"):
            assert words in page
        assert (await auditor.open("/seals")) == OK
        await auditor.submit("/seals")

    chained(told)


def judge(told: list[dict[str, Any]], document: str, began: str) -> None:
    """Who did what, when, to what, for which purpose and on which ground."""
    about = [row for row in told if row["message_id"] == document]
    clerk = "person:gishe"
    assert of(about, "VIEWED", clerk)
    [copied] = of(about, "CONTENT_OPENED", clerk)
    assert copied["facts"] == {"ground": GROUND, "part": "attachment-1", "purpose": "complaint"}
    [transferred] = of(about, "REPORTED", clerk)
    assert transferred["facts"] == {
        "ground": "СЪД-4/2026",
        "purpose": "legal",
        "report": "evidence-pack",
    }
    assert of(about, "REFUSED", clerk), "a change, too"
    denied = of(told, "PERMISSION_DENIED")
    assert {row["actor"] for row in denied} >= {"person:mashina", "person:danni"}
    failed = of(told, "LOGIN_FAILED")
    assert {row["facts"]["why"] for row in failed} >= {"password", "unknown-account"}
    assert of(told, "LOGGED_IN", clerk)
    for row in (copied, transferred, *denied):
        assert row["at"] >= began[:10], "with its time"
    everything = json.dumps([json.loads(row["body"]) for row in told], ensure_ascii=False)
    for never in (OWN, FIRST, "nobody-at-all", "не е тази", CITIZEN, "Гражданско"):
        assert never not in everything, "evidence names logins and papers, and nobody else"


def chained(told: list[dict[str, Any]]) -> None:
    """Every row's hash is recomputed from what the file says alone."""
    assert len(told) > 10
    for row in told:
        made = row_hash(row["sequence"], row["message_id"], row["body"], row["previous"])
        assert made == row["hash"]


async def test_s24_a_restricted_document_is_never_stored(world: Stage) -> None:
    """For official use or classified: refused at the door, and whoever submits it is told why."""
    before = {one["id"] for one in (await world.office.outbox())[0]}
    day, document = CLOCK.now().date().isoformat(), IDS.guid()
    paper = {
        "recipient": {"identifier": IZVOR.party.identifier},
        "document": {"guid": document, "number": f"СЛ-{IDS.guid()[:8]}", "date": day},
        "kind": "Писмо",
        "subject": "За служебно ползване",
        "scan_instead": "Подписан на хартия.",
        "marks": ["RESTRICTED"],
    }
    with pytest.raises(RegistryProblemError) as refused:
        await world.office.submit(paper, [("x.pdf", "application/pdf", PDF)], key=str(IDS.guid()))
    assert "MARK_RESTRICTED" in json.dumps(refused.value.problem)
    assert {one["id"] for one in (await world.office.outbox())[0]} == before
    stores = [p for p in world.gateway.plan.folder.rglob("*") if p.is_file() and "store" in p.parts]
    assert not [p.name for p in stores if "За служебно ползване".encode() in p.read_bytes()]

    await hired(world, "nadzor", "Одитор (пример)", "auditor")
    await undertaken(world, "nadzor", days=-1)
    async with Visitor(world.gateway.operators) as auditor:
        await settled(auditor, "nadzor")
        told = await rows(world, auditor)
    [row] = [row for row in of(told, "REPORTED") if row["facts"]["report"] == "restricted"]
    assert row["actor"].startswith("token:")
    assert row["facts"]["document"] == document, "the person in charge is told"
