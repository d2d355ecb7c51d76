"""Finds documents whose term is over, and destroys their content; evidence stays and verifies.

Each destruction is one transaction with its evidence; files go after it, and what a death leaves is
swept. Never touches what has not ended, what waits for anything, or what is held (RET-13). Whether
and when is not decided here.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from depesha.ports import BlobStore, Clock
from depesha.queue import outbound_statements as out
from depesha.queue import statements as sql
from depesha.queue.lane import Database, Transaction
from depesha.queue.outbound import find_outbound, forget_document
from depesha.queue.refs import Referrer, drop_refs
from depesha.queue.rows import append, message_of, to_micros
from depesha.schemas.codec import (
    arrival_bytes,
    checks_bytes,
    outbound_progress,
    outbound_submission,
)
from depesha.schemas.ids import Digest, MessageId
from depesha.schemas.keeping import digests_in, files_of, parts_of
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.notes import Area
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.retention import Act, Sort, Terms, bare_message, bare_outbound

GONE = "destroyed:"
"""Before the id, where the digest of a message's original stood: nothing refers to it any more."""

ENDED_IN = """SELECT id FROM messages WHERE state = ? AND changed_at < ?
  AND id NOT IN (SELECT id FROM destroyed) ORDER BY id LIMIT ?"""
ENDED_OUT = """SELECT id FROM outbound WHERE state = ? AND changed_at < ?
  AND id NOT IN (SELECT id FROM destroyed) ORDER BY id LIMIT ?"""
_HELD = "SELECT 1 FROM notes WHERE area = ? AND key = ?"
_WORK_IN = "SELECT 1 FROM tasks WHERE message_id = ? LIMIT 1"
_WORK_OUT = "SELECT 1 FROM tasks WHERE outbound_id = ? LIMIT 1"
_NOTE = "INSERT INTO destroyed VALUES (?, ?, ?)"
_NOTED = "SELECT 1 FROM destroyed WHERE id = ?"
_WIRED = """SELECT sequence, body, wire IS NOT NULL FROM evidence
  WHERE message_id = ? AND message_id <> '' ORDER BY sequence"""
_DROP_WIRE = "UPDATE evidence SET wire = NULL WHERE sequence = ?"
_STRIP_IN = """UPDATE messages SET original = ?, reason = '', checks = ?, arrival = ?
  WHERE row = ?"""
_STRIP_OUT = "UPDATE outbound SET progress = ? WHERE row = ?"
_STRIP_SUBMISSION = "UPDATE outbound_submissions SET body = ? WHERE row = ?"
_ENTRY = "SELECT row FROM entries WHERE owner = ?"
CAREFUL = "INSERT INTO words (words, rank) VALUES ('secure-delete', ?)"
_NEVER_FILE = "UPDATE entries SET filed = max(filed, 1) WHERE row = ?"
"""Words that were read a moment ago, to be filed, are void then."""
DROP_WORDS = "DELETE FROM words WHERE rowid BETWEEN ? * 8 AND ? * 8 + 7"


@dataclass(frozen=True, slots=True, kw_only=True)
class Destroyed:
    """What became of an act."""

    count: int
    kept: tuple[MessageId, ...]
    """Held, at work, or not ended any more: not touched."""
    files: int


class Retention:
    """Over one memory."""

    def __init__(self, db: Database, blobs: BlobStore, clock: Clock) -> None:
        self._db = db
        self._blobs = blobs
        self._clock = clock

    async def due(self, terms: Terms, sort: Sort, limit: int) -> tuple[MessageId, ...]:
        """Return documents of a sort whose term is over and that may go, oldest first."""
        before = terms.before(sort, self._clock.now())
        if before is None:
            return ()
        return await self._db.look(lambda t: _due(t, terms, sort, before, limit))

    async def destroy(self, act: Act, terms: Terms) -> Destroyed:
        """Destroy the content of everything in an act that may still go; safe to repeat."""
        gone, kept, files = 0, [], 0
        for one in act.items:
            orphans = await self._db.write(partial(self._one, act=act, terms=terms, name=one))
            if orphans is None:
                kept.append(one)
                continue
            gone += 1
            files += len(orphans)
            for name in orphans:
                await asyncio.to_thread(self._blobs.remove, name)
        await self._db.scour()
        return Destroyed(count=gone, kept=tuple(kept), files=files)

    def _one(
        self, transaction: Transaction, act: Act, terms: Terms, name: MessageId
    ) -> tuple[Digest, ...] | None:
        """Strip one document; return the blobs that nobody needs now, None where it stays."""
        if transaction.one(_NOTED, name) is not None:
            return ()
        if not _may_go(transaction, terms, name, self._clock.now()):
            return None
        digests, state = _strip(transaction, name)
        named, wires = _drop_evidence(transaction, name)
        now = self._clock.now()
        transaction.run(_NOTE, name, to_micros(now), act.name)
        append(
            transaction,
            NewEvidence(
                kind=EvidenceKind.DESTROYED,
                at=now,
                message_id=name,
                actor="gateway",
                facts={
                    "act": act.name,
                    "rule": act.rule,
                    "state": state,
                    "wires": wires,
                    "digests": sorted({*digests, *named}),
                },
            ),
        )
        return tuple(d for d in sorted({*digests, *named}) if not _needed(transaction, d))


