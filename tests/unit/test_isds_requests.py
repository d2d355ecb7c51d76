"""What we write to ISDS is valid by our schema, and long contents are spliced in unchanged."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from depesha.adapters.isds import calls
from depesha.adapters.isds.answers import body_of
from depesha.adapters.isds.bodies import MtomBody, PlainBody
from depesha.adapters.isds.dialect import Dialect
from depesha.adapters.isds.values import CreateWords, OutgoingFile, Uploaded
from depesha.adapters.multipart import MtomLimits, read_answer
from depesha.adapters.system import WorkerThreads
from depesha.errors import BrokenOffError, WireError
from depesha.schemas import xml
from depesha.schemas.wire.isds import V20, XOP, Service, schema
from depesha.schemas.xml import Document

DIALECT = Dialect()
MARK = b"m" * 24
AT = datetime(2026, 9, 14, 8, 30, 0, 905000, tzinfo=UTC)
WORDS = CreateWords(
    recipient_box="abc2345",
    subject="Žádost <&> \u201euvozovky\u201c",
    sender_reference="DPS-1",
    sender_unit_number=7,
    law_number=500,
    personal_delivery=True,
    fiction_allowed=False,
    as_authority=True,
    message_type="V",
)
UPLOADED = {
    "attachment_id": "A1",
    "hash_1": "0" * 64,
    "hash_1_algorithm": "SHA-256",
    "hash_2": "1" * 64,
    "hash_2_algorithm": "SHA3-256",
}


def outgoing(folder: Path, content: bytes = b"%PDF-1.7", meta: str = "main") -> OutgoingFile:
    path = folder / f"file-{meta}"
    path.write_bytes(content)
    return OutgoingFile(
        name="žádost.pdf",
        media_type="application/pdf",
        meta_type=meta,
        path=path,
        size=len(content),
        guid="g1",
    )


def deviations(envelope: bytes) -> tuple[str, ...]:
    return schema().deviations(Document(body_of(xml.parse(envelope).root)))


async def whole(body: PlainBody | MtomBody) -> bytes:
    threads = WorkerThreads(1)
    try:
        async with body.opened(threads) as pieces:
            return b"".join([piece async for piece in pieces])
    finally:
        await threads.close()


async def test_an_ordinary_message(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5_000 + b"x"
    file = outgoing(tmp_path, content)
    call = DIALECT.write(
        Service.OPERATIONS, "CreateMessage", calls.message(WORDS, [file], [MARK]), [MARK]
    )
    body = PlainBody(call, [(file.path, file.size)])
    sent = await whole(body)
    assert len(sent) == int(body.headers["Content-Length"])
    assert deviations(sent) == ()
    assert b64encode(content) in sent
    assert b64encode(MARK) not in sent
    root = xml.parse(sent).root
    assert root.findtext(f".//{{{V20}}}dmAnnotation") == WORDS.subject
    assert root.findtext(f".//{{{V20}}}dmSenderRefNumber") == "DPS-1"
    assert body.headers["SOAPAction"] == '""'


async def test_an_upload_as_mtom(tmp_path: Path) -> None:
    file = outgoing(tmp_path, b"\r\n--x\r\n" * 1000)
    said = {
        "dmFile": {
            "dmMimeType": file.media_type,
            "dmFileDescr": file.name,
            "dmEncodedContent": MARK,
        }
    }
    call = DIALECT.write(Service.BIG, "UploadAttachment", said, [MARK])
    body = MtomBody(call, [(file.path, file.size)], "boundary-1")
    sent = await whole(body)
    assert len(sent) == int(body.headers["Content-Length"])
    assert file.path.read_bytes() in sent
    [root] = re.findall(rb"\r\n\r\n(<\?xml.*?)\r\n--boundary-1", sent, re.DOTALL)
    include = xml.parse(root).root.find(f".//{{{XOP}}}Include")
    assert include is not None
    parent = include.getparent()
    assert parent is not None
    parent.remove(include)
    parent.text = "AAAA"
    assert deviations(etree.tostring(parent.getroottree())) == ()


async def test_a_big_message_names_what_was_uploaded_first(tmp_path: Path) -> None:
    up = Uploaded(file=outgoing(tmp_path), **UPLOADED)
    inline = outgoing(tmp_path, b"abc", "enclosure")
    said = calls.big_message(WORDS, [up], [inline], [MARK])
    call = DIALECT.write(Service.BIG, "CreateBigMessage", said, [MARK])
    sent = await whole(PlainBody(call, [(inline.path, 3)]))
    assert deviations(sent) == ()
    assert sent.index(b"dmExtFile") < sent.index(b"dmFile ")


@pytest.mark.parametrize(
    ("service", "operation", "said"),
    [
        (Service.OPERATIONS, "SignedMessageDownload", {"dmID": "1"}),
        (Service.INFO, "GetListOfReceivedMessages", calls.listing(AT, None, 1, 500, ())),
        (Service.INFO, "GetListOfSentMessages", calls.listing(None, AT, 501, 500, (4, 5, 6))),
        (Service.INFO, "GetMessageStateChanges", calls.period(AT, None)),
        (Service.SEARCH, "FindDataBox2", {"dbOwnerInfo": {"dbID": "abc2345"}}),
        (Service.SEARCH, "CheckDataBox", {"dbID": "abc2345"}),
        (Service.ACCESS, "GetPasswordInfo", {"dbDummy": ""}),
        (Service.BIG, "DownloadAttachment", {"dmID": "1", "attNum": 0}),
    ],
)
def test_small_calls(service: Service, operation: str, said: dict[str, object]) -> None:
    call = DIALECT.write(service, operation, said)
    assert len(call.pieces) == 1
    assert deviations(call.pieces[0]) == ()


def test_states_are_asked_for_by_bits() -> None:
    assert calls.listing(None, None, 1, 10, (4, 5, 6))["dmStatusFilter"] == "112"
    assert calls.listing(None, None, 1, 10, ())["dmStatusFilter"] == "-1"


@pytest.mark.parametrize("said", [{"dmID": "a\0b"}, {"dmID": "1", "other": "2"}])
def test_what_cannot_be_told_is_refused_before_it_leaves(said: dict[str, str]) -> None:
    with pytest.raises(WireError):
        DIALECT.write(Service.OPERATIONS, "SignedMessageDownload", said)


def test_nothing_is_cut_where_a_mark_is_missing() -> None:
    with pytest.raises(WireError):
        DIALECT.write(Service.OPERATIONS, "SignedMessageDownload", {"dmID": "1"}, [MARK])


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize("cut", [0, 1])
async def test_an_answer_in_parts_is_read_however_it_is_cut(
    tmp_path: Path, step: int, cut: int
) -> None:
    part = b"\r\n--b\r-\n" * 50
    raw = (
        b"--b\r\nContent-Type: application/xop+xml\r\nContent-Id: <rootpart>\r\n\r\n<a/>"
        b"\r\n--b\r\nContent-Id: <p1>\r\n\r\n" + part.replace(b"--b\r-", b"--c\r-") + b"\r\n--b--"
    )
    raw = raw[: len(raw) - cut]

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(raw), step):
            yield raw[start : start + step]

    threads = WorkerThreads(1)
    kind = 'multipart/related; boundary="b"; start="<rootpart>"'
    try:
        reading = read_answer(
            kind, chunks(), folder=tmp_path, limits=MtomLimits(service="ISDS"), threads=threads
        )
        if cut:
            with pytest.raises(BrokenOffError):
                await reading
            assert left_in(tmp_path) == []
        else:
            answer = await reading
            assert answer.envelope == b"<a/>"
            assert answer.included("cid:p1").size == len(part)
    finally:
        await threads.close()


def left_in(folder: Path) -> list[Path]:
    return list(folder.iterdir())
