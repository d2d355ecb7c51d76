"""What peers are told of a finding, in the language of their network."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.schemas.sentences import sentence

if TYPE_CHECKING:
    from depesha.schemas.verdict import Finding

PEER_LANGUAGE = "bg"
"""Of what SEOS and SSEV peers are told of a finding."""


def peer_sentence(finding: Finding) -> str:
    """Return what a peer is told of a finding."""
    return sentence(finding, PEER_LANGUAGE, "peer")


def czech_sentence(finding: Finding) -> str:
    """Return what a peer on ISDS is told of a finding."""
    return sentence(finding, "cs", "peer")
