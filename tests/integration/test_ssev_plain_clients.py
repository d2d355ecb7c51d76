"""Clients made from the published shapes alone, zeep and requests, against the simulator."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
import zeep
from lxml import etree
from zeep.wsse.signature import BinarySignature
from zeep.wsse.utils import get_security_header

from depesha.schemas.wire import ssev
from depesha.schemas.xml import Document, parse
from depesha.simulators.ssev_mtom import split
from depesha.simulators.ssev_quirks import SsevQuirks
from tests.support.ssev import Office, Stand, stand


@pytest.fixture
async def made(tmp_path: Path) -> AsyncIterator[Stand]:
    async with stand(tmp_path) as one:
        yield one


class _Signed(BinarySignature):
    """zeep's own signature, with a Timestamp to sign; answers are not signed."""

    def apply(self, envelope: Any, headers: Any) -> Any:
        header: Any = get_security_header
        security = header(envelope)
        stamp = etree.SubElement(security, f"{{{ssev.WSU}}}Timestamp")
        now = datetime.now(UTC)
        for name, moment in (("Created", now), ("Expires", now + timedelta(minutes=5))):
            etree.SubElement(stamp, f"{{{ssev.WSU}}}{name}").text = moment.isoformat()
        sign: Any = super().apply
        return sign(envelope, headers)

    def verify(self, envelope: Any) -> Any:
        return envelope


def plain_session(one: Stand) -> requests.Session:
    """A session that believes the stand's authority, whatever the environment says."""
    session = requests.Session()
    session.trust_env = False
    session.verify = str(one.trusted)
    return session


def zeep_client(one: Stand, office: Office, query: str) -> Any:
    session = plain_session(one)
    # zeep's own types cover a part of it only.
    transport: Any = zeep.Transport
    client: Any = zeep.Client
    signed: Any = _Signed
    return client(
        one.ssev.urls.soap + query,
        transport=transport(session=session),
        wsse=signed(str(office.keys.key), str(office.keys.certificate)),
    )


@pytest.mark.parametrize("query", ["?wsdl", "?singleWsdl"])
@pytest.mark.parametrize("quirks", [SsevQuirks(), SsevQuirks(plain_soap_answers=True)])
async def test_zeep_sends_lists_and_opens(made: Stand, query: str, quirks: SsevQuirks) -> None:
    a = await made.join("000000001", "Община Пример")
    b = await made.join("000000002", "Агенция Образец")
    made.ssev.quirks = quirks

    def talk() -> Any:
        client = zeep_client(made, a, query)
        kind = client.get_type(f"{{{ssev.DATA}}}DcMessageDetails")
        document = client.get_type(f"{{{ssev.DATA}}}DcDocument")
        documents = client.get_type(f"{{{ssev.DATA}}}ArrayOfDcDocument")
        message = kind(
            Title="Тема",
            MessageText="Текст",
            AttachedDocuments=documents(
                DcDocument=[document(Content=b"abc" * 999, DocumentName="писмо.pdf")]
            ),
        )
        checked = client.service.CheckSubjectHasRegistration(identificator="000000002")
        assert checked["SubjectInfo"]["IsActivated"]
        sent = client.service.SendMessage(
            message=message, receiverType="Institution", receiverUniqueIdentifier="000000002"
        )
        other = zeep_client(made, b, query)
        page = other.service.GetReceivedMessagesListPaged(onlyNew=True, pageNumber=1, pageSize=10)
        (row,) = page["Items"]["DcMessage"]
        assert row["Id"] == sent
        assert row["Title"].startswith(f"{sent}/")
        info = other.service.GetSubjectInfo(
            electronicSubjectId=row["SenderProfile"]["ElectronicSubjectId"]
        )
        assert info["UniqueSubjectIdentifier"] == "000000001"
        with pytest.raises(zeep.exceptions.Fault, match="Can't reply"):
            client.service.SendMessageInReplyTo(message=message, replyToMessageId=sent)
        return other.service.GetReceivedMessageContent(messageId=sent)

    got = await asyncio.to_thread(talk)
    assert got["Title"] == "Тема"
    assert got["AttachedDocuments"]["DcDocument"][0]["Content"] == b"abc" * 999
    assert got["TimeStampNRD"]["TimeStampData"]


async def test_every_soap_answer_is_valid(made: Stand) -> None:
    """The bytes of the wire against our schema, whatever zeep tolerates."""
    a = await made.join("000000001", "Община Пример")
    b = await made.join("000000002", "Агенция Образец")
    made.ssev.quirks = SsevQuirks(inline_below=10**9)
    heard: list[tuple[str, bytes]] = []

    def talk() -> None:
        clients = [zeep_client(made, office, "?wsdl") for office in (a, b)]
        for client in clients:
            client.transport.session.hooks["response"].append(
                lambda r, **_: heard.append((r.headers["Content-Type"], r.content))
            )
        first, second = clients[0].service, clients[1].service
        sent = first.SendElectronicDocument(
            subject="Тема",
            docBytes=b"abc",
            docNameWithExtension="a.pdf",
            docRegNumber="РД-1",
            receiverType="Institution",
            receiverUniqueIdentifier="000000002",
        )
        first.GetSentMessageStatus(messageId=sent)
        first.GetSentMessageContent(messageId=sent)
        first.GetSentDocumentsContent(messageId=sent)
        first.GetSentDocumentStatusByRegNum(documentRegistrationNumber="РД-_")
        first.GetSentDocumentContentByRegNum(documentRegistrationNumber="РД-1")
        first.GetSentMessagesList()
        first.GetSentMessagesListPaged(pageNumber=1, pageSize=5)
        second.GetReceivedMessagesList(onlyNew=True)
        second.GetReceivedMessageContent(messageId=sent)
        first.GetRegisteredInstitutions()
        first.CheckPersonHasRegistration(personId="1010101010")
        first.CheckLegalPersonHasRegistration(eik="000000009")
        first.CheckSubjectHasRegistration(identificator="000000009")
        first.GetSubjectInfo(electronicSubjectId=b.profile.subject_id)
        first.GetEDeliveryGeneralStatistics()

    await asyncio.to_thread(talk)
    assert len(heard) == 16
    for kind, body in heard:
        envelope, _ = split(kind, body)
        root = parse(envelope).root
        inner = root.find(f"{{{ssev.SOAP}}}Body")
        assert inner is not None
        document = Document(parse(etree.tostring(inner[0])).root)
        assert ssev.schema().deviations(document) == (), inner[0].tag