def _due(
    transaction: Transaction, terms: Terms, sort: Sort, before: datetime, limit: int
) -> tuple[MessageId, ...]:
    found: list[MessageId] = []
    limit_at = to_micros(before)
    states = [(ENDED_IN, s) for s in InboundState if terms.sort_in(s) is sort]
    sent = [(ENDED_OUT, s) for s in OutboundState if terms.sort_out(s) is sort]
    for statement, state in (*states, *sent):
        # A few more, for some may be held.
        for (name,) in transaction.all(statement, state, limit_at, 2 * limit):
            if len(found) < limit and _free(transaction, name):
                found.append(MessageId(name))
    return tuple(found)


def _free(transaction: Transaction, name: str) -> bool:
    """Neither held nor at work."""
    return all(
        transaction.one(statement, *values) is None
        for statement, values in (
            (_HELD, (Area.LEGAL_HOLDS, name)),
            (_WORK_IN, (name,)),
            (_WORK_OUT, (name,)),
        )
    )


def _may_go(transaction: Transaction, terms: Terms, name: MessageId, now: datetime) -> bool:
    row = transaction.one(sql.MESSAGE, name)
    if row is not None:
        message = message_of(row)
        sort, ended = terms.sort_in(message.state), message.changed_at
    else:
        document = find_outbound(transaction, name)
        if document is None:
            return False
        sort, ended = terms.sort_out(document.state), document.changed_at
    before = None if sort is None else terms.before(sort, now)
    return before is not None and ended < before and _free(transaction, name)


def _strip(transaction: Transaction, name: MessageId) -> tuple[frozenset[Digest], str]:
    """Take content and names out of a document's rows; return its blobs and its state."""
    row = transaction.one(sql.MESSAGE, name)
    if row is not None:
        message, place = message_of(row), row[-1]
        digests = files_of(message) | {message.arrival.original}
        bare = bare_message(message)
        transaction.run(
            _STRIP_IN, GONE + name, checks_bytes(bare.checks), arrival_bytes(bare.arrival), place
        )
        drop_refs(transaction, files_of(message), Referrer.MESSAGE, place)
        _drop_words(transaction, place * 2)
        return digests, str(message.state)
    found = transaction.one(out.OUTBOUND, name)
    document = find_outbound(transaction, name)
    if found is None or document is None:
        return frozenset(), ""
    place, bare_one = found[-1], bare_outbound(document)
    transaction.run(_STRIP_OUT, outbound_progress(bare_one), place)
    forget_document(transaction, name)
    transaction.run(_STRIP_SUBMISSION, outbound_submission(bare_one), place)
    drop_refs(transaction, parts_of(document), Referrer.OUTBOUND, place)
    _drop_words(transaction, place * 2 + 1)
    return parts_of(document), str(document.state)


def _drop_words(transaction: Transaction, owner: int) -> None:
    """Take a document out of the index of words, overwritten there as well."""
    row = transaction.one(_ENTRY, owner)
    if row is not None:
        transaction.run(CAREFUL, 1)
        transaction.run(DROP_WORDS, row[0], row[0])
        transaction.run(_NEVER_FILE, row[0])
        transaction.run(CAREFUL, 0)


def _drop_evidence(
    transaction: Transaction, name: MessageId
) -> tuple[frozenset[Digest], list[str]]:
    """Drop the bytes beside a document's evidence; return the blobs its rows named, and the rows.

    The rows themselves stay: their bodies hold the digests of what is gone.
    """
    digests: set[Digest] = set()
    dropped: list[str] = []
    for sequence, body, wired in transaction.all(_WIRED, name):
        digests |= set(digests_in(json.loads(body)["facts"].values()))
        if wired:
            transaction.run(_DROP_WIRE, sequence)
            dropped.append(str(sequence))
    drop_refs(transaction, sorted(digests), Referrer.EVIDENCE, 0)
    return frozenset(digests), dropped


def _needed(transaction: Transaction, name: Digest) -> bool:
    """Tell whether any other document still needs a blob."""
    return any(
        transaction.one(statement, name) is not None
        for statement in (sql.BLOB_REF, sql.ORIGINAL_OF, sql.SEALED_UNTIL)
    )


def protocol(act: Act, done: Destroyed, at: datetime) -> NewEvidence:
    """Return the protocol of a destruction: what, how many, by whose word (RET-06)."""
    return NewEvidence(
        kind=EvidenceKind.DESTROYED,
        at=at,
        message_id=None,
        actor="gateway",
        facts={
            "act": act.name,
            "rule": act.rule,
            "list": act.digest,
            "destroyed": done.count,
            "kept": list(done.kept),
            "files": done.files,
            "approved_by": [one.actor for one in act.approvals],
            "grounds": [one.ground for one in act.approvals],
        },
    )
