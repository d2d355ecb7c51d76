"""Keeps the console's lists and its index of words in step with what is stored.

Runs inside the transaction of each store, so that a page never shows what is not so. What a state
means to a person is said in `schemas/overview_filing.py`, which words find a document in
`schemas/overview_terms.py`. Nothing here is read by the gateway itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from depesha.queue import overview_statements as seen
from depesha.queue.lane import Transaction
from depesha.queue.rows import to_micros
from depesha.schemas.ids import Guid
from depesha.schemas.message import Message
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.overview import Direction
from depesha.schemas.overview_filing import SENT, hour_of, need_of, peer_of
from depesha.schemas.overview_terms import known_by, terms_of

TEXTS = 8
"""Texts of one entry in the index: its row times this, and up."""
REFUSED_AT_THE_DOOR = "REJECTED"


class Filed(NamedTuple):
    """Whose entry it is."""

    owner: int
    direction: Direction

    @classmethod
    def message(cls, row: int) -> Filed:
        """Of a received message."""
        return cls(row * 2, Direction.IN)

    @classmethod
    def document(cls, row: int) -> Filed:
        """Of a document of ours."""
        return cls(row * 2 + 1, Direction.OUT)


def file(
    transaction: Transaction, filed: Filed, document: Message | OutboundMessage, at: datetime
) -> None:
    """Put a new document into the lists and the index."""
    micros, hour, peer = to_micros(at), hour_of(at), peer_of(document)
    transaction.run(
        seen.ADD_ENTRY,
        filed.owner,
        filed.direction,
        document.network,
        document.state,
        hour,
        micros,
        peer,
        need_of(document),
        micros,
    )
    transaction.run(seen.ADD_WORDS, transaction.last_row() * TEXTS, terms_of(document))
    if peer and document.state != REFUSED_AT_THE_DOOR:
        transaction.run(seen.ADD_PEER, peer, filed.direction, micros)
    if filed.direction is Direction.OUT:
        transaction.run(seen.ADD_PULSE, document.network, SENT, hour, micros)


def refile(
    transaction: Transaction,
    filed: Filed,
    before: Message | OutboundMessage,
    after: Message | OutboundMessage,
) -> None:
    """Follow a step: where the document stands, what it needs, and by what else it is known."""
    stood, stands = _standing(before), _standing(after)
    if stood != stands:
        row = transaction.one(seen.MOVE_ENTRY, *stands, to_micros(after.changed_at), filed.owner)
        if row is not None and filed.direction is Direction.OUT and stood[0] != stands[0]:
            transaction.run(seen.MOVE_PULSE, before.network, SENT, row[0], -1, row[1])
            transaction.run(seen.MOVE_PULSE, after.network, SENT, row[0], 1, row[1])
    if known_by(before) != known_by(after):
        _file_words(transaction, filed.owner, after)
        if peer_of(before) != peer_of(after):
            transaction.run(seen.REFILE_PEER, peer_of(after), filed.owner)


def _standing(document: Message | OutboundMessage) -> tuple[str, str, str | None]:
    return document.network, document.state, need_of(document)


def _file_words(transaction: Transaction, owner: int, document: Message | OutboundMessage) -> None:
    """Add a text that holds all terms known by now; the last place is written over."""
    entry = transaction.one(seen.FILED_OF, owner)
    if entry is None or entry[1] == 0:
        return  # left by an earlier version: `catch_up` files it as it stands then
    row, filed = entry
    place = min(filed, TEXTS - 1)
    if place < filed:
        transaction.run(seen.DROP_WORDS, row * TEXTS + place)
    transaction.run(seen.ADD_WORDS, row * TEXTS + place, terms_of(document))
    transaction.run(seen.FILE_AGAIN, place + 1, row)


def mend(transaction: Transaction, corrected: Guid | None) -> None:
    """A document that mends a declined one takes it off the people's list (REF-02)."""
    if corrected is not None:
        transaction.run(seen.MEND_ENTRY, corrected)
