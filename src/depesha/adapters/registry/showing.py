"""Fills the models of the API's answers from the house's values. Pure.

Whole pages take milliseconds, so call it from worker threads.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, assert_never

from depesha.adapters.registry.filing import filing_view
from depesha.adapters.registry.views import (
    AttachmentView,
    CheckView,
    DocumentView,
    EnvelopeView,
    EventView,
    FileSignatureView,
    FindingView,
    JourneyView,
    MessageView,
    NumberView,
    PageView,
    ParkedListView,
    ParkedView,
    ParticipantsView,
    ParticipantView,
    PartyView,
    PersonView,
    ReceiptView,
    ServiceView,
    SignatureView,
)
from depesha.schemas.lifecycle import INBOUND, InboundEvent, InboundState
from depesha.schemas.verdict import CheckRecord, Finding, Held, Passed, Rejected, Repeated

if TYPE_CHECKING:
    from depesha.schemas.envelope import (
        Attachment,
        Correspondent,
        DocumentReference,
        Envelope,
        Party,
        RegistrationNumber,
        Service,
    )
    from depesha.schemas.evidence import EvidenceRecord
    from depesha.schemas.facts import ContentFacts, SignatureFacts
    from depesha.schemas.message import Message, Page, Parked
    from depesha.schemas.participant import DirectoryState, Participant

Sentence = Callable[[Finding, str], str]
"""A sentence for a clerk about a finding, in a language (`bg`, `cs`, `uk`, `en`)."""


def number_view(number: RegistrationNumber | None) -> NumberView | None:
    """Show a number."""
    return None if number is None else NumberView(number=number.number, date=number.date)


def party_view(party: Party) -> PartyView:
    """Show an administration."""
    return PartyView(identifier=party.identifier, name=party.name, guid=party.guid or "")


def document_view(document: DocumentReference) -> DocumentView:
    """Show a document's identity and number."""
    return DocumentView(guid=document.guid, number=number_view(document.number))


def person_view(person: Correspondent) -> PersonView:
    """Show a person; only where the reading is written down."""
    return PersonView(**{name: getattr(person, name) for name in PersonView.model_fields})


def service_view(service: Service | None) -> ServiceView | None:
    """Show an administrative service."""
    if service is None:
        return None
    return ServiceView(name=service.name, kind=service.kind, code=service.code)


def _envelope(envelope: Envelope, *, persons: bool) -> EnvelopeView:
    return EnvelopeView(
        transport_id=envelope.transport_id,
        created_at=envelope.created_at,
        sender=party_view(envelope.sender),
        recipient=party_view(envelope.recipient),
        document=document_view(envelope.document),
        parent=None if envelope.parent is None else document_view(envelope.parent),
        kind=envelope.kind,
        subject=envelope.subject,
        comment=envelope.comment,
        document_comment=envelope.document_comment,
        attention_to=envelope.attention_to,
        deadline=envelope.deadline,
        correspondents=tuple(map(person_view, envelope.correspondents)) if persons else None,
        service=service_view(envelope.service),
    )


def attachment_views(
    attachments: tuple[Attachment, ...], contents: tuple[ContentFacts, ...]
) -> tuple[AttachmentView, ...]:
    """Show attached files: what is said of them and what their bytes are."""
    facts = {content.attachment.index: content for content in contents}
    return tuple(
        AttachmentView(
            index=attachment.index,
            name=attachment.name,
            safe_name=_safe_name(facts.get(attachment.index), attachment.index),
            media_type=attachment.media_type,
            detected=_detected(facts.get(attachment.index)),
            size=attachment.size,
            sha256=attachment.digest,
            comment=attachment.comment,
            kept=_kept(facts.get(attachment.index)),
            signatures=_file_signatures(facts.get(attachment.index)),
        )
        for attachment in attachments
    )


def _safe_name(content: ContentFacts | None, index: int) -> str:
    return f"attachment-{index}" if content is None else content.safe_name


def _detected(content: ContentFacts | None) -> str:
    return "" if content is None else content.detected


def _kept(content: ContentFacts | None) -> bool:
    return content is None or content.kept


def _file_signatures(content: ContentFacts | None) -> tuple[FileSignatureView, ...]:
    if content is None:
        return ()
    return tuple(FileSignatureView(form=s.form, signer=s.signer) for s in content.signatures)


