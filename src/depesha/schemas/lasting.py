"""The stretches of a document's way whose duration is told, and how each is read. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.schemas.message import Message
    from depesha.schemas.outbound import OutboundMessage


class Stage(StrEnum):
    """A stretch of a way."""

    REGISTERING = "registering"
    """Received, until our registry gave its number or refused."""
    ACKNOWLEDGING = "acknowledging"
    """Our number, until the sender took it."""
    SENDING = "sending"
    """Submitted, until a network had it for sure."""
    CONFIRMING = "confirming"
    """In a network's hands, until the recipient gave its number or declined."""


INWARD = frozenset({Stage.REGISTERING, Stage.ACKNOWLEDGING})
"""Stretches of received documents; the others are of ours."""


def since(earlier: datetime, later: datetime) -> float:
    """Return seconds, never below zero: the wall clock may have stepped back."""
    return max(0.0, (later - earlier).total_seconds())


def acknowledging(message: Message, now: datetime) -> float | None:
    """Return how long the sender took to take our number; None where there was none to take."""
    if message.registered_at is None or message.acknowledged_at is not None:
        return None
    return since(message.registered_at, now)


def ended(before: OutboundMessage, after: OutboundMessage) -> Iterator[tuple[Stage, float]]:
    """Return the stretches that a step of a document of ours ended, with their seconds."""
    if after.handed_over_at is not None and before.handed_over_at is None:
        yield Stage.SENDING, since(after.dispatch.submitted_at, after.handed_over_at)
    if after.answered_at is not None and before.answered_at is None:
        handed = after.handed_over_at or before.handed_over_at
        if handed is not None:
            yield Stage.CONFIRMING, since(handed, after.answered_at)
