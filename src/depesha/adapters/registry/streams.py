"""The two answers without an end in sight: the substitute list, and the feed of events.

Both run in constant memory, page by page, and are bounded in time by what each write may take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from depesha.adapters.registry import export as table
from depesha.adapters.registry import showing, streaming
from depesha.adapters.registry.feed import event_bytes, heartbeat
from depesha.adapters.registry.gate import refresh
from depesha.adapters.registry.inputs import ExportQuery, FeedQuery
from depesha.adapters.registry.problems import INVALID, FieldError, Problem
from depesha.adapters.registry.reading import gone, note
from depesha.adapters.registry.routes import JSON
from depesha.schemas.message import EvidenceKind, Query

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from depesha.adapters.registry.routes import Call, Parts
    from depesha.schemas.evidence import EvidenceRecord
    from depesha.schemas.lifecycle import InboundState
    from depesha.schemas.message import Page

_EXPORT_PAGE = 100
_RETRY = b"retry: 3000\n\n"

# --- the substitute list (S21) ---


async def export(parts: Parts, call: Call) -> web.StreamResponse:
    """Stream the whole waiting list, page by page, in constant memory."""
    asked = call.asked(ExportQuery)
    await note(parts, call, EvidenceKind.EXPORTED, None, what="inbox", format=asked.format)
    day = parts.clock.now().date().isoformat()
    name = streaming.content_disposition(f"inbox-{day}.{asked.format}")
    kind = "text/csv; charset=utf-8; header=present" if asked.format == "csv" else JSON
    response = web.StreamResponse(headers={"Content-Type": kind, "Content-Disposition": name})
    pages = _all_pages(parts, asked.state)
    rows = _csv(parts, pages, bom=asked.bom) if asked.format == "csv" else _json(parts, call, pages)
    first = await anext(rows)
    await response.prepare(call.request)
    await streaming.write(parts, response, first)
    async for data in rows:
        await streaming.write(parts, response, data)
    await response.write_eof()
    return response


async def _all_pages(parts: Parts, states: tuple[InboundState, ...]) -> AsyncIterator[Page]:
    after = ""
    while True:
        page = await parts.desk.page(Query(states=states, after=after, limit=_EXPORT_PAGE))
        yield page
        if not page.next:
            return
        after = page.next


async def _csv(parts: Parts, pages: AsyncIterator[Page], *, bom: bool) -> AsyncIterator[bytes]:
    head = (table.BOM if bom else b"") + table.header_bytes()
    async for page in pages:
        yield head + await parts.threads.run(table.rows_bytes, page.messages)
        head = b""


async def _json(parts: Parts, call: Call, pages: AsyncIterator[Page]) -> AsyncIterator[bytes]:
    separator = b""
    head = f'{{"exported_at":"{parts.clock.now().isoformat()}","items":['.encode()
    async for page in pages:
        items = await parts.threads.run(_items, parts, call, page)
        yield head + (separator + items if items else b"")
        head = b""
        separator = b"," if items or separator else b""
    yield b"]}"


def _items(parts: Parts, call: Call, page: Page) -> bytes:
    shown = (showing.message_view(m, call.language, parts.sentence) for m in page.messages)
    return b",".join(view.model_dump_json().encode() for view in shown)


# --- the feed ---


async def feed(parts: Parts, call: Call) -> web.StreamResponse:
    """Stream events until the reader goes, the token ends, or the listener stops."""
    with parts.bell.seat():
        sequence = await _beginning(parts, call)
        response = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}
        )
        await response.prepare(call.request)
        await streaming.write(parts, response, _RETRY + heartbeat(sequence))
        await _tell(parts, call, response, sequence)
        await response.write_eof()
        return response


async def _beginning(parts: Parts, call: Call) -> int:
    """Where the reader left off; the very present for a new one, who is written down."""
    last = call.request.headers.get("Last-Event-ID", "").strip()
    if last:
        if not (last.isascii() and last.isdigit() and len(last) < 20):  # noqa: PLR2004 -- below 2^63
            error = FieldError(parameter="Last-Event-ID", detail="must be a sequence number")
            raise Problem(INVALID, errors=(error,))
        return int(last)
    after = call.asked(FeedQuery).after
    sequence = await note(parts, call, EvidenceKind.VIEWED, None, what="feed")
    return sequence if after is None else after


async def _tell(parts: Parts, call: Call, response: web.StreamResponse, sequence: int) -> None:
    limits, now = parts.settings, parts.clock.monotonic
    end, told = now() + limits.feed_seconds, now()
    while not parts.bell.closed and now() < end and not gone(call):
        seen = parts.bell.rings
        records = await parts.journal.after(sequence, limits.feed_rows)
        if records:
            sequence = records[-1].sequence
            data = await parts.threads.run(_events, records)
            await streaming.write(parts, response, data)
            told = now() if data else told
        if now() - told >= limits.heartbeat_seconds:
            await refresh(parts)
            if not parts.tokens.still_valid(call.token):
                return
            await streaming.write(parts, response, heartbeat(sequence))
            told = now()
        if len(records) < limits.feed_rows:
            await parts.bell.wait(seen, min(limits.poll_seconds, limits.heartbeat_seconds))


def _events(records: tuple[EvidenceRecord, ...]) -> bytes:
    return b"".join(event_bytes(record) for record in records)
