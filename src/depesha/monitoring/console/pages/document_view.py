"""The document's page out of its story: one time line, every verdict, numbers of both sides. Pure.

What a visitor may not know is not put into the view at all, so that no template can show it
(ROL-06): without the right to subjects no party, number, file name, reason in a person's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, assert_never

from depesha.monitoring.console.pages.checks_view import CheckLine, check_lines, finding_sentence
from depesha.monitoring.console.pages.deeds import Deed, possible
from depesha.monitoring.console.pages.timeline import Moment, moments
from depesha.monitoring.console.pages.title import Title, title_of
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Message, warnings_of
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.outbound_lifecycle import OWNERS
from depesha.schemas.outbound_sentences import reason_sentence
from depesha.schemas.people import Action
from depesha.schemas.sentences import plain

if TYPE_CHECKING:
    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.pages.telling import Teller
    from depesha.schemas.dispatch import Attempt
    from depesha.schemas.envelope import Envelope, RegistrationNumber
    from depesha.schemas.facts import ContentFacts
    from depesha.schemas.overview import Story, StoryTask


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A labelled value."""

    key: str
    """Of the label's words."""
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileLine:
    """One attached file."""

    index: int
    name: str
    """Empty where the visitor may not know it."""
    size: str
    detected: str
    digest: str
    signatures: tuple[str, ...]
    link: str
    """To open it with a reason; empty where that is not open to the visitor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TryLine:
    """One try on one network."""

    attempt: Attempt
    network: str
    outcome: str
    link: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentView:
    """Everything the template shows."""

    story: Story
    title: Title
    out: bool
    state: str
    state_code: str
    owner: str
    """Key of who must act next."""
    sees: bool
    opens: bool
    rows: tuple[Row, ...]
    files: tuple[FileLine, ...]
    checks: tuple[CheckLine, ...]
    warnings: tuple[str, ...]
    tries: tuple[TryLine, ...]
    moments: tuple[Moment, ...]
    tasks: tuple[StoryTask, ...]
    deeds: tuple[Deed, ...]
    sealed: bool
    original_link: str


def document_view(story: Story, visit: Visit, tell: Teller) -> DocumentView:
    """Return the page for one visitor."""
    document, sees = story.document, visit.may(Action.SEE_SUBJECT)
    out = isinstance(document, OutboundMessage)
    opens = visit.may(Action.OPEN_CONTENT)
    kept = document.state is not InboundState.REJECTED
    return DocumentView(
        story=story,
        title=title_of(document, tell, sees=sees),
        out=out,
        state=tell.state(document.state),
        state_code=str(document.state),
        owner=f"owner.{_owner(document)}",
        sees=sees,
        opens=opens,
        rows=_rows(document, tell, sees=sees),
        files=_files(document, tell, sees=sees, opens=opens and kept),
        checks=()
        if isinstance(document, OutboundMessage)
        else check_lines(document, tell, sees=sees),
        warnings=_warnings(document, tell, sees=sees),
        tries=_tries(document, tell, opens=opens),
        moments=moments(story, tell, sees=sees, opens=opens),
        tasks=story.tasks,
        deeds=possible(document, visit),
        sealed=bool(story.events) and story.events[-1].sequence <= story.sealed_to,
        original_link=f"/documents/{document.id}/open/original"
        if opens and kept and not out
        else "",
    )


def _owner(document: Message | OutboundMessage) -> str:
    if isinstance(document, OutboundMessage):
        return OWNERS[document.state]
    match document.state:
        case InboundState.ADMITTED:
            return "REGISTRY"
        case InboundState.HELD:
            return "PERSON"
        case InboundState.REGISTERED | InboundState.REFUSED:
            return "TASK"
        case (
            InboundState.REJECTED
            | InboundState.ACKNOWLEDGED
            | InboundState.REFUSAL_ACKNOWLEDGED
            | InboundState.CLOSED
            | InboundState.STOPPED
        ):
            return "NOBODY"
        case _:
            assert_never(document.state)


# --- facts ---


def _rows(document: Message | OutboundMessage, tell: Teller, *, sees: bool) -> tuple[Row, ...]:
    if isinstance(document, OutboundMessage):
        found = _rows_out(document, tell, sees=sees)
    else:
        found = _rows_in(document, tell, sees=sees)
    return tuple(row for row in found if row.value)


def _rows_in(message: Message, tell: Teller, *, sees: bool) -> list[Row]:
    arrival, envelope = message.arrival, message.envelope
    rows = [
        _row("network", tell.network(message.network)),
        _row("received", tell.exact(message.received_at)),
        _row("size", tell.size(arrival.original_size)),
        _row("registered", _exact(message.registered_at, tell)),
        _row("acknowledged", _exact(message.acknowledged_at, tell)),
    ]
    if not sees:
        return rows
    rows += [_row("own-number", _number(message.number, tell)), _row("reason", message.reason)]
    if envelope is None:
        return rows
    marks = [_row("sender-mark", envelope.sender_mark), _row("own-mark", envelope.own_mark)]
    signature = arrival.signature
    certificate = None if signature is None else signature.certificate
    return [
        _row("sender", _party(envelope.sender.name, envelope.sender.identifier)),
        _row("recipient", _party(envelope.recipient.name, envelope.recipient.identifier)),
        _row("sender-number", _number(envelope.document.number, tell)),
        *rows,
        *marks,
        *_said(envelope, tell),
        _row("certificate", "" if certificate is None else certificate.subject),
        _row("transport-id", envelope.transport_id),
        _row("document-id", envelope.document.guid),
    ]


def _said(envelope: Envelope, tell: Teller) -> list[Row]:
    """What the sender says of the document."""
    parent = None if envelope.parent is None else envelope.parent.number
    return [
        _row("kind", envelope.kind),
        _row("answers", _number(parent, tell)),
        _row("attention", envelope.attention_to),
        _row("deadline", "" if envelope.deadline is None else tell.day(envelope.deadline)),
        _row("comment", envelope.comment),
        _row("document-comment", envelope.document_comment),
        _row("service", "" if envelope.service is None else envelope.service.name),
        _row("correspondents", ", ".join(one.name for one in envelope.correspondents)),
    ]


def _rows_out(message: OutboundMessage, tell: Teller, *, sees: bool) -> list[Row]:
    sent = message.dispatch
    rows = [
        _row("network", tell.network(message.network)),
        _row("submitted", tell.exact(sent.submitted_at)),
        _row("handed-over", _exact(message.handed_over_at, tell)),
        _row("answered", _exact(message.answered_at, tell)),
    ]
    if not sees:
        return rows
    expected = message.expected_close
    return [
        _row("recipient", _party(sent.recipient.name, sent.recipient.identifier)),
        _row("sender", _party(sent.sender.name, sent.sender.identifier)),
        _row("sender-number", _number(sent.document.number, tell)),
        _row("recipient-number", _number(message.number, tell)),
        *rows,
        _row("kind", sent.kind),
        _row("marks", ", ".join(tell.known("mark", mark) for mark in sent.marks)),
        _row("document-comment", sent.text),
        _row("attention", sent.attention_to),
        _row("deadline", "" if sent.deadline is None else tell.day(sent.deadline)),
        _row("expected-close", "" if expected is None else tell.day(expected)),
        _row("correspondents", ", ".join(one.name for one in sent.correspondents)),
        _row("reason", message.reason),
        _row("document-id", sent.document.guid),
        _row("submitted-by", message.actor),
    ]


def _row(key: str, value: str) -> Row:
    return Row(key=f"fact.{key}", value=plain(value))


def _exact(at: datetime | None, tell: Teller) -> str:
    return "" if at is None else tell.exact(at)


def _party(name: str, identifier: str) -> str:
    return f"{name} ({identifier})" if name and identifier else name or identifier


def _number(number: RegistrationNumber | None, tell: Teller) -> str:
    return "" if number is None else f"{number.number} / {tell.day(number.date)}"


# --- lists ---


def _files(
    document: Message | OutboundMessage, tell: Teller, *, sees: bool, opens: bool
) -> tuple[FileLine, ...]:
    contents: tuple[ContentFacts, ...] = (
        document.contents if isinstance(document, OutboundMessage) else document.arrival.contents
    )
    return tuple(
        FileLine(
            index=one.attachment.index,
            name=plain(one.attachment.name) if sees else "",
            size=tell.size(one.attachment.size),
            detected=one.detected,
            digest=one.attachment.digest,
            signatures=tuple(
                plain(f"{s.form}: {s.signer}" if sees and s.signer else s.form)
                for s in one.signatures
            ),
            link=f"/documents/{document.id}/open/attachment-{one.attachment.index}"
            if opens and one.kept
            else "",
        )
        for one in contents
    )


def _warnings(document: Message | OutboundMessage, tell: Teller, *, sees: bool) -> tuple[str, ...]:
    if isinstance(document, Message):
        found = warnings_of(document.checks)
        return tuple(finding_sentence(one, tell, sees=sees) for one in found)
    if not sees:
        return ()
    return tuple(reason_sentence(one, tell.language, "clerk") for one in document.defects)


def _tries(
    document: Message | OutboundMessage, tell: Teller, *, opens: bool
) -> tuple[TryLine, ...]:
    if isinstance(document, Message):
        return ()
    return tuple(
        TryLine(
            attempt=one,
            network=tell.network(one.network),
            outcome=tell.say("outcome.none")
            if one.outcome is None
            else tell.known("outcome", one.outcome.lower()),
            link=f"/documents/{document.id}/open/try-{one.number}" if opens else "",
        )
        for one in document.attempts
    )
