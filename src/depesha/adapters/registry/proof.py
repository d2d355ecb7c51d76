"""The printable proof of one message: who sent what to whom, each try, receipts, seals (S2). Pure.

One page without script or anything from elsewhere; its one style sheet is allowed by its digest.
It tells what the verified evidence and the stored state say and never claims more: a document of
which no delivery is proven has no "proof of dispatch". Persons and clerks are not named. Call it
from a worker thread.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING, Final

from depesha.adapters.registry.markup import (
    Content,
    Html,
    element,
    joined,
    page,
    said,
    style,
)
from depesha.schemas.evidence import sha256
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, Message
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.outbound_sentences import name_of, outbound_state_name, reason_sentence
from depesha.schemas.pack import verify_pack
from depesha.schemas.proof_words import proof_word
from depesha.schemas.sentences import state_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from depesha.schemas.dispatch import Attempt
    from depesha.schemas.envelope import Attachment, DocumentReference, Party, RegistrationNumber
    from depesha.schemas.evidence import Seal
    from depesha.schemas.facts import ContentFacts, SignatureFacts
    from depesha.schemas.outbound import OutboundMessage
    from depesha.schemas.pack import PackReport, PackRow

HTML: Final = "text/html"
SHEET: Final = (
    "body{font:11pt/1.4 'Noto Sans','DejaVu Sans',Arial,sans-serif;color:#000;background:#fff;"
    "max-width:60em;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.5em;margin:0}h2{font-size:1.1em;margin:1.4em 0 .3em}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #777;padding:.25em .5em;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere;white-space:pre-line}"
    "th{background:#eee;font-weight:600}th[scope=row]{width:30%}"
    ".d{font:.8em/1.3 'DejaVu Sans Mono',monospace}"
    "tr{break-inside:avoid}h2{break-after:avoid}"
    "@page{size:A4;margin:15mm}@media print{body{margin:0;max-width:none;padding:0}}"
)
_DIGEST: Final = base64.b64encode(hashlib.sha256(SHEET.encode()).digest()).decode()
_POLICY: Final = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'"
CONTENT_SECURITY_POLICY: Final = f"{_POLICY}; form-action 'none'; frame-ancestors 'none'"
"""Nothing runs and nothing is fetched; the page bears it itself, too, for whoever saves it."""

_S = OutboundState
_LEADS: Final = {
    _S.ACCEPTED: "accepted",
    _S.DELIVERED: "delivered",
    _S.REGISTERED: "delivered",
    _S.STOPPED: "delivered",
    _S.CLOSED: "delivered",
    _S.DECLINED: "declined",
    _S.SENDING: "unclear",
    _S.UNCLEAR: "unclear",
    _S.PARKED: "unclear",
}
"""What may be said of a document; of any other state only that nothing proves its delivery."""
_DISPATCHED: Final = frozenset({"accepted", "delivered", "declined"})
_REFUSED: Final = frozenset(
    {InboundState.REJECTED, InboundState.REFUSED, InboundState.REFUSAL_ACKNOWLEDGED}
)
_LOOKS: Final = frozenset({EvidenceKind.VIEWED, EvidenceKind.EXPORTED})
"""Who looked at it is no part of what happened to it."""


def proof_page(
    message: Message | OutboundMessage, pack: bytes, language: str, now: datetime
) -> bytes:
    """Return the page about a message; `pack` is its evidence pack, verified here.

    Raises `EvidenceError` where the evidence does not hold: then nothing may be called proven.
    """
    writer = _Writer(language, verify_pack(pack, None))
    if isinstance(message, Message):
        title, lead, parts = "received", writer.arrival_lead(message), writer.arrival(message)
    else:
        lead = _LEADS.get(message.state, "absent")
        title = "dispatched" if lead in _DISPATCHED else "undelivered"
        parts = writer.dispatch(message)
    head = joined(
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY), style(SHEET)
    )
    heading = proof_word(f"title.{title}", language)
    body = joined(
        element("h1", heading),
        element("p", element("strong", proof_word(f"lead.{lead}", language))),
        *parts,
        writer.journey(),
        writer.seals(),
        element("p", f"{proof_word('note.times', language)} {_moment(now)}"),
    )
    return page(language, f"{heading} {message.id}", head, body)


class _Writer:
    """Writes the parts of one page in one language."""

    def __init__(self, language: str, report: PackReport) -> None:
        self._language = language
        self._rows = tuple(row for row in report.rows if row.kind not in _LOOKS)
        self._seals = report.seals

    # --- a document of ours ---

    def dispatch(self, message: OutboundMessage) -> tuple[Html, ...]:
        """Everything about a document of ours."""
        dispatch = message.dispatch
        defects = "\n".join(
            reason_sentence(one, self._language, "clerk") for one in message.defects
        )
        document = self._pairs(
            ("sender", _party(dispatch.sender)),
            ("recipient", _party(dispatch.recipient)),
            ("number", _number(dispatch.document.number)),
            ("kind", said(dispatch.kind)),
            ("subject", said(dispatch.subject)),
            ("document", _code(dispatch.document.guid)),
            ("parent", _reference(dispatch.parent)),
            ("corrects", _code(dispatch.corrects or "")),
            ("scan", said(dispatch.scan_instead)),
            ("message", _code(message.id)),
            ("submitted", _moment(dispatch.submitted_at)),
            ("release", _code(message.release or "")),
            ("handed", _moment(message.handed_over_at)),
            ("state", outbound_state_name(message.state, self._language)),
            ("defects", said(defects)),
        )
        answer = self._pairs(
            ("theirs", _number(message.number)),
            ("answered", _moment(message.answered_at)),
            ("reason", said(message.reason)),
        )
        return (
            self._section("document", document),
            self._section("files", self._files(dispatch.files, message.contents)),
            self._section("tries", self._tries(message.attempts)),
            self._section("answer", answer),
        )

    def _tries(self, attempts: Sequence[Attempt]) -> Html:
        return self._table(
            ("place", "network", "begun", "ended", "outcome", "transport", "payload", "rows"),
            [
                (
                    attempt.number,
                    name_of("network", attempt.network, self._language),
                    _moment(attempt.intended_at),
                    _moment(attempt.settled_at),
                    self._outcome(attempt),
                    joined(_code(attempt.transport_id), "\n", said(attempt.reference)),
                    _code(attempt.payload),
                    ", ".join(str(row.sequence) for row in self._about(attempt)),
                )
                for attempt in attempts
            ],
            empty="none.tries",
        )

    def _outcome(self, attempt: Attempt) -> Html:
        word = self._word(f"outcome.{attempt.outcome or 'NONE'}")
        return joined(word, "\n", said(attempt.code)) if attempt.code else joined(word)

    def _about(self, attempt: Attempt) -> Iterable[PackRow]:
        return (row for row in self._rows if row.facts.get("attempt") == attempt.id)

    # --- a received document ---

    def arrival_lead(self, message: Message) -> str:
        """Which sentence stands first."""
        return "refused" if message.state in _REFUSED else "received"

    def arrival(self, message: Message) -> tuple[Html, ...]:
        """Everything about a received document, as far as it could be read."""
        envelope, arrival = message.envelope, message.arrival
        known = [
            ("network", name_of("network", message.network, self._language)),
            ("message", _code(message.id)),
            ("received", _moment(message.received_at)),
            ("original", _code(arrival.original)),
            ("size", str(arrival.original_size)),
            ("signature", self._signature(arrival.signature)),
            ("state", state_name(message.state, self._language)),
        ]
        files: tuple[Attachment, ...] = ()
        if envelope is not None:
            files = envelope.attachments
            known = [
                ("sender", _party(envelope.sender)),
                ("recipient", _party(envelope.recipient)),
                ("number", _number(envelope.document.number)),
                ("kind", said(envelope.kind)),
                ("subject", said(envelope.subject)),
                ("document", _code(envelope.document.guid)),
                ("parent", _reference(envelope.parent)),
                ("transport", _code(envelope.transport_id)),
                *known,
            ]
        registration = self._pairs(
            ("ours", _number(message.number)),
            ("registered", _moment(message.registered_at)),
            ("told", _moment(message.acknowledged_at)),
            ("reason", said(message.reason)),
        )
        return (
            self._section("document", self._pairs(*known)),
            self._section("files", self._files(files, arrival.contents)),
            self._section("registration", registration),
        )

    def _signature(self, facts: SignatureFacts | None) -> Html:
        if facts is None:
            return joined()
        if facts.by_network and facts.finding is None:
            return joined(self._word("signature.network"))
        word = self._word("signature.valid" if facts.finding is None else "signature.invalid")
        signer = "" if facts.certificate is None else facts.certificate.serial
        return joined(" ".join((word, facts.algorithm)), "\n", _code(signer))

    # --- what both have ---

    def _files(self, files: Sequence[Attachment], contents: Sequence[ContentFacts]) -> Html:
        kinds = {content.attachment.index: content.detected for content in contents}
        return self._table(
            ("place", "name", "type", "size", "sha256"),
            [
                (
                    file.index,
                    said(file.name),
                    said(kinds.get(file.index, "")),
                    file.size,
                    _code(file.digest),
                )
                for file in files
            ],
            empty="none.files",
        )

    def journey(self) -> Html:
        """What happened, row by row, with the digest of every receipt."""
        rows = [
            (
                row.sequence,
                row.at.replace("T", " "),
                self._event(row),
                _code("\n".join(_receipts(row))),
                row.seal,
            )
            for row in self._rows
        ]
        return self._section(
            "journey", self._table(("row", "when", "what", "receipt", "seal"), rows)
        )

    def _event(self, row: PackRow) -> Html:
        network = row.facts.get("network", "")
        facts = (row.facts.get(name, "") for name in ("outcome", "status", "code"))
        told = [name_of("network", network, self._language), *facts]
        words = " · ".join(str(one) for one in told if one)
        return joined(self._word(f"event.{row.kind}"), "\n", said(words))

    def seals(self) -> Html:
        """The seals over these rows, and how they are verified elsewhere."""
        tables = [self._seal(seal) for seal in self._seals]
        command = element("code", "depesha evidence verify", class_="d")
        note = element("p", f"{self._word('note.seal')} ", command, ".")
        return self._section("seal", joined(*tables, note))

    def _seal(self, seal: Seal) -> Html:
        return self._pairs(
            ("seal", f"{seal.number}"),
            ("when", seal.at.replace("T", " ")),
            ("rows", f"{seal.first}–{seal.last}"),
            ("root", _code(seal.root)),
            ("chain", _code(seal.chain)),
            ("key", _code(seal.key)),
            ("signed", _code(seal.signature)),
        )

    def _section(self, name: str, content: Html) -> Html:
        shown = content or element("p", self._word(f"none.{name}"))
        return element("section", element("h2", self._word(f"heading.{name}")), shown)

    def _pairs(self, *pairs: tuple[str, str]) -> Html:
        """Rows of label and value; what is empty is left out, and so is an empty table."""
        rows = [
            element("tr", element("th", self._word(f"label.{name}"), scope="row"), _cell(value))
            for name, value in pairs
            if value and value != said("")
        ]
        return element("table", *rows) if rows else joined()

    def _table(
        self, columns: Sequence[str], rows: Sequence[Sequence[Content]], *, empty: str = ""
    ) -> Html:
        if not rows:
            return element("p", self._word(empty)) if empty else joined()
        head = (element("th", self._word(f"label.{name}"), scope="col") for name in columns)
        body = (element("tr", *map(_cell, row)) for row in rows)
        return element("table", element("tr", *head), *body)

    def _word(self, key: str) -> str:
        return proof_word(key, self._language)


def _cell(value: Content) -> Html:
    return element("td", value)


def _code(value: str) -> Html:
    """A digest, a key or another long code; nothing where there is none."""
    return element("span", value, class_="d") if value else joined()


def _moment(at: datetime | None) -> str:
    """A moment of ours; all of them are in UTC, as the page says."""
    return "" if at is None else at.isoformat(sep=" ", timespec="seconds")


def _number(number: RegistrationNumber | None) -> Html:
    if number is None:
        return joined()
    return joined(said(number.number), f" / {number.date.isoformat()}")


def _party(party: Party) -> Html:
    return joined(said(party.name), " (", said(party.identifier), ")")


def _reference(document: DocumentReference | None) -> Html:
    if document is None:
        return joined()
    return joined(_number(document.number), "\n", _code(document.guid))


def _receipts(row: PackRow) -> tuple[str, ...]:
    """Digests of what was said or heard with a row: its wire bytes, the original of a word."""
    original = row.facts.get("original")
    wire = (sha256(row.wire),) if row.wire else ()
    return (*wire, original) if isinstance(original, str) and original else wire
