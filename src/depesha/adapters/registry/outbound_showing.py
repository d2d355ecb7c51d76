"""Fills the models of answers about documents on their way out. Pure; call it from threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from depesha.adapters.registry.outbound_views import (
    AttemptView,
    ChannelProfileView,
    OutboundPageView,
    OutboundView,
    ParticipantProfileView,
    QuestionView,
    RouteLineView,
    RouteView,
)
from depesha.adapters.registry.problems import DefectView
from depesha.adapters.registry.showing import (
    attachment_views,
    document_view,
    number_view,
    party_view,
    person_view,
    service_view,
)
from depesha.schemas.outbound_decisions import possible_decisions
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.outbound_sentences import outbound_state_name, reason_sentence
from depesha.schemas.route import AskPerson, Plan, Reasoned, RouteExplanation, WaitUntil

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.schemas.dispatch import Attempt
    from depesha.schemas.outbound import OutboundMessage, OutboundPage
    from depesha.schemas.participant import ChannelProfile, ParticipantProfile

Explained = Callable[[Plan, str], RouteExplanation]
"""A plan in the words of a language."""

_WAITING = frozenset({OutboundState.DEFERRED, OutboundState.ROUTED, OutboundState.SIGNED})


def defect_views(defects: Iterable[object], language: str) -> tuple[DefectView, ...]:
    """Show defects, each with its sentence and its remedy."""
    return tuple(
        DefectView(
            reason=defect.reason.value,
            sentence=reason_sentence(defect, language, "clerk"),
            remedy=reason_sentence(defect, language, "remedy"),
        )
        for defect in defects
        if isinstance(defect, Reasoned)
    )


def route_view(explanation: RouteExplanation) -> RouteView:
    """Show a plan in words."""
    return RouteView(
        language=explanation.language,
        step=explanation.step,
        lines=tuple(
            RouteLineView(**{name: getattr(line, name) for name in RouteLineView.model_fields})
            for line in explanation.lines
        ),
    )


def _attempt(attempt: Attempt) -> AttemptView:
    fields = {name: getattr(attempt, name) for name in AttemptView.model_fields if name != "blame"}
    return AttemptView(**fields, blame=None if attempt.blame is None else attempt.blame.value)


def _next_try(message: OutboundMessage) -> datetime | None:
    step = None if message.plan is None else message.plan.step
    if message.state not in _WAITING:
        return None
    if isinstance(step, WaitUntil):
        return step.at
    return step.again_at if isinstance(step, AskPerson) else None


def outbound_view(
    message: OutboundMessage, language: str, explained: Explained, *, whole: bool = True
) -> OutboundView:
    """Show one document; not `whole`, as in lists, without persons and plan."""
    said = message.dispatch
    plan = message.plan if whole else None
    return OutboundView(
        id=message.id,
        state=message.state,
        state_name=outbound_state_name(message.state, language),
        possible=possible_decisions(message),
        submitted_at=said.submitted_at,
        submitted_by=message.actor,
        changed_at=message.changed_at,
        handed_over_at=message.handed_over_at,
        answered_at=message.answered_at,
        next_try_at=_next_try(message),
        person_told_at=message.person_told_at,
        expected_close=message.expected_close,
        sender=party_view(said.sender),
        recipient=party_view(said.recipient),
        document=document_view(said.document),
        number=number_view(message.number),
        parent=None if said.parent is None else document_view(said.parent),
        corrects=said.corrects or "",
        kind=said.kind,
        subject=said.subject,
        text=said.text,
        attention_to=said.attention_to,
        deadline=said.deadline,
        correspondents=tuple(map(person_view, said.correspondents)) if whole else None,
        service=service_view(said.service),
        marks=said.marks,
        floor=said.floor,
        scan_instead=said.scan_instead,
        channels=said.channels,
        network=message.network,
        attempts=tuple(map(_attempt, message.attempts)),
        reason=message.reason,
        defects=defect_views(message.defects, language),
        route=None if plan is None else route_view(explained(plan, language)),
        questions=tuple(QuestionView(at=q.at, clear=q.clear) for q in message.questions),
        attachments=attachment_views(said.files, message.contents),
    )


def page_view(page: OutboundPage, language: str, explained: Explained) -> OutboundPageView:
    """Show a page, without persons and plans: a list is read by machines, again and again."""
    items = (outbound_view(message, language, explained, whole=False) for message in page.messages)
    return OutboundPageView(items=tuple(items), next=page.next)


def _channel(profile: ChannelProfile) -> ChannelProfileView:
    facts = profile.facts
    return ChannelProfileView(
        network=facts.network,
        quality=facts.quality,
        reach=facts.reach,
        reach_as_of=facts.reach_as_of,
        message_bytes=facts.message_bytes,
        file_bytes=facts.file_bytes,
        files=facts.files,
        limits_as_of=facts.limits_as_of,
        closed_until=facts.closed_until,
        last_alive=profile.last_alive,
        certificate_days=profile.certificate_days,
    )


def profile_view(profile: ParticipantProfile) -> ParticipantProfileView:
    """Show everything known of one participant."""
    return ParticipantProfileView(
        identifier=profile.identifier,
        name=profile.name,
        guid=profile.guid or "",
        phone=profile.phone,
        email=profile.email,
        own=profile.own,
        deviations=profile.deviations,
        channels=tuple(map(_channel, profile.channels)),
    )
