"""Outcomes of handing something to another side: the four of law 3. Values only."""

from __future__ import annotations

from dataclasses import dataclass

from depesha.errors import Blame


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The other side took it and said so."""

    receipt: bytes = b""
    """Its answer, byte for byte; empty where the network's receipt is empty."""
    proven: bool = True
    """False: in the network's hands, not yet proven at the recipient (an unopened message, a mail
    handed to the next server)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deferred:
    """Surely not taken; waiting may help."""

    code: str
    public: str
    blame: Blame
    receipt: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Surely not taken, and waiting will not help."""

    code: str
    public: str
    receipt: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unclear:
    """The request left and no believable answer came: the network is asked before anything else."""

    code: str
    public: str
    receipt: bytes = b""


Outcome = Delivered | Deferred | Refused | Unclear
