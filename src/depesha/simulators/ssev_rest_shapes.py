"""The JSON shapes of the REST side: members, order and spellings as the facts have them (2.7, 3).

State in, plain JSON values out. Null members are written, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from depesha.simulators.ssev_people import REQUIRED, TEMPLATES
from depesha.simulators.ssev_state import SsevState, local
from depesha.simulators.ssev_values import (
    GROUP_NAMES,
    Blob,
    Copy,
    Message,
    Profile,
    Scan,
    Uploaded,
)

T = TypeVar("T")

PORTAL: Final = "https://portal.ssev.example"
_SCAN_NUMBERS: Final = {Scan.NONE: 1, Scan.CLEAN: 2, Scan.UNSURE: 3, Scan.MALICIOUS: 4}


class Shapes:
    """Writes what the REST side says."""

    def __init__(self, state: SsevState, blob_origin: Callable[[], str]) -> None:
        self._state = state
        self._blob_origin = blob_origin

    def moment(self, moment: datetime | None) -> str | None:
        """Write a moment in Sofia's time with seven digits of a second (facts 2.7)."""
        if moment is None:
            return None
        there = local(moment)
        text = there.strftime("%Y-%m-%dT%H:%M:%S") + f".{there.microsecond:06d}0"
        if self._state.oddity.quirks.naive_times:
            return text
        return text + there.strftime("%z")[:3] + ":" + there.strftime("%z")[3:]

    def blob(self, blob: Blob, *, in_message: bool) -> dict[str, Any]:
        """Describe a file, with a new link (BlobDO)."""
        link = self._state.files.link(blob, in_message=in_message)
        path = "message" if in_message else "profile"
        return {
            "blobId": blob.blob_id,
            "fileName": blob.name,
            "size": blob.size,
            "documentRegistrationNumber": blob.registration_number or None,
            "isMalicious": False if blob.scan is Scan.CLEAN else None,
            "hash": blob.sha256,
            "hashAlgorithm": "Sha256",
            "downloadLink": f"{self._blob_origin()}/{path}?t={link.token}",
            "downloadLinkExpirationDate": self.moment(link.expires_at),
            "signatures": [],
        }

    def uploaded(self, done: Uploaded) -> dict[str, Any]:
        """Describe the end of an upload: numbers or words, one name or the other."""
        quirks = self._state.oddity.quirks
        numbers = quirks.numbered_enums
        signature = "blobSignatureStatus" if quirks.guide_signature_name else "signatureStatus"
        error = ("InsufficientStorageSpace", 1) if done.no_space else ("None", 0)
        kept = done.blob is not None
        return {
            "name": done.name,
            "size": done.size,
            "hashAlgorithm": "Sha256" if kept else None,
            "hash": done.sha256 if kept else None,
            "blobId": done.blob.blob_id if done.blob is not None else None,
            "malwareScanStatus": _SCAN_NUMBERS[done.scan] if numbers else done.scan.value,
            signature: 0 if numbers else "None",
            "errorStatus": error[1] if numbers else error[0],
        }

    def profile(self, profile: Profile) -> dict[str, Any]:
        """ProfileDO."""
        return {
            "profileId": profile.profile_id,
            "identifier": profile.identifier,
            "name": profile.name,
            "email": profile.email,
            "phone": profile.phone,
        }

    def details(self, profile: Profile) -> dict[str, Any]:
        """ProfileDetails."""
        return {**self.profile(profile), "address": None}

    def registered(self, profile: Profile) -> dict[str, Any]:
        """RegisteredProfile."""
        return {
            **self.details(profile),
            "isActivated": profile.activated,
            "isPassive": profile.passive,
            "targetGroupId": int(profile.group),
            "targetGroupName": GROUP_NAMES[profile.group],
        }

    def inbox_row(self, message: Message, copy: Copy) -> dict[str, Any]:
        """One row of the inbox: names only, no ids of the sender (facts 3.5)."""
        return {
            "messageId": message.message_id,
            "dateSent": self.moment(message.sent_at),
            "dateReceived": self.moment(copy.opened_at),
            "subject": message.subject,
            "senderProfileName": self._name(message.sender),
            "senderLoginName": self._login_name(message.login_id),
            "recipientProfileName": self._name(copy.profile_id),
            "recipientLoginName": self._login_name(copy.login_id),
            "url": f"{PORTAL}/Messages/Open/{message.message_id}",
            "rnu": message.rnu,
            "templateId": message.template_id,
        }

    def outbox_row(self, message: Message) -> dict[str, Any]:
        """One row of the outbox: no dates of receipt (facts 9, no. 5)."""
        row: dict[str, Any] = {
            "messageId": message.message_id,
            "dateSent": self.moment(message.sent_at),
            "subject": message.subject,
            "senderProfileName": self._name(message.sender),
            "senderLoginName": self._login_name(message.login_id),
            "recipients": ", ".join(self._name(copy.profile_id) for copy in message.copies),
            "url": f"{PORTAL}/Messages/View/{message.message_id}",
            "rnu": message.rnu,
            "templateId": message.template_id,
        }
        if self._state.oddity.quirks.guide_outbox:
            row["dateReceived"] = self.moment(message.copies[0].opened_at)
        return row

    def opened(self, message: Message, copy: Copy) -> dict[str, Any]:
        """MessageOpen."""
        login = self._state.people.login(copy.login_id)
        return {
            "messageId": message.message_id,
            "dateSent": self.moment(message.sent_at),
            "sender": self._party(message.sender),
            "dateReceived": self.moment(copy.opened_at),
            "recipientLogin": {
                "loginId": login.login_id if login else 0,
                "name": login.name if login else "",
            },
            **self._content(message),
        }

    def viewed(self, message: Message) -> dict[str, Any]:
        """MessageView: the only REST source of delivery (facts 3.7)."""
        return {
            "messageId": message.message_id,
            "dateSent": self.moment(message.sent_at),
            "recipients": [
                {**self._party(copy.profile_id), "dateReceived": self.moment(copy.opened_at)}
                for copy in message.copies
            ],
            **self._content(message),
        }

    def forwarder(self, message: Message) -> dict[str, Any]:
        """The member that a forwarded original has besides: who forwarded it."""
        return {"recipient": self._party(message.sender)}

    def template(self, template_id: int, *, content: bool) -> dict[str, Any]:
        """One template, with its components or without."""
        name, fields = TEMPLATES[template_id]
        made: dict[str, Any] = {
            "templateId": template_id,
            "name": name,
            "identityNumber": f"T{template_id}",
            "read": 1,
            "write": 1,
            "responseTemplateId": None,
        }
        if content:
            made["content"] = [
                _component(guid, kind, type_) for guid, (kind, type_) in fields.items()
            ]
        return made

    def _content(self, message: Message) -> dict[str, Any]:
        _, known = TEMPLATES[message.template_id]
        fields: dict[str, Any] = {}
        for guid, value in message.fields.items():
            if known.get(guid, ("", ""))[0] == "FileComponent":
                blobs = (
                    [self._state.files.get(i) for i in value or []]
                    if isinstance(value, list)
                    else []
                )
                fields[guid] = [self.blob(b, in_message=True) for b in blobs if b is not None]
            else:
                fields[guid] = "" if value is None else value
        return {
            "subject": message.subject,
            "rnu": message.rnu,
            "templateId": message.template_id,
            "fields": fields,
            "forwardedMessageId": message.forwarded,
        }

    def _party(self, profile_id: int) -> dict[str, Any]:
        return {"profileId": profile_id, "name": self._name(profile_id)}

    def _name(self, profile_id: int) -> str:
        return self._state.people.known(profile_id).name

    def _login_name(self, login_id: int | None) -> str:
        login = self._state.people.login(login_id)
        return "" if login is None else login.name


