"""How messages enter the simulated ISDS: envelopes and attachments, ordinary and big.

Facts 5.1, 8.3. Each operation reads its call, asks the state and returns a reply or raises a
refusal.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from depesha.ports import IdSource
from depesha.schemas.wire.isds import DONE_WORDS
from depesha.simulators.isds_checks import (
    BIG_BYTES,
    judge_big,
    judge_file,
    judge_files,
)
from depesha.simulators.isds_papers import TEXTS
from depesha.simulators.isds_pieces import Pen
from depesha.simulators.isds_reading import Call
from depesha.simulators.isds_reply import Operation, Reply, demand, digests, status
from depesha.simulators.isds_state import IsdsState
from depesha.simulators.isds_values import Caller, Draft, Right, StoredFile, Upload
from depesha.simulators.isds_words import WORDS, RefusalError, cleaned

RECIPIENTS: Final = 50
_BOX_ID: Final = 7
_SUBJECT: Final = 255
_SHORT: Final = 50
_SHORT_TEXTS: Final = frozenset(
    {"dmRecipientRefNumber", "dmSenderRefNumber", "dmRecipientIdent", "dmSenderIdent"}
)
_NUMBERS: Final = frozenset(
    {"dmSenderOrgUnitNum", "dmRecipientOrgUnitNum", "dmLegalTitleLaw", "dmLegalTitleYear"}
)
_META: Final = frozenset({"main", "enclosure", "signature", "meta"})
_UNUSED: Final = 10
"""Uploads not yet sent may fill so many greatest messages (facts 8.1)."""


class Sending:
    """The operations that take something in, by name."""

    def __init__(self, state: IsdsState, ids: IdSource) -> None:
        self._state = state
        self._ids = ids
        self.small: dict[str, Operation] = {
            "CreateMessage": self._create,
            "CreateMultipleMessage": self._create_multiple,
        }
        self.big: dict[str, Operation] = {
            "UploadAttachment": self._upload,
            "CreateBigMessage": self._create_big,
        }

    def _create(self, caller: Caller, call: Call) -> Reply:
        draft = _draft(call.child("dmEnvelope"))
        files = self._files(caller, call.child("dmFiles"))
        try:
            message = self._state.submit(caller, draft, files)
        finally:
            self._forget(files)
        pen = Pen()
        pen.add("p:dmID", message.message_id)
        return Reply(inner=pen.done(), created=True)

    def _create_multiple(self, caller: Caller, call: Call) -> Reply:
        listed = call.child("dmRecipients")
        recipients = [] if listed is None else listed.children("dmRecipient")
        if not 0 < len(recipients) <= RECIPIENTS:
            raise RefusalError("2010")
        files = self._files(caller, call.child("dmFiles"))
        pen, failed = Pen(), 0
        pen.open("p:dmMultipleStatus")
        for recipient in recipients:
            pen.open("p:dmSingleStatus")
            code, words = "0000", DONE_WORDS
            try:
                draft = _draft(call.child("dmEnvelope"), recipient)
                pen.add("p:dmID", self._state.submit(caller, draft, files).message_id)
            except RefusalError as refusal:
                code, words, failed = refusal.code, refusal.words, failed + 1
            status(pen, code, words)
            pen.close("p:dmSingleStatus")
        pen.close("p:dmMultipleStatus")
        self._forget(files)
        code = "0004" if failed else "0000"
        return Reply(inner=pen.done(), code=code, words=WORDS[code], created=True)

    def _files(self, caller: Caller, listed: Call | None) -> tuple[StoredFile, ...]:
        """Take the attachments of an ordinary message."""
        demand(caller, Right.CREATE)
        given = [] if listed is None else listed.children("dmFile")
        files = tuple(self._inline(each) for each in given)
        try:
            judge_files(files)
        except RefusalError:
            self._forget(files)
            raise
        return files

    def _forget(self, files: tuple[StoredFile, ...]) -> None:
        """Remove the files that no message took."""
        for file in files:
            self._state.files.discard(file.path)

    def _inline(self, given: Call) -> StoredFile:
        meta = given.attribute("dmFileMetaType")
        if meta not in _META:
            raise RefusalError("2010")
        return self._file(given, given.content(self._state.files), meta)

    @staticmethod
    def _file(given: Call, path: Path, meta: str) -> StoredFile:
        name = cleaned(given.attribute("dmFileDescr"))
        mime = given.attribute("dmMimeType")
        try:
            infected = judge_file(name, mime, path)
        except RefusalError:
            path.unlink(missing_ok=True)
            raise
        return StoredFile(
            path=path,
            size=path.stat().st_size,
            name=name,
            mime=mime,
            meta=meta,
            guid=given.attribute("dmFileGuid"),
            parent_guid=given.attribute("dmUpFileGuid"),
            infected=infected,
        )

    def _upload(self, caller: Caller, call: Call) -> Reply:
        demand(caller, Right.CREATE)
        given = call.child("dmFile")
        if given is None:
            raise RefusalError("2032")
        box_id, now = caller.box.box_id, self._state.clock.now()
        self._state.forget_uploads()
        alive = [u for u in self._state.uploads.values() if u.box_id == box_id]
        file = self._file(given, given.content(self._state.files), "enclosure")
        waiting = sum(upload.file.size for upload in alive)
        if file.size > BIG_BYTES or waiting + file.size > _UNUSED * BIG_BYTES:
            self._forget((file,))
            raise RefusalError("1296" if file.size > BIG_BYTES else "1286")
        sha256, sha3 = digests(file.path)
        upload = Upload(
            attachment_id=str(self._ids.guid()),
            box_id=box_id,
            file=file,
            sha256=sha256,
            sha3=sha3,
            made_at=now,
        )
        self._state.files.keep(file.path)
        self._state.uploads[upload.attachment_id] = upload
        pen = Pen()
        pen.add("p:dmAttID", upload.attachment_id)
        pen.add("p:dmAttHash1", sha256, AttHashAlg="SHA-256")
        pen.add("p:dmAttHash2", sha3, AttHashAlg="SHA3-256")
        return Reply(inner=pen.done())

    def _create_big(self, caller: Caller, call: Call) -> Reply:
        demand(caller, Right.CREATE)
        draft = _draft(call.child("dmEnvelope"))
        listed = call.child("dmFiles")
        outside = [] if listed is None else listed.children("dmExtFile")
        if listed is None or not outside:
            raise RefusalError("2032")
        files = [self._external(caller, each) for each in outside]
        inline = tuple(self._inline(each) for each in listed.children("dmFile"))
        try:
            least = self._state.oddity.quirks.big_least
            judge_big(inline, tuple(files) + inline, least)
            message = self._state.submit(caller, draft, tuple(files) + inline, big=True)
        finally:
            self._forget(inline)
        pen = Pen()
        pen.add("p:dmID", message.message_id)
        return Reply(inner=pen.done(), created=True)

    def _external(self, caller: Caller, given: Call) -> StoredFile:
        self._state.forget_uploads()
        upload = self._state.uploads.get(given.attribute("dmAttID"))
        meta = given.attribute("dmFileMetaType")
        if upload is None:
            raise RefusalError("1294")
        if upload.box_id != caller.box.box_id:
            raise RefusalError("1293")
        if given.attribute("dmAttHash1").lower() != upload.sha256:
            raise RefusalError("1288")
        if given.attribute("dmAttHash2").lower() != upload.sha3:
            raise RefusalError("1289")
        if meta not in _META:
            raise RefusalError("2010")
        return StoredFile(
            path=upload.file.path,
            size=upload.file.size,
            name=upload.file.name,
            mime=upload.file.mime,
            meta=meta,
            guid=given.attribute("dmFileGuid"),
            parent_guid=given.attribute("dmUpFileGuid"),
            infected=upload.file.infected,
        )


def _draft(envelope: Call | None, recipient: Call | None = None) -> Draft:
    """Read a create envelope; refuses 2010 what breaks the schema in a way that matters."""
    if envelope is None:
        raise RefusalError("2010")
    texts = {name: _word(envelope, name) for name in TEXTS}
    if recipient is not None:
        for name in ("dbIDRecipient", "dmRecipientOrgUnit", "dmRecipientOrgUnitNum", "dmToHands"):
            texts[name] = _word(recipient, name)
        texts["dmToHands"] = recipient.text("dmToHands")
    to, annotation = texts.pop("dbIDRecipient"), texts.pop("dmAnnotation")
    if not to or not annotation or len(annotation) > _SUBJECT:
        raise RefusalError("2010")
    if len(to) != _BOX_ID:
        raise RefusalError("1007")
    kind = envelope.attribute("dmType")
    if kind == "I" and not texts.get("dmSenderRefNumber"):
        raise RefusalError("2010")
    substitute = envelope.flag("dmAllowSubstDelivery")
    return Draft(
        recipient=to,
        annotation=cleaned(annotation),
        texts={name: value for name, value in texts.items() if value},
        personal=bool(envelope.flag("dmPersonalDelivery")),
        substitute=substitute is not False,
        as_ovm=envelope.flag("dmOVM") is not False,
        kind="" if kind == "V" else kind,
    )


def _word(call: Call, name: str) -> str | None:
    if name in _NUMBERS:
        number = call.integer(name)
        return None if number is None else str(number)
    value = call.text(name)
    if value is not None and name in _SHORT_TEXTS and len(value) > _SHORT:
        raise RefusalError("2010")
    return value
