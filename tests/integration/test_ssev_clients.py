"""Both SSEV clients over real sockets against the simulator, with every oddity and every fault."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from depesha.adapters.ssev import mapping
from depesha.adapters.ssev.mapping import Presence
from depesha.adapters.ssev.problems import Problem, SsevError
from depesha.adapters.ssev.values import (
    EvidenceKind,
    Letter,
    ProfileKind,
    Scan,
)
from depesha.errors import BrokenOffError, UnreachableError
from depesha.simulators.ssev_files import EICAR
from depesha.simulators.ssev_people import FORM_TEMPLATE
from depesha.simulators.ssev_quirks import SsevQuirks
from depesha.simulators.ssev_values import Draft, Group
from tests.support.ssev import CLOCK, EVERY_QUIRK, Office, Stand, stand

LETTER = Letter(subject="Искане за данни [DPS 1]", text="Моля, изпратете данните.")
CONTENT = bytes(range(256)) * 900
AGO = timedelta(minutes=5)


@pytest.fixture(params=["plain", "every quirk"])
async def quirky(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Stand]:
    quirks = EVERY_QUIRK if request.param == "every quirk" else SsevQuirks()
    async with stand(tmp_path, quirks) as made:
        yield made


@pytest.fixture
async def plain(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as made:
        yield made


async def two(made: Stand) -> tuple[Office, Office]:
    return (
        await made.join("000000001", "Община Пример"),
        await made.join("000000002", "Агенция Образец"),
    )


async def by_soap(made: Stand, sender: Office, to: Office, number: str = "РД-1") -> int:
    file = made.file("писмо.pdf", CONTENT, number)
    return await sender.soap.send(
        LETTER, [file], kind=ProfileKind.INSTITUTION, identifier=to.profile.identifier
    )


async def by_rest(made: Stand, sender: Office, to: Office) -> int:
    up = await sender.rest.upload(made.file("писмо.pdf", CONTENT))
    return await sender.rest.send(LETTER, [up], recipients=[to.profile.profile_id])


# --- the good way -----------------------------------------------------------------------------


async def test_a_letter_by_soap_is_listed_opened_and_seen_as_opened(quirky: Stand) -> None:
    a, b = await two(quirky)
    message_id = await by_soap(quirky, a, b)
    (row,) = (await b.soap.inbox(only_new=True)).rows
    assert (row.message_id, row.subject, row.received_at) == (message_id, LETTER.subject, None)
    sender = await b.soap.subject(row.sender_subject_id or "")
    assert sender.identifier == "000000001"
    assert not (await a.soap.sent(message_id, quirky.place("before"))).delivered

    got = await b.soap.open(message_id, quirky.place("in"))
    assert (got.subject, got.text) == (LETTER.subject, LETTER.text)
    (file,) = got.files
    assert file.stored is not None
    assert await asyncio.to_thread(file.stored.path.read_bytes) == CONTENT
    assert (file.name, file.registration_number) == ("писмо.pdf", "РД-1")
    assert {proof.kind for proof in got.evidence} == set(EvidenceKind)
    assert (await b.soap.inbox(only_new=True)).rows == ()
    sent = await a.soap.sent(message_id, quirky.place("after"))
    assert sent.delivered
    assert {proof.kind for proof in sent.evidence} == {EvidenceKind.SUMMARY, EvidenceKind.ORIGIN}
    assert got.rnu == sent.rnu == (await a.rest.sent(message_id)).rnu
    assert got.received_at == sent.receipts[0].received_at


async def test_a_letter_by_rest_is_listed_opened_fetched_and_seen_as_opened(
    quirky: Stand, tmp_path: Path
) -> None:
    a, b = await two(quirky)
    message_id = await by_rest(quirky, a, b)
    (row,) = (await b.rest.inbox()).rows
    assert (row.message_id, row.subject, row.received_at) == (message_id, LETTER.subject, None)
    assert not (await a.rest.sent(message_id)).delivered
    got = await b.rest.open(message_id)
    assert (got.subject, got.text) == (LETTER.subject, LETTER.text)
    stored = await b.rest.download(got.files[0], tmp_path / "got")
    assert await asyncio.to_thread(stored.path.read_bytes) == CONTENT
    assert (await b.rest.profile(got.sender_profile_id or 0)).identifier == "000000001"
    assert (await a.rest.sent(message_id)).delivered


async def test_one_state_behind_both_interfaces(quirky: Stand) -> None:
    a, b = await two(quirky)
    first = await by_soap(quirky, a, b, "РД-7")
    got = await b.rest.open(first)
    assert got.files[0].registration_number == "РД-7"
    assert (await a.soap.sent(first, quirky.place("sent"))).delivered
    reply = await b.soap.reply(Letter(subject="Регистриран", text="да"), [], to_message=first)
    assert (await a.rest.open(reply)).rnu == got.rnu
    second = await by_rest(quirky, a, b)
    opened = await b.soap.open(second, quirky.place("second"))
    assert opened.rnu != got.rnu
    assert opened.files[0].digest == got.files[0].digest


async def test_proofs_verify_with_openssl(plain: Stand) -> None:
    a, b = await two(plain)
    message_id = await by_soap(plain, a, b)
    got = await b.soap.open(message_id, plain.place("in"))
    proofs = {proof.kind: proof.stored.path for proof in got.evidence}
    trusted = plain.folder / "tsa.pem"
    trusted.write_bytes(plain.ssev.stamper.certificate_pem)
    command = (
        "openssl",
        "ts",
        "-verify",
        "-token_in",
        "-in",
        str(proofs[EvidenceKind.DELIVERY]),
        "-data",
        str(proofs[EvidenceKind.SUMMARY]),
        "-CAfile",
        str(trusted),
    )
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=False
    )
    assert "Verification: OK" in done.stdout + done.stderr


async def test_a_large_file_goes_and_comes_in_pieces(plain: Stand, tmp_path: Path) -> None:
    a, b = await two(plain)
    content = CONTENT * 60  # 13.8 MB
    up = await a.rest.upload(plain.file("голям.bin", content))
    message_id = await a.rest.send(LETTER, [up], recipients=[b.profile.profile_id])
    got = await b.soap.open(message_id, plain.place("in"))
    assert got.files[0].size == len(content)
    opened = await b.rest.open(message_id)
    stored = await b.rest.download(opened.files[0], tmp_path / "big")
    assert stored.digest == opened.files[0].digest == got.files[0].digest


# --- recipients -------------------------------------------------------------------------------


async def test_a_recipient_is_found_not_found_or_switched_off(quirky: Stand) -> None:
    a, b = await two(quirky)
    for client in (a.soap, a.rest):
        assert (await client.find("000000002")).reachable
        assert not (await client.find("000000009")).reachable
        with pytest.raises(SsevError):
            await client.find("00000000%")
    quirky.ssev.people.change(b.profile, activated=False)
    assert not (await a.soap.find("000000002")).reachable
    assert not (await a.rest.find("000000002")).reachable
    names = [p.name for p in await a.soap.institutions() if not p.active]
    assert names == ["Агенция Образец"]


async def test_the_matrix_bars_groups_and_sends(plain: Stand) -> None:
    a, b = await two(plain)
    social = plain.ssev.people.add("000000003", "Нотариус", Group.SOCIAL)
    plain.ssev.people.matrix[Group.ADMINISTRATION] = frozenset({Group.SOCIAL})
    lookup = await a.rest.find("000000003")
    assert lookup.reachable
    assert [group.value for group in lookup.forbidden] == [Group.ADMINISTRATION.value]
    with pytest.raises(SsevError) as caught:
        await a.rest.send(LETTER, [], recipients=[b.profile.profile_id])
    assert caught.value.problem is Problem.NOT_PERMITTED
    await a.rest.send(LETTER, [], recipients=[social.profile_id])


async def test_several_recipients_are_told_apart(plain: Stand) -> None:
    a, b = await two(plain)
    c = await plain.join("000000003", "Община Извор")
    both = [b.profile.profile_id, c.profile.profile_id]
    message_id = await a.rest.send(LETTER, [], recipients=both)
    await c.rest.open(message_id)
    sent = await a.rest.sent(message_id)
    assert [r.received_at is not None for r in sent.receipts] == [False, True]
    assert not sent.delivered
    assert len((await a.soap.outbox()).rows) == 2  # one row a recipient


# --- files ------------------------------------------------------------------------------------


async def test_malware_is_refused_by_both(plain: Stand) -> None:
    a, b = await two(plain)
    file = plain.file("проба.txt", EICAR)
    with pytest.raises(SsevError) as caught:
        await a.rest.upload(file)
    assert caught.value.problem is Problem.MALICIOUS
    with pytest.raises(SsevError) as caught:
        await a.soap.send(LETTER, [file], kind=ProfileKind.INSTITUTION, identifier="000000002")
    assert caught.value.problem is Problem.MALICIOUS
    assert (await b.soap.inbox(only_new=True)).rows == ()
    unsure = await a.rest.upload(plain.file("notsure.bin", b"abc"))
    assert unsure.scan is Scan.UNSURE


async def test_a_full_storage_is_said(quirky: Stand) -> None:
    a, _ = await two(quirky)
    quirky.ssev.people.change(a.profile, quota=100)
    with pytest.raises(SsevError) as caught:
        await a.rest.upload(quirky.file("a.bin", b"x" * 200))
    assert caught.value.problem is Problem.NO_SPACE


async def test_links_expire_and_are_made_anew(plain: Stand, tmp_path: Path) -> None:
    a, b = await two(plain)
    message_id = await by_rest(plain, a, b)
    plain.ssev.quirks = SsevQuirks(link_seconds=0)
    got = await b.rest.open(message_id)
    with pytest.raises(SsevError) as caught:
        await b.rest.download(got.files[0], tmp_path / "got")
    assert caught.value.problem is Problem.LINK_EXPIRED
    plain.ssev.quirks = SsevQuirks()
    again = await b.rest.open(message_id)
    assert (await b.rest.download(again.files[0], tmp_path / "got")).size == len(CONTENT)
    assert again.received_at == got.received_at


async def test_a_cut_download_is_resumed_and_a_changed_byte_found(
    plain: Stand, tmp_path: Path
) -> None:
    a, b = await two(plain)
    got = await b.rest.open(await by_rest(plain, a, b))
    into = tmp_path / "got"
    plain.ssev.quirks = SsevQuirks(cut_downloads=1, cut_after=70_000)
    with pytest.raises(BrokenOffError):
        await b.rest.download(got.files[0], into)
    came = (await asyncio.to_thread(into.stat)).st_size
    assert 0 < came <= 70_000
    assert (await b.rest.download(got.files[0], into, resume=True)).size == len(CONTENT)
    plain.ssev.quirks = SsevQuirks(corrupt_downloads=1)
    with pytest.raises(SsevError) as caught:
        await b.rest.download(got.files[0], into)
    assert caught.value.problem is Problem.DAMAGED
    assert not await asyncio.to_thread(into.exists)


async def test_a_link_to_another_host_is_not_followed(plain: Stand, tmp_path: Path) -> None:
    a, b = await two(plain)
    got = await b.rest.open(await by_rest(plain, a, b))
    for link in ("https://169.254.0.1/message?t=x", "file:///etc/passwd", "x"):
        with pytest.raises(SsevError):
            await b.rest.download(replace(got.files[0], link=link), tmp_path / "got")


async def test_a_cut_soap_reading_leaves_it_open_and_readable_again(plain: Stand) -> None:
    a, b = await two(plain)
    message_id = await by_soap(plain, a, b)
    plain.ssev.quirks = SsevQuirks(cut_downloads=1, cut_after=50_000)
    place = plain.place("in")
    with pytest.raises(BrokenOffError):
        await b.soap.open(message_id, place)
    assert not await asyncio.to_thread(lambda: list(place.iterdir()))
    assert (await a.soap.sent(message_id, plain.place("sent"))).delivered
    assert (await b.soap.open(message_id, place)).files[0].size == len(CONTENT)


# --- tokens -----------------------------------------------------------------------------------


async def test_a_refused_or_expired_token_is_replaced_once(plain: Stand) -> None:
    a, b = await two(plain)
    await a.rest.ping()
    await a.rest.ping()
    assert plain.ssev.tokens.issued == 1
    plain.ssev.tokens.revoke_all()
    await by_rest(plain, a, b)
    assert plain.ssev.tokens.issued == 2
    plain.ssev.quirks = SsevQuirks(unauthorized=2)
    with pytest.raises(SsevError) as caught:
        await a.rest.send(LETTER, [], recipients=[b.profile.profile_id])
    assert caught.value.problem is Problem.CREDENTIALS
    assert len((await b.rest.inbox()).rows) == 1
    plain.ssev.quirks = SsevQuirks(token_seconds=0)
    before = plain.ssev.tokens.issued
    with pytest.raises(SsevError):
        await a.rest.ping()
    assert plain.ssev.tokens.issued > before


async def test_a_certificate_of_somebody_else_gets_no_token(plain: Stand) -> None:
    a, b = await two(plain)
    plain.ssev.people._logins[a.login.login_id] = replace(a.login, thumbprint="0" * 40)
    for call in (a.rest.ping, a.soap.ping):
        with pytest.raises(SsevError) as caught:
            await call()
        assert caught.value.problem is Problem.CREDENTIALS
    await b.soap.ping()


# --- what may go wrong ------------------------------------------------------------------------

Send = Callable[[Stand, Office, Office], Awaitable[int]]
SENDS = pytest.mark.parametrize("send", [by_soap, by_rest])


@SENDS
async def test_nobody_there_is_unreachable(plain: Stand, send: Send) -> None:
    a, b = await two(plain)
    await plain.ssev.stop("api", "soap")
    with pytest.raises(UnreachableError):
        await send(plain, a, b)
    await plain.ssev.start("api", "soap")
    await send(plain, a, b)


@pytest.mark.parametrize(
    ("fault", "there"),
    [
        (SsevQuirks(lost_answers=1), 1),
        (SsevQuirks(reset_answers=1), 1),
        (SsevQuirks(failed_answers=1), 1),
        (SsevQuirks(http_500=1), 0),
        (SsevQuirks(http_500=1, html_errors=True), 0),
        (SsevQuirks(aborts=1), 0),
        (SsevQuirks(tsa_down=True), 0),
    ],
)
@pytest.mark.parametrize("way", ["soap", "rest"])
async def test_an_unclear_send_is_cleared_by_the_outbox(
    plain: Stand, way: str, fault: SsevQuirks, there: int
) -> None:
    a, b = await two(plain)
    began = CLOCK.now()
    await a.rest.ping()
    plain.ssev.quirks = fault
    call = (
        by_soap(plain, a, b)
        if way == "soap"
        else a.rest.send(LETTER, [], recipients=[b.profile.profile_id])
    )
    with pytest.raises(BrokenOffError):
        await call
    plain.ssev.quirks = SsevQuirks()
    for client in (a.soap, a.rest):
        presence = mapping.presence(await client.find_sent("[DPS 1]", since=began))
        assert presence is (Presence.THERE if there else Presence.ABSENT)
        assert mapping.presence(await client.find_sent("[DPS 2]", since=began)) is Presence.ABSENT
    assert len((await b.soap.inbox(only_new=True)).rows) == there


async def test_a_slow_send_is_unclear(tmp_path: Path) -> None:
    async with stand(tmp_path) as made:
        a = await made.join("000000001", "Община Пример", answer_seconds=0.5)
        b = await made.join("000000002", "Агенция Образец")
        await a.rest.ping()
        made.ssev.quirks = SsevQuirks(slow_seconds=1.0)
        with pytest.raises(BrokenOffError):
            await by_soap(made, a, b)
        with pytest.raises(BrokenOffError):
            await a.rest.send(LETTER, [], recipients=[b.profile.profile_id])
        made.ssev.quirks = SsevQuirks()
        assert len((await b.soap.inbox(only_new=True)).rows) == 2


async def test_a_look_up_that_ends_too_early_proves_nothing(plain: Stand) -> None:
    a, b = await two(plain)
    for _ in range(13):  # four pages of three are read at most
        await plain.ssev.state.send(
            a.caller, (b.profile,), Draft(subject="друго", template_id=1, fields={})
        )
    for client in (a.soap, a.rest):
        sought = await client.find_sent("[DPS 1]", since=CLOCK.now() - AGO)
        assert mapping.presence(sought) is Presence.UNKNOWN


async def test_a_message_stored_twice_is_found_twice(plain: Stand) -> None:
    a, b = await two(plain)
    plain.ssev.quirks = SsevQuirks(duplicate_sends=1)
    await by_soap(plain, a, b)
    sought = await a.rest.find_sent("[DPS 1]", since=CLOCK.now() - AGO)
    assert len(sought.found) == 2
    assert len((await b.soap.inbox(only_new=True)).rows) == 2


async def test_an_opening_without_an_answer_can_be_repeated(plain: Stand) -> None:
    a, b = await two(plain)
    message_id = await by_rest(plain, a, b)
    plain.ssev.quirks = SsevQuirks(lost_opens=2)
    with pytest.raises(BrokenOffError):
        await b.rest.open(message_id)  # aiohttp asks a kept connection's GET once more by itself
    plain.ssev.quirks = SsevQuirks(lost_opens=1)
    with pytest.raises(BrokenOffError):
        await b.soap.open(message_id, plain.place("lost"))
    assert (await a.rest.sent(message_id)).delivered
    got = await b.rest.open(message_id)
    assert got.received_at == (await a.rest.sent(message_id)).receipts[0].received_at


async def test_a_failing_read_is_a_plain_failure(plain: Stand) -> None:
    _, b = await two(plain)
    plain.ssev.quirks = SsevQuirks(soap_faults=1)
    with pytest.raises(SsevError) as caught:
        await b.soap.inbox(only_new=True)
    assert caught.value.problem is Problem.SERVER
    await b.rest.ping()
    plain.ssev.quirks = SsevQuirks(http_500=1, html_errors=True)
    with pytest.raises(SsevError) as caught:
        await b.rest.inbox()
    assert caught.value.problem is Problem.SERVER


async def test_a_message_of_another_template_is_poison_to_soap_and_read_by_rest(
    plain: Stand,
) -> None:
    a, b = await two(plain)
    draft = Draft(subject="Заявление", template_id=FORM_TEMPLATE, fields={})
    message = await plain.ssev.state.send(a.caller, (b.profile,), draft)
    with pytest.raises(SsevError) as caught:
        await b.soap.open(message.message_id, plain.place("in"))
    assert caught.value.problem is Problem.SERVER
    assert len((await b.soap.inbox(only_new=True)).rows) == 1
    assert (await b.rest.open(message.message_id)).template_id == FORM_TEMPLATE


async def test_a_forward_shows_the_original_and_its_reply_goes_there(plain: Stand) -> None:
    a, b = await two(plain)
    c = await plain.join("000000003", "Община Извор")
    first = await by_soap(plain, a, b)
    await b.rest.open(first)
    forward = await plain.ssev.state.forward(first, b.caller, c.profile, "за сведение")
    (row,) = (await c.soap.inbox(only_new=True)).rows
    got = await c.soap.open(forward.message_id, plain.place("in"))
    assert row.sender_profile_id == b.profile.profile_id
    assert got.sender_profile_id == a.profile.profile_id
    assert "за сведение" in got.text
    opened = await c.rest.open(forward.message_id)
    assert opened.forwarded_id == first
    original = await c.rest.open_forwarded(forward.message_id, first)
    assert original.text == LETTER.text
    reply = await c.soap.reply(Letter(subject="о", text="о"), [], to_message=forward.message_id)
    assert (await a.soap.inbox(only_new=True)).rows[0].message_id == reply


async def test_what_is_not_ours_stays_shut(plain: Stand) -> None:
    a, b = await two(plain)
    c = await plain.join("000000003", "Община Извор")
    message_id = await by_soap(plain, a, b)
    for call in (
        c.soap.open(message_id, plain.place("1")),
        c.soap.reply(LETTER, [], to_message=message_id),
        c.rest.open(message_id),
        c.rest.sent(message_id),
    ):
        with pytest.raises(SsevError) as caught:
            await call
        assert caught.value.problem in {
            Problem.NOT_OURS,
            Problem.CANNOT_REPLY,
            Problem.NOT_PERMITTED,
        }
    assert not (await a.rest.sent(message_id)).delivered


async def test_our_own_defects_never_leave(plain: Stand) -> None:
    a, _ = await two(plain)
    for letter, files in (
        (Letter(subject=" ", text="x"), []),
        (Letter(subject="x" * 256, text="x"), []),
        (Letter(subject="x", text=""), []),
        (Letter(subject="x", text="x"), [plain.file("без-разширение", b"x")]),
    ):
        with pytest.raises(SsevError) as caught:
            await a.soap.send(letter, files, kind=ProfileKind.INSTITUTION, identifier="000000002")
        assert caught.value.problem is Problem.OUR_DEFECT
    with pytest.raises(SsevError):
        await a.rest.send(Letter(subject="x" * 256, text=""), [], recipients=[1])


async def test_an_unknown_recipient_of_a_send_is_not_reachable(plain: Stand) -> None:
    a, _ = await two(plain)
    with pytest.raises(SsevError) as caught:
        await a.soap.send(LETTER, [], kind=ProfileKind.INSTITUTION, identifier="999999999")
    assert caught.value.problem is Problem.NOT_REACHABLE


async def test_pages_and_unpaged_moments(plain: Stand) -> None:
    a, b = await two(plain)
    for _ in range(5):
        await by_soap(plain, a, b)
    page = await b.rest.inbox(offset=3, limit=3)
    assert (len(page.rows), page.total) == (2, 5)
    soap = await b.soap.inbox(only_new=False, page=2, size=3)
    assert (len(soap.rows), soap.total) == (2, 5)
    assert [r.message_id for r in page.rows] == [r.message_id for r in soap.rows]
    later = datetime.now(UTC) + timedelta(hours=1)
    assert (await a.rest.outbox(since=later)).rows == ()
