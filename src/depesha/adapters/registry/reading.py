"""What the registry may read: lists, messages, files, journeys, packs, participants, the feed.

Reading one message, a file, a list for export or a pack is itself evidence (AUD-01, AUD-05): the
row is durable before the first byte leaves. Content of held and refused messages is withheld
from everyone but clerks, for nobody has vouched that it is harmless.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from aiohttp import web

from depesha.adapters.registry import showing, streaming
from depesha.adapters.registry.inputs import (
    InboxQuery,
    PageQuery,
    ParkedQuery,
    ParticipantsQuery,
)
from depesha.adapters.registry.problems import (
    GONE,
    UNKNOWN_MESSAGE,
    WITHHELD,
    Problem,
)
from depesha.adapters.registry.routes import JSON
from depesha.adapters.registry.tokens import Scope
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, NewEvidence, Query, holds_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pydantic import BaseModel

    from depesha.adapters.registry.routes import Call, Parts
    from depesha.schemas.envelope import Attachment
    from depesha.schemas.ids import MessageId
    from depesha.schemas.message import Message, Page

_REFUSED = frozenset({InboundState.REFUSED, InboundState.REFUSAL_ACKNOWLEDGED})


async def rendered(
    parts: Parts, call: Call, make: Callable[[], BaseModel], status: int = 200
) -> web.Response:
    """Build and serialise an answer in a worker thread: a page takes milliseconds of CPU."""
    data = await parts.threads.run(lambda: make().model_dump_json().encode())
    return _answer(data, call, status)


def shown(view: BaseModel, call: Call, status: int = 200) -> web.Response:
    """Do the same at once with what is small: a hop to a thread would cost several times that."""
    return _answer(view.model_dump_json().encode(), call, status)


def _answer(data: bytes, call: Call, status: int) -> web.Response:
    return web.Response(
        body=data,
        status=status,
        content_type=JSON,
        headers={"Content-Language": call.language, "Vary": "Accept-Language"},
    )


async def note(
    parts: Parts,
    call: Call,
    kind: EvidenceKind,
    message_id: MessageId | None,
    **facts: str | int,
) -> int:
    """Write down who looked at what; durable when this returns."""
    return await parts.journal.record(
        NewEvidence(
            kind=kind,
            at=parts.clock.now(),
            message_id=message_id,
            actor=call.actor,
            facts=dict(facts),
        )
    )


# --- lists ---


async def inbox(parts: Parts, call: Call) -> web.StreamResponse:
    """Give a page, at once or as soon as something waits."""
    asked = call.asked(InboxQuery)
    query = Query(states=asked.state, after=asked.after, limit=asked.limit)
    page = await parts.desk.page(query)
    if not page.messages and asked.wait > 0:
        with parts.bell.seat():
            page = await _wait(parts, call, query, asked.wait)
    return await rendered(
        parts, call, partial(showing.page_view, page, call.language, parts.sentence)
    )


async def _wait(parts: Parts, call: Call, query: Query, seconds: float) -> Page:
    """Look again at each ring and now and then; return what there is when the time is up."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while True:
        seen = parts.bell.rings
        page = await parts.desk.page(query)
        left = end - loop.time()
        if page.messages or left <= 0 or parts.bell.closed or gone(call):
            return page
        await parts.bell.wait(seen, min(left, parts.settings.poll_seconds))


def gone(call: Call) -> bool:
    """Tell whether the caller is gone."""
    transport = call.request.transport
    return transport is None or transport.is_closing()


async def held(parts: Parts, call: Call) -> web.StreamResponse:
    """Give a page of what waits for a person or a recheck."""
    asked = call.asked(PageQuery)
    query = Query(states=(InboundState.HELD,), after=asked.after, limit=asked.limit)
    page = await parts.desk.page(query)
    return await rendered(
        parts, call, partial(showing.page_view, page, call.language, parts.sentence)
    )


async def parked(parts: Parts, call: Call) -> web.StreamResponse:
    """Give the work that waits for a person."""
    found = await parts.tasks.parked(call.asked(ParkedQuery).limit)
    return await rendered(parts, call, partial(showing.parked_view, found))


