"""How messages leave the simulated ISDS: plain, sealed, file by file; papers shown back.

Facts 5.1, 8.3. Each operation reads its call, asks the state and returns a reply or raises a
refusal.
"""

from __future__ import annotations

import hashlib

from depesha.schemas.wire.isds import Paper
from depesha.simulators.isds_papers import Proof, paper, returned
from depesha.simulators.isds_pieces import FilePiece, Pen, Pieces
from depesha.simulators.isds_quirks import FaultKind
from depesha.simulators.isds_reading import Call
from depesha.simulators.isds_reply import SPOILS, Operation, Reply, Unsealed, demand, digests
from depesha.simulators.isds_state import IsdsState, may_read
from depesha.simulators.isds_values import Caller, Message, Right
from depesha.simulators.isds_words import WORDS, RefusalError


class Downloading:
    """The operations that give messages out, by name."""

    def __init__(self, state: IsdsState) -> None:
        self._state = state
        self.small: dict[str, Operation] = {
            "MessageDownload": self._download,
            "SignedMessageDownload": self._signed,
            "SignedSentMessageDownload": self._signed_sent,
            "AuthenticateMessage": self._authenticate,
            "Re-signISDSDocument": self._reseal,
            "DummyOperation": self._nothing,
        }
        self.big: dict[str, Operation] = {
            "BigMessageDownload": self._download_big,
            "SignedBigMessageDownload": self._signed_big,
            "SignedSentBigMessageDownload": self._signed_sent_big,
            "DownloadAttachment": self._attachment,
            "AuthenticateBigMessage": self._authenticate,
        }

    def _download(self, caller: Caller, call: Call) -> Reply:
        return self._plain(caller, self._incoming(caller, call, big=False))

    def _download_big(self, caller: Caller, call: Call) -> Reply:
        return self._plain(caller, self._incoming(caller, call, big=True))

    def _plain(self, caller: Caller, message: Message) -> Reply:
        proof, quirks = self._state.proof(message), self._state.oddity.quirks
        viewer = caller.box.box_id
        return Reply(inner=returned(message, viewer, proof, quirks, whole=True, prefix="p"))

    def _signed(self, caller: Caller, call: Call) -> Reply:
        message = self._incoming(caller, call, big=False)
        return self._sealed(caller, call, message, Paper.RECEIVED)

    def _signed_big(self, caller: Caller, call: Call) -> Reply:
        message = self._incoming(caller, call, big=True)
        return self._sealed(caller, call, message, Paper.RECEIVED)

    def _signed_sent(self, caller: Caller, call: Call) -> Reply:
        return self._sealed(caller, call, self._outgoing(caller, call, big=False), Paper.SENT)

    def _signed_sent_big(self, caller: Caller, call: Call) -> Reply:
        return self._sealed(caller, call, self._outgoing(caller, call, big=True), Paper.SENT)

    def _sealed(self, caller: Caller, call: Call, message: Message, kind: Paper) -> Reply:
        oddity = self._state.oddity
        proof = self._state.proof(message)
        if oddity.spend(call.name, FaultKind.BAD_HASH):
            wrong = hashlib.sha256(proof.digest).digest()
            stamp = self._state.sealer.stamp(wrong, message.submitted_at)
            proof = Proof(digest=wrong, stamp=stamp)
        inner = returned(message, caller.box.box_id, proof, oddity.quirks, whole=True, prefix="q")
        return sealed(self._state, call.name, kind, paper(kind, inner, oddity.quirks))

    def _attachment(self, caller: Caller, call: Call) -> Reply:
        message = self._incoming(caller, call, big=True)
        number = call.integer("attNum")
        if number is None or not 0 <= number < len(message.files):
            raise RefusalError("1299")
        file = message.files[number]
        pen = Pen()
        pen.open("p:dmFile", dmFileMetaType=file.meta, dmMimeType=file.mime, dmFileDescr=file.name)
        pen.open("p:dmEncodedContent")
        pen.file(FilePiece(path=file.path, size=file.size))
        pen.close("p:dmEncodedContent", "p:dmFile")
        return Reply(inner=pen.done())

    def _incoming(self, caller: Caller, call: Call, *, big: bool) -> Message:
        demand(caller, Right.READ)
        message = self._state.received_one(caller, call.text("dmID") or "")
        if self._state.oddity.spend(call.name, FaultKind.OTHER_MESSAGE):
            others = self._state.received(caller.box.box_id)
            message = next((m for m in others if m is not message), message)
        if not may_read(caller, message):
            raise RefusalError("1004")
        return self._checked(message, big=big)

    def _outgoing(self, caller: Caller, call: Call, *, big: bool) -> Message:
        demand(caller, Right.CREATE)
        message = self._state.sent_one(caller, call.text("dmID") or "")
        if message.status < 2:  # noqa: PLR2004 -- before the stamp
            raise RefusalError("1229")
        return self._checked(message, big=big)

    def _checked(self, message: Message, *, big: bool) -> Message:
        if message.erased:
            raise RefusalError("1219")
        if message.message_id in self._state.oddity.quirks.blocked:
            raise RefusalError("3022")
        if message.big is not big:
            raise RefusalError("1281")
        return message

    # --- papers shown back ---------------------------------------------------------------------

    def _authenticate(self, _caller: Caller, call: Call) -> Reply:
        path = call.paper("dmMessage", self._state.files)
        with path.open("rb") as file:
            is_cms = file.read(1) == b"0"
        digest = digests(path)[0]
        path.unlink(missing_ok=True)
        if not is_cms:
            raise RefusalError("2200")
        pen = Pen()
        pen.add("p:dmAuthResult", digest in self._state.sealed)
        return Reply(inner=pen.done())

    def _reseal(self, _caller: Caller, call: Call) -> Reply:
        """Say what is wrong with a paper; those with a stamp need none, others were not kept."""
        path = call.paper("dmDoc", self._state.files)
        known = digests(path)[0] in self._state.sealed
        path.unlink(missing_ok=True)
        raise RefusalError("2204" if known else "2201")

    def _nothing(self, _caller: Caller, _call: Call) -> Reply:
        return Reply()


def sealed(state: IsdsState, operation: str, kind: Paper, content: Pieces) -> Reply:
    """Return a paper to be sealed, spoilt where a switch says so."""
    fault = state.oddity.spend(operation, *SPOILS)
    spoil = None if fault is None else fault.kind
    code = "0005" if spoil is FaultKind.STAMPLESS else "0000"
    made = Unsealed(kind=kind, content=content, spoil=spoil)
    return Reply(paper=made, code=code, words=WORDS[code])
