"""Our XSD and WSDL of ISDS 3.11 against the tables of the facts: names, order, cardinality.

The tables below are written out from the facts, not read from the files, so that a slip in the
files shows. A word's mark says `!` exactly one, `?` may be missing, `*` any number, `+` one at
least; `~` after it: may be nil.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import zeep
from lxml import etree

from depesha.schemas import xml
from depesha.schemas.wire import isds
from depesha.schemas.wire.isds import Paper, Service

XS: Final = "{http://www.w3.org/2001/XMLSchema}"

UNIT = "dmSenderOrgUnit!~ dmSenderOrgUnitNum!~"
TO = "dbIDRecipient!~ dmRecipientOrgUnit!~ dmRecipientOrgUnitNum!~ dmToHands!~"
SUBJECT = (
    "dmAnnotation!~ dmRecipientRefNumber!~ dmSenderRefNumber!~ dmRecipientIdent!~ dmSenderIdent!~"
    " dmLegalTitleLaw!~ dmLegalTitleYear!~ dmLegalTitleSect!~ dmLegalTitlePar!~"
    " dmLegalTitlePoint!~ dmPersonalDelivery!~ dmAllowSubstDelivery!~"
)
CHOICES = "dmOVM?~ dmPublishOwnID?~"
WORDS_18 = f"{UNIT} {TO} {SUBJECT}"
RETURNED = (
    "dmID! dbIDSender!~ dmSender!~ dmSenderAddress!~ dmSenderType! dmRecipient!~"
    f" dmRecipientAddress!~ dmAmbiguousRecipient?~ {WORDS_18}"
)
TIMES = "dmDeliveryTime!~ dmAcceptanceTime!~"
PROOF = f"dmHash! dmQTimestamp!~ {TIMES} dmMessageStatus! dmAttachmentSize!~"
DELIVERY = f"dmDm! dmHash! dmQTimestamp! {TIMES} dmMessageStatus! dmEvents!"
PERIOD = "dmFromTime!~ dmToTime!~"
PAGING = "dmStatusFilter! dmOffset!~ dmLimit!~"
OWNER = (
    "dbID!~ aifoIsds?~ dbType!~ ic!~ pnGivenNames!~ pnLastName!~ firmName!~ biDate!~ biCity!~"
    " biCounty!~ biState!~ adCode!~ adCity!~ adDistrict!~ adStreet!~ adNumberInStreet!~"
    " adNumberInMunicipality!~ adZipCode!~ adState!~ nationality!~ dbIdOVM!~ dbState!~"
    " dbOpenAddressing!~ dbUpperID!~"
)
BIG_ENVELOPE = (
    "dmSenderOrgUnit?~ dmSenderOrgUnitNum?~ dbIDRecipient! dmRecipientOrgUnit?~"
    " dmRecipientOrgUnitNum?~ dmToHands?~ dmAnnotation! dmRecipientRefNumber?~"
    " dmSenderRefNumber?~ dmRecipientIdent?~ dmSenderIdent?~ dmLegalTitleLaw?~"
    " dmLegalTitleYear?~ dmLegalTitleSect?~ dmLegalTitlePar?~ dmLegalTitlePoint?~"
    f" dmPersonalDelivery?~ dmAllowSubstDelivery?~ {CHOICES}"
)
SIGNED, SIGNED_SURE = "dmSignature? dmStatus?", "dmSignature? dmStatus!"
AUTHENTICATED = "dmAuthResult?~ dmStatus!"
LIST = "dmRecords?~ dmStatus!"
ERASED = "dmFromDate! dmToDate! dmYear! dmMonth? dmMessageType! dmOutFormat!"
SEARCH = "searchText! searchType!~ searchScope!~ page!~ pageSize!~ highlighting?~"
FOUND = "totalCount? currentCount? position? lastPage? dbResults? dbStatus!"
REPORT = "dmID! repName? repMail? repTel? allowComplete! note?"

ROWS: Final = {
    Service.OPERATIONS: {
        "CreateMessage": ("dmEnvelope! dmFiles!", "dmID? dmStatus!"),
        "CreateMultipleMessage": (
            "dmRecipients! dmEnvelope! dmFiles!",
            "dmMultipleStatus?~ dmStatus!",
        ),
        "MessageDownload": ("dmID!", "dmReturnedMessage?~ dmStatus?"),
        "SignedMessageDownload": ("dmID!", SIGNED),
        "SignedSentMessageDownload": ("dmID!", SIGNED),
        "AuthenticateMessage": ("dmMessage!", AUTHENTICATED),
        # dmResultDoc is obligatory in the official file; an error answer lacks it (facts 2.1).
        "Re-signISDSDocument": ("dmDoc!", "dmResultDoc?~ dmValidTo? dmStatus!"),
        "DummyOperation": ("", "dmStatus!"),
    },
    Service.INFO: {
        "GetListOfReceivedMessages": (f"{PERIOD} dmRecipientOrgUnitNum!~ {PAGING}", LIST),
        "GetListOfSentMessages": (f"{PERIOD} dmSenderOrgUnitNum!~ {PAGING}", LIST),
        "GetMessageStateChanges": (PERIOD, LIST),
        "MessageEnvelopeDownload": ("dmID!", "dmReturnedMessageEnvelope?~ dmStatus!"),
        "SentMessageEnvelopeDownload": ("dmID!", "dmReturnedMessageEnvelope?~ dmStatus!"),
        "GetDeliveryInfo": ("dmID!", "dmDelivery?~ dmStatus?"),
        "GetSignedDeliveryInfo": ("dmID!", SIGNED_SURE),
        "MarkMessageAsDownloaded": ("dmID!", "dmStatus!"),
        "VerifyMessage": ("dmID!", "dmHash? dmStatus!"),
        "GetMessageAuthor": ("dmID!", "userType?~ authorName?~ dmStatus!"),
        "GetMessageAuthor2": ("dmID!", "dmMessageAuthor? dmStatus!"),
        "EraseMessage": ("dmID! dmIncoming!", "dmStatus!"),
        "GetListOfErasedMessages": (ERASED, "asyncID? dmStatus!"),
        "PickUpAsyncResponse": (
            "asyncID! asyncReqType!",
            "asyncReqType? asyncResponse? dmStatus!",
        ),
        "RegisterForNotifications": ("action!", "dmStatus!"),
        "GetListForNotifications": (
            "ntfFromTime! ntfScope!",
            "ntfRecords?~ ntfListContinues? dmStatus!",
        ),
        "SuspMessageReport": (REPORT, "dmStatus!"),
    },
    Service.SEARCH: {
        "CheckDataBox": ("dbID! dbApproved?~ dbExternRefNumber?~", "dbState? dbStatus!"),
        "FindDataBox2": ("dbOwnerInfo!", "dbResults?~ dbStatus!"),
        "ISDSSearch3": (SEARCH, FOUND),
        "PDZSendInfo": ("dbId! PDZType!~", "PDZsiResult?~ dbStatus!"),
    },
    Service.ACCESS: {
        # dbOwnerInfo is obligatory in the official file; an error answer may lack it (facts 2.1).
        "GetOwnerInfoFromLogin2": ("dbDummy!", "dbOwnerInfo? dbStatus!"),
        "GetPasswordInfo": ("dbDummy!", "pswExpDate?~ dbStatus!"),
        "ChangeISDSPassword": ("dbOldPassword! dbNewPassword!", "dbStatus!"),
    },
    Service.BIG: {
        "UploadAttachment": ("dmFile!", "dmAttID? dmAttHash1? dmAttHash2? dmStatus!"),
        "CreateBigMessage": ("dmEnvelope! dmFiles!", "dmID? dmStatus!"),
        "SignedBigMessageDownload": ("dmID!", SIGNED_SURE),
        "SignedSentBigMessageDownload": ("dmID!", SIGNED_SURE),
        "BigMessageDownload": ("dmID!", "dmReturnedMessage?~ dmStatus!"),
        "DownloadAttachment": ("dmID! attNum!", "dmFile? dmStatus!"),
        "AuthenticateBigMessage": ("dmMessage!", AUTHENTICATED),
    },
    Service.ARCHIVE: {
        "ArchiveISDSDocument": ("dmMessage!", "dmResultDoc?~ nextStampTo?~ dmStatus!"),
    },
}
"""Facts 5.1, 5.2, 5.3, 8.3, 9.7: request and answer of every operation."""

TYPES: Final = {
    "tMessageEnvelope": f"{WORDS_18} {CHOICES}",
    "tMultipleMessageEnvelope": f"{UNIT} {SUBJECT} {CHOICES}",
    "tRecipient": "dbIDRecipient! dmRecipientOrgUnit?~ dmRecipientOrgUnitNum?~ dmToHands!~",
    "tRecipients": "dmRecipient+",
    "tMultipleStatus": "dmSingleStatus+~",
    "tSingleStatus": "dmID? dmStatus!",
    "tEnvelopeBody": RETURNED,
    "tMessageBody": f"{RETURNED} dmFiles!",
    "tFiles": "dmFile+",
    "tReturnedMessage": f"dmDm! {PROOF}",
    "tReturnedEnvelope": f"dmDm! {PROOF}",
    "tRecords": "dmRecord*",
    "tRecord": f"dmOrdinal! {RETURNED} dmMessageStatus! dmAttachmentSize!~ {TIMES}",
    "tStateChanges": "dmRecord*",
    "tStateChange": "dmID! dmEventTime! dmMessageStatus!",
    "tDelivery": DELIVERY,
    "tEvents": "dmEvent+",
    "tEvent": "dmEventTime!~ dmEventDescr!~",
    "tStatus": "dmStatusCode! dmStatusMessage!",
    "tDbReqStatus": "dbStatusCode! dbStatusMessage! dbStatusRefNumber?~",
    "tDbOwnerInfoExt2": OWNER,
    "tDbOwnerSought": OWNER,
    "tDbResult": "dbID! dbType! dbName! dbAddress! dbBiDate!~ dbICO!~ dbIdOVM!~ dbSendOptions!",
    "tBigMessageEnvelope": BIG_ENVELOPE,
    "tBigFiles": "dmExtFile+ dmFile*",
    "tNotification": "ntfType! dmID! dmPersonalDelivery! dmDeliveryTime! dbIDRecipient!"
    " dmAnnotation! dbIDSender! dmSender!",
}
"""Facts 4.1-4.7, 5.3.1, 5.3.2, 8.3."""

ATTRIBUTES: Final = {
    "tMessageEnvelope": "dmType",
    "tMultipleMessageEnvelope": "dmType",
    "tPublishOwnID": "IdLevel",
    "tFile": "dmMimeType! dmFileMetaType! dmFileGuid dmUpFileGuid dmFileDescr! dmFormat",
    "tHash": "algorithm",
    "tReturnedMessage": "dmType specMessFlag",
    "tReturnedEnvelope": "dmType dmVODZ attsNum specMessFlag",
    "tReturnedBigMessage": "dmVODZ attsNum",
    "tRecord": "dmType dmVODZ specMessFlag",
    "tExtFile": "dmFileMetaType! dmAttID! dmAttHash1! dmAttHash1Alg! dmAttHash2! dmAttHash2Alg!"
    " dmFileGuid dmUpFileGuid",
    "tAttHash": "AttHashAlg",
}


class Described:
    """Our schema files, flattened: what stands in a type, in order."""

    def __init__(self, *files: str) -> None:
        roots = [xml.parse(isds.FOLDER / file).root for file in files]
        self.types = _named(roots, "complexType")
        self.groups = _named(roots, "group")
        self.elements = _named(roots, "element")

    def words(self, node: etree._Element) -> str:
        return " ".join(self._words(node))

    def _words(self, node: etree._Element) -> list[str]:
        found: list[str] = []
        for part in node:
            if part.tag == f"{XS}element":
                found.append(_marked(part))
            elif part.tag == f"{XS}group":
                found += self._words(self.groups[part.get("ref", "").split(":")[1]])
            elif part.tag in {f"{XS}sequence", f"{XS}choice", f"{XS}complexType"}:
                found += self._words(part)
        return found

    def operation(self, name: str) -> str:
        element = self.elements[name]
        of = element.get("type", "")
        if of.startswith("t:"):
            return self.words(self.types[of[2:]])
        return self.words(element)


def _named(roots: list[etree._Element], kind: str) -> dict[str, etree._Element]:
    return {part.get("name", ""): part for root in roots for part in root.findall(f"{XS}{kind}")}


def _marked(part: etree._Element) -> str:
    name = part.get("name") or part.get("ref", "").split(":")[1]
    least, most = part.get("minOccurs", "1"), part.get("maxOccurs", "1")
    mark = {("1", "1"): "!", ("0", "1"): "?", ("0", "unbounded"): "*", ("1", "unbounded"): "+"}
    return name + mark[least, most] + ("~" if part.get("nillable") == "true" else "")


FILES = Described(
    "types.xsd", "operations.xsd", "info.xsd", "search.xsd", "access.xsd", "big.xsd", "archive.xsd"
)


@pytest.mark.parametrize("service", Service)
def test_the_operations_of_a_service_are_those_of_the_facts_and_zeep_reads_them(
    service: Service,
) -> None:
    make: Any = zeep.Client  # zeep's own types cover a part of it only
    client = make(str(service.wsdl))
    assert set(client.service._operations) == set(ROWS[service])


@pytest.mark.parametrize(
    ("operation", "request_words", "answer_words"),
    [(name, *rows) for table in ROWS.values() for name, rows in table.items()],
)
def test_words_of_an_operation_stand_in_order(
    operation: str, request_words: str, answer_words: str
) -> None:
    assert FILES.operation(operation) == request_words
    assert FILES.operation(f"{operation}Response") == answer_words


def test_no_operation_is_described_that_the_facts_do_not_give() -> None:
    told = {name for table in ROWS.values() for name in table}
    assert set(FILES.elements) == told | {f"{name}Response" for name in told}


@pytest.mark.parametrize(("name", "words"), TYPES.items())
def test_words_of_a_structure_stand_in_order(name: str, words: str) -> None:
    assert FILES.words(FILES.types[name]) == words


@pytest.mark.parametrize(("name", "attributes"), ATTRIBUTES.items())
def test_attributes_of_a_structure(name: str, attributes: str) -> None:
    found = " ".join(
        a.get("name", "") + ("!" if a.get("use") == "required" else "")
        for a in FILES.types[name].iter(f"{XS}attribute")
    )
    assert found == attributes


@pytest.mark.parametrize("paper", Paper)
def test_what_is_sealed_has_the_same_words_in_its_own_namespace(paper: Paper) -> None:
    file = {"message": "sealed-message", "SentMessage": "sealed-sent", "delivery": None}
    described = Described(f"{file[paper.value] or 'sealed-delivery'}.xsd")
    root = described.elements[paper.root]
    assert described.words(root) == f"{paper.child}!"  # no dmStatus in a ZFO (facts 9.2)
    inner = root.find(f".//{XS}element[@name='{paper.child}']/{XS}complexType/{XS}sequence")
    assert inner is not None
    expected = DELIVERY if paper is Paper.DELIVERY else f"dmDm! {PROOF}"
    assert described.words(inner) == expected
    isds.paper_schema(paper)


def test_every_schema_loads_and_nothing_is_fetched() -> None:
    isds.schema()
    for file in isds.FOLDER.iterdir():
        if file.suffix in {".xsd", ".wsdl"}:
            assert 'schemaLocation="http' not in file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "count"), [("tDbType", 22), ("tDbTypeSought", 22), ("tSearchScope", 22)]
)
def test_lists_of_kinds_are_whole(kind: str, count: int) -> None:
    roots = [xml.parse(isds.FOLDER / f).root for f in ("types.xsd", "search.xsd")]
    values = _named(roots, "simpleType")[kind].findall(f".//{XS}enumeration")
    assert len({v.get("value") for v in values}) == count


def test_a_service_has_one_port_with_an_empty_action() -> None:
    names = {
        Service.OPERATIONS: "dmOperations",
        Service.INFO: "dmInfo",
        Service.SEARCH: "DataBoxSearch",
        Service.ACCESS: "DataBoxAccess",
        Service.BIG: "dmVoDZ",
    }
    for service, name in names.items():
        text = Path(service.wsdl).read_text(encoding="utf-8")
        assert f'portType name="{name}PortType"' in text
        assert f'binding name="{name}Binding"' in text
        assert 'name="parameter"' in text
        assert text.count('soapAction=""') == len(ROWS[service])
