"""The attack corpus: every known way to get a bad document past a receiver, made from a good one.

Every case must be refused with one of its reasons; `tests/corpus/attacks/readme.md` tells them.
For tests and drills on one's own systems.
"""

from __future__ import annotations

from collections.abc import Iterator

from depesha.simulators import (
    attack_algorithms,
    attack_documents,
    attack_wrapping,
)
from depesha.simulators.attack_tools import FORGED, Attack
from depesha.simulators.authority import Authority, Identity

__all__ = ["FORGED", "Attack", "corpus"]


def corpus(
    good: bytes,
    *,
    victim: Identity,
    attacker: Identity,
    authority: Authority,
    large: bool = True,
) -> Iterator[Attack]:
    """Yield every attack on the sender of a good message.

    `good` is a message as the network carries it, UTF-8, signed by `victim`, whose certificate
    comes from `authority`; `attacker` has a key and a certificate from an authority of his own.
    `large` adds the cases of 50 MB. Names are unique and stable.
    """
    yield from attack_wrapping.wrapping(good, victim)
    yield from attack_wrapping.placement(good)
    yield from attack_wrapping.references(good, victim)
    yield from attack_algorithms.transforms(good, victim)
    yield from attack_algorithms.methods(good, victim)
    yield from attack_algorithms.values(good, victim)
    yield from attack_algorithms.keys(good, victim, attacker, authority)
    yield from attack_documents.doctypes(good)
    yield from attack_documents.texts(good)
    yield from attack_documents.encodings(good)
    yield from attack_documents.fragments(good)
    yield from attack_documents.bombs(good, large=large)
