"""What the registry and its clerks may decide: numbers, refusals, ends, releases, another try.

Everything is safe to repeat. What contradicts the record is answered with what stands.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from aiohttp import web

from depesha.adapters.registry import showing
from depesha.adapters.registry.inputs import Closure, Refusal, Registration, Release
from depesha.adapters.registry.problems import (
    FORBIDDEN,
    INVALID,
    FieldError,
    Problem,
    problem_of,
)
from depesha.adapters.registry.reading import rendered
from depesha.adapters.registry.tokens import Scope
from depesha.errors import ConflictError, DepeshaError, WrongStateError
from depesha.schemas.envelope import RegistrationNumber
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import EvidenceKind, NewEvidence

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from depesha.adapters.registry.routes import Call, Parts
    from depesha.schemas.ids import MessageId
    from depesha.schemas.message import Message

_AHEAD = timedelta(days=1)
"""East of UTC the registry's day begins before ours does."""


async def registration(parts: Parts, call: Call) -> web.StreamResponse:
    """Commit the registry's number: 201 the first time, 200 for a repeat (REG-04)."""
    body, identity = call.sent(Registration), call.message_id()
    if body.date > (parts.clock.now() + _AHEAD).date():
        error = FieldError(pointer="/date", detail="lies in the future")
        raise Problem(INVALID, errors=(error,))
    number = RegistrationNumber(number=body.number, date=body.date)
    try:
        found, first = await parts.desk.register(identity, number, call.actor)
    except (ConflictError, WrongStateError) as error:
        raise await _explained(parts, identity, error) from error
    return await _shown(parts, call, found, 201 if first else 200)


async def refusal(parts: Parts, call: Call) -> web.StreamResponse:
    """Decline a waiting message; a held one takes a clerk."""
    reason, identity = call.sent(Refusal).reason, call.message_id()
    found = await parts.desk.find(identity)
    if found.state is InboundState.HELD and not call.token.may((Scope.MESSAGES_CLERK,)):
        raise Problem(
            FORBIDDEN, "a held message is refused by a clerk", scopes=(Scope.MESSAGES_CLERK.value,)
        )
    return await _stepped(parts, call, identity, parts.desk.refuse(identity, reason, call.actor))


async def closure(parts: Parts, call: Call) -> web.StreamResponse:
    """End the case."""
    body, identity = call.sent(Closure), call.message_id()
    step = parts.desk.close(identity, finished=body.finished, reason=body.reason, actor=call.actor)
    return await _stepped(parts, call, identity, step)


async def release(parts: Parts, call: Call) -> web.StreamResponse:
    """Let a held message through on a person's word."""
    reason, identity = call.sent(Release).reason, call.message_id()
    return await _stepped(parts, call, identity, parts.desk.release(identity, reason, call.actor))


async def retry(parts: Parts, call: Call) -> web.StreamResponse:
    """Make parked work due at once."""
    task = call.number("task")
    # The queue knows whose task it is and writes that into the row.
    await parts.tasks.unpark(
        task,
        NewEvidence(
            kind=EvidenceKind.UNPARKED,
            at=parts.clock.now(),
            message_id=None,
            actor=call.actor,
            facts={"task": task},
        ),
    )
    return web.Response(status=204)


async def _stepped(
    parts: Parts, call: Call, identity: MessageId, step: Awaitable[Message]
) -> web.Response:
    try:
        found = await step
    except (ConflictError, WrongStateError) as error:
        raise await _explained(parts, identity, error) from error
    return await _shown(parts, call, found, 200)


async def _shown(parts: Parts, call: Call, found: Message, status: int) -> web.Response:
    return await rendered(
        parts, call, lambda: showing.message_view(found, call.language, parts.sentence), status
    )


async def _explained(parts: Parts, identity: MessageId, error: DepeshaError) -> Problem:
    """Say where the message stands, so that the caller need not ask."""
    problem = problem_of(error)
    found = await parts.desk.find(identity)
    problem.more["state"] = found.state.value
    problem.more["possible"] = showing.possible(found.state)
    if found.number is not None:
        problem.more["number"] = found.number.number
        problem.more["date"] = found.number.date.isoformat()
    return problem
