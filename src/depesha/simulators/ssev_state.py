"""The one state of the simulated SSEV, behind both of its interfaces (facts 5, 10).

Messages are sent and opened here: opening is irreversible and means delivered. It speaks
neither JSON nor XML.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from depesha.ports import Clock, IdSource
from depesha.schemas.wire.ssev import (
    FORWARD_TEMPLATE,
    FORWARD_TEXT,
    LETTER_FILES,
    LETTER_TEXT,
)
from depesha.simulators.ssev_evidence import summary
from depesha.simulators.ssev_files import Files
from depesha.simulators.ssev_people import People
from depesha.simulators.ssev_quirks import SsevOddity
from depesha.simulators.ssev_values import (
    Blob,
    BlobKind,
    Caller,
    Copy,
    Draft,
    Message,
    Profile,
)

SOFIA: Final = ZoneInfo("Europe/Sofia")
SUBJECT: Final = 255
"""Longest subject that the database holds (facts 5.5)."""


class ServerError(Exception):
    """What the real service does not handle: its caller gets a dull server error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A push notification (facts 4)."""

    url: str
    event: str
    message_id: int


class SsevState:
    """Everything that SSEV knows. One event loop; ids ascend and are never used twice."""

    def __init__(
        self, *, people: People, files: Files, clock: Clock, ids: IdSource, oddity: SsevOddity
    ) -> None:
        self.people = people
        self.files = files
        self.clock = clock
        self.oddity = oddity
        self.messages: dict[int, Message] = {}
        self.pushes: list[Push] = []
        """Notifications to be posted, oldest first."""
        self._ids = ids
        self._next_id = 100_000

    async def send(self, caller: Caller, recipients: tuple[Profile, ...], draft: Draft) -> Message:
        """Store a message, stamped; raises `ServerError` and `StamperDownError`."""
        if len(draft.subject) > SUBJECT:
            raise ServerError
        blobs = [self.files.usable(caller.profile.profile_id, blob_id) for blob_id in draft.blobs]
        found = [blob for blob in blobs if blob is not None]
        if len(found) != len(blobs):
            raise ServerError
        message = await self._store(caller, recipients, draft, found)
        if self.oddity.spend("duplicate_sends"):
            await self._store(caller, recipients, replace(draft, rnu=""), found)
        for blob in found:
            blob.kind = BlobKind.ATTACHED
        return message

    async def _store(
        self, caller: Caller, recipients: tuple[Profile, ...], draft: Draft, blobs: list[Blob]
    ) -> Message:
        self._next_id += 1
        message = Message(
            message_id=self._next_id,
            sender=caller.profile.profile_id,
            login_id=caller.login.login_id,
            sent_at=self.clock.now(),
            subject=draft.subject,
            rnu=draft.rnu or str(self._ids.guid()),
            template_id=draft.template_id,
            fields=dict(draft.fields),
            blobs=draft.blobs,
            copies=[Copy(profile_id=p.profile_id) for p in recipients],
            forwarded=draft.forwarded,
        )
        message.summary = self._summary(message, blobs, None)
        message.origin = await self.files.stamp(hashlib.sha256(message.summary).digest())
        self.messages[message.message_id] = message
        for copy in message.copies:
            self._push(copy.profile_id, "Received", message.message_id)
        return message

    async def open(self, message: Message, copy: Copy, caller: Caller) -> None:
        """Open a copy: the first time is the legal receipt and cannot be undone (facts 5.1)."""
        if copy.opened_at is not None:
            return
        opened = replace(copy, opened_at=self.clock.now())
        text = self._summary(message, self.blobs_of(message), opened)
        stamp = await self.files.stamp(hashlib.sha256(text).digest())
        copy.opened_at, copy.login_id = opened.opened_at, caller.login.login_id
        copy.summary, copy.receipt = text, stamp
        self._push(message.sender, "Delivered", message.message_id)

    async def open_by_person(self, message_id: int, profile: Profile) -> None:
        """Let a person of the recipient open a message in the portal."""
        message = self.messages[message_id]
        copy = message.copy_for(profile.profile_id)
        login = self.people.login_of(profile.profile_id)
        if copy is None or login is None:
            raise ServerError
        await self.open(message, copy, Caller(profile=profile, login=login))

    async def forward(
        self, message_id: int, caller: Caller, recipient: Profile, text: str
    ) -> Message:
        """Forward an opened message as the portal does: template 2 (facts 7.6)."""
        draft = Draft(
            subject=self.messages[message_id].subject,
            template_id=FORWARD_TEMPLATE,
            fields={FORWARD_TEXT: text},
            forwarded=message_id,
        )
        return await self.send(caller, (recipient,), draft)

    def inbox(self, profile: Profile) -> list[tuple[Message, Copy]]:
        """Return what was sent to a profile, unsorted."""
        found = ((m, m.copy_for(profile.profile_id)) for m in self.messages.values())
        return [(message, copy) for message, copy in found if copy is not None]

    def outbox(self, profile: Profile) -> list[Message]:
        """Return what a profile sent, newest first."""
        sent = [m for m in self.messages.values() if m.sender == profile.profile_id]
        return sorted(sent, key=lambda m: (m.sent_at, m.message_id), reverse=True)

    def blobs_of(self, message: Message) -> list[Blob]:
        """Return the files of a message; for a forward those of the original."""
        source = self.original(message)
        found = (self.files.get(blob_id) for blob_id in source.blobs)
        return [blob for blob in found if blob is not None]

    def original(self, message: Message) -> Message:
        """Return the forwarded original, or the message itself."""
        return message if message.forwarded is None else self.messages[message.forwarded]

    def text_of(self, message: Message) -> str:
        """Return the letter's text, with the forwarder's words where there is one (facts 7.6)."""
        source = self.original(message)
        text = source.fields.get(LETTER_TEXT)
        plain = text if isinstance(text, str) else ""
        if source is message:
            return plain
        words = message.fields.get(FORWARD_TEXT)
        name = self.people.known(message.sender).name
        return f"{plain}\r\n Препратено от {name} с текст: {words or ''}"

    def extended_subject(self, message: Message) -> str:
        """Return what SOAP lists show as title (facts 5.3)."""
        day = message.sent_at.astimezone(SOFIA).strftime("%d.%m.%Y")
        return f"{message.message_id}/{day} - {message.subject}"

    def _summary(self, message: Message, blobs: list[Blob], copy: Copy | None) -> bytes:
        names = {c.profile_id: self.people.known(c.profile_id).name for c in message.copies}
        return summary(message, self.people.known(message.sender).name, names, blobs, copy)

    def _push(self, profile_id: int, event: str, message_id: int) -> None:
        login = self.people.login_of(profile_id)
        if login is not None and login.push_url:
            self.pushes.append(Push(url=login.push_url, event=event, message_id=message_id))


def letter(text: str, blobs: tuple[int, ...]) -> dict[str, str | bool | list[int] | None]:
    """Return the fields of a letter."""
    return {LETTER_TEXT: text, LETTER_FILES: list(blobs)}


def local(moment: datetime) -> datetime:
    """Return a moment in the service's own time."""
    return moment.astimezone(SOFIA)
