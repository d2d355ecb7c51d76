"""Keeps the console's lists and its index of words in step with what is stored.

The lists move inside the transaction of each store, so that a page never shows what is not so. The
words are filed soon after, many documents in one transaction: SQLite's index writes all it holds
at each caller's savepoint, which cost more than the message itself. What a state means to a person
is said in `schemas/overview_filing.py`, which words find a document in `schemas/overview_terms.py`.
Nothing here is read by the gateway itself.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    """Put a new document into the lists; its words are filed later (`Waiting`)."""
    micros, hour, peer = to_micros(at), hour_of(at), peer_of(document)
    transaction.put(
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
    if peer and document.state != REFUSED_AT_THE_DOOR:
        transaction.put(seen.ADD_PEER, peer, filed.direction, micros)
    if filed.direction is Direction.OUT:
        transaction.put(seen.ADD_PULSE, document.network, SENT, hour, micros)


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
            transaction.put(seen.MOVE_PULSE, before.network, SENT, row[0], -1, row[1])
            transaction.put(seen.MOVE_PULSE, after.network, SENT, row[0], 1, row[1])
    if known_by(before) != known_by(after):
        transaction.put(seen.FILE_AGAIN, filed.owner)
        if peer_of(before) != peer_of(after):
            transaction.put(seen.REFILE_PEER, peer_of(after), filed.owner)


def _standing(document: Message | OutboundMessage) -> tuple[str, str, str | None]:
    return document.network, document.state, need_of(document)


class Waiting(NamedTuple):
    """An entry whose words are not filed as they stand now, and what is to be filed."""

    row: int
    since: int
    """As it was read: whoever moves the document meanwhile makes this one void."""
    texts: int
    """So many stand in the index already."""
    need: str | None
    terms: str

    @classmethod
    def of(cls, row: int, since: int, texts: int, document: Message | OutboundMessage) -> Waiting:
        """Say what is to be filed of a document as it was read."""
        return cls(row, since, texts, need_of(document), terms_of(document))


def file_words(transaction: Transaction, waiting: Iterable[Waiting]) -> int:
    """File what waits; return how many entries. One that was moved or filed meanwhile is left."""
    count = 0
    for one in waiting:
        # A later text holds the earlier ones: the last place is written over.
        place = min(one.texts, TEXTS - 1)
        if not transaction.run(seen.FILING, place + 1, one.need, one.row, one.since):
            continue
        if place < one.texts:
            transaction.run(seen.DROP_WORDS, one.row * TEXTS + place)
        transaction.run(seen.ADD_WORDS, one.row * TEXTS + place, one.terms)
        count += 1
    return count


def mend(transaction: Transaction, corrected: Guid | None) -> None:
    """A document that mends a declined one takes it off the people's list (REF-02)."""
    if corrected is not None:
        transaction.put(seen.MEND_ENTRY, corrected)
