"""Reads the REST side's JSON into values (facts 2.7, 3). Pure.

Tolerant where guide and code differ, strict where a wrong reading would do harm.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from depesha.adapters.ssev.values import (
    Group,
    MessageFile,
    OpenedMessage,
    Profile,
    Receipt,
    Row,
    RowPage,
    Scan,
    SentMessage,
)
from depesha.errors import WireError
from depesha.schemas import ids
from depesha.schemas.wire.ssev import FORWARD_TEXT, LETTER_TEXT

SOFIA: Final = ZoneInfo("Europe/Sofia")
_SCANS: Final = {1: Scan.NONE, 2: Scan.CLEAN, 3: Scan.UNSURE, 4: Scan.MALICIOUS}
_NO_SPACE: Final = frozenset({1, "1", "InsufficientStorageSpace"})
Json = Mapping[str, Any]


def parse(body: bytes) -> Any:
    """Parse JSON; raise `WireError`."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WireError("an answer is not JSON") from error


def as_object(given: Any) -> Json:
    """Return a JSON object; raise `WireError`."""
    if not isinstance(given, dict):
        raise WireError("an answer is not the object it should be")
    return given


def text(given: Json, name: str) -> str:
    """Return a text; empty where null or absent; raise `WireError` for anything else."""
    value = given.get(name)
    if value is not None and not isinstance(value, str):
        raise WireError("a text in an answer is none")
    return value or ""


def whole(value: Any) -> int:
    """Return a whole number; raise `WireError`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise WireError("a number in an answer is none")
    return value


def optional(value: Any) -> int | None:
    """Return a whole number or None; raise `WireError`."""
    return None if value is None else whole(value)


def moment(given: Json, name: str) -> datetime | None:
    """Return a moment, with an offset or in Sofia's time (facts 2.7); None where absent."""
    value = text(given, name)
    if not value:
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        raise WireError("a moment in an answer cannot be read") from None
    return read.replace(tzinfo=SOFIA) if read.tzinfo is None else read


def must_moment(given: Json, name: str) -> datetime:
    """Return a moment that must be there; raise `WireError`."""
    found = moment(given, name)
    if found is None:
        raise WireError("a moment in an answer is missing")
    return found


def profile(given: Json, group: Group | None = None) -> Profile:
    """Return a profile: `search` gives activated ones only."""
    return Profile(
        name=text(given, "name"),
        identifier=text(given, "identifier"),
        profile_id=whole(given.get("profileId")),
        group=group,
    )


def scan(given: Json) -> Scan:
    """Return the scanner's word, written as a number or a word (facts 9, no. 6)."""
    value = given.get("malwareScanStatus")
    if isinstance(value, int) and value in _SCANS:
        return _SCANS[value]
    if isinstance(value, str) and value.isdigit():
        return _SCANS.get(int(value), Scan.UNSURE)
    return next((each for each in Scan if each.value == value), Scan.UNSURE)


def no_space(given: Json) -> bool:
    """Tell whether the quota refused an upload."""
    return given.get("errorStatus") in _NO_SPACE


def page(given: Any) -> RowPage:
    """Return a page of an inbox or outbox."""
    whole_page = as_object(given)
    found = whole_page.get("result")
    if not isinstance(found, list):
        raise WireError("a list in an answer is none")
    rows = tuple(_row(as_object(each)) for each in found)
    return RowPage(rows=rows, total=whole(whole_page.get("length")))


def _row(given: Json) -> Row:
    return Row(
        message_id=whole(given.get("messageId")),
        sent_at=must_moment(given, "dateSent"),
        received_at=moment(given, "dateReceived"),
        subject=text(given, "subject"),
        sender_name=text(given, "senderProfileName"),
        recipients=text(given, "recipients") or text(given, "recipientProfileName"),
        rnu=text(given, "rnu"),
        template_id=optional(given.get("templateId")),
    )


def opened(given: Any, message_id: int, raw: bytes) -> OpenedMessage:
    """Return a received message; its files are still to be downloaded."""
    message = as_object(given)
    _same(message, message_id)
    sender = as_object(message.get("sender"))
    fields = as_object(message.get("fields"))
    return OpenedMessage(
        message_id=message_id,
        sent_at=must_moment(message, "dateSent"),
        received_at=moment(message, "dateReceived"),
        subject=text(message, "subject"),
        text=_letter_text(fields),
        sender_name=text(sender, "name"),
        sender_profile_id=optional(sender.get("profileId")),
        rnu=text(message, "rnu"),
        template_id=optional(message.get("templateId")),
        forwarded_id=optional(message.get("forwardedMessageId")),
        files=_files(fields),
        raw=raw,
    )


def viewed(given: Any, message_id: int, raw: bytes) -> SentMessage:
    """Return a message of ours with the state of every recipient."""
    message = as_object(given)
    _same(message, message_id)
    recipients = message.get("recipients")
    if not isinstance(recipients, list):
        raise WireError("a list in an answer is none")
    return SentMessage(
        message_id=message_id,
        sent_at=must_moment(message, "dateSent"),
        subject=text(message, "subject"),
        receipts=tuple(_receipt(as_object(each)) for each in recipients),
        rnu=text(message, "rnu"),
        files=_files(as_object(message.get("fields"))),
        raw=raw,
    )


def _same(message: Json, message_id: int) -> None:
    if message.get("messageId") != message_id:
        raise WireError("the answer is about another message")


def _receipt(given: Json) -> Receipt:
    return Receipt(
        name=text(given, "name"),
        profile_id=optional(given.get("profileId")),
        received_at=moment(given, "dateReceived"),
    )


def _letter_text(fields: Json) -> str:
    """Return the letter's text, whatever case the field's GUID has; a forwarder's else."""
    by_guid = {guid.lower(): value for guid, value in fields.items()}
    for guid in (LETTER_TEXT, FORWARD_TEXT):
        if isinstance(by_guid.get(guid), str):
            return str(by_guid[guid])
    return ""


def _files(fields: Json) -> tuple[MessageFile, ...]:
    """Return the files of every file component, in order."""
    lists = [value for value in fields.values() if isinstance(value, list)]
    return tuple(file(as_object(each)) for listed in lists for each in listed)


def file(given: Json) -> MessageFile:
    """Return a BlobDO."""
    declared = text(given, "hash")
    size = optional(given.get("size"))
    sha256 = text(given, "hashAlgorithm").replace("-", "").lower() in {"", "sha256"}
    return MessageFile(
        blob_id=whole(given.get("blobId")),
        name=text(given, "fileName"),
        size=size,
        digest=ids.digest(declared.lower()) if declared and sha256 else None,
        registration_number=text(given, "documentRegistrationNumber"),
        clean=True if given.get("isMalicious") is False else None,
        link=text(given, "downloadLink"),
    )