async def participants(parts: Parts, call: Call) -> web.StreamResponse:
    """Search the last good copy of the participants' register."""
    asked = call.asked(ParticipantsQuery)
    found = await parts.threads.run(parts.directory.search, asked.q, asked.limit)
    state = parts.directory.state()
    return await rendered(parts, call, partial(showing.participants_view, found, state))


# --- one message ---


async def show(parts: Parts, call: Call, found: Message) -> web.StreamResponse:
    """Give one message; to a registry this is its hand-over (RCV-08)."""
    taken = found.state is InboundState.ADMITTED and call.token.may((Scope.MESSAGES_REGISTER,))
    kind = EvidenceKind.HANDED_OVER if taken else EvidenceKind.VIEWED
    await note(parts, call, kind, found.id, what="envelope")
    return await rendered(
        parts, call, partial(showing.message_view, found, call.language, parts.sentence)
    )


def _withhold(call: Call, found: Message) -> None:
    """Refuse content that nobody has vouched for to everyone but clerks.

    What a check refused is given to nobody, even while its bytes are not yet sealed away.
    """
    if found.state is InboundState.REJECTED:
        raise Problem(GONE, state=found.state.value)
    refused_unjudged = found.state in _REFUSED and bool(holds_of(found.checks))
    unjudged = found.state is InboundState.HELD or refused_unjudged
    if unjudged and not call.token.may((Scope.MESSAGES_CLERK,)):
        raise Problem(WITHHELD, state=found.state.value, scopes=(Scope.MESSAGES_CLERK.value,))


async def attachment(parts: Parts, call: Call, found: Message) -> web.StreamResponse:
    """Stream one attached file; the desk writes down that it was opened."""
    wanted = _attachment(found, call.number("n"))
    _withhold(call, found)
    if streaming.matches(call, wanted.digest):
        return web.Response(status=304, headers={"ETag": f'"{wanted.digest}"'})
    if not await parts.threads.run(_kept, parts, found, wanted):
        raise Problem(GONE)
    facts = next((c for c in found.arrival.contents if c.attachment.index == wanted.index), None)
    file = await parts.desk.attachment(found.id, wanted.index, call.actor)
    headers = streaming.file_headers(
        wanted.name, "" if facts is None else facts.detected, wanted.digest
    )
    return await streaming.send_file(
        parts, call, file, size=wanted.size, digest=wanted.digest, headers=headers
    )


def _attachment(found: Message, index: int) -> Attachment:
    envelope = found.envelope
    if envelope is not None:
        for candidate in envelope.attachments:
            if candidate.index == index:
                return candidate
    raise Problem(UNKNOWN_MESSAGE, "this message has no attachment with that number")


def _kept(parts: Parts, found: Message, wanted: Attachment) -> bool:
    """Tell whether the bytes are there, or the original from which they can be made again."""
    for content in found.arrival.contents:
        if content.attachment.index == wanted.index and not content.kept:
            return False
    digests = (wanted.digest, found.arrival.original)
    return any(parts.blobs.path(digest) is not None for digest in digests)


async def original(parts: Parts, call: Call) -> web.StreamResponse:
    """Stream the message exactly as it was signed and received."""
    found = await parts.desk.find(call.message_id())
    _withhold(call, found)
    digest = found.arrival.original
    if streaming.matches(call, digest):
        return web.Response(status=304, headers={"ETag": f'"{digest}"'})
    file = await parts.threads.run(_open, parts, found)
    if file is None:
        raise Problem(GONE)
    try:
        await note(parts, call, EvidenceKind.VIEWED, found.id, what="original", digest=digest)
    except BaseException:
        file.close()
        raise
    headers = streaming.file_headers(f"{found.network}-{found.id}", streaming.OCTETS, digest)
    return await streaming.send_file(
        parts, call, file, size=found.arrival.original_size, digest=digest, headers=headers
    )


def _open(parts: Parts, found: Message) -> BinaryIO | None:
    path: Path | None = parts.blobs.path(found.arrival.original)
    return None if path is None else path.open("rb")
