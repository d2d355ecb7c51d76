"""Service dx of the simulated ISDS: lists, changes, envelopes, delivery infos (facts 5.2).

Only the list of received messages counts as logging in. Refusals are raised.
"""

from __future__ import annotations

import hashlib
from datetime import timedelta
from typing import Final

from depesha.schemas.wire.isds import EVERY_STATE, Paper
from depesha.simulators.isds_downloading import sealed
from depesha.simulators.isds_papers import ALGORITHM, delivery, paper, record, returned
from depesha.simulators.isds_pieces import Pen
from depesha.simulators.isds_reading import Call
from depesha.simulators.isds_reply import Operation, Reply, demand
from depesha.simulators.isds_state import IsdsState
from depesha.simulators.isds_values import Caller, LoginKind, Message, Right
from depesha.simulators.isds_words import RefusalError

LIMIT: Final = 1000
"""Lines of a list where the call names none (facts 5.2.1)."""
CHANGES_BACK: Final = timedelta(days=15)
MOST: Final = 5000
"""Lines of a list whatever the call asks for; the real bound is not known (facts 16)."""
_ACCEPTED: Final = frozenset({5, 6})


class Info:
    """The operations of `dx`, by name."""

    def __init__(self, state: IsdsState) -> None:
        self._state = state
        self.table: dict[str, Operation] = {
            "GetListOfReceivedMessages": self._received,
            "GetListOfSentMessages": self._sent,
            "GetMessageStateChanges": self._changes,
            "MessageEnvelopeDownload": self._envelope,
            "SentMessageEnvelopeDownload": self._sent_envelope,
            "GetDeliveryInfo": self._delivery,
            "GetSignedDeliveryInfo": self._signed_delivery,
            "MarkMessageAsDownloaded": self._mark,
            "VerifyMessage": self._verify,
            "GetMessageAuthor": self._author,
            "GetMessageAuthor2": self._author_2,
            "EraseMessage": self._erase,
        }

    # --- lists ---------------------------------------------------------------------------------

    def _received(self, caller: Caller, call: Call) -> Reply:
        demand(caller, Right.VIEW)
        self._state.enter(caller)
        found = self._state.received(caller.box.box_id)
        unit = call.integer("dmRecipientOrgUnitNum")
        return self._list(caller, call, _of_unit(found, "dmRecipientOrgUnitNum", unit))

    def _sent(self, caller: Caller, call: Call) -> Reply:
        demand(caller, Right.VIEW)
        found = self._state.sent(caller.box.box_id)
        unit = call.integer("dmSenderOrgUnitNum")
        return self._list(caller, call, _of_unit(found, "dmSenderOrgUnitNum", unit))

    def _list(self, caller: Caller, call: Call, found: list[Message]) -> Reply:
        viewer = caller.box.box_id
        since, until = call.moment("dmFromTime"), call.moment("dmToTime")
        states = _states(call)
        offset = max(1, call.integer("dmOffset") or 1)
        limit = call.integer("dmLimit")
        limit = LIMIT if limit is None else max(0, min(limit, MOST))
        chosen = [
            m
            for m in found
            if (since is None or m.listed_at >= since)
            and (until is None or m.listed_at <= until)
            and (states is None or states & (1 << m.listed_for(viewer)))
        ]
        pen = Pen(zulu=self._state.oddity.quirks.zulu)
        pen.open("p:dmRecords")
        for number, message in enumerate(chosen[offset - 1 : offset - 1 + limit], offset):
            record(pen, message, viewer, number)
        pen.close("p:dmRecords")
        return Reply(inner=pen.done())

    def _changes(self, caller: Caller, call: Call) -> Reply:
        demand(caller, Right.VIEW)
        now, quirks = self._state.clock.now(), self._state.oddity.quirks
        since = max(call.moment("dmFromTime") or now - CHANGES_BACK, now - CHANGES_BACK)
        shown = now - timedelta(seconds=quirks.hidden_seconds)
        until = min(call.moment("dmToTime") or shown, shown)
        found = [
            (message.message_id, when, status)
            for message in self._state.sent(caller.box.box_id)
            for when, status in message.changes
            if since <= when <= until
        ]
        # The real list has no order (facts 5.2); this one has none that means anything.
        found.sort(key=lambda each: hashlib.sha256(each[0].encode()).digest())
        pen = Pen(zulu=quirks.zulu)
        pen.open("p:dmRecords")
        for message_id, when, status in found:
            pen.open("p:dmRecord")
            pen.add("p:dmID", message_id)
            pen.add("p:dmEventTime", when)
            pen.add("p:dmMessageStatus", status)
            pen.close("p:dmRecord")
        pen.close("p:dmRecords")
        return Reply(inner=pen.done())

    # --- one message ---------------------------------------------------------------------------

    def _envelope(self, caller: Caller, call: Call) -> Reply:
        demand(caller, Right.VIEW)
        return self._told(caller, self._state.received_one(caller, call.text("dmID") or ""))

    def _sent_envelope(self, caller: Caller, call: Call) -> Reply:
        if not caller.may(Right.CREATE):
            demand(caller, Right.VIEW)
        return self._told(caller, self._state.sent_one(caller, call.text("dmID") or ""))

    def _told(self, caller: Caller, message: Message) -> Reply:
        proof, quirks = self._state.proof(message), self._state.oddity.quirks
        viewer = caller.box.box_id
        return Reply(inner=returned(message, viewer, proof, quirks, whole=False, prefix="p"))

    def _delivery(self, caller: Caller, call: Call) -> Reply:
        message = self._ready(caller, call)
        proof, quirks = self._state.proof(message), self._state.oddity.quirks
        return Reply(inner=delivery(message, caller.box.box_id, proof, quirks, prefix="p"))

    def _signed_delivery(self, caller: Caller, call: Call) -> Reply:
        message = self._ready(caller, call)
        proof, quirks = self._state.proof(message), self._state.oddity.quirks
        inner = delivery(message, caller.box.box_id, proof, quirks, prefix="q")
        whole = paper(Paper.DELIVERY, inner, quirks)
        return sealed(self._state, call.name, Paper.DELIVERY, whole)

    def _ready(self, caller: Caller, call: Call) -> Message:
        """Return a message of either party that has its stamp: a delivery info must hold it."""
        demand(caller, Right.VIEW)
        message = self._state.either(caller, call.text("dmID") or "")
        if message.status < 2:  # noqa: PLR2004 -- before the stamp
            raise RefusalError("1229")
        return message

    def _mark(self, caller: Caller, call: Call) -> Reply:
        demand(caller, Right.READ)
        message = self._state.received_one(caller, call.text("dmID") or "")
        if message.status in _ACCEPTED:
            message.marked = True
        return Reply()

    def _verify(self, caller: Caller, call: Call) -> Reply:
        message = self._state.either(caller, call.text("dmID") or "")
        pen = Pen()
        pen.add("p:dmHash", self._state.proof(message).digest, algorithm=ALGORITHM)
        return Reply(inner=pen.done())

    def _author(self, caller: Caller, call: Call) -> Reply:
        message = self._state.either(caller, call.text("dmID") or "")
        pen = Pen()
        pen.add("p:userType", _user_type(message.author))
        pen.add("p:authorName", None)
        return Reply(inner=pen.done())

    def _author_2(self, caller: Caller, call: Call) -> Reply:
        message = self._state.either(caller, call.text("dmID") or "")
        pen = Pen()
        pen.open("p:dmMessageAuthor")
        pen.open("p:maItem", key="userType", value=_user_type(message.author))
        pen.close("p:maItem", "p:dmMessageAuthor")
        return Reply(inner=pen.done())

    def _erase(self, caller: Caller, call: Call) -> Reply:
        """Erase from the vault, which is all that can be erased (facts 5.2)."""
        message = self._state.either(caller, call.text("dmID") or "")
        self._state.erase_from_vault(message, caller.box.box_id)
        return Reply()


def _of_unit(found: list[Message], name: str, unit: int | None) -> list[Message]:
    if unit is None:
        return found
    return [message for message in found if message.draft.texts.get(name) == str(unit)]


def _states(call: Call) -> int | None:
    """Read the filter: a sum of powers of two, or None for every state."""
    text = call.text("dmStatusFilter")
    if text is None or text.strip() == EVERY_STATE:
        return None
    return call.integer("dmStatusFilter")


def _user_type(kind: LoginKind) -> str:
    return "VIRTUAL" if kind.by_application else "PRIMARY_USER"
