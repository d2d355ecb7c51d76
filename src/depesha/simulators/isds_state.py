"""The one state of the simulated ISDS: messages and what time and log-ins do to them (facts 6, 10).

States follow the clock: whoever asks first brings them up to date. It speaks no XML but the
bodies that it hashes. Every public method takes the lock, so that threads may call.
"""

from __future__ import annotations

import hashlib
import heapq
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from depesha.ports import Clock
from depesha.simulators.isds_papers import Proof, body
from depesha.simulators.isds_people import People
from depesha.simulators.isds_pieces import chunks
from depesha.simulators.isds_quirks import FaultKind, IsdsOddity
from depesha.simulators.isds_seal import Sealer
from depesha.simulators.isds_store import FileStore
from depesha.simulators.isds_values import (
    Box,
    BoxState,
    Caller,
    Draft,
    Event,
    Message,
    Right,
    StoredFile,
    Upload,
)
from depesha.simulators.isds_words import RefusalError

FICTION: Final = timedelta(days=10)
KEPT: Final = timedelta(days=90)
"""After the recipient logged in (facts 10)."""
KEPT_UNREAD: Final = timedelta(days=3 * 365)
"""Without a log-in of the recipient."""
UPLOAD_LIFE: Final = timedelta(hours=24)
_CHANGES: Final = frozenset({4, 5, 6, 8})


