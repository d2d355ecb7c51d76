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
    Html,
    element,
    joined,
    page,
    said,
    style,
)
from depesha.adapters.registry.proof_blocks import Writer, code, moment, number, party, reference
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Message
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.outbound_sentences import name_of, outbound_state_name, reason_sentence
from depesha.schemas.pack import verify_pack
from depesha.schemas.proof_words import proof_word
from depesha.schemas.sentences import state_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from depesha.schemas.dispatch import Attempt
    from depesha.schemas.envelope import Attachment
    from depesha.schemas.facts import SignatureFacts
    from depesha.schemas.outbound import OutboundMessage
    from depesha.schemas.pack import PackRow

HTML: Final = "text/html"
SHEET: Final = (
    "body{font:11pt/1.4 'Noto Sans','DejaVu Sans',Arial,sans-serif;color:#000;background:#fff;"
    "max-width:60em;margin:2em auto;padding:0 1em}"
    "h1{font-size:1.5em;margin:0}h2{font-size:1.1em;margin:1.4em 0 .3em}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{border:1px solid #777;padding:.25em .5em;text-align:left;vertical-align:top;"
    "overflow-wrap:break-word;white-space:pre-line}"
    "th{background:#eee;font-weight:600}th[scope=row]{width:30%}"
    ".d{font:.8em/1.3 'DejaVu Sans Mono',monospace;overflow-wrap:anywhere}"
    "@media screen and (max-width:44em){.w tr:first-child{display:none}"
    ".w tr,.w td{display:block}.w tr{border:1px solid #777;margin-bottom:.6em}.w td{border:0}"
    ".w td::before{content:attr(data-label) ': ';font-weight:600}"
    "th[scope=row]{width:40%;overflow-wrap:anywhere}}"
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


def proof_page(
    message: Message | OutboundMessage, pack: bytes, language: str, now: datetime
) -> bytes:
    """Return the page about a message; `pack` is its evidence pack, verified here.

    Raises `EvidenceError` where the evidence does not hold: then nothing may be called proven.
    """
    writer = Writer(language, verify_pack(pack, None))
    if isinstance(message, Message):
        title, lead, parts = "received", _arrival_lead(message), _arrival(writer, message)
    else:
        lead = _LEADS.get(message.state, "absent")
        title = "dispatched" if lead in _DISPATCHED else "undelivered"
        parts = _dispatch(writer, message)
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
        element("p", f"{proof_word('note.times', language)} {moment(now)}"),
    )
    return page(language, f"{heading} {message.id}", head, body)


# --- a document of ours ---


def _dispatch(writer: Writer, message: OutboundMessage) -> tuple[Html, ...]:
    """Everything about a document of ours."""
    dispatch = message.dispatch
    defects = "\n".join(reason_sentence(one, writer.language, "clerk") for one in message.defects)
    document = writer.pairs(
        ("sender", party(dispatch.sender)),
        ("recipient", party(dispatch.recipient)),
        ("number", number(dispatch.document.number)),
        ("kind", said(dispatch.kind)),
        ("subject", said(dispatch.subject)),
        ("document", code(dispatch.document.guid)),
        ("parent", reference(dispatch.parent)),
        ("corrects", code(dispatch.corrects or "")),
        ("scan", said(dispatch.scan_instead)),
        ("message", code(message.id)),
        ("submitted", moment(dispatch.submitted_at)),
        ("release", code(message.release or "")),
        ("handed", moment(message.handed_over_at)),
        ("state", outbound_state_name(message.state, writer.language)),
        ("defects", said(defects)),
    )
    answer = writer.pairs(
        ("theirs", number(message.number)),
        ("answered", moment(message.answered_at)),
        ("reason", said(message.reason)),
    )
    return (
        writer.section("document", document),
        writer.section("files", writer.files(dispatch.files, message.contents)),
        writer.section("tries", _tries(writer, message.attempts)),
        writer.section("answer", answer),
    )


def _tries(writer: Writer, attempts: Sequence[Attempt]) -> Html:
    return writer.table(
        ("place", "network", "begun", "ended", "outcome", "transport", "payload", "rows"),
        [
            (
                attempt.number,
                name_of("network", attempt.network, writer.language),
                moment(attempt.intended_at),
                moment(attempt.settled_at),
                _outcome(writer, attempt),
                joined(code(attempt.transport_id), "\n", said(attempt.reference)),
                code(attempt.payload),
                ", ".join(str(row.sequence) for row in _about(writer, attempt)),
            )
            for attempt in attempts
        ],
        empty="none.tries",
    )


def _outcome(writer: Writer, attempt: Attempt) -> Html:
    word = writer.word(f"outcome.{attempt.outcome or 'NONE'}")
    return joined(word, "\n", said(attempt.code)) if attempt.code else joined(word)


def _about(writer: Writer, attempt: Attempt) -> Iterable[PackRow]:
    return (row for row in writer.rows if row.facts.get("attempt") == attempt.id)


# --- a received document ---


def _arrival_lead(message: Message) -> str:
    """Which sentence stands first."""
    return "refused" if message.state in _REFUSED else "received"


def _arrival(writer: Writer, message: Message) -> tuple[Html, ...]:
    """Everything about a received document, as far as it could be read."""
    envelope, arrival = message.envelope, message.arrival
    known = [
        ("network", name_of("network", message.network, writer.language)),
        ("message", code(message.id)),
        ("received", moment(message.received_at)),
        ("original", code(arrival.original)),
        ("size", str(arrival.original_size)),
        ("signature", _signature(writer, arrival.signature)),
        ("state", state_name(message.state, writer.language)),
    ]
    files: tuple[Attachment, ...] = ()
    if envelope is not None:
        files = envelope.attachments
        known = [
            ("sender", party(envelope.sender)),
            ("recipient", party(envelope.recipient)),
            ("number", number(envelope.document.number)),
            ("kind", said(envelope.kind)),
            ("subject", said(envelope.subject)),
            ("document", code(envelope.document.guid)),
            ("parent", reference(envelope.parent)),
            ("transport", code(envelope.transport_id)),
            *known,
        ]
    registration = writer.pairs(
        ("ours", number(message.number)),
        ("registered", moment(message.registered_at)),
        ("told", moment(message.acknowledged_at)),
        ("reason", said(message.reason)),
    )
    return (
        writer.section("document", writer.pairs(*known)),
        writer.section("files", writer.files(files, arrival.contents)),
        writer.section("registration", registration),
    )


def _signature(writer: Writer, facts: SignatureFacts | None) -> Html:
    if facts is None:
        return joined()
    if facts.by_network and facts.finding is None:
        return joined(writer.word("signature.network"))
    word = writer.word("signature.valid" if facts.finding is None else "signature.invalid")
    signer = "" if facts.certificate is None else facts.certificate.serial
    return joined(f"{word} {facts.algorithm}", "\n", code(signer))
