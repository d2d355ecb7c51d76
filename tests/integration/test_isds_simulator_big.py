"""Big messages of the simulated ISDS with MTOM, and zeep over our own descriptions."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep

from depesha.schemas.wire.isds import SOAP12, V20, XOP, Service
from depesha.simulators.isds_quirks import IsdsQuirks
from depesha.simulators.isds_values import Box
from tests.support.isds import ENVELOPE, PASSWORD, PDF, Stand, envelope, enveloped, file, stand

MB = 1024 * 1024
BIG = Service.BIG


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as ready:
        yield ready


def mtom(operation: str, inner: str, part: bytes) -> tuple[dict[str, str], bytes]:
    boundary = "uuid:0000-1111"
    kind = 'application/xop+xml; charset=UTF-8; type="application/soap+xml"'
    body = (
        f"--{boundary}\r\nContent-Type: {kind}\r\nContent-ID: <root@x>\r\n\r\n".encode()
        + enveloped(operation, inner, SOAP12)
        + f"\r\n--{boundary}\r\nContent-Type: application/pdf\r\n".encode()
        + b"Content-Transfer-Encoding: binary\r\nContent-ID: <part1@x>\r\n\r\n"
        + part
        + f"\r\n--{boundary}--\r\n".encode()
    )
    headers = {
        "Content-Type": (
            'multipart/related; type="application/xop+xml"; start="<root@x>"; '
            f'start-info="application/soap+xml"; boundary="{boundary}"'
        )
    }
    return headers, body


async def upload(made: Stand, box: Box, content: bytes, name: str = "velky.pdf") -> dict[str, str]:
    include = f'<i:Include xmlns:i="{XOP}" href="cid:part1%40x"/>'
    inner = (
        f'<t:dmFile dmMimeType="application/pdf" dmFileDescr="{name}">'
        f"<t:dmEncodedContent>{include}</t:dmEncodedContent></t:dmFile>"
    )
    headers, body = mtom("UploadAttachment", inner, content)
    headers["Authorization"] = made.logins[box.box_id]
    url = made.isds.urls.service(BIG)
    async with made.session.post(
        url, data=io.BytesIO(body), headers=headers, expect100=True
    ) as answer:
        text = (await answer.read()).decode()
    assert answer.status == 200, text
    assert "0000" in text, text
    found = re.findall(r"<p:(dmAttID|dmAttHash1|dmAttHash2)[^>]*>([^<]+)<", text)
    return dict(found)


def external(got: dict[str, str], meta: str = "main", **changes: str) -> str:
    words = {
        "dmFileMetaType": meta,
        **got,
        "dmAttHash1Alg": "SHA-256",
        "dmAttHash2Alg": "SHA3-256",
        **changes,
    }
    return "<t:dmExtFile " + " ".join(f'{k}="{v}"' for k, v in words.items()) + "/>"


async def create(made: Stand, files: str) -> str:
    inner = envelope(dbIDRecipient=made.office.box_id, dmAnnotation="Velká zpráva")
    inner += f"<t:dmFiles>{files}</t:dmFiles>"
    told = await made.ask(made.company, "CreateBigMessage", inner, service=BIG, soap=SOAP12)
    return told.text("dmID") if told.code == "0000" else told.code


async def test_a_big_message_goes_up_and_comes_down_by_mtom(made: Stand) -> None:
    content = PDF + bytes(range(256)) * (19 * MB // 256)
    got = await upload(made, made.company, content)
    assert got["dmAttHash1"] == hashlib.sha256(content).hexdigest()
    assert got["dmAttHash2"] == hashlib.sha3_256(content).hexdigest()
    sent = await create(made, external(got) + file(PDF, "dopis.pdf", "enclosure"))
    listed = await made.received(made.office)
    assert listed.all("dmRecord")[0].get("dmVODZ") == "true"

    for operation, body in (
        ("SignedBigMessageDownload", f"<t:dmID>{sent}</t:dmID>"),
        ("DownloadAttachment", f"<t:dmID>{sent}</t:dmID><t:attNum>0</t:attNum>"),
    ):
        parts = await by_mtom(made, made.office, operation, body)
        assert parts[0].count(b"Include") == 1
        if operation == "DownloadAttachment":
            assert parts[1] == content
        else:
            verdict = await asyncio.to_thread(made.openssl, parts[1])
            assert verdict.returncode == 0, verdict.stderr
            digest = re.search(rb"<q:dmHash[^>]*>([^<]+)<", verdict.stdout)
            assert digest is not None
            body_bytes = verdict.stdout[
                verdict.stdout.index(b"<p:dmDm ") : verdict.stdout.index(b"</p:dmDm>") + 9
            ]
            assert hashlib.sha256(body_bytes).digest() == base64.b64decode(digest[1])
    assert not [p for p in (made.folder / "isds").iterdir() if p.suffix == ".zfo"]


async def by_mtom(made: Stand, box: Box, operation: str, inner: str) -> list[bytes]:
    headers = {
        "Content-Type": "application/soap+xml",
        "Accept": "multipart/related, application/xop+xml",
        "Authorization": made.logins[box.box_id],
    }
    url = made.isds.urls.service(BIG)
    body = enveloped(operation, inner, SOAP12)
    async with made.session.post(url, data=body, headers=headers) as answer:
        raw = await answer.read()
        kind = answer.headers["Content-Type"]
    assert kind.startswith("multipart/related")
    whole = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + raw)
    parts = whole.get_payload()
    assert isinstance(parts, list)
    boundary = str(whole.get_boundary()).encode()
    pieces = (b"\r\n" + raw).split(b"\r\n--" + boundary)[1:-1]
    return [piece.partition(b"\r\n\r\n")[2] for piece in pieces]


async def test_what_is_wrong_with_a_big_message(made: Stand) -> None:
    good = await upload(made, made.company, PDF + bytes(18 * MB))
    small = await upload(made, made.company, PDF)
    other = await upload(made, made.office, PDF)
    wrong = "0" * 64
    assert await create(made, external(good, dmAttHash1=wrong)) == "1288"
    assert await create(made, external(good, dmAttHash2=wrong)) == "1289"
    assert await create(made, external(other)) == "1293"
    assert await create(made, external(good, dmAttID="nikde")) == "1294"
    assert await create(made, external(small)) == "1297"
    assert await create(made, file()) == "2032"
    assert await create(made, external(good) + file()) == "2010"
    sent = await create(made, external(good))
    assert await create(made, external(good)) > sent  # an upload may be used again
    told = await made.one(made.office, "SignedMessageDownload", sent, Service.OPERATIONS)
    assert told.code == "1281"
    ordinary = await made.send(made.company, made.office)
    assert (await made.one(made.office, "SignedBigMessageDownload", ordinary, BIG)).code == "1281"
    inner = f"<t:dmID>{sent}</t:dmID><t:attNum>1</t:attNum>"
    assert (await made.ask(made.office, "DownloadAttachment", inner, service=BIG)).code == "1299"
    made.isds.pass_time(timedelta(hours=24))
    assert await create(made, external(good)) == "1294"
    assert (await made.one(made.office, "SignedBigMessageDownload", sent, BIG)).code == "0000"


async def test_a_wrong_content_type_on_the_big_host_is_599(made: Stand) -> None:
    for kind in ("multipart/related; boundary=x", "application/octet-stream"):
        headers = {"Content-Type": kind, "Authorization": made.logins[made.office.box_id]}
        url = made.isds.urls.service(BIG)
        async with made.session.post(url, data=b"--x\r\n\r\n--x--", headers=headers) as answer:
            assert answer.status == 599
            assert SOAP12 in await answer.text()


# --- zeep -------------------------------------------------------------------------------------


def client(made: Stand, box: Box, service: Service) -> Any:
    session = requests.Session()
    session.auth = (f"u{box.box_id}", PASSWORD)
    if service is BIG:
        session.headers["Accept"] = "multipart/related"
    library: Any = zeep
    made_client = library.Client(
        str(service.wsdl), transport=library.transports.Transport(session=session)
    )
    (binding,) = {
        port.binding.name.text
        for each in made_client.wsdl.services.values()
        for port in each.ports.values()
    }
    return made_client.create_service(binding, made.isds.urls.service(service))


async def test_zeep_from_our_descriptions(made: Stand) -> None:
    await asyncio.to_thread(_zeep, made)
    assert made.isds.request_deviations == []


def _zeep(made: Stand) -> None:
    dz, dx = client(made, made.company, Service.OPERATIONS), client(made, made.office, Service.INFO)
    words = dict.fromkeys(ENVELOPE)
    words |= {"dbIDRecipient": made.office.box_id, "dmAnnotation": "Ze zeepu"}
    attached = {
        "dmEncodedContent": PDF,
        "dmMimeType": "application/pdf",
        "dmFileMetaType": "main",
        "dmFileDescr": "a.pdf",
    }
    sent = dz.CreateMessage(dmEnvelope=words, dmFiles={"dmFile": [attached]})
    assert sent.dmStatus.dmStatusCode == "0000"
    listed = dx.GetListOfReceivedMessages(None, None, None, "-1", 1, 1000)
    (record,) = listed.dmRecords.dmRecord
    assert (record.dmID, record.dmMessageStatus) == (sent.dmID, 6)
    incoming = client(made, made.office, Service.OPERATIONS)
    plain = incoming.MessageDownload(sent.dmID).dmReturnedMessage
    assert plain.dmDm.dmFiles.dmFile[0].dmEncodedContent == PDF
    assert made.openssl(incoming.SignedMessageDownload(sent.dmID).dmSignature).returncode == 0
    info = dx.GetDeliveryInfo(sent.dmID).dmDelivery
    assert [e.dmEventDescr[:4] for e in info.dmEvents.dmEvent] == ["EV0:", "EV5:", "EV11"]
    assert dx.MarkMessageAsDownloaded(sent.dmID).dmStatusCode == "0000"
    assert incoming.DummyOperation("").dmStatusCode == "0000"
    df = client(made, made.office, Service.SEARCH)
    assert df.CheckDataBox(made.company.box_id).dbState == 1
    found = df.ISDSSearch3("firma vzor", None, None, None, None)
    assert found.dbResults.dbResult[0].dbID == made.company.box_id
    access = client(made, made.office, Service.ACCESS)
    owner = access.GetOwnerInfoFromLogin2("").dbOwnerInfo
    assert owner.dbID == made.office.box_id
    _zeep_big(made)


def _zeep_big(made: Stand) -> None:
    content = PDF + bytes(19 * MB)
    vodz = client(made, made.company, BIG)
    up = vodz.UploadAttachment(
        {"dmEncodedContent": content, "dmMimeType": "application/pdf", "dmFileDescr": "v.pdf"}
    )
    assert up.dmAttHash1._value_1 == hashlib.sha256(content).hexdigest()
    outside = {
        "dmFileMetaType": "main",
        "dmAttID": up.dmAttID,
        "dmAttHash1": up.dmAttHash1._value_1,
        "dmAttHash1Alg": up.dmAttHash1.AttHashAlg,
        "dmAttHash2": up.dmAttHash2._value_1,
        "dmAttHash2Alg": up.dmAttHash2.AttHashAlg,
    }
    words = {"dbIDRecipient": made.office.box_id, "dmAnnotation": "Velká ze zeepu"}
    sent = vodz.CreateBigMessage(dmEnvelope=words, dmFiles={"dmExtFile": [outside]})
    assert sent.dmStatus.dmStatusCode == "0000"
    down = client(made, made.office, BIG)
    assert down.DownloadAttachment(sent.dmID, 0).dmFile.dmEncodedContent == content
    assert made.openssl(down.SignedBigMessageDownload(sent.dmID).dmSignature).returncode == 0


async def test_the_ordinary_host_never_serves_big_messages(tmp_path: Path) -> None:
    async with stand(tmp_path, IsdsQuirks()) as made:
        url = f"{made.isds.urls.ws1}/DS/vodz"
        async with made.session.post(url, data=b"<x/>") as answer:
            assert answer.status == 404
        headers = {"Authorization": made.logins[made.office.box_id], "Content-Type": "text/xml"}
        body = enveloped("DummyOperation", "")
        async with made.session.post(
            f"{made.isds.urls.ws2}/DS/dz", data=body, headers=headers
        ) as answer:
            assert V20 in await answer.text()
