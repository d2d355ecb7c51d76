"""What a restored store has forgotten, and which tries it must suspect. Values, pure.

A store put back from a back-up knows everything up to a moment, and nothing of what was done from
then to its loss. So each document that may have been sent in that gap is given a try on every
network that may have carried it: a *forgotten try*, begun at that moment, with no outcome. The
ordinary law then does the rest: it is asked about before anything is sent (law 3).
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from depesha.schemas.dispatch import Attempt, AttemptOutcome
from depesha.schemas.evidence import canonical
from depesha.schemas.ids import Digest, digest

CURRENT = "current"
"""Key in the notebook under which the latest restoration stands."""
FORGOTTEN = "forgotten-"
"""Ids of forgotten tries begin so, then with the restoration's own name."""
MARGIN = timedelta(hours=1)
"""What networks list is read back a little further, and believed a little longer: clocks differ."""
MAY_BE_NUMBERED = (
    "it may have been numbered before the store was lost: ask the sender what number it was told"
)
"""Why the built-in registry gives a message no number by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restoration:
    """One putting back of a store."""

    name: str
    """Of the back-up: unique, and its moment."""
    knows_until: datetime
    """What was done before is in the store; what was done later may not be."""
    restored_at: datetime
    manifest: Digest
    sequence: int = 0
    """Number of the last evidence row that the back-up held."""
    approved_at: datetime | None = None
    """When a person judged the whole and approved it (BKP-10): the gap is closed."""
    approved_by: str = ""
    rewound: tuple[str, ...] = ()
    """State files whose pollers read again from the beginning of the gap."""
    skipped: tuple[str, ...] = ()
    """Numbers of the built-in registry that are never given, for they may have been."""
    backed_up_at: datetime | None = None
    """Moment of the back-up where the knowledge ends earlier: an earlier gap was never closed."""

    def reaching_back(self, earlier: Restoration) -> Restoration:
        """Return it with the gap of an earlier restore, which nobody approved."""
        return replace(
            self,
            knows_until=earlier.knows_until,
            sequence=earlier.sequence,
            skipped=(*earlier.skipped, *self.skipped),
            backed_up_at=self.knows_until,
        )

    def knew(self, taken_at: datetime) -> bool:
        """Tell whether the back-up held a document that was taken then."""
        return taken_at <= (self.backed_up_at or self.knows_until)

    def doubts(self, taken_at: datetime) -> bool:
        """Tell whether a document may have been sent, or a message been numbered, in the gap.

        Of one that is taken after the restore, too: the registry may be repeating what it
        submitted in the gap, under the same key and so the same GUID, and an inbox that is read
        again what it delivered.
        """
        return self.approved_at is None or taken_at < self.approved_at

    def may_have_answered(self, arrived_at: datetime | None) -> bool:
        """Tell whether the lost store may have told the state of a message that came to us.

        `arrived_at` is when it was with its network; None where that is not known. What came
        there after the restore was never in the lost store.
        """
        if self.approved_at is not None:
            return False
        return arrived_at is None or arrived_at < self.restored_at + MARGIN

    def named(self, secret: str) -> str:
        """Return the id of a new forgotten try."""
        return f"{self._prefix}{secret}"

    def suspected(self, attempts: tuple[Attempt, ...], network: str) -> bool:
        """Tell whether a network was given its forgotten try."""
        return any(one.network == network and one.id.startswith(self._prefix) for one in attempts)

    @property
    def _prefix(self) -> str:
        return f"{FORGOTTEN}{self.name}-"


def is_forgotten(attempt: Attempt) -> bool:
    """Tell a forgotten try from one that was made.

    Found absent, it says nothing of how the network fares: it uses up no budget of tries.
    """
    return attempt.id.startswith(FORGOTTEN)


def found_absent(attempt: Attempt) -> bool:
    """Tell whether a forgotten try turned out never to have been."""
    return is_forgotten(attempt) and attempt.outcome is AttemptOutcome.ABSENT


def restoration_bytes(restoration: Restoration) -> bytes:
    """Return the form in the notebook."""
    approved, backed_up = restoration.approved_at, restoration.backed_up_at
    return canonical(
        {
            "name": restoration.name,
            "knows_until": _text(restoration.knows_until),
            "restored_at": _text(restoration.restored_at),
            "manifest": restoration.manifest,
            "sequence": restoration.sequence,
            "approved_at": "" if approved is None else _text(approved),
            "approved_by": restoration.approved_by,
            "rewound": list(restoration.rewound),
            "skipped": list(restoration.skipped),
            "backed_up_at": "" if backed_up is None else _text(backed_up),
        }
    )


def load_restoration(data: bytes) -> Restoration:
    """Read the form in the notebook."""
    told = json.loads(data)
    backed_up = told.get("backed_up_at", "")
    return Restoration(
        name=told["name"],
        knows_until=datetime.fromisoformat(told["knows_until"]),
        restored_at=datetime.fromisoformat(told["restored_at"]),
        manifest=digest(told["manifest"]),
        sequence=told["sequence"],
        approved_at=datetime.fromisoformat(told["approved_at"]) if told["approved_at"] else None,
        approved_by=told["approved_by"],
        rewound=tuple(told["rewound"]),
        skipped=tuple(told["skipped"]),
        backed_up_at=datetime.fromisoformat(backed_up) if backed_up else None,
    )


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