class IsdsState:
    """Everything that ISDS knows. Ids ascend and are never used twice."""

    def __init__(
        self,
        *,
        people: People,
        files: FileStore,
        sealer: Sealer,
        clock: Clock,
        oddity: IsdsOddity,
    ) -> None:
        self.people = people
        self.files = files
        self.sealer = sealer
        self.clock = clock
        self.oddity = oddity
        self.lock = threading.RLock()
        self.messages: dict[str, Message] = {}
        self.uploads: dict[str, Upload] = {}
        self.sealed: set[str] = set()
        """SHA-256 of every genuine sealed paper that was given out, hex."""
        self._received: dict[str, list[Message]] = {}
        self._sent: dict[str, list[Message]] = {}
        self._due: list[tuple[datetime, int, str]] = []
        self._order = 0
        self._next_id = 900_000_000

    # --- sending -------------------------------------------------------------------------------

    def submit(
        self, caller: Caller, draft: Draft, files: tuple[StoredFile, ...], *, big: bool = False
    ) -> Message:
        """Take a message that was found in order; raises `RefusalError` for its recipient."""
        with self.lock:
            recipient = self._recipient(caller.box, draft)
            kind = self._kind(caller.box, recipient, draft)
            message = self._store(caller.box, recipient, draft, files, kind, big=big)
            message.author = caller.login.kind
            operation = "CreateBigMessage" if big else "CreateMessage"
            if self.oddity.spend(operation, FaultKind.DUPLICATE):
                self._store(caller.box, recipient, draft, files, kind, big=big)
            self.settle()
            return message

    def _recipient(self, sender: Box, draft: Draft) -> Box:
        if sender.state is not BoxState.ACCESSIBLE:
            raise RefusalError("1201")
        recipient = self.people.box(draft.recipient)
        if recipient is None or recipient.state is not BoxState.ACCESSIBLE:
            raise RefusalError("5001")
        return recipient

    @staticmethod
    def _kind(sender: Box, recipient: Box, draft: Draft) -> str:
        public = (sender.is_ovm and draft.as_ovm) or sender.kind.is_ovm or recipient.is_ovm
        if public:
            return ""
        if not recipient.open_addressing:
            raise RefusalError("1232")
        return draft.kind if draft.kind in {"I", "O"} else "K"

    def _store(
        self,
        sender: Box,
        recipient: Box,
        draft: Draft,
        files: tuple[StoredFile, ...],
        kind: str,
        *,
        big: bool,
        at: datetime | None = None,
    ) -> Message:
        self._next_id += 1
        if not sender.is_ovm:  # only authorities may forbid fiction (facts 4.1)
            draft = replace(draft, substitute=True)
        coarse = self.oddity.quirks.coarse_sender_types
        message = Message(
            message_id=str(self._next_id),
            sender=sender.box_id,
            sender_name=sender.name,
            sender_address=sender.address,
            sender_type=sender.kind // 10 * 10 if coarse else int(sender.kind),
            recipient=recipient.box_id,
            recipient_name=recipient.name,
            recipient_address=recipient.address,
            ambiguous=False,
            draft=draft,
            kind=kind,
            files=files,
            big=big,
            submitted_at=at or self.clock.now(),
        )
        for file in files:
            self.files.keep(file.path)
        message.events.append((message.submitted_at, Event.ENTERED))
        self.messages[message.message_id] = message
        self._sent.setdefault(message.sender, []).append(message)
        self._received.setdefault(message.recipient, []).append(message)
        self._plan(message, self.oddity.quirks.stamp_seconds)
        return message

    def put(
        self, sender: str, draft: Draft, files: tuple[StoredFile, ...], at: datetime
    ) -> Message:
        """Enter a public message as submitted at a moment of the past; both boxes must exist."""
        with self.lock:
            origin, recipient = self.people.box(sender), self.people.box(draft.recipient)
            if origin is None or recipient is None:
                raise RefusalError("5001")
            return self._store(origin, recipient, draft, files, "", big=False, at=at)

    def _system_message(self, to: str, title: str, kind: int, about: Message) -> None:
        """Tell a box of what happened to its message: for people and, roughly, for machines."""
        recipient = self.people.box(to)
        if recipient is None or about.sender == self.people.system.box_id:
            return
        page = f"<html><body><p>{title} {about.message_id}</p></body></html>".encode()
        note = f'<SystemMessage type="{kind}"><dmID>{about.message_id}</dmID></SystemMessage>'
        files = tuple(
            StoredFile(path=self.files.put(text), size=len(text), name=name, mime=mime, meta=meta)
            for text, name, mime, meta in (
                (page, "zprava.html", "text/html", "main"),
                (note.encode(), "zprava.xml", "application/xml", "enclosure"),
            )
        )
        draft = Draft(recipient=to, annotation=title)
        self._store(self.people.system, recipient, draft, files, "", big=False)

    def forget_uploads(self) -> None:
        """Drop uploads older than 24 hours (facts 8.1); messages made of them keep their files."""
        with self.lock:
            now = self.clock.now()
            for upload in list(self.uploads.values()):
                if now >= upload.made_at + UPLOAD_LIFE:
                    del self.uploads[upload.attachment_id]
                    self.files.drop(upload.file.path)

    # --- time ----------------------------------------------------------------------------------

    def settle(self) -> None:
        """Bring every message up to the present."""
        with self.lock:
            now = self.clock.now()
            while self._due and self._due[0][0] <= now:
                when, _, message_id = heapq.heappop(self._due)
                self._step(self.messages[message_id], when)

    def _plan(self, message: Message, seconds: float) -> None:
        self._plan_at(message, message.submitted_at + timedelta(seconds=seconds))

    def _plan_at(self, message: Message, when: datetime) -> None:
        self._order += 1
        heapq.heappush(self._due, (when, self._order, message.message_id))

    def _step(self, message: Message, when: datetime) -> None:
        if message.status == 1:
            message.status = 2
            quirks = self.oddity.quirks
            self._plan(message, max(quirks.delivery_seconds, quirks.stamp_seconds))
        elif message.status == 2:  # noqa: PLR2004 -- a state by its number
            self._deliver(message, when)
        elif message.status == 4:  # noqa: PLR2004 -- a state by its number
            reader = self.people.has_reader(message.recipient)
            event = Event.BY_FICTION if reader else Event.BY_FICTION_NOBODY
            self._accept(message, when, 5, event)
            self._plan_at(message, when + KEPT_UNREAD)
        elif not message.erased and self._ripe(message, when):
            self._erase(message)

    def _deliver(self, message: Message, when: datetime) -> None:
        recipient = self.people.box(message.recipient)
        alarmed = self.oddity.quirks.scanner_alarmed
        if alarmed or any(file.infected for file in message.files):
            self._move(message, when, 3, Event.VIRUS)
            self._system_message(message.sender, "Zpráva obsahovala škodlivý kód", 1, message)
        elif recipient is None or recipient.state is not BoxState.ACCESSIBLE:
            self._move(message, when, 8, Event.UNDELIVERABLE)
            self._system_message(message.sender, "Nedoručitelná zpráva", 3, message)
        else:
            message.delivered_at = when
            self._move(message, when, 4, Event.DELIVERED)
            if message.draft.substitute:
                self._plan_at(message, when + FICTION)

    def _move(self, message: Message, when: datetime, status: int, event: Event) -> None:
        message.status = status
        message.events.append((when, event))
        if status in _CHANGES:
            message.changes.append((when, status))

    def _accept(self, message: Message, when: datetime, status: int, event: Event) -> None:
        message.accepted_at = when
        self._move(message, when, status, event)

    @staticmethod
    def _ripe(message: Message, when: datetime) -> bool:
        if message.vaulted:
            return False
        if message.entered_at is not None:
            return when >= message.entered_at + KEPT
        return message.accepted_at is not None and when >= message.accepted_at + KEPT_UNREAD

    def _erase(self, message: Message) -> None:
        self.proof(message)
        message.erased = True
        for file in message.files:
            self.files.drop(file.path)

    def erase_from_vault(self, message: Message, box_id: str) -> None:
        """Erase what a box keeps in its vault, and all once no vault holds it (facts 5.2)."""
        with self.lock:
            if box_id not in message.vaulted:
                raise RefusalError("1219")
            message.vaulted.discard(box_id)
            if not message.vaulted:
                self._erase(message)

    def close_box(self, box: Box, state: BoxState = BoxState.CLOSED) -> None:
        """Make a box inaccessible, also for what waits in it (EV3)."""
        with self.lock:
            self.settle()
            box.state = state
            for message in self._received.get(box.box_id, ()):
                if message.status == 4:  # noqa: PLR2004 -- a state by its number
                    self._move(message, self.clock.now(), 8, Event.UNDELIVERABLE)
                    self._system_message(message.sender, "Nedoručitelná zpráva", 3, message)

    # --- receiving -----------------------------------------------------------------------------

    def enter(self, caller: Caller) -> None:
        """Log in to the box: what waits is accepted, as far as the log-in may read it."""
        with self.lock:
            self.settle()
            now = self.clock.now()
            for message in self._received.get(caller.box.box_id, ()):
                if (
                    message.status not in {4, 5}
                    or message.entered_at
                    or not may_read(caller, message)
                ):
                    continue
                if message.status == 4:  # noqa: PLR2004 -- a state by its number
                    self._accept(message, now, 6, _event(caller))
                message.entered_at = now
                self._plan_at(message, now + KEPT)

    def received(self, box_id: str) -> list[Message]:
        """Return what was delivered to a box, by time of delivery."""
        with self.lock:
            mine = [m for m in self._received.get(box_id, ()) if m.delivered_at is not None]
            return sorted(mine, key=lambda m: (m.listed_at, m.message_id))

    def sent(self, box_id: str) -> list[Message]:
        """Return what a box sent, by time of delivery, or of submission before that."""
        with self.lock:
            return sorted(self._sent.get(box_id, ()), key=lambda m: (m.listed_at, m.message_id))

    def received_one(self, caller: Caller, message_id: str) -> Message:
        """Return a delivered message of the caller's box; `RefusalError` 1219 or 1211."""
        message = self._known(message_id)
        if message.recipient != caller.box.box_id:
            raise RefusalError("1211")
        if message.delivered_at is None:
            raise RefusalError("1219")
        return message

    def sent_one(self, caller: Caller, message_id: str) -> Message:
        """Return a message that the caller's box sent."""
        message = self._known(message_id)
        if message.sender != caller.box.box_id:
            raise RefusalError("1211")
        return message

    def either(self, caller: Caller, message_id: str) -> Message:
        """Return a message that the caller's box sent or received."""
        message = self._known(message_id)
        if caller.box.box_id == message.sender:
            return message
        return self.received_one(caller, message_id)

    def _known(self, message_id: str) -> Message:
        with self.lock:
            message = self.messages.get(message_id)
        if message is None:
            raise RefusalError("1219")
        return message

    # --- proof ---------------------------------------------------------------------------------

    def proof(self, message: Message) -> Proof:
        """Return hash and stamp of a message, made when first asked for; no stamp in state 1."""
        with self.lock:
            if not message.digest:
                digest = hashlib.sha256()
                for chunk in chunks(body(message)):
                    digest.update(chunk)
                message.digest = digest.digest()
            if not message.stamp and message.status > 1:
                message.stamp = self.sealer.stamp(message.digest, message.submitted_at)
            return Proof(digest=message.digest, stamp=message.stamp or None)


def may_read(caller: Caller, message: Message) -> bool:
    """Tell whether the log-in may read this message (facts 1.6)."""
    return caller.may(Right.READ_ALL if message.draft.personal else Right.READ)


def _event(caller: Caller) -> Event:
    if caller.login.kind.by_application:
        return Event.BY_APPLICATION
    return Event.BY_PRIMARY if caller.login.primary else Event.BY_ENTRUSTED
