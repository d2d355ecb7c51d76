"""The simulated ISDS over real sockets: plain requests, every answer compared with the schema."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import cms
from lxml import etree

from depesha.adapters.memory.system import HandClock
from depesha.schemas import xml
from depesha.schemas.wire.isds import V20, Paper, Service, paper_schema
from depesha.simulators.isds_info import MOST
from depesha.simulators.isds_quirks import IsdsQuirks
from depesha.simulators.isds_values import BoxState, Right
from depesha.simulators.ssev_files import EICAR
from tests.support.isds import PASSWORD, PDF, Stand, basic, envelope, file, raw_body, stand

DAY = timedelta(days=1)
DZ, DX, DF = Service.OPERATIONS, Service.INFO, Service.SEARCH


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path, clock=HandClock()) as ready:
        yield ready


def states(stand: Stand, message_id: str) -> list[str]:
    events = stand.isds.state.messages[message_id].events
    return [event.value[0] for _, event in events]


# --- sending and receiving --------------------------------------------------------------------


async def test_a_message_is_listed_fetched_and_marked(made: Stand) -> None:
    sent = await made.send(made.company, made.office, dmSenderRefNumber="FV-1/2026")
    listed = await made.received(made.office)
    (line,) = listed.all("dmRecord")
    assert (listed.text("dmID"), listed.text("dmMessageStatus")) == (sent, "6")
    assert line.findtext(f"{{{V20}}}dmSenderRefNumber") == "FV-1/2026"
    got = await made.one(made.office, "MessageDownload", sent, DZ)
    assert base64.b64decode(got.text("dmEncodedContent")) == PDF
    assert (await made.one(made.office, "MarkMessageAsDownloaded", sent, DX)).code == "0000"
    assert (await made.received(made.office)).text("dmMessageStatus") == "7"
    assert (await made.sent(made.company)).text("dmMessageStatus") == "6"
    assert made.isds.calls["GetListOfReceivedMessages"] == 2


async def test_only_the_list_of_received_messages_delivers(made: Stand) -> None:
    sent = await made.send(made.company, made.office)
    await made.one(made.office, "GetDeliveryInfo", sent, DX)
    await made.one(made.office, "SignedMessageDownload", sent, DZ)
    assert states(made, sent) == ["EV0", "EV5"]
    await made.received(made.office)
    assert states(made, sent) == ["EV0", "EV5", "EV11"]


async def test_the_hash_covers_the_raw_body_and_the_stamp_the_hash(made: Stand) -> None:
    sent = await made.send(made.company, made.office)
    got = await made.one(made.office, "MessageDownload", sent, DZ)
    digest = hashlib.sha256(raw_body(got.raw)).digest()
    assert base64.b64decode(got.text("dmHash")) == digest
    assert got.text("dmHash").endswith("\n")
    token = cms.ContentInfo.load(base64.b64decode(got.text("dmQTimestamp")))
    info = token["content"]["encap_content_info"]["content"].parsed
    assert info["message_imprint"]["hashed_message"].native == digest
    verified = await made.one(made.office, "VerifyMessage", sent, DX)
    assert base64.b64decode(verified.text("dmHash")) == digest


# --- sealed papers ----------------------------------------------------------------------------


@pytest.mark.parametrize("pkcs1", [False, True])
@pytest.mark.parametrize("der", [False, True])
async def test_openssl_accepts_every_paper_and_its_schema_holds(
    tmp_path: Path, *, pkcs1: bool, der: bool
) -> None:
    async with stand(tmp_path, IsdsQuirks(pkcs1=pkcs1, der=der)) as made:
        sent = await made.send(made.company, made.office)
        for box, operation, service, kind in (
            (made.office, "SignedMessageDownload", DZ, Paper.RECEIVED),
            (made.company, "SignedSentMessageDownload", DZ, Paper.SENT),
            (made.company, "GetSignedDeliveryInfo", DX, Paper.DELIVERY),
            (made.office, "GetSignedDeliveryInfo", DX, Paper.DELIVERY),
        ):
            paper = (await made.one(box, operation, sent, service)).paper
            verdict = made.openssl(paper)
            assert verdict.returncode == 0, verdict.stderr
            assert paper_schema(kind).deviations(xml.parse(verdict.stdout)) == ()
            root = xml.parse(verdict.stdout).root
            assert root.tag == f"{{{kind.namespace}}}{kind.root}"
            signed = cms.ContentInfo.load(paper)["content"]
            (signer,) = signed["signer_infos"]
            algorithm = signer["signature_algorithm"]["algorithm"].native
            assert algorithm == ("sha256_rsa" if pkcs1 else "rsassa_pss")
            assert len(signed["certificates"]) == 1
            assert (paper[1] == 0x80) is not der


async def test_openssl_accepts_both_time_stamps(made: Stand) -> None:
    sent = await made.send(made.company, made.office)
    paper = (await made.one(made.office, "SignedMessageDownload", sent, DZ)).paper
    (signer,) = cms.ContentInfo.load(paper)["content"]["signer_infos"]
    seal_token = signer["unsigned_attrs"][0]["values"][0].dump()
    plain = await made.one(made.office, "MessageDownload", sent, DZ)
    for token, digest in (
        (seal_token, hashlib.sha256(signer["signature"].native).hexdigest()),
        (
            base64.b64decode(plain.text("dmQTimestamp")),
            base64.b64decode(plain.text("dmHash")).hex(),
        ),
    ):
        verdict = made.openssl_stamp(token, digest)
        assert verdict.returncode == 0, verdict.stderr


async def test_a_paper_is_sealed_anew_each_time_and_known_to_be_genuine(made: Stand) -> None:
    sent = await made.send(made.company, made.office)
    one = (await made.one(made.office, "SignedMessageDownload", sent, DZ)).paper
    two = (await made.one(made.office, "SignedMessageDownload", sent, DZ)).paper
    assert one != two
    for paper, genuine in ((one, "true"), (two[:-40] + b"x" + two[-39:], "false")):
        inner = f"<t:dmMessage>{base64.b64encode(paper).decode()}</t:dmMessage>"
        told = await made.ask(made.office, "AuthenticateMessage", inner, service=DZ)
        assert (told.code, told.text("dmAuthResult")) == ("0000", genuine)


# --- time -------------------------------------------------------------------------------------


async def test_fiction_after_ten_days_and_not_a_second_earlier(made: Stand) -> None:
    sent = await made.send(made.office, made.company)
    made.isds.pass_time(10 * DAY - timedelta(seconds=1))
    assert (await made.sent(made.office)).text("dmMessageStatus") == "4"
    made.isds.pass_time(timedelta(seconds=1))
    assert (await made.sent(made.office)).text("dmMessageStatus") == "5"
    assert states(made, sent) == ["EV0", "EV5", "EV2"]
    changes = await made.ask(
        made.office, "GetMessageStateChanges", "<t:dmFromTime/><t:dmToTime/>", service=DX
    )
    found = {r.findtext(f"{{{V20}}}dmMessageStatus") for r in changes.all("dmRecord")}
    assert found == {"4", "5"}


async def test_state_changes_have_no_order_that_means_anything(made: Stand) -> None:
    sent = [await made.send(made.office, made.company) for _ in range(12)]
    changes = await made.ask(
        made.office, "GetMessageStateChanges", "<t:dmFromTime/><t:dmToTime/>", service=DX
    )
    found = [element.text for element in changes.all("dmID")]
    assert found != sent
    assert sorted(str(each) for each in found) == sent


async def test_an_authority_may_forbid_fiction_and_a_company_may_not(made: Stand) -> None:
    forbidden = await made.send(made.office, made.company, dmAllowSubstDelivery="false")
    allowed = await made.send(made.company, made.office, dmAllowSubstDelivery="false")
    made.isds.pass_time(11 * DAY)
    await made.sent(made.office)
    assert made.isds.state.messages[forbidden].status == 4
    assert made.isds.state.messages[allowed].status == 5


async def test_content_goes_ninety_days_after_the_log_in_and_proof_stays(made: Stand) -> None:
    sent = await made.send(made.company, made.office)
    await made.received(made.office)
    made.isds.pass_time(90 * DAY - timedelta(seconds=1))
    assert (await made.one(made.office, "SignedMessageDownload", sent, DZ)).code == "0000"
    made.isds.pass_time(timedelta(seconds=1))
    for box, operation in (
        (made.office, "SignedMessageDownload"),
        (made.office, "MessageDownload"),
        (made.company, "SignedSentMessageDownload"),
    ):
        assert (await made.one(box, operation, sent, DZ)).code == "1219"
    info = await made.one(made.office, "GetSignedDeliveryInfo", sent, DX)
    assert (info.code, made.openssl(info.paper).returncode) == ("0000", 0)
    assert (await made.received(made.office)).text("dmMessageStatus") == "9"
    assert not [p for p in (made.folder / "isds").iterdir() if p.suffix == ".part"]


async def test_a_message_nobody_logged_in_for_stays_three_years(made: Stand) -> None:
    sent = await made.send(made.office, made.company)
    made.isds.pass_time(400 * DAY)
    assert (await made.one(made.office, "SignedSentMessageDownload", sent, DZ)).code == "0000"
    made.isds.pass_time(800 * DAY)
    assert (await made.one(made.office, "SignedSentMessageDownload", sent, DZ)).code == "1219"


async def test_a_stamp_and_a_delivery_may_take_their_time(tmp_path: Path) -> None:
    quirks = IsdsQuirks(stamp_seconds=60, delivery_seconds=120, hidden_seconds=180)
    async with stand(tmp_path, quirks, clock=HandClock()) as made:
        sent = await made.send(made.company, made.office)
        assert (await made.one(made.company, "SignedSentMessageDownload", sent, DZ)).code == "1229"
        assert (await made.sent(made.company)).text("dmMessageStatus") == "1"
        assert (await made.received(made.office)).all("dmRecord") == []
        made.isds.pass_time(timedelta(seconds=60))
        assert (await made.one(made.company, "SignedSentMessageDownload", sent, DZ)).code == "0000"
        made.isds.pass_time(timedelta(seconds=60))
        assert (await made.sent(made.company)).text("dmMessageStatus") == "4"
        asked = "<t:dmFromTime/><t:dmToTime/>"
        hidden = await made.ask(made.company, "GetMessageStateChanges", asked, service=DX)
        assert hidden.all("dmRecord") == []
        made.isds.pass_time(timedelta(seconds=180))
        shown = await made.ask(made.company, "GetMessageStateChanges", asked, service=DX)
        assert len(shown.all("dmRecord")) == 1


async def test_the_vault_keeps_what_would_go(made: Stand) -> None:
    sent = await made.send(made.company, made.office)
    await made.received(made.office)
    made.isds.state.messages[sent].vaulted.add(made.office.box_id)
    made.isds.pass_time(100 * DAY)
    assert (await made.received(made.office)).text("dmMessageStatus") == "10"
    assert (await made.sent(made.company)).text("dmMessageStatus") == "6"
    plain = await made.one(made.office, "MessageDownload", sent, DZ)
    assert plain.text("dmMessageStatus") == "6"
    inner = f"<t:dmID>{sent}</t:dmID><t:dmIncoming>true</t:dmIncoming>"
    codes = [(await made.ask(made.office, "EraseMessage", inner, service=DX)).code for _ in "ab"]
    assert codes == ["0000", "1219"]
    assert (await made.received(made.office)).text("dmMessageStatus") == "9"


async def test_a_box_that_nobody_can_enter_gets_its_own_fiction(made: Stand) -> None:
    empty = made.isds.people.add("Prázdná schránka", made.company.kind)
    sent = await made.send(made.office, empty)
    made.isds.pass_time(10 * DAY)
    assert states(made, sent)[-1] == "EV6"


# --- what ends badly --------------------------------------------------------------------------


async def test_malware_is_found_after_acceptance_and_the_sender_is_told(made: Stand) -> None:
    infected = file(EICAR, "virus.txt", mime="text/plain")
    sent = (await made.create(made.office, made.company, infected)).text("dmID")
    assert (await made.sent(made.office)).text("dmMessageStatus") == "3"
    assert states(made, sent) == ["EV0", "EV8"]
    assert (await made.received(made.company)).all("dmRecord") == []
    told = await made.received(made.office)
    assert (told.text("dbIDSender"), told.text("dmSenderType")) == ("aaaaaaa", "0")


async def test_a_closed_box_makes_what_waits_undeliverable(made: Stand) -> None:
    sent = await made.send(made.office, made.company)
    made.isds.state.close_box(made.company)
    assert (await made.sent(made.office)).text("dmMessageStatus") == "8"
    assert states(made, sent)[-1] == "EV3"
    assert (await made.create(made.office, made.company)).code == "5001"
    made.company.state = BoxState.CLOSED_BY_LAW
    inner = f"<t:dbID>{made.company.box_id}</t:dbID>"
    told = await made.ask(made.office, "CheckDataBox", inner, service=DF)
    assert told.text("dbState") == "2"


@pytest.mark.parametrize(
    ("files", "code"),
    [
        (file(meta="enclosure"), "2010"),
        (file() + file(), "2010"),
        (file(b"MZ...", "program.exe"), "1214"),
        (file(b"no pdf at all", "a.pdf"), "1214"),
        (file(PDF, "a.pdf", mime="image/png"), "1214"),
        (file(b"PK\x03\x04 no zip", "a.zip", mime="application/zip"), "1214"),
        ("<!-- none -->", "2032"),
        (file().replace("<t:dmEncodedContent>", "<t:dmEncodedContent>&amp;"), "2010"),
    ],
)
async def test_attachments_are_judged_and_leave_nothing(made: Stand, files: str, code: str) -> None:
    told = await made.create(made.company, made.office, files)
    assert told.code == code
    assert list((made.folder / "isds").iterdir()) == []


async def test_too_large_for_an_ordinary_message(made: Stand) -> None:
    large = file(PDF + bytes(21 * 1024 * 1024))
    assert (await made.create(made.company, made.office, large)).code == "1200"


async def test_a_file_name_comes_back_cleaned(made: Stand) -> None:
    named = file(name="zpráva\u2013&lt;1&gt;\u00a0\u201ea\u201c.pdf")
    sent = (await made.create(made.company, made.office, named)).text("dmID")
    got = await made.one(made.office, "MessageDownload", sent, DZ)
    (one,) = got.all("dmFile")
    assert one.get("dmFileDescr") == 'zpráva-_1_ "a".pdf'


async def test_neither_side_an_authority(made: Stand) -> None:
    other = made.isds.people.add("Jiná firma", made.company.kind)
    assert (await made.create(made.company, other)).code == "1232"
    other.open_addressing = True
    sent = await made.send(made.company, other)
    assert made.isds.state.messages[sent].kind == "K"


async def test_an_effective_authority_writes_free_of_charge_unless_it_says_no(made: Stand) -> None:
    other = made.isds.people.add("Jiná firma", made.company.kind)
    made.company.effective_ovm = True
    assert (await made.create(made.company, other)).code == "0000"
    no = envelope(dbIDRecipient=other.box_id, dmAnnotation="x").replace(
        "</t:dmEnvelope>", "<t:dmOVM>false</t:dmOVM></t:dmEnvelope>"
    )
    inner = f"{no}<t:dmFiles>{file()}</t:dmFiles>"
    told = await made.ask(made.company, "CreateMessage", inner, service=DZ)
    assert told.code == "1232"


async def test_many_recipients_have_a_status_each(made: Stand) -> None:
    ids = (made.company.box_id, "qqqqqqq", made.company.box_id)
    recipients = "".join(
        f"<t:dmRecipient><t:dbIDRecipient>{i}</t:dbIDRecipient><t:dmToHands/></t:dmRecipient>"
        for i in ids
    )
    inner = f"<t:dmRecipients>{recipients}</t:dmRecipients>{envelope(dmAnnotation='Oběžník')}"
    inner += f"<t:dmFiles>{file()}</t:dmFiles>"
    told = await made.ask(made.office, "CreateMultipleMessage", inner, service=DZ)
    codes = [element.text for element in told.all("dmStatusCode")]
    assert codes == ["0000", "5001", "0000", "0004"]
    assert len((await made.received(made.company)).all("dmRecord")) == 2


# --- lists ------------------------------------------------------------------------------------


async def test_lists_have_pages_filters_and_an_order(made: Stand) -> None:
    await asyncio.to_thread(
        made.isds.fill, made.company.box_id, made.office.box_id, 2500, over=5 * DAY
    )
    first = await made.received(made.office)
    assert len(first.all("dmRecord")) == 1000
    rest = await made.received(made.office, dmOffset="2001", dmLimit="10000")
    assert [e.text for e in rest.all("dmOrdinal")[::499]] == ["2001", "2500"]
    times = [element.text or "" for element in first.all("dmDeliveryTime")]
    assert times == sorted(times)
    since = made.clock.now() - DAY
    recent = await made.received(made.office, dmFromTime=since.isoformat())
    assert len(recent.all("dmRecord")) == 500
    for chosen, count in (("16", 0), ("64", 1000), ("-1", 1000), ("2046", 1000)):
        told = await made.received(made.office, dmStatusFilter=chosen)
        assert len(told.all("dmRecord")) == count, chosen
    assert (await made.received(made.office, dmFromTime="včera")).code == "2017"


async def test_a_list_is_never_longer_than_the_bound_and_the_rest_can_be_asked_for(
    made: Stand,
) -> None:
    await asyncio.to_thread(
        made.isds.fill, made.company.box_id, made.office.box_id, MOST + 10, over=DAY
    )
    assert len((await made.received(made.office, dmLimit="100000")).all("dmRecord")) == MOST
    rest = await made.received(made.office, dmOffset=str(MOST + 1), dmLimit="100000")
    assert len(rest.all("dmRecord")) == 10


async def test_a_message_not_yet_delivered_is_in_the_sent_list(tmp_path: Path) -> None:
    async with stand(tmp_path, IsdsQuirks(delivery_seconds=600)) as made:
        await made.send(made.company, made.office, dmSenderRefNumber="FV-9")
        since = (made.clock.now() - timedelta(minutes=1)).isoformat()
        told = await made.sent(made.company, dmFromTime=since)
        assert told.text("dmSenderRefNumber") == "FV-9"
        assert told.text("dmDeliveryTime") == ""


async def test_personal_messages_are_for_those_who_may_read_all(made: Stand) -> None:
    login = made.isds.people.admit(
        made.office, "omezeny", PASSWORD, rights=Right.GATEWAY & ~Right.READ_ALL, primary=False
    )
    sent = await made.send(made.company, made.office, dmPersonalDelivery="true")
    made.logins[made.office.box_id] = basic(login.name, PASSWORD)
    assert (await made.received(made.office)).text("dmMessageStatus") == "4"
    assert (await made.one(made.office, "SignedMessageDownload", sent, DZ)).code == "1004"
    login.rights |= Right.READ_ALL
    assert (await made.received(made.office)).text("dmMessageStatus") == "6"
    assert states(made, sent)[-1] == "EV12"


# --- directory --------------------------------------------------------------------------------


async def test_boxes_are_found(made: Stand) -> None:
    search = (
        "<t:searchText>úřad příklad</t:searchText><t:searchType>GENERAL</t:searchType>"
        "<t:searchScope>OVM</t:searchScope><t:page>0</t:page><t:pageSize/>"
        "<t:highlighting>true</t:highlighting>"
    )
    told = await made.ask(made.company, "ISDSSearch3", search, service=DF)
    assert told.text("dbID") == made.office.box_id
    assert told.text("dbSendOptions") == "DZ"
    assert told.text("dbName") == "|$*HL_START*$|Úřad Příklad|$*HL_END*$|"
    owner = "<t:dbOwnerInfo><t:dbType>PO</t:dbType><t:ic>00000002</t:ic></t:dbOwnerInfo>"
    told = await made.ask(made.office, "FindDataBox2", owner, service=DF)
    assert told.text("firmName") == "Firma Vzor s.r.o."
    none = owner.replace("00000002", "99999999")
    assert (await made.ask(made.office, "FindDataBox2", none, service=DF)).code == "0002"
    mine = await made.ask(
        made.office, "GetOwnerInfoFromLogin2", "<t:dbDummy/>", service=Service.ACCESS
    )
    assert (mine.text("dbID"), mine.text("dbIdOVM")) == (made.office.box_id, "Uprikla")
    for given, code in (("zzz", "1007"), ("qzzzzzz", "5001"), (made.office.box_id, "0000")):
        inner = f"<t:dbID>{given}</t:dbID>"
        assert (await made.ask(made.office, "CheckDataBox", inner, service=DF)).code == code


async def test_an_unknown_operation_is_answered_in_200(made: Stand) -> None:
    told = await made.ask(made.office, "SendDovolena", service=DZ)
    assert (told.http, told.code) == (200, "2006")
    assert told.response is not None
    assert etree.QName(told.response).localname == "SendDovolenaResponse"


async def test_requests_that_depart_from_the_schema_are_taken_and_noted(made: Stand) -> None:
    await made.received(made.office)
    noted = {name for name, _ in made.isds.request_deviations}
    assert noted == {"GetListOfReceivedMessages"}


async def test_an_answer_that_would_break_the_schema_is_a_fault_of_its_own(made: Stand) -> None:
    odd = made.isds.people.add("Schránka s chybou", box_id="prilisdlouhe")
    made.isds.people.admit(odd, "chybna", PASSWORD)
    made.logins[odd.box_id] = basic("chybna", PASSWORD)
    told = await made.ask(odd, "GetOwnerInfoFromLogin2", "<t:dbDummy/>", service=Service.ACCESS)
    assert told.http == 500
    assert b"dbID" in told.raw