def _signature(facts: SignatureFacts | None) -> SignatureView | None:
    if facts is None:
        return None
    certificate = facts.certificate
    return SignatureView(
        valid=facts.finding is None,
        algorithm=facts.algorithm,
        weak=facts.weak,
        signer="" if certificate is None else certificate.subject,
        issuer="" if certificate is None else certificate.issuer,
        serial="" if certificate is None else certificate.serial,
    )


def _finding(finding: Finding, language: str, sentence: Sentence) -> FindingView:
    return FindingView(
        reason=finding.reason.value,
        sentence=sentence(finding, language),
        facts=dict(finding.facts),
    )


def _findings(record: CheckRecord) -> tuple[Finding, ...]:
    match record.verdict:
        case Passed(warnings=warnings):
            return warnings
        case Held(finding=finding) | Rejected(finding=finding):
            return (finding,)
        case Repeated():
            return ()
        case _:
            assert_never(record.verdict)


def _check(record: CheckRecord, language: str, sentence: Sentence) -> CheckView:
    return CheckView(
        check=record.check,
        verdict=record.verdict.kind,
        seconds=record.seconds,
        findings=tuple(_finding(f, language, sentence) for f in _findings(record)),
    )


_ASKABLE = {
    InboundEvent.REGISTERED: "registration",
    InboundEvent.REFUSED: "refusal",
    InboundEvent.RELEASED: "release",
    InboundEvent.CLOSED: "closure",
}


def possible(state: InboundState) -> tuple[str, ...]:
    """Return what may be asked for in a state, as the last part of its address."""
    return tuple(name for event, name in _ASKABLE.items() if (state, event) in INBOUND)


def message_view(
    message: Message, language: str, sentence: Sentence, *, persons: bool = True
) -> MessageView:
    """Show one message."""
    arrival = message.arrival
    checks = tuple(_check(record, language, sentence) for record in message.checks)
    return MessageView(
        id=message.id,
        state=message.state,
        possible=possible(message.state),
        receipt=ReceiptView(network=message.network),
        received_at=message.received_at,
        registered_at=message.registered_at,
        acknowledged_at=message.acknowledged_at,
        changed_at=message.changed_at,
        number=number_view(message.number),
        reason=message.reason,
        envelope=None if message.envelope is None else _envelope(message.envelope, persons=persons),
        filing=filing_view(message),
        attachments=()
        if message.envelope is None
        else attachment_views(message.envelope.attachments, arrival.contents),
        signature=_signature(arrival.signature),
        checks=checks,
        warnings=tuple(f for c in checks if c.verdict == "passed" for f in c.findings),
        deviations=arrival.deviations,
        original_sha256=arrival.original,
        original_size=arrival.original_size,
        other_documents=message.other_documents,
    )


def page_view(page: Page, language: str, sentence: Sentence) -> PageView:
    """Show a page, without persons: a list is read by machines, again and again (AUD-05)."""
    items = tuple(
        message_view(message, language, sentence, persons=False) for message in page.messages
    )
    return PageView(items=items, next=page.next)


def journey_view(records: tuple[EvidenceRecord, ...]) -> JourneyView:
    """Show the journey of a message."""
    return JourneyView(
        items=tuple(
            EventView(
                sequence=record.sequence,
                message_id=record.message_id,
                body=json.loads(record.body),
                previous=record.previous,
                hash=record.hash,
            )
            for record in records
        )
    )


def parked_view(parked: tuple[Parked, ...]) -> ParkedListView:
    """Show what is parked."""
    return ParkedListView(
        items=tuple(
            ParkedView(
                task_id=item.task_id,
                kind=item.kind.value,
                message_id=item.message_id or "",
                reason=item.reason,
                parked_at=item.parked_at,
                attempts=item.attempts,
            )
            for item in parked
        )
    )


def participants_view(found: tuple[Participant, ...], state: DirectoryState) -> ParticipantsView:
    """Show what was found in the register."""
    return ParticipantsView(
        items=tuple(
            ParticipantView(
                guid=participant.guid,
                identifier=participant.identifier,
                name=participant.name,
                status=participant.status.value,
                phone=participant.phone,
                email=participant.email,
            )
            for participant in found
        ),
        loaded_at=state.loaded_at,
    )
