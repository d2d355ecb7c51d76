"""A document of the demo on its way out, and how its way is told. Values and words only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Final

from depesha.schemas.ids import Guid
from depesha.simulators.bodies import Body

BRISK: Final[dict[str, dict[str, object]]] = {
    "outbound": {"patience_seconds": 1.0, "look_again_seconds": 1.0},
    "outbound.retry": {
        "seos": [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
        "ssev": [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
        "isds": [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
        "email": [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0],
        "faults": [0.5, 1.0, 2.0, 4.0],
        "questions": [0.5, 1.0, 2.0, 4.0, 8.0],
    },
    "outbound.breaker": {
        "failures": 2,
        "rest_seconds": 1.0,
        "rest_longest_seconds": 2.0,
        "probe_seconds": 10.0,
    },
}
"""The same rules as ever with short waits, so that a demo need not last for hours."""


@dataclass(slots=True, kw_only=True)
class Paper:
    """A document on its way, and what is known of it."""

    recipient: Body
    subject: str
    guid: Guid
    number: str
    files: tuple[tuple[str, str, bytes], ...] = field(repr=False)
    id: str = ""

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(content) for _, _, content in self.files)

    @property
    def digests(self) -> list[str]:
        """SHA-256 of the files, in their order."""
        return [hashlib.sha256(content).hexdigest() for _, _, content in self.files]


def described(paper: Paper) -> dict[str, Any]:
    """Words for a dry run."""
    return {
        "recipient": {"identifier": paper.recipient.party.identifier},
        "files": [{"name": name, "size": len(content)} for name, _, content in paper.files],
    }


def way(found: dict[str, Any]) -> str:
    """The tries of a document in order: `seos DEFERRED → ssev DELIVERED`."""
    tries = [f"{one['network']} {one['outcome'] or 'begun'}" for one in found["attempts"]]
    return " → ".join(tries) or "no try"


def step(found: dict[str, Any]) -> str:
    """What the gateway means to do next."""
    return found["route"]["step"] if found["route"] else "no plan"
