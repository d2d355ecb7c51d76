"""One id, two directions: finds a message, received or on its way out, and shows what is asked.

Each direction has its scopes, for who reads what arrives need not read what leaves.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.adapters.registry import outbound, proof, reading, showing, streaming
from depesha.adapters.registry.problems import FORBIDDEN, Problem
from depesha.adapters.registry.routes import JSON
from depesha.adapters.registry.tokens import Scope
from depesha.errors import UnknownMessageError
from depesha.schemas.message import EvidenceKind, Message

if TYPE_CHECKING:
    from depesha.adapters.registry.routes import Call, Parts
    from depesha.schemas.outbound import OutboundMessage

INWARD = (Scope.INBOX_READ,)
OUTWARD = (Scope.SEND, Scope.DECIDE)
EITHER = INWARD + OUTWARD


async def message(parts: Parts, call: Call) -> web.StreamResponse:
    """Give one message."""
    found = await _find(parts, call, INWARD, OUTWARD)
    if isinstance(found, Message):
        return await reading.show(parts, call, found)
    return await outbound.show(parts, call, found)


async def attachment(parts: Parts, call: Call) -> web.StreamResponse:
    """Stream one attached file."""
    found = await _find(parts, call, INWARD, OUTWARD)
    if isinstance(found, Message):
        return await reading.attachment(parts, call, found)
    return await outbound.attachment(parts, call, found)


async def journey(parts: Parts, call: Call) -> web.StreamResponse:
    """Give the rows of the journal that belong to one message."""
    found = await _find(parts, call, INWARD, OUTWARD)
    records = await parts.journal.events(found.id)
    return await reading.rendered(parts, call, partial(showing.journey_view, records))


async def evidence(parts: Parts, call: Call) -> web.StreamResponse:
    """Give the pack that proves the journey offline."""
    found = await _find(parts, call, (Scope.EVIDENCE_READ,), (Scope.EVIDENCE_READ,))
    await reading.note(parts, call, EvidenceKind.EXPORTED, found.id, what="evidence")
    pack = await parts.journal.pack(found.id)
    zipped = pack.startswith(b"PK\x03\x04")
    kind, extension = ("application/zip", "zip") if zipped else (JSON, "json")
    name = streaming.content_disposition(f"evidence-{found.id}.{extension}")
    return web.Response(body=pack, content_type=kind, headers={"Content-Disposition": name})


async def printable(parts: Parts, call: Call) -> web.StreamResponse:
    """Give the printable proof: one page, made of verified evidence alone."""
    found = await _find(parts, call, INWARD, OUTWARD)
    await reading.note(parts, call, EvidenceKind.EXPORTED, found.id, what="proof")
    pack = await parts.journal.pack(found.id)
    now = parts.clock.now()
    page = await parts.threads.run(proof.proof_page, found, pack, call.language, now)
    return web.Response(
        body=page,
        content_type=proof.HTML,
        charset="utf-8",
        headers={
            "Content-Security-Policy": proof.CONTENT_SECURITY_POLICY,
            "Content-Disposition": f'inline; filename="proof-{found.id}.html"',
            "Content-Language": call.language,
            "Vary": "Accept-Language",
        },
    )


async def _find(
    parts: Parts, call: Call, inward: tuple[Scope, ...], outward: tuple[Scope, ...]
) -> Message | OutboundMessage:
    identity = call.message_id()
    found: Message | OutboundMessage
    try:
        found, scopes = await parts.desk.find(identity), inward
    except UnknownMessageError:
        found, scopes = await parts.sending.outbox.find(identity), outward
    if not call.token.may(scopes):
        raise Problem(FORBIDDEN, scopes=tuple(scope.value for scope in scopes))
    return found
