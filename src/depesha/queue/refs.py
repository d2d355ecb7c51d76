"""What blobs are kept for: who refers to which digest. Written with what refers, never after.

Originals of messages are found by their own index; everything else that a stored row needs stands
in `blob_refs`. Nothing here touches a file.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from depesha.queue import statements as sql
from depesha.queue.lane import Transaction
from depesha.schemas.ids import Digest


class Referrer(StrEnum):
    """Why a blob is kept."""

    MESSAGE = "m"
    OUTBOUND = "o"
    EVIDENCE = "e"


def add_refs(
    transaction: Transaction, digests: Iterable[Digest], referrer: Referrer, row: int = 0
) -> None:
    """Note that `row` of this referrer needs these blobs; noting twice is the same as once."""
    for digest in digests:
        transaction.put(sql.ADD_REF, digest, referrer, row)


def drop_refs(
    transaction: Transaction, digests: Iterable[Digest], referrer: Referrer, row: int
) -> None:
    """Note that they are not needed by it any more."""
    for digest in digests:
        transaction.put(sql.DROP_REF, digest, referrer, row)
