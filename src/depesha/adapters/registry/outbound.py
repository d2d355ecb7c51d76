"""Documents on their way out: lists, one document, its files, dry runs, decisions, profiles.

Reading one document or a file of it is itself evidence (AUD-01, AUD-05), as for received ones.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from aiohttp import web

from depesha.adapters.registry import outbound_showing, streaming
from depesha.adapters.registry.inputs import OutboxQuery, Ruling
from depesha.adapters.registry.problems import GONE, UNKNOWN_MESSAGE, Problem, problem_of
from depesha.adapters.registry.reading import note, rendered
from depesha.adapters.registry.submission import ExplainWords
from depesha.errors import ConflictError, WrongStateError
from depesha.schemas.ids import MessageId
from depesha.schemas.message import EvidenceKind
from depesha.schemas.outbound import OutboundQuery
from depesha.schemas.outbound_decisions import possible_decisions

if TYPE_CHECKING:
    from depesha.adapters.registry.routes import Call, Parts
    from depesha.schemas.envelope import Attachment
    from depesha.schemas.ids import Digest
    from depesha.schemas.outbound import OutboundMessage
    from depesha.schemas.route import RouteExplanation

TEXT = "text/plain"


async def page(parts: Parts, call: Call) -> web.StreamResponse:
    """Give a page of documents of ours, oldest first."""
    asked = call.asked(OutboxQuery)
    query = OutboundQuery(states=asked.state, after=asked.after, limit=asked.limit)
    found = await parts.sending.outbox.page(query)
    explained = parts.sending.explained
    return await rendered(
        parts, call, partial(outbound_showing.page_view, found, call.language, explained)
    )


async def show(parts: Parts, call: Call, found: OutboundMessage) -> web.StreamResponse:
    """Give one document."""
    await note(parts, call, EvidenceKind.VIEWED, found.id, what="envelope")
    return await _shown(parts, call, found)


async def attachment(parts: Parts, call: Call, found: OutboundMessage) -> web.StreamResponse:
    """Stream one file of a document, as the registry submitted it."""
    wanted = _attachment(found, call.number("n"))
    if streaming.matches(call, wanted.digest):
        return web.Response(status=304, headers={"ETag": f'"{wanted.digest}"'})
    file = await parts.threads.run(_open, parts, wanted.digest)
    if file is None:
        raise Problem(GONE)
    try:
        await note(
            parts,
            call,
            EvidenceKind.VIEWED,
            found.id,
            attachment=wanted.index,
            digest=wanted.digest,
        )
    except BaseException:
        file.close()
        raise
    kinds = {content.attachment.index: content.detected for content in found.contents}
    headers = streaming.file_headers(wanted.name, kinds.get(wanted.index, ""), wanted.digest)
    return await streaming.send_file(
        parts, call, file, size=wanted.size, digest=wanted.digest, headers=headers
    )


async def decide(parts: Parts, call: Call) -> web.StreamResponse:
    """Take a person's decision; one that does not fit is answered with what stands."""
    body, identity = call.sent(Ruling), call.message_id()
    outbox = parts.sending.outbox
    try:
        found = await outbox.decide(identity, body.decision, body.reason, call.actor)
    except (ConflictError, WrongStateError) as error:
        problem = problem_of(error)
        stands = await outbox.find(identity)
        problem.more["state"] = stands.state.value
        problem.more["possible"] = tuple(one.value for one in possible_decisions(stands))
        raise problem from error
    return await _shown(parts, call, found)


async def explain(parts: Parts, call: Call) -> web.StreamResponse:
    """Say what would be done now, in JSON or, where that is asked for, in plain text."""
    words = call.sent(ExplainWords)
    sending = parts.sending
    explanation: RouteExplanation
    if words.recipient is None:
        explanation = await sending.outbox.explain_again(MessageId(words.id), call.language)
    else:
        dispatch = sending.submitter.imagined(words, words.recipient)
        explanation = await sending.outbox.explain(dispatch, call.language)
    accepted = call.request.headers.get("Accept", "")
    if TEXT in accepted and "json" not in accepted:
        headers = {"Content-Language": call.language, "Vary": "Accept, Accept-Language"}
        text = sending.as_text(explanation) + "\n"
        return web.Response(text=text, content_type=TEXT, headers=headers)
    return await rendered(parts, call, partial(outbound_showing.route_view, explanation))


async def profile(parts: Parts, call: Call) -> web.StreamResponse:
    """Give everything known of one participant."""
    found = await parts.sending.profile(call.request.match_info["identifier"])
    if found is None:
        raise Problem(UNKNOWN_MESSAGE, "no participant has this identifier")
    return await rendered(parts, call, partial(outbound_showing.profile_view, found))


async def _shown(parts: Parts, call: Call, found: OutboundMessage) -> web.Response:
    explained = parts.sending.explained
    return await rendered(
        parts, call, partial(outbound_showing.outbound_view, found, call.language, explained)
    )


def _attachment(found: OutboundMessage, index: int) -> Attachment:
    for candidate in found.dispatch.files:
        if candidate.index == index:
            return candidate
    raise Problem(UNKNOWN_MESSAGE, "this document has no attachment with that number")


def _open(parts: Parts, digest: Digest) -> BinaryIO | None:
    path = parts.blobs.path(digest)
    return None if path is None else path.open("rb")