async def test_a_plain_http_client_goes_the_whole_rest_way(made: Stand) -> None:
    a = await made.join("000000001", "Община Пример")
    b = await made.join("000000002", "Агенция Образец")
    urls = made.ssev.urls

    def session(office: Office) -> requests.Session:
        one = plain_session(made)
        one.cert = (str(office.keys.certificate), str(office.keys.key))
        login = office.login
        token = one.post(
            f"{urls.oauth}/token",
            params={
                "grant_type": "client_credentials",
                "client_id": login.client_id,
                "scope": "/ed2*",
            },
            headers={"OID": login.oid, "representedPersonID": ""},
            timeout=5,
        ).json()["access_token"]
        told = one.post(
            f"{urls.oauth}/introspect",
            params={"token": token, "token_type_hint": "access_token"},
            timeout=5,
        ).json()
        assert told["miscinfo"] == (
            f"dn:/C=BG/ST=OID:{login.oid}/L=BG/CN={login.client_id}"
            "|representedPersonID:|correspondentOID:|operatorID:"
        )
        one.headers.update({"Authorization": f"Bearer {token}", "Dp-Miscinfo": told["miscinfo"]})
        return one

    def talk() -> None:
        first, second = session(a), session(b)
        query = {"identifier": "000000002", "targetGroupId": "3"}
        found = first.get(f"{urls.api}/profiles/search", params=query, timeout=5).json()
        assert set(found) == {"profileId", "identifier", "name", "email", "phone"}
        up = first.post(
            f"{urls.upload}/blobs?type=Temporary",
            files={"file": ("a.txt", b"abc")},
            timeout=5,
        ).json()
        assert up["hash"] == hashlib.sha256(b"abc").hexdigest().upper()
        assert (up["malwareScanStatus"], up["errorStatus"]) == ("NotMalicious", "None")
        body: Any = {
            "recipientProfileIds": [found["profileId"]],
            "subject": "Тема",
            "rnu": "ignored",
            "templateId": 1,
            "fields": {ssev.LETTER_TEXT: "Текст", ssev.LETTER_FILES: [up["blobId"]]},
        }
        message_id = first.post(f"{urls.api}/messages", json=body, timeout=5).json()
        view = first.get(f"{urls.api}/messages/{message_id}/view", timeout=5).json()
        assert view["rnu"] != "ignored"
        assert view["recipients"][0]["dateReceived"] is None
        page = second.get(f"{urls.api}/messages/inbox", timeout=5).json()
        assert (page["length"], page["result"][0]["dateReceived"]) == (1, None)
        got = second.get(f"{urls.api}/messages/{message_id}/open", timeout=5).json()
        blob = got["fields"][ssev.LETTER_FILES][0]
        part = plain_session(made).get(
            blob["downloadLink"], headers={"Range": "bytes=1-"}, timeout=5
        )
        assert (part.status_code, part.content) == (206, b"bc")
        again = first.post(f"{urls.api}/messages", json=body, timeout=5)
        assert again.status_code == 405  # a used-up blob is a server error in a POST
        body["fields"] = {"00000000-0000-0000-0000-000000000000": "x"}
        wrong = first.post(f"{urls.api}/messages", json=body, timeout=5)
        assert wrong.status_code == 400
        assert wrong.headers["Content-Type"].startswith("application/problem+json")
        statuses = [
            requests_status(first, "POST", f"{urls.api}/obo/messages"),
            requests_status(first, "GET", f"{urls.api}/messages/1/open"),
            requests_status(second, "GET", f"{urls.api}/messages/{message_id}/view"),
            requests_status(first, "GET", f"{urls.api}/profiles?targetGroupId=x"),
            requests_status(first, "GET", f"{urls.api}/nothing"),
        ]
        assert statuses == [403, 500, 403, 403, 404]
        first.headers["Dp-Miscinfo"] = second.headers["Dp-Miscinfo"]
        assert requests_status(first, "GET", f"{urls.api}/messages/inbox") == 401
        with pytest.raises(requests.exceptions.RequestException):
            plain_session(made).post(f"{urls.oauth}/token", timeout=5)

    await asyncio.to_thread(talk)


def requests_status(session: requests.Session, method: str, url: str) -> int:
    return session.request(method, url, timeout=5).status_code
