"""What a delivery report means for the letter it speaks of. Pure, but for what was heard lately.

Reports are unsigned. They are believed for naming a letter of ours: its name holds the document's
GUID, which only the recipient and the servers on the way have seen.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from depesha.adapters.email.addresses import domain_of
from depesha.adapters.email.delivery_status import (
    Action,
    DeliveryReport,
    RecipientReport,
    UnclearBounce,
)
from depesha.errors import WireError
from depesha.schemas import ids
from depesha.schemas.outcome import Delivered, Outcome, Refused, Unclear

_KEPT: Final = 10_000
_NO_CODE: Final = "BOUNCED"


def name_of_letter(report: DeliveryReport | UnclearBounce, own_address: str) -> str:
    """Return the Message-ID of our letter that a report names; empty where it names none of ours.

    By the envelope's name first: not every server returns the letter's headers.
    """
    domain = domain_of(own_address)
    if isinstance(report, DeliveryReport) and _is_name(report.envelope_id):
        return f"<{report.envelope_id}@{domain}>"
    ours = report.message_id.lower().endswith(f"@{domain}>")
    return report.message_id if ours else ""


def _is_name(envelope_id: str) -> bool:
    try:
        ids.guid(envelope_id.partition(".")[0])
    except WireError:
        return envelope_id.startswith("word.")
    return True


def outcome_of(report: DeliveryReport | UnclearBounce) -> Outcome:
    """Return what became of the letter.

    "Delivered" is told by the server that keeps the recipient's mailbox: proven. A delay, or a
    passing on, says that a server has the letter: taken, not proven, and never "not taken", for
    then it would be sent a second time. A bounce that no program can read is unclear.
    """
    if isinstance(report, UnclearBounce):
        told = "something came back about the letter that no program can read"
        return Unclear(code=report.status or _NO_CODE, public=told)
    fates = {one.action for one in report.recipients}
    one = report.recipients[0]
    receipt = _receipt(one)
    if fates == {Action.FAILED}:
        told = "the letter came back undelivered"
        return Refused(code=one.status or _NO_CODE, public=told, receipt=receipt)
    if fates == {Action.DELIVERED}:
        return Delivered(receipt=receipt, proven=True)
    if Action.FAILED in fates:
        told = "the letter reached a part of its recipients"
        return Unclear(code=one.status or _NO_CODE, public=told, receipt=receipt)
    return Delivered(receipt=receipt, proven=False)


def _receipt(report: RecipientReport) -> bytes:
    return f"{report.action} {report.status} {report.diagnostic}".strip().encode()


class HeardReports:
    """The reports heard since the start, by the letter's Message-ID; bounded."""

    def __init__(self) -> None:
        self._outcomes: OrderedDict[str, Outcome] = OrderedDict()

    def remember(self, name: str, outcome: Outcome) -> None:
        """Keep what was heard; an unclear word does not hide a clear one."""
        if isinstance(outcome, Unclear) and name in self._outcomes:
            return
        self._outcomes[name] = outcome
        self._outcomes.move_to_end(name)
        while len(self._outcomes) > _KEPT:
            self._outcomes.popitem(last=False)

    def about(self, name: str) -> Outcome | None:
        """Return what was heard of a letter."""
        return self._outcomes.get(name)
