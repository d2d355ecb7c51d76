"""After a restore: what may have been sent in the forgotten time is asked about, never sent again.

It names the networks that a document must be suspected of; the asking itself is `trying.py`'s and
`following.py`'s, as for any other try without a clear end. So it is with numbers that may have been
given: a person asks (`labour.py`). Nothing here sends or stores.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.gateway.planning import standing_of
from depesha.gateway.routing import GOT_THROUGH, must_ask
from depesha.schemas.dispatch import EMAIL, Attempt
from depesha.schemas.message import EvidenceKind
from depesha.schemas.overview_story import event_of
from depesha.schemas.restoration import MARGIN
from depesha.schemas.route import Bar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from depesha.gateway.planning import Planner
    from depesha.ports import IdSource
    from depesha.schemas.evidence import EvidenceRecord
    from depesha.schemas.message import Message
    from depesha.schemas.outbound import OutboundMessage
    from depesha.schemas.restoration import Restoration
    from depesha.schemas.route import Candidate

NEVER = frozenset(
    {
        Bar.NOT_ALLOWED_BY_AUTHOR,
        Bar.BELOW_FLOOR,
        Bar.PERSONAL_DATA,
        Bar.MESSAGE_TOO_LARGE,
        Bar.FILE_TOO_LARGE,
        Bar.TOO_MANY_FILES,
        Bar.NOT_REGISTERED_THERE,
        Bar.NOT_PERMITTED_THERE,
    }
)
"""Bars that stood in the forgotten time, too: nothing was sent past them."""


@dataclass(slots=True, kw_only=True)
class Doubts:
    """What is not believed of documents since the last restore; nothing where there was none."""

    planner: Planner
    restoration: Restoration | None = None
    """The latest; replaced when a person approves it."""

    @property
    def forgetful(self) -> bool:
        """Tell whether documents of ours may be out there of which the store knows nothing."""
        return self.restoration is not None and self.restoration.approved_at is None

    async def about(self, message: OutboundMessage, ids: IdSource) -> Attempt | None:
        """Return the try that a network is suspected of: begun when the knowledge ends.

        None where nothing is to be suspected any more, or an unclear try is asked about first.
        One network at a time: where the first tells that the document is there, no other is asked.
        """
        restoration, network = self.restoration, await self.suspected(message)
        if restoration is None or network is None or message.release is None:
            return None
        return Attempt(
            id=restoration.named(ids.secret()),
            network=network,
            number=len(message.attempts) + 1,
            transport_id=message.dispatch.document.guid,
            payload=message.release,
            intended_at=restoration.knows_until - MARGIN,
        )

    async def suspected(self, message: OutboundMessage) -> str | None:
        """Return the network that may have carried a document, and was not asked yet."""
        restoration = self.restoration
        if restoration is None or not restoration.doubts(message.dispatch.submitted_at):
            return None
        return await self._network(message, restoration)

    async def _network(self, message: OutboundMessage, restoration: Restoration) -> str | None:
        if must_ask(message.attempts) or any(a.outcome in GOT_THROUGH for a in message.attempts):
            return None
        # A refusal bars nothing here: a person may have resumed the document in the gap.
        plan = await self.planner.whole(message.dispatch, standing_of(message))
        roads = [one for one in plan.candidates if not _shut(one)]
        for road in roads:
            if restoration.suspected(message.attempts, road.network):
                continue
            if road.network != EMAIL or _by_mail(message, restoration, roads):
                return road.network
        return None

    def numbered(self, message: Message) -> bool:
        """Tell whether a received message may have a number that the store forgot.

        It may have had another name then: an inbox that is read again delivers it anew.
        """
        restoration = self.restoration
        return restoration is not None and restoration.doubts(message.received_at)

    def let_go(self, rows: Iterable[EvidenceRecord], task: int) -> bool:
        """Tell whether a person let this parked task go on since the restore."""
        restoration = self.restoration
        return restoration is not None and any(
            told.kind is EvidenceKind.UNPARKED
            and told.facts.get("task") == task
            and told.at >= restoration.restored_at
            for told in map(event_of, rows)
        )

    def unasked(self, message: OutboundMessage) -> bool:
        """Tell whether a document with a recipient must be asked after at once.

        The answer may have come in the gap, and nobody says it twice by himself.
        """
        restoration = self.restoration
        if restoration is None or message.dispatch.submitted_at > restoration.restored_at:
            return False
        return not any(one.at >= restoration.restored_at for one in message.questions)


def _shut(road: Candidate) -> bool:
    return any(bar.reason in NEVER for bar in road.bars)


def _by_mail(message: OutboundMessage, restoration: Restoration, roads: list[Candidate]) -> bool:
    """Tell whether mail is to be suspected: it cannot be asked, so a person must look.

    Of a document that was known before the gap, always. Of one that is submitted after the
    restore only where mail is its one road: else every new document would wait for a person.
    """
    if restoration.knew(message.dispatch.submitted_at):
        return True
    return all(road.network == EMAIL for road in roads)
