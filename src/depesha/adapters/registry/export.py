"""The waiting list as a table: everything a substitute register needs (S21, EMG-06). Pure.

CSV by RFC 4180, every field quoted. A field that a spreadsheet would take for a formula gets an
apostrophe in front: senders choose these texts, and clerks open them.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

from depesha.schemas.message import warnings_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from depesha.schemas.envelope import RegistrationNumber
    from depesha.schemas.message import Message

BOM = "\ufeff".encode()
_FORMULA = tuple("=+-@\t\r\n|%＝＋－＠")
"""First characters that spreadsheets act upon, full-width forms included (OWASP, CSV injection)."""

COLUMNS = (
    "id",
    "state",
    "received_at",
    "network",
    "sender",
    "sender_identifier",
    "sender_number",
    "sender_date",
    "document_guid",
    "message_guid",
    "answers_number",
    "kind",
    "subject",
    "attention_to",
    "deadline",
    "attachments",
    "attachment_names",
    "attachment_sha256",
    "warnings",
    "original_sha256",
    "substitute_number",
    "substitute_date",
)
"""The last two are empty, unless registered: the clerk writes the substitute number there."""


def safe(text: str) -> str:
    """Return the text as no spreadsheet will run it."""
    plain = text.replace("\0", "")
    return "'" + plain if plain.lstrip(" \u00a0").startswith(_FORMULA) else plain


def _number(number: RegistrationNumber | None) -> tuple[str, str]:
    return ("", "") if number is None else (number.number, number.date.isoformat())


def _row(message: Message) -> dict[str, str]:
    number, day = _number(message.number)
    row = {
        "id": message.id,
        "state": message.state.value,
        "received_at": message.received_at.isoformat(),
        "network": message.network,
        "warnings": " ".join(w.reason.value for w in warnings_of(message.checks)),
        "original_sha256": message.arrival.original,
        "substitute_number": number,
        "substitute_date": day,
    }
    envelope = message.envelope
    if envelope is None:
        return row
    sender_number, sender_date = _number(envelope.document.number)
    return row | {
        "sender": envelope.sender.name,
        "sender_identifier": envelope.sender.identifier,
        "sender_number": sender_number,
        "sender_date": sender_date,
        "document_guid": envelope.document.guid,
        "message_guid": envelope.transport_id,
        "answers_number": _number(envelope.parent.number if envelope.parent else None)[0],
        "kind": envelope.kind,
        "subject": envelope.subject,
        "attention_to": envelope.attention_to,
        "deadline": envelope.deadline.isoformat() if envelope.deadline else "",
        "attachments": str(len(envelope.attachments)),
        "attachment_names": "\n".join(a.name for a in envelope.attachments),
        "attachment_sha256": "\n".join(a.digest for a in envelope.attachments),
    }


def header_bytes() -> bytes:
    """Return the first line."""
    return _csv([COLUMNS])


def rows_bytes(messages: Iterable[Message]) -> bytes:
    """Return one line a message."""
    rows = (_row(message) for message in messages)
    return _csv([safe(row.get(column, "")) for column in COLUMNS] for row in rows)


def _csv(rows: Iterable[Iterable[str]]) -> bytes:
    target = io.StringIO(newline="")
    csv.writer(target, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerows(rows)
    return target.getvalue().encode("utf-8", "replace")
