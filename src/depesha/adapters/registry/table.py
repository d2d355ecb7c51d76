"""★ The route table of the registry API: read top to bottom, it is the whole of it.

The same rows drive routing, authorisation, validation and the OpenAPI document, so these cannot
disagree. A new call is one new row and one handler.
"""

from __future__ import annotations

from depesha.adapters.registry import (
    deciding,
    either,
    inputs,
    outbound_views,
    reading,
    streams,
    views,
)
from depesha.adapters.registry.outbound_table import OUTBOUND_ROUTES
from depesha.adapters.registry.problems import (
    CONFLICT,
    GONE,
    TOO_MANY_WAITERS,
    UNKNOWN_MESSAGE,
    WITHHELD,
    WRONG_STATE,
)
from depesha.adapters.registry.routes import JSON, Answer, Route
from depesha.adapters.registry.streaming import OCTETS
from depesha.adapters.registry.tokens import Scope
from depesha.schemas.outbound_events import DISPATCH_EVENTS

_ID = "/messages/{id}"
_STEP = (UNKNOWN_MESSAGE, WRONG_STATE)
_HAVE = {"If-None-Match": "ETag of the bytes the caller has"}
_MESSAGE = Answer(description="The message as it stands now", model=views.MessageView)
_EITHER = Answer(
    description="The message as it stands now; `direction` tells which of the two it is",
    model=views.MessageView,
    other=outbound_views.OutboundView,
)
_SAME = Answer(description="The caller has these very bytes", media_types=())

ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/inbox",
        operation="listInbox",
        summary="Messages that wait for registration; long-polls with `wait`",
        handler=reading.inbox,
        scopes=(Scope.INBOX_READ,),
        query=inputs.InboxQuery,
        answers={200: Answer(description="A page, oldest first", model=views.PageView)},
        problems=(TOO_MANY_WAITERS,),
        stream=True,
    ),
    Route(
        method="GET",
        path="/inbox/export",
        operation="exportInbox",
        summary="The waiting list for a substitute register, as CSV or JSON",
        handler=streams.export,
        scopes=(Scope.INBOX_READ,),
        query=inputs.ExportQuery,
        answers={
            200: Answer(
                description="The whole list", model=views.ExportView, media_types=("text/csv", JSON)
            )
        },
        stream=True,
    ),
    Route(
        method="GET",
        path=_ID,
        operation="getMessage",
        summary="One message, received or on its way out: envelope, state, verdicts, warnings, "
        "numbers of both sides, tries, times. Received ones take the scope inbox:read, the others "
        "send or decide",
        handler=either.message,
        scopes=either.EITHER,
        answers={200: _EITHER},
        problems=(UNKNOWN_MESSAGE,),
    ),
    Route(
        method="GET",
        path=_ID + "/attachments/{n}",
        operation="getAttachment",
        summary="The bytes of one attached file",
        handler=either.attachment,
        scopes=either.EITHER,
        answers={
            200: Answer(
                description="The file, in the media type found by its content",
                media_types=(OCTETS,),
            ),
            304: _SAME,
        },
        problems=(UNKNOWN_MESSAGE, WITHHELD, GONE),
        stream=True,
        headers=_HAVE,
    ),
    Route(
        method="GET",
        path=_ID + "/original",
        operation="getOriginal",
        summary="The bytes of the message exactly as signed and received",
        handler=reading.original,
        scopes=(Scope.INBOX_READ,),
        answers={
            200: Answer(description="The wire form", media_types=(OCTETS,)),
            304: _SAME,
        },
        problems=(UNKNOWN_MESSAGE, WITHHELD, GONE),
        stream=True,
        headers=_HAVE,
    ),
    Route(
        method="GET",
        path=_ID + "/events",
        operation="getJourney",
        summary="Everything that happened to the message, from the journal",
        handler=either.journey,
        scopes=either.EITHER,
        answers={200: Answer(description="In order", model=views.JourneyView)},
        problems=(UNKNOWN_MESSAGE,),
    ),
    Route(
        method="GET",
        path=_ID + "/evidence",
        operation="getEvidence",
        summary="The pack that proves the journey offline",
        handler=either.evidence,
        scopes=(Scope.EVIDENCE_READ,),
        answers={200: Answer(description="The pack", media_types=(JSON, "application/zip"))},
        problems=(UNKNOWN_MESSAGE,),
    ),
    Route(
        method="GET",
        path=_ID + "/proof",
        operation="getProof",
        summary="The printable proof of dispatch, or of receipt: one page with parties, files, "
        "tries, answer, digests of all receipts and the seals over them. Scopes as for the message",
        handler=either.printable,
        scopes=either.EITHER,
        answers={
            200: Answer(
                description="A page that stands alone: no script, nothing from elsewhere",
                media_types=("text/html",),
            )
        },
        problems=(UNKNOWN_MESSAGE,),
    ),
    Route(
        method="POST",
        path=_ID + "/registration",
        operation="registerMessage",
        summary="Commit the registry's number; safe to repeat, another number is a conflict",
        handler=deciding.registration,
        scopes=(Scope.MESSAGES_REGISTER,),
        body=inputs.Registration,
        answers={
            200: Answer(description="It stood already", model=views.MessageView),
            201: Answer(description="Committed now", model=views.MessageView),
        },
        problems=(*_STEP, CONFLICT),
    ),
    Route(
        method="POST",
        path=_ID + "/refusal",
        operation="refuseMessage",
        summary="Decline a waiting message (a held one: clerks only); the sender reads the reason",
        handler=deciding.refusal,
        scopes=(Scope.MESSAGES_REGISTER, Scope.MESSAGES_CLERK),
        body=inputs.Refusal,
        answers={200: _MESSAGE},
        problems=_STEP,
    ),
    Route(
        method="POST",
        path=_ID + "/closure",
        operation="closeMessage",
        summary="End the case of a registered message",
        handler=deciding.closure,
        scopes=(Scope.MESSAGES_REGISTER,),
        body=inputs.Closure,
        answers={200: _MESSAGE},
        problems=_STEP,
    ),
    Route(
        method="POST",
        path=_ID + "/release",
        operation="releaseMessage",
        summary="Let a held message through to the registry on a person's word",
        handler=deciding.release,
        scopes=(Scope.MESSAGES_CLERK,),
        body=inputs.Release,
        answers={200: _MESSAGE},
        problems=_STEP,
    ),
    Route(
        method="GET",
        path="/held",
        operation="listHeld",
        summary="Messages that wait for a person or for another look",
        handler=reading.held,
        scopes=(Scope.MESSAGES_CLERK,),
        query=inputs.PageQuery,
        answers={200: Answer(description="A page, oldest first", model=views.PageView)},
    ),
    Route(
        method="GET",
        path="/parked",
        operation="listParked",
        summary="Work that gave up and waits for a person, with its reason",
        handler=reading.parked,
        scopes=(Scope.ADMIN,),
        query=inputs.ParkedQuery,
        answers={200: Answer(description="Oldest first", model=views.ParkedListView)},
    ),
    Route(
        method="POST",
        path="/parked/{task}/retry",
        operation="retryParked",
        summary="Try parked work again at once",
        handler=deciding.retry,
        scopes=(Scope.ADMIN,),
        body=inputs.Nothing,
        body_optional=True,
        answers={204: Answer(description="It is due now", media_types=())},
        problems=(UNKNOWN_MESSAGE,),
    ),
    Route(
        method="GET",
        path="/participants",
        operation="findParticipants",
        summary="Bodies in the participants' register, with their telephone numbers",
        handler=reading.participants,
        scopes=(Scope.PARTICIPANTS_READ,),
        query=inputs.ParticipantsQuery,
        answers={200: Answer(description="What was found", model=views.ParticipantsView)},
    ),
    Route(
        method="GET",
        path="/events",
        operation="followEvents",
        summary="The feed of what happens to messages, as server-sent events",
        handler=streams.feed,
        scopes=(Scope.INBOX_READ,),
        query=inputs.FeedQuery,
        answers={
            200: Answer(
                description="Events: `id` is the sequence, `event` the kind, `data` JSON with "
                "sequence, kind, message_id and at; for a document on its way out also `type`, "
                "the name of the event as webhooks have it: " + ", ".join(DISPATCH_EVENTS.values()),
                media_types=("text/event-stream",),
            )
        },
        problems=(TOO_MANY_WAITERS,),
        stream=True,
        headers={"Last-Event-ID": "Resume after this sequence"},
    ),
    *OUTBOUND_ROUTES,
)