def _component(guid: str, kind: str, type_: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "discriminator": kind,
        "id": guid,
        "label": "Поле",
        "type": type_,
        "isEncrypted": False,
        "isRequired": guid in REQUIRED,
    }
    match kind:
        case "FileComponent":
            extra: dict[str, Any] = {
                "maxSize": 50,
                "expirationPeriod": 60,
                "allowedExtensions": None,
                "instances": 10,
            }
        case "CheckboxComponent":
            extra = {"value": False}
        case "SelectComponent":
            extra = {"value": None, "url": None, "options": ["едно", "друго"]}
        case "MarkdownComponent":
            extra = {"value": "Указания", "pdfValue": None}
        case _:
            extra = {"value": None}
    return made | extra


def page(rows: Sequence[T], offset: int, limit: int | None, write: Callable[[T], Any]) -> Any:
    """Return a page; without a limit all rows, and rows plus offset as length (facts 2.7)."""
    if limit is None:
        chosen = rows[offset:]
        return {"result": [write(row) for row in chosen], "length": len(chosen) + offset}
    return {"result": [write(row) for row in rows[offset : offset + limit]], "length": len(rows)}


def inbox_order(row: tuple[Message, Copy]) -> tuple[bool, timedelta, timedelta, int]:
    """Sort key: unopened first, then newest received, newest sent (facts 3.5)."""
    message, copy = row
    era = datetime.min.replace(tzinfo=message.sent_at.tzinfo)
    opened = copy.opened_at or era
    return (copy.opened_at is not None, era - opened, era - message.sent_at, -message.message_id)
