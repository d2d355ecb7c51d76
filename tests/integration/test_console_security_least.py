"""Least disclosure (ROL-06): who may not see subjects learns none, anywhere; and the glass.

Every field that may hold a citizen's words bears its own mark; no mark may reach whoever has no
right to it, on any page, in any answer, stream, file, or error.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from depesha.monitoring.console.access.cookies import form_token
from depesha.schemas.audit import Deed
from depesha.schemas.ids import MessageId
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.people import PERMISSIONS, Action, Right, Role
from tests.support.console import MACHINE, Browser
from tests.support.console_walk import Heard, Stand
from tests.support.console_walk import stand as standing

IN_MODULE = pytest.mark.asyncio(loop_scope="module")
SESSION = "depesha-session"
MARK = re.compile(r"ъзнак-([a-z-]+)-край")
BLIND = tuple(r for r in Role if Action.SEE_SUBJECT not in PERMISSIONS[r])
SEEING = (Role.CLERK, Role.AUDITOR)
PUBLIC = {
    # The participants' register names public bodies, their servers and desks.
    "register-name",
    "register-host",
    "register-phone",
    "register-email",
    # A bounded word of our own reader; the corpus alone puts other words there.
    "file-signature",
    # Why a colleague paused a network: told to all who see that it rests.
    "pause-reason",
    "colleague-name",
}
OF_COLLEAGUES = {"person-position", "person-unit", "person-contact"}
"""Told to who reads the list of the entitled (ROL-09)."""
REASON = {"purpose": "fault", "ground": "ДЗ-7/2026"}
OF_THE_GLASS = {"/documents/{id}/open/{part}", "/documents/{id}/evidence"}


def marked(field: str) -> str:
    return f"ъзнак-{field}-край"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stand(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stand]:
    async with standing(tmp_path_factory.mktemp("least"), word=marked) as made:
        yield made


def found(heard: Heard) -> set[str]:
    told = f"{heard.text} {dict(heard.headers)}"
    return set(MARK.findall(told)) | {"mark" for _ in re.findall("ъзнак(?!-[a-z-]+-край)", told)}


def known(role: Role) -> set[str]:
    listed = OF_COLLEAGUES if Action.SEE_AUDIT in PERMISSIONS[role] else set()
    return PUBLIC | listed


def test_the_blind_are_three() -> None:
    assert set(BLIND) == {Role.OPERATOR, Role.SECURITY_ADMINISTRATOR, Role.DATA_ADMINISTRATOR}


@pytest.mark.parametrize("role", BLIND)
@IN_MODULE
async def test_no_page_tells_what_a_document_is_about(stand: Stand, role: Role) -> None:
    who, leaks = await stand.visitor(role), []
    for language in ("bg", "en"):
        who.headers["Accept-Language"] = language
        for route in stand.here.routes:
            if route.method == "GET":
                for address in stand.places.addresses(route):
                    heard = await stand.asking.ask("GET", address, of=who)
                    leaks += [f"{address}: {one}" for one in found(heard) - known(role)]
    assert not leaks, "\n".join(sorted(set(leaks)))


@pytest.mark.parametrize("role", SEEING)
@IN_MODULE
async def test_the_marks_reach_those_who_may_see(stand: Stand, role: Role) -> None:
    """Otherwise the test above would prove nothing."""
    who, seen = await stand.visitor(role), set()
    for route in stand.here.routes:
        if route.method == "GET":
            for address in stand.places.addresses(route):
                seen |= found(await stand.asking.ask("GET", address, of=who))
    assert seen >= {
        "subject",
        "sender-name",
        "sender-number",
        "citizen-name",
        "file-name",
        "peer-reason",
        "park-reason",
        "own-number",
        "service-name",
        "certificate-subject",
        "error-text",
        "out-subject",
        "out-recipient",
        "out-file-name",
        "mail-sender",
        "mail-subject",
        "fact-file",
    }
    for never in ("citizen-number", "citizen-card", "citizen-address", "citizen-phone"):
        assert never not in seen, "not even to them, unless they open the document itself"


@pytest.mark.parametrize("role", BLIND)
@IN_MODULE
async def test_no_answer_to_a_form_tells_either(stand: Stand, role: Role) -> None:
    """Deeds done and refused, errors, and everything that leads on."""
    who, leaks = await stand.visitor(role), []
    token = form_token(who.cookies[SESSION])
    for route in stand.here.routes:
        if route.method != "POST" or route.path == "/logout":
            continue
        for address in stand.places.addresses(route):
            for fields in ({}, {"reason": "x", "state": "HELD", "before": "x", "version": "0"}):
                heard = await stand.asking.ask("POST", address, of=who, token=token, fields=fields)
                leaks += [f"{address}: {one}" for one in found(heard) - known(role)]
    assert not leaks, "\n".join(sorted(set(leaks)))


@IN_MODULE
async def test_the_audit_and_its_files_tell_nothing_of_documents_to_administrators(
    stand: Stand,
) -> None:
    chief = await stand.visitor(Role.SECURITY_ADMINISTRATOR)
    token = form_token(chief.cookies[SESSION])
    for form in ("csv", "json"):
        for fields in ({}, {"document": stand.places.values["/documents"][0]}):
            heard = await stand.asking.ask(
                "POST",
                "/audit/file",
                of=chief,
                token=token,
                fields={**REASON, **fields, "form": form},
            )
            assert heard.status == 200
            assert found(heard) == set(), form


@IN_MODULE
async def test_search_is_shut_to_the_blind(stand: Stand) -> None:
    """ROL-05: not even that something was found."""
    quoted = "".join(f"%{byte:02X}" for byte in marked("subject").encode())
    for role in BLIND:
        heard = await stand.asking.ask("GET", f"/search?q={quoted}", of=await stand.visitor(role))
        assert heard.status == 403
        assert found(heard) <= PUBLIC
    clerk = await stand.visitor(Role.CLERK)
    heard = await stand.asking.ask("GET", f"/search?q={quoted}", of=clerk)
    assert "subject" in found(heard)


@IN_MODULE
async def test_machines_and_screens_hear_nothing_of_documents(stand: Stand) -> None:
    """Live stream, health, metrics, and the wall that nobody is logged in at."""
    operator = await stand.visitor(Role.OPERATOR)
    for path, who in (
        ("/changes", operator),
        ("/wall", operator),
        ("/wall", await stand.visitor(Role.CLERK)),
        ("/healthz", None),
        ("/readyz", None),
        ("/metrics", None),
        ("/wall/screen", None),
    ):
        heard = await stand.asking.ask("GET", path, of=who)
        assert found(heard) == set(), path


@IN_MODULE
async def test_the_log_of_the_gateway_tells_nothing(
    stand: Stand, capfd: pytest.CaptureFixture[str]
) -> None:
    clerk = await stand.visitor(Role.CLERK)
    for address in stand.places.values["/documents"]:
        await stand.asking.ask("GET", f"/documents/{address}", of=clerk)
        await stand.asking.ask("GET", f"/documents/{address}/do/release?x={marked('typed')}")
    told = capfd.readouterr()
    assert not MARK.search(told.out + told.err)


# --- the glass ---


def glass(role: Role) -> list[Action]:
    return [a for a, right in PERMISSIONS[role].items() if right is Right.WITH_REASON]


@IN_MODULE
async def test_no_administrator_opens_content(stand: Stand) -> None:
    for role in (Role.SECURITY_ADMINISTRATOR, Role.DATA_ADMINISTRATOR):
        assert glass(role) == []
        who = await stand.visitor(role)
        token = form_token(who.cookies[SESSION])
        for route in stand.here.routes:
            if route.path not in OF_THE_GLASS:
                continue
            for address in stand.places.addresses(route):
                heard = await stand.asking.ask(
                    route.method,
                    address,
                    of=who,
                    token=token if route.method == "POST" else None,
                    fields=REASON if route.method == "POST" else None,
                )
                assert heard.status == 403, address
                assert found(heard) <= PUBLIC


@pytest.mark.parametrize("role", [Role.CLERK, Role.OPERATOR, Role.AUDITOR])
@IN_MODULE
async def test_what_is_opened_is_written_down_first_with_purpose_and_ground(
    stand: Stand, role: Role
) -> None:
    who = await stand.visitor(role)
    token = form_token(who.cookies[SESSION])
    opened = 0
    for route in stand.here.routes:
        if route.method != "POST" or route.path not in OF_THE_GLASS:
            continue
        for address in stand.places.addresses(route):
            before = await stand.here.last()
            ground = f"ДЗ-{opened}/{role}"
            heard = await stand.asking.ask(
                "POST", address, of=who, token=token, fields={**REASON, "ground": ground}
            )
            records = await stand.here.memory.journal.after(before, 5)
            rows = [json.loads(one.body) for one in records]
            if heard.status != 200:
                continue  # nothing is kept there any more
            opened += 1
            first = rows[0]
            assert first["kind"] in {"CONTENT_OPENED", "REPORTED"}, address
            assert first["actor"] == f"person:known-{role}"
            assert records[0].message_id in address
            assert first["facts"]["purpose"] == "fault"
            assert first["facts"]["ground"] == ground
            assert first["at"]
    assert opened >= 5


@IN_MODULE
async def test_the_audit_shows_every_look_behind_the_glass(stand: Stand) -> None:
    """S24: who, when, what, purpose and ground, in the chain that proves itself."""
    operator = await stand.visitor(Role.OPERATOR)
    token = form_token(operator.cookies[SESSION])
    address = stand.places.addresses(
        next(r for r in stand.here.routes if r.path == "/documents/{id}/open/{part}")
    )[0]
    fields = {"purpose": "complaint", "ground": "ЖАЛ-77/2026"}
    await stand.asking.ask("POST", address, of=operator, token=token, fields=fields)
    for role in (Role.AUDITOR, Role.SECURITY_ADMINISTRATOR):
        reader = await stand.visitor(role)
        reader.headers["Accept-Language"] = "en"
        shown = await stand.asking.ask("GET", "/audit?deed=viewed", of=reader)
        page = shown.text if "ЖАЛ-77/2026" in shown.text else ""
        page = page or (await stand.asking.ask("GET", "/audit", of=reader)).text
        assert "ЖАЛ-77/2026" in page
        assert "known-operator" in page
    await stand.here.memory.journal.verify()


@IN_MODULE
async def test_every_kind_of_deed_stands_in_the_audit_of_people(stand: Stand) -> None:
    """AUD-01, AUD-03, S24: entry, failed entry, view, copy, change, and every destruction."""
    here = stand.here
    clerk = await here.visitor(Role.CLERK, login="doer")
    document = stand.places.values["/documents"][0]
    token = form_token(clerk.cookies[SESSION])
    await stand.asking.ask("GET", f"/documents/{document}", of=clerk)
    await stand.asking.ask(
        "POST", f"/documents/{document}/letter", of=clerk, token=token, fields=REASON
    )
    await stand.asking.ask("GET", "/channels/seos/test", of=clerk)
    await clerk.get(f"/documents/{document}/do/note")
    await clerk.submit(f"/documents/{document}/do/note", **REASON)
    wrong = Browser(here.office)
    assert (await wrong.log_in("doer", "не е тази фраза")).status == 401
    await here.memory.journal.record(
        NewEvidence(
            kind=EvidenceKind.DESTROYED,
            at=here.clock.now(),
            message_id=MessageId(document),
            actor="gateway",
            facts={"rule": "content", "ground": "РАЗР-1/2026"},
        )
    )
    reader = await stand.visitor(Role.AUDITOR)
    for deed in Deed:
        page = await stand.asking.ask("GET", f"/audit?deed={deed}", of=reader)
        assert page.status == 200
        own = await stand.asking.ask("GET", f"/audit?deed={deed}&who=doer", of=reader)
        if deed not in {Deed.DELETED, Deed.CHANGED}:
            assert "doer" in own.text.partition("<main")[2].partition("</form>")[2], deed
    gone = await stand.asking.ask("GET", "/audit?deed=deleted", of=reader)
    assert document in gone.text
    assert "РАЗР-1/2026" in gone.text


async def nobody_opens(stand: Stand, who: Browser) -> int:
    """Return how many pages of documents open to a browser."""
    count = 0
    for address in stand.places.values["/documents"]:
        heard = await stand.asking.ask("GET", f"/documents/{address}", of=who)
        count += heard.status == 200
    return count


@IN_MODULE
async def test_who_loses_a_right_sees_nothing_from_that_moment(stand: Stand) -> None:
    here = stand.here
    clerk = await here.visitor(Role.CLERK, login="moving")
    assert await nobody_opens(stand, clerk) > 0
    await here.office.parts.keeper.give_roles(MACHINE, "moving", frozenset({Role.OPERATOR}))
    assert await nobody_opens(stand, clerk) == 0
