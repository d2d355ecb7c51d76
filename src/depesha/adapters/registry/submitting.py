"""Submitting a document to be sent: `POST /messages`, a form that is streamed to disk.

The answer is given after the commit, and a repeat with the same key gets the very same one: so it
names the state of the first moment, and the address under which the present one is read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from depesha.adapters.registry.outbound_showing import defect_views
from depesha.adapters.registry.outbound_views import SubmittedView
from depesha.adapters.registry.problems import DEFECTS, INVALID, FieldError, Problem
from depesha.adapters.registry.reading import shown
from depesha.adapters.registry.routes import BASE
from depesha.adapters.registry.showing import document_view
from depesha.adapters.registry.uploading import uploaded
from depesha.errors import DefectsError

if TYPE_CHECKING:
    from aiohttp import web

    from depesha.adapters.registry.routes import Call, Parts
    from depesha.schemas.outbound import OutboundMessage

KEY_HEADER = "Idempotency-Key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


async def submit(parts: Parts, call: Call) -> web.StreamResponse:
    """Take a document: 202 with its id; nothing is kept of one that is refused."""
    key = _key(call)
    submitter = parts.sending.submitter
    async with (
        submitter.place(),
        uploaded(call.request, submitter, threads=parts.threads, clock=parts.clock) as upload,
    ):
        try:
            done = await submitter.submit(upload.words, upload.files, key=key, actor=call.actor)
        except DefectsError as error:
            raise await _returned(parts, call, error) from error
    message = done.message
    answer = shown(_view(message), call, 202)
    answer.headers["Location"] = f"{BASE}/messages/{message.id}"
    if done.repeated:
        answer.headers["Idempotency-Replayed"] = "true"
    return answer


def _key(call: Call) -> str:
    given = call.request.headers.getall(KEY_HEADER, [])
    if len(given) != 1 or _KEY.fullmatch(given[0]) is None:
        error = FieldError(parameter=KEY_HEADER, detail="needed once: 1 to 255 visible ASCII")
        raise Problem(INVALID, errors=(error,), headers={"Connection": "close"})
    return given[0]


async def _returned(parts: Parts, call: Call, error: DefectsError) -> Problem:
    """All defects in the author's language (CHK-15)."""
    views = await parts.threads.run(defect_views, error.defects, call.language)
    return Problem(DEFECTS, error.public, defects=views)


def _view(message: OutboundMessage) -> SubmittedView:
    return SubmittedView(id=message.id, document=document_view(message.dispatch.document))
