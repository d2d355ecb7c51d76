"""The state of a document as the one small attachment of a message between two gateways. Pure.

ISDS has no acknowledgement (facts 12): a reply by reference numbers carries it, readable for
people and for another Depesha. It is its sender's claim; who that is, ISDS says.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from depesha.errors import WireError
from depesha.schemas import ids, xml
from depesha.schemas.answer import DocumentStatus, StatusAnswer
from depesha.schemas.envelope import DocumentReference, RegistrationNumber

NAMESPACE: Final = "urn:depesha:isds:document-status:1"
NAME: Final = "potvrzeni.xml"
MEDIA_TYPE: Final = "application/xml"
LARGEST: Final = 64 * 1024
"""Bytes of an attachment that may be such a word."""
REASON: Final = 4_000
SENTENCES: Final = {
    DocumentStatus.WAITING: "Dokument čeká na evidenci",
    DocumentStatus.REGISTERED: "Dokument byl zaevidován",
    DocumentStatus.REJECTED: "Dokument nebyl přijat",
    DocumentStatus.ALREADY_RECEIVED: "Dokument byl přijat již dříve",
    DocumentStatus.NOT_FOUND: "Dokument nebyl nalezen",
    DocumentStatus.STOPPED: "Vyřizování bylo zastaveno",
    DocumentStatus.CLOSED: "Dokument byl vyřízen",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWord:
    """A partner's answer about a document of ours."""

    document: DocumentReference
    status: DocumentStatus
    reason: str = ""
    expected_close: date | None = None


def subject(answer: StatusAnswer) -> str:
    """Return the subject of the message that tells it."""
    number = answer.document.number
    return SENTENCES[answer.status] + ("" if number is None else f": {number.number}")


def write(answer: StatusAnswer) -> bytes:
    """Return the attachment; the same answer gives the same bytes."""
    number = answer.document.number
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f"<documentStatus xmlns={quoteattr(NAMESPACE)}>",
        f"  <document>{answer.document.guid}</document>",
        f"  <status>{answer.status.value}</status>",
        f"  <text>{escape(subject(answer))}</text>",
    ]
    if number is not None:
        day = number.date.isoformat()
        lines.append(f'  <number date="{day}">{escape(_plain(number.number))}</number>')
    if answer.reason:
        lines.append(f"  <reason>{escape(_plain(answer.reason)[:REASON])}</reason>")
    if answer.expected_close is not None:
        lines.append(f"  <expectedClose>{answer.expected_close.isoformat()}</expectedClose>")
    return ("\n".join([*lines, "</documentStatus>"]) + "\n").encode()


def read(content: bytes) -> StatusWord | None:
    """Return what an attachment tells; None for any other one, a damaged one included."""
    if NAMESPACE.encode() not in content or len(content) > LARGEST:
        return None
    try:
        root = xml.parse(content).root
        if root.tag != f"{{{NAMESPACE}}}documentStatus":
            return None
        said = {
            str(each.tag).rpartition("}")[2]: ((each.text or "").strip(), each.get("date", ""))
            for each in root
        }
        number, day = said.get("number", ("", ""))
        close = said.get("expectedClose", ("", ""))[0]
        return StatusWord(
            document=DocumentReference(
                guid=ids.guid(said.get("document", ("", ""))[0]),
                number=RegistrationNumber(number=number, date=date.fromisoformat(day))
                if number
                else None,
            ),
            status=DocumentStatus(said.get("status", ("", ""))[0]),
            reason=said.get("reason", ("", ""))[0][:REASON],
            expected_close=date.fromisoformat(close) if close else None,
        )
    except (WireError, ValueError):
        return None


def _plain(text: str) -> str:
    """Leave out what XML cannot carry."""
    return "".join(c for c in text if c.isprintable() or c in "\t\n")
