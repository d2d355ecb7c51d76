"""★ The rows of the route table for documents on their way out; `table.py` holds the others."""

from __future__ import annotations

from depesha.adapters.registry import inputs, outbound, outbound_views, submitting
from depesha.adapters.registry.either import OUTWARD
from depesha.adapters.registry.problems import (
    CONFLICT,
    DEFECTS,
    INVALID,
    MALFORMED,
    MEDIA_TYPE,
    TOO_LARGE,
    UNKNOWN_MESSAGE,
    WRONG_STATE,
)
from depesha.adapters.registry.routes import JSON, Answer, Route
from depesha.adapters.registry.submission import ExplainWords, Submission
from depesha.adapters.registry.tokens import Scope

OUTBOUND_ROUTES: tuple[Route, ...] = (
    Route(
        method="POST",
        path="/messages",
        operation="submitMessage",
        summary="Submit a document to be sent; answered after the commit, safe to repeat. Its "
        "parts may come in any order, but put `message` first: then a fault in it is told before "
        "the files are read",
        handler=submitting.submit,
        scopes=(Scope.SEND,),
        form=Submission,
        answers={
            202: Answer(
                description="Taken; Location tells where it is read. A repeat gets the same answer "
                "with Idempotency-Replayed",
                model=outbound_views.SubmittedView,
            )
        },
        problems=(
            CONFLICT,
            DEFECTS,
            INVALID,
            MALFORMED,
            MEDIA_TYPE,
            TOO_LARGE,
        ),
        stream=True,
        headers={
            submitting.KEY_HEADER: "Needed; 1 to 255 visible ASCII. The same key of a caller "
            "(token and Depesha-User) is the same submission; with another request it is a conflict"
        },
    ),
    Route(
        method="GET",
        path="/outbox",
        operation="listOutbox",
        summary="Documents submitted for sending, with states, tries and numbers of both sides",
        handler=outbound.page,
        scopes=OUTWARD,
        query=inputs.OutboxQuery,
        answers={
            200: Answer(
                description="A page, oldest first; without persons and plans",
                model=outbound_views.OutboundPageView,
            )
        },
    ),
    Route(
        method="POST",
        path="/messages/{id}/decision",
        operation="decideMessage",
        summary="A person's decision about a document on its way out; the reason is kept",
        handler=outbound.decide,
        scopes=(Scope.DECIDE,),
        body=inputs.Ruling,
        answers={
            200: Answer(
                description="The document as it stands now", model=outbound_views.OutboundView
            )
        },
        problems=(UNKNOWN_MESSAGE, WRONG_STATE, CONFLICT),
    ),
    Route(
        method="POST",
        path="/routes/explain",
        operation="explainRoute",
        summary="What would be done now with such a document, or with one on its way: every "
        "network, why it is taken or not. Nothing is sent or stored",
        handler=outbound.explain,
        scopes=OUTWARD,
        body=ExplainWords,
        answers={
            200: Answer(
                description="The plan in words; text where Accept asks for it",
                model=outbound_views.RouteView,
                media_types=(JSON, outbound.TEXT),
            )
        },
        problems=(UNKNOWN_MESSAGE,),
    ),
    Route(
        method="GET",
        path="/participants/{identifier}",
        operation="getParticipant",
        summary="One participant: how it is reached, limits, last proof of life, certificate",
        handler=outbound.profile,
        scopes=(Scope.PARTICIPANTS_READ,),
        answers={
            200: Answer(
                description="What is known of it", model=outbound_views.ParticipantProfileView
            )
        },
        problems=(UNKNOWN_MESSAGE,),
    ),
)
