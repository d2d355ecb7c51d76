"""Rows of a store with very many documents: templates of the product's own making, filled in.

Every template is a real value in its stored form, with words in it that stand for what differs.
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from depesha.queue import outbound_statements as out
from depesha.queue import statements as sql
from depesha.queue.lane import Transaction
from depesha.queue.rows import append, to_micros
from depesha.schemas.codec import (
    arrival_bytes,
    checks_bytes,
    health_bytes,
    outbound_progress,
    outbound_submission,
    payload_bytes,
)
from depesha.schemas.dispatch import Attempt, AttemptOutcome, Dispatch
from depesha.schemas.envelope import (
    Attachment,
    DocumentReference,
    Envelope,
    Party,
    RegistrationNumber,
)
from depesha.schemas.facts import Arrival, ContentFacts
from depesha.schemas.ids import Digest, Guid, MessageId
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, Message, NewEvidence
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.overview_filing import hour_of, need_of
from depesha.schemas.overview_terms import terms_of
from depesha.schemas.route import ChannelHealth
from depesha.schemas.verdict import Caution, CheckRecord, Passed, finding

NETWORKS = ("seos", "ssev", "isds", "email")
_NETWORK_WEIGHTS = (60, 25, 5, 10)
BODIES = 600
WORDS = 5000
SPAN = timedelta(days=730)
_I, _O = InboundState, OutboundState
_IN_STATES: dict[InboundState, float] = {
    _I.ACKNOWLEDGED: 85,
    _I.CLOSED: 8,
    _I.REJECTED: 3.5,
    _I.REFUSAL_ACKNOWLEDGED: 2,
    _I.REGISTERED: 1,
    _I.STOPPED: 0.3,
    _I.ADMITTED: 0.15,
    _I.HELD: 0.03,
    _I.REFUSED: 0.02,
}
_OUT_STATES: dict[OutboundState, float] = {
    _O.REGISTERED: 82,
    _O.CLOSED: 10,
    _O.DELIVERED: 3,
    _O.ACCEPTED: 2,
    _O.DECLINED: 1.5,
    _O.STOPPED: 0.6,
    _O.RETURNED: 0.5,
    _O.DEFERRED: 0.15,
    _O.UNDELIVERABLE: 0.1,
    _O.SUBMITTED: 0.05,
    _O.UNCLEAR: 0.03,
    _O.PARKED: 0.03,
}
_NUMBERED = frozenset({_I.ACKNOWLEDGED, _I.CLOSED, _I.REGISTERED, _I.STOPPED})
_ANSWERED = frozenset({_O.REGISTERED, _O.CLOSED, _O.STOPPED})

# What stands for what differs; letters and digits only, so that terms keep them whole.
NUMBER, BODY, EIK = "qqnumber", "qqbody", "qqeik"
WORD_1, WORD_2 = "qqfirst", "qqsecond"
ID = "qqid".ljust(32, "q")
DOCUMENT = Guid("0000000c-0000-4000-8000-qqdocumentqq")
TRANSPORT = Guid("0000000b-0000-4000-8000-qqtransportq")
ORIGINAL, FILE = Digest("qqoriginal".ljust(64, "q")), Digest("qqfile".ljust(64, "q"))
DAY = date(1999, 9, 9)
MOMENT = datetime(1999, 9, 9, 9, 9, 9, tzinfo=UTC)
_US = Party(identifier="999000001", name="Агенция Образец", guid=Guid("1" * 36))
_THEM = Party(identifier=EIK, name=f"Община Пример{BODY}", guid=Guid("2" * 36))


def number_of_peer(number: int) -> str:
    """Return the digest of the file of a document, as the rows have it."""
    return hashlib.sha256(f"file {number}".encode()).hexdigest()


def _attachment() -> Attachment:
    return Attachment(
        index=1,
        name=f"Заявление-{NUMBER}-1.pdf",
        media_type="application/pdf",
        size=75_000,
        digest=FILE,
    )


def _reference() -> DocumentReference:
    number = RegistrationNumber(number=f"ПР-{NUMBER}/2026", date=DAY)
    return DocumentReference(guid=DOCUMENT, number=number)


SUBJECT = f"Относно преписка слово{WORD_1} слово{WORD_2} по искане"
CHECKS = (
    *(
        CheckRecord(check=name, verdict=Passed(), seconds=0.00012)
        for name in ("structure", "recipient", "limits", "participant", "signature", "duplicate")
    ),
    CheckRecord(
        check="annexes",
        verdict=Passed(warnings=(finding(Caution.ANNEX_MISSING, listed=2, attached=1),)),
        seconds=0.0001,
    ),
    CheckRecord(check="malware", verdict=Passed(), seconds=0.02),
)


def _content() -> ContentFacts:
    return ContentFacts(attachment=_attachment(), detected="application/pdf", safe_name="1.pdf")


@dataclass(frozen=True, slots=True)
class Template:
    """A row with words in it that stand for what differs."""

    terms: str
    body: bytes
    """Of a message: its arrival. Of a document: what never changes."""
    progress: bytes
    need: str | None


@cache
def _incoming(network: str, state: InboundState) -> Template:
    envelope = Envelope(
        network=network,
        transport_id=TRANSPORT,
        created_at=MOMENT,
        sender=_THEM,
        recipient=_US,
        document=_reference(),
        kind="Писмо",
        subject=SUBJECT,
        attachments=(_attachment(),),
    )
    message = Message(
        id=MessageId(ID),
        network=network,
        state=state,
        received_at=MOMENT,
        arrival=Arrival(
            network=network,
            received_at=MOMENT,
            original=ORIGINAL,
            original_size=105_000,
            envelope=envelope,
            contents=(_content(),),
            content_digest=FILE,
        ),
        checks=CHECKS,
        changed_at=MOMENT,
        number=RegistrationNumber(number=f"ВХ-{NUMBER}", date=DAY) if state in _NUMBERED else None,
    )
    return Template(terms_of(message), arrival_bytes(message.arrival), b"", need_of(message))


@cache
def _outgoing(network: str, state: OutboundState) -> Template:
    attempt = Attempt(
        id=f"try-{NUMBER}",
        network=network,
        number=1,
        transport_id=TRANSPORT,
        payload=ORIGINAL,
        intended_at=MOMENT,
        outcome=AttemptOutcome.DELIVERED,
    )
    message = OutboundMessage(
        id=MessageId(ID),
        state=state,
        dispatch=Dispatch(
            idempotency_key=f"key-{NUMBER}",
            submitted_at=MOMENT,
            sender=_US,
            recipient=_THEM,
            document=_reference(),
            kind="Писмо",
            subject=SUBJECT,
            files=(_attachment(),),
        ),
        contents=(_content(),),
        actor="token:bench",
        changed_at=MOMENT,
        attempts=() if state is _O.SUBMITTED else (attempt,),
        number=RegistrationNumber(number=f"ВХ-{NUMBER}", date=DAY) if state in _ANSWERED else None,
    )
    submission, progress = outbound_submission(message), outbound_progress(message)
    return Template(terms_of(message), submission, progress, need_of(message))


def _glued(text: str) -> str:
    return text.replace("-", "")


_ADD_MESSAGE = """INSERT INTO messages VALUES (NULL, ?, ?, ?, ?, ?, ?, '2', ?, 1, ?, ?, ?, ?, '',
  '', ?, ?)"""
_ADD_ENTRY = """INSERT INTO entries
  (owner, direction, network, state, hour, at, peer, need, since, filed)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 1)"""
_ADD_WORDS = "INSERT INTO words (rowid, terms) VALUES (?, ?)"
_PULSES = """INSERT OR IGNORE INTO pulses
  SELECT network, ?, hour, count(*), max(at) FROM entries
  WHERE direction = ? AND state <> 'SUBMITTED' GROUP BY network, hour"""


class Maker:
    """Writes rows by number, oldest first."""

    def __init__(self, now: datetime, count: int) -> None:
        self._now = now
        self._count = count
        self._chance = random.Random(7)  # noqa: S311 -- the same rows each time
        self._checks = checks_bytes(CHECKS)
        self._rows = [0, 0]
        self.longest = ""

    def _at(self, number: int) -> datetime:
        return self._now - SPAN + SPAN * ((number + 1) / self._count)

    def write(self, transaction: Transaction, number: int) -> None:
        """Write one document, its entry, its words, and evidence for some."""
        chance, at = self._chance, self._at(number)
        incoming = number % 5 < 3
        states: dict[Any, float] = dict(_IN_STATES if incoming else _OUT_STATES)
        network = chance.choices(NETWORKS, _NETWORK_WEIGHTS)[0]
        state = chance.choices(list(states), list(states.values()))[0]
        if not incoming and state is _O.SUBMITTED:
            network = ""
        template = _incoming(network, state) if incoming else _outgoing(network, state)
        values = self._values(number, at)
        terms = template.terms
        for name, value in values.items():
            terms = terms.replace(_glued(name), _glued(value))
        body, progress = template.body, template.progress
        for name, value in values.items():
            body = body.replace(name.encode(), value.encode())
            progress = progress.replace(name.encode(), value.encode()) if progress else b""
        micros, way = to_micros(at), 0 if incoming else 1
        self._rows[way] += 1
        row = self._rows[way]
        if incoming:
            self._message(transaction, row, network, state, values, micros, body)
        else:
            self._document(transaction, row, network, state, values, micros, body, progress)
        entry = (row * 2 + way, "out" if way else "in", network, state, hour_of(at), micros)
        transaction.run(_ADD_ENTRY, *entry, values[EIK], template.need, micros)
        transaction.run(_ADD_WORDS, (number + 1) * 8, terms)
        if number % 50 == 0 or number > self._count - 5000:
            self._evidence(transaction, MessageId(values[ID]), network, at, incoming=incoming)

    def _values(self, number: int, at: datetime) -> dict[str, str]:
        chance, body = self._chance, self._chance.randrange(BODIES)
        day = at.date().isoformat()
        return {
            ID: f"{int(at.timestamp() * 1000):012x}{number:020x}",
            DOCUMENT: f"0000000c-0000-4000-8000-{number:012x}",
            TRANSPORT: f"0000000b-0000-4000-8000-{number:012x}",
            ORIGINAL: hashlib.sha256(f"original {number}".encode()).hexdigest(),
            FILE: number_of_peer(number),
            NUMBER: str(number),
            BODY: str(body),
            EIK: f"{body:09d}",
            WORD_1: str(chance.randrange(WORDS)),
            WORD_2: str(int(WORDS * chance.random() ** 3)),
            DAY.isoformat(): day,
        }

    def _message(
        self,
        transaction: Transaction,
        row: int,
        network: str,
        state: InboundState,
        values: dict[str, str],
        micros: int,
        body: bytes,
    ) -> None:
        number = (f"ВХ-{values[NUMBER]}", values[DAY.isoformat()]) if state in _NUMBERED else None
        transaction.run(
            _ADD_MESSAGE,
            *(values[ID], network, state, micros, micros, values[ORIGINAL], values[DOCUMENT]),
            *(number or (None, None)),
            *((micros, micros) if number else (None, None)),
            self._checks,
            body,
        )
        if state is not _I.REJECTED:
            keys = (
                f"t{values[TRANSPORT]}/{network}/{_THEM.guid}",
                f"d{values[DOCUMENT]}/{values[EIK]}",
            )
            transaction.run(sql.CLAIM_2, keys[0], row, keys[1], row)

    def _document(
        self,
        transaction: Transaction,
        row: int,
        network: str,
        state: OutboundState,
        values: dict[str, str],
        micros: int,
        body: bytes,
        progress: bytes,
    ) -> None:
        transaction.run(
            out.ADD_OUTBOUND,
            *(values[ID], state, micros, micros, values[DOCUMENT], values[EIK]),
            *("token:bench", f"key-{values[NUMBER]}", values[FILE], progress),
        )
        transaction.run(out.ADD_SUBMISSION, row, body)
        if state is not _O.SUBMITTED:
            names = (network, values[TRANSPORT], "")
            transaction.run(out.ADD_ATTEMPT, f"try-{values[NUMBER]}", row, *names)
        if state in {_O.DELIVERED, _O.ACCEPTED}:
            due, parked = micros + 10**13, row % 50 == 0
            transaction.run(
                out_task(parked), values[ID], "FOLLOW_UP", due, micros, payload_bytes({})
            )

    def _evidence(
        self,
        transaction: Transaction,
        message_id: MessageId,
        network: str,
        at: datetime,
        *,
        incoming: bool,
    ) -> None:
        kinds = (
            (EvidenceKind.RECEIVED, EvidenceKind.REGISTERED, EvidenceKind.NOTICE_TAKEN)
            if incoming
            else (
                EvidenceKind.SUBMITTED,
                EvidenceKind.SIGNED,
                EvidenceKind.ATTEMPT_BEGUN,
                EvidenceKind.ATTEMPT_SETTLED,
                EvidenceKind.HEARD,
            )
        )
        new = NewEvidence(
            kind=kinds[0],
            at=at,
            message_id=message_id,
            actor="gateway",
            facts={"network": network, "outcome": "delivered", "checks": ["malware:passed"]},
            wire=b"<answer/>" * 40,
        )
        for kind in kinds:
            append(transaction, replace(new, kind=kind))

    def finish(self, transaction: Transaction) -> None:
        """Write what is not one document's own: counts, health, work, and one endless story."""
        transaction.run("DELETE FROM pulses")
        for word, way in (("received", "in"), ("scanned", "in"), ("sent", "out"), ("tried", "out")):
            transaction.run(_PULSES, word, way)
        transaction.run(_PULSES, "through", "out")
        transaction.run(
            """INSERT OR REPLACE INTO pulses SELECT '', 'submitted', hour, count(*), max(at)
              FROM entries WHERE direction = 'out' GROUP BY hour"""
        )
        transaction.run(
            """INSERT OR REPLACE INTO pulses SELECT '', 'sent', hour, count(*), max(at)
              FROM entries WHERE direction = 'out' AND network = '' GROUP BY hour"""
        )
        transaction.run(
            """INSERT INTO peers SELECT peer, direction, count(*), max(at) FROM entries
              WHERE state <> 'REJECTED' GROUP BY peer, direction"""
        )
        self._health(transaction)
        rows = transaction.all("SELECT id FROM messages WHERE state = 'REGISTERED' LIMIT 300")
        self.longest = rows[0][0]
        for (message_id,) in rows:
            transaction.run(
                """INSERT INTO tasks (message_id, kind, due_at, created_at, parked_at, reason,
                  payload) VALUES (?, 'NOTICE', 0, 0, 1, 'nobody takes it', x'7b7d')""",
                message_id,
            )
        for _ in range(2500):
            append(
                transaction,
                NewEvidence(
                    kind=EvidenceKind.REPEATED,
                    at=self._now,
                    message_id=MessageId(self.longest),
                    actor="peer:example",
                    facts={"network": "seos", "by": "transport"},
                    wire=b"<again/>" * 40,
                ),
            )

    def _health(self, transaction: Transaction) -> None:
        for network in NETWORKS:
            for peer in ("", *(f"{body:09d}" for body in range(BODIES))):
                health = ChannelHealth(network=network, peer=peer, last_alive=self._now)
                transaction.run(out.KEEP_HEALTH, network, peer, health_bytes(health))
        for number in range(5000):
            name, until = number_of_peer(-1 - number), to_micros(self._now) + number
            transaction.run(sql.KEEP_KEY, name, until, b"k" * 32)


def out_task(parked: bool) -> str:  # noqa: FBT001 -- one small choice
    """Return the statement that adds a document's task, parked or not."""
    if not parked:
        return sql.ADD_OUTBOUND_TASK
    return """INSERT INTO tasks (outbound_id, kind, due_at, created_at, payload, parked_at, reason)
      VALUES (?, ?, ?, ?, ?, 1, 'no answer: telephone Община Пример, 02 000 000')"""
