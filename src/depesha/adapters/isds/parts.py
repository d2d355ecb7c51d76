"""Which part of a sealed paper is broken, by which rule: a closed list. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from depesha.schemas.facts import CertificateFacts
from depesha.schemas.verdict import Finding, Hold


class Part(StrEnum):
    """A part of a ZFO that can be broken by itself (facts 9.5)."""

    CONTAINER = "CONTAINER"
    """The layout of the signed file, outside everything below."""
    SIGNATURE = "SIGNATURE"
    """The signature value, its algorithm or the seal's certificate."""
    SIGNED_ATTRIBUTES = "SIGNED_ATTRIBUTES"
    """What was signed beside the content's digest."""
    CONTENT = "CONTENT"
    """The sealed XML is not the one that was signed."""
    STAMP = "STAMP"
    """The time stamp over the signature."""
    CHAIN = "CHAIN"
    """The seal's certificate does not lead to a trusted authority."""
    PAPER = "PAPER"
    """The sealed XML is not such a paper, or not the one that was asked for."""
    HASH = "HASH"
    """`dmHash` is not the digest of `dmDm`."""
    MESSAGE_STAMP = "MESSAGE_STAMP"
    """`dmQTimestamp`, the time stamp of the message at its submission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaw:
    """One thing that is wrong."""

    part: Part
    rule: str
    """Stable short word, fit for a metric."""
    finding: Finding | None = None
    """What the judge of certificates said, where it was that one."""

    @property
    def unknown(self) -> bool:
        """True where nothing is known to be wrong, but something could not be judged."""
        return self.finding is not None and isinstance(self.finding.reason, Hold)


@dataclass(frozen=True, slots=True, kw_only=True)
class StampFacts:
    """A time stamp that held: when, and whose."""

    at: datetime
    authority: CertificateFacts
    algorithm: str
