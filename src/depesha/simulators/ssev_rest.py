"""The API gateway of the simulated SSEV: `/ed2/api` and `/ed2/upload` (facts 2, 3).

It asks for a token and the matching `Dp-Miscinfo`, then speaks the ESB API's JSON over the one
state. Tickets and notifications are not played.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NoReturn

from aiohttp import web

from depesha.schemas.wire.ssev import FORWARD_TEMPLATE
from depesha.simulators.ssev_files import StamperDownError
from depesha.simulators.ssev_gate import Gate
from depesha.simulators.ssev_people import REQUIRED, TEMPLATES
from depesha.simulators.ssev_quirks import of_path
from depesha.simulators.ssev_rest_shapes import Shapes, inbox_order, page
from depesha.simulators.ssev_state import SOFIA, ServerError, SsevState
from depesha.simulators.ssev_token import Tokens
from depesha.simulators.ssev_uploads import Uploads
from depesha.simulators.ssev_values import (
    GROUP_NAMES,
    Caller,
    Draft,
    FieldValue,
    Group,
    Message,
    Profile,
)

API: Final = "/ed2/api"
UPLOAD: Final = "/ed2/upload/blobs"


class ProblemError(Exception):
    """An answer other than 200, with its problem document or without."""

    def __init__(self, status: int, errors: dict[str, list[str]] | None = None) -> None:
        super().__init__(status)
        self.status = status
        self.errors = errors


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: who, what, with which words in the path."""

    caller: Caller
    request: web.Request
    words: tuple[str, ...]

    def number(self, name: str) -> int | None:
        """Return an optional whole number of the query."""
        given = self.request.query.get(name)
        if given is None:
            return None
        try:
            return int(given)
        except ValueError:
            raise ProblemError(400, {name: [f"The value '{given}' is not valid."]}) from None

    def id(self) -> int:
        """Return the number in the path."""
        return int(self.words[0])


Handler = Callable[[Call], Awaitable[Any]]


class RestApi:
    """Answers the gateway's port."""

    def __init__(
        self, *, state: SsevState, tokens: Tokens, shapes: Shapes, uploads: Uploads, gate: Gate
    ) -> None:
        self._state = state
        self._tokens = tokens
        self._shapes = shapes
        self._uploads = uploads
        self._gate = gate
        get: dict[str, Handler] = {
            r"blobs": self._blobs,
            r"blobs/(\d+)": self._blob,
            r"countries": self._countries,
            r"target-groups": self._groups,
            r"templates": self._templates,
            r"templates/(\d+)": self._template,
            r"profiles": self._profiles,
            r"profiles/(\d+)": self._profile,
            r"profiles/search": self._search,
            r"profiles/check": self._check,
            r"messages/inbox": self._inbox,
            r"messages/outbox": self._outbox,
            r"messages/(\d+)/open": self._open,
            r"messages/(\d+)/open-forwarded/(\d+)": self._open_forwarded,
            r"messages/(\d+)/view": self._view,
        }
        self._routes: dict[str, list[tuple[re.Pattern[str], Handler]]] = {
            "GET": [(re.compile(pattern), handler) for pattern, handler in get.items()],
            "DELETE": [(re.compile(r"blobs/(\d+)"), self._remove)],
            "POST": [(re.compile(r"messages"), self._send)],
        }

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one HTTP request as the switches allow."""
        operation = of_path(request.path)
        instead = self._gate.before(request, operation)
        if instead is not None:
            return instead
        if self._state.oddity.spend("unauthorized", operation):
            return web.Response(status=401)
        if request.path == UPLOAD:
            caller = self._tokens.caller(
                request, inject=not self._state.oddity.quirks.no_injected_miscinfo
            )
            answer = await self._uploads.handle(request, caller)
            return await self._gate.after(request, answer, operation)
        if request.path.startswith(f"{API}/obo/"):
            return web.Response(status=403)  # no login here may act for others (facts 2.5)
        return await self._api(request)

    async def _api(self, request: web.Request) -> web.StreamResponse:
        route = self._route(request)
        if route is None:
            return problem(404)
        caller = self._tokens.caller(request, inject=False)
        if caller is None:
            return web.Response(status=401)
        handler, words = route
        operation = of_path(request.path)
        try:
            result = await handler(Call(caller=caller, request=request, words=words))
        except ProblemError as error:
            return problem(error.status, error.errors)
        except (ServerError, StamperDownError, ValueError):
            return _failed(request)
        if handler == self._send and self._state.oddity.spend("failed_answers"):
            return web.Response(status=405)
        answer = web.Response() if result is None else web.json_response(result)
        answer.headers["api-supported-versions"] = "1.0"
        return await self._gate.after(request, answer, operation)

    def _route(self, request: web.Request) -> tuple[Handler, tuple[str, ...]] | None:
        rest = request.path.removeprefix(f"{API}/")
        for pattern, handler in self._routes.get(request.method, []):
            match = pattern.fullmatch(rest)
            if match is not None:
                return handler, match.groups()
        return None

    # --- storage -----------------------------------------------------------------------------

    async def _blobs(self, call: Call) -> Any:
        stored = self._state.files.stored(call.caller.profile.profile_id)
        offset, limit = call.number("offset") or 0, call.number("limit")
        chosen = stored[offset : None if limit is None else offset + limit]
        rows = [self._shapes.blob(blob, in_message=False) for blob in chosen]
        return {"result": rows, "length": len(stored)}  # always the full count (facts 2.7)

    async def _blob(self, call: Call) -> Any:
        return self._shapes.blob(self._own(call), in_message=False)

    async def _remove(self, call: Call) -> None:
        self._state.files.remove(self._own(call))

    def _own(self, call: Call) -> Any:
        stored = self._state.files.stored(call.caller.profile.profile_id)
        found = next((blob for blob in stored if blob.blob_id == call.id()), None)
        return found if found is not None else _absent()

    # --- words and people ----------------------------------------------------------------------

    async def _countries(self, call: Call) -> Any:
        rows = [("BG", "България"), ("CZ", "Чехия"), ("UA", "Украйна")]
        offset, limit = call.number("offset") or 0, call.number("limit")
        return page(rows, offset, limit, lambda row: {"iso": row[0], "name": row[1]})

    async def _groups(self, call: Call) -> Any:
        return [
            {
                "targetGroupId": int(group),
                "name": name,
                "canSelectRecipients": self._state.people.may_write(call.caller.profile, group),
            }
            for group, name in GROUP_NAMES.items()
        ]

    async def _templates(self, _call: Call) -> Any:
        return [self._shapes.template(number, content=False) for number in TEMPLATES]

    async def _template(self, call: Call) -> Any:
        if call.id() not in TEMPLATES:
            raise ProblemError(403)  # never 404 (facts 3.3)
        return self._shapes.template(call.id(), content=True)

    async def _profiles(self, call: Call) -> Any:
        rows = self._state.people.in_group(self._group(call))
        offset, limit = call.number("offset") or 0, call.number("limit")
        return page(rows, offset, limit, self._shapes.profile)

    async def _profile(self, call: Call) -> Any:
        found = self._state.people.profile(call.id())
        return self._shapes.details(found) if found is not None else _absent()

    async def _search(self, call: Call) -> Any:
        group = self._group(call)
        found = [
            p
            for p in self._state.people.search(
                call.request.query.get("identifier", ""), frozenset({Group(group)})
            )
            if p.activated or (p.passive and group == Group.INDIVIDUAL)
        ]
        if len(found) > 1:
            raise ServerError
        return self._shapes.profile(found[0]) if found else _absent()

    async def _check(self, call: Call) -> Any:
        """Individuals only, whatever the guide promises (facts 9, no. 2)."""
        found = self._state.people.search(
            call.request.query.get("identifier", ""), frozenset({Group.INDIVIDUAL})
        )
        offset, limit = call.number("offset") or 0, call.number("limit")
        return page(found, offset, limit, self._shapes.registered)

    def _group(self, call: Call) -> int:
        given = call.request.query.get("targetGroupId", "")
        if not given.isdigit() or int(given) not in set(Group):
            raise ProblemError(403)  # rather than 400 (facts 3.4)
        if not self._state.people.may_write(call.caller.profile, int(given)):
            raise ProblemError(403)
        return int(given)

    # --- messages ------------------------------------------------------------------------------

    async def _inbox(self, call: Call) -> Any:
        rows = sorted(self._state.inbox(call.caller.profile), key=inbox_order)
        rows = [row for row in rows if _within(call, row[0])]
        offset, limit = call.number("offset") or 0, call.number("limit")
        return page(rows, offset, limit, lambda row: self._shapes.inbox_row(*row))

    async def _outbox(self, call: Call) -> Any:
        rows = [m for m in self._state.outbox(call.caller.profile) if _within(call, m)]
        offset, limit = call.number("offset") or 0, call.number("limit")
        return page(rows, offset, limit, self._shapes.outbox_row)

    async def _send(self, call: Call) -> Any:
        if call.request.content_length is None:
            raise ServerError  # the authorisation step reads that many bytes (facts 3.6)
        body = await _json(call.request)
        template = body.get("templateId")
        if not isinstance(template, int) or template not in TEMPLATES:
            raise ProblemError(403)
        recipients, subject = self._recipients(call, body), body.get("subject")
        if not isinstance(subject, str) or not subject.strip():
            raise ProblemError(400, {"Subject": ["'Subject' must not be empty."]})
        fields, blobs = _fields(template, body.get("fields"))
        draft = Draft(subject=subject, template_id=template, fields=fields, blobs=blobs)
        return (await self._state.send(call.caller, recipients, draft)).message_id

    def _recipients(self, call: Call, body: dict[str, Any]) -> tuple[Profile, ...]:
        given = body.get("recipientProfileIds")
        if not isinstance(given, list) or not given:
            raise ProblemError(400, {"RecipientProfileIds": ["must not be empty."]})
        people = self._state.people
        found = [people.profile(each) for each in dict.fromkeys(given) if isinstance(each, int)]
        allowed = tuple(p for p in found if p and people.may_write(call.caller.profile, p.group))
        if len(allowed) != len(dict.fromkeys(given)):
            raise ProblemError(400, {"RecipientProfileIds": ["Can not send to recipients"]})
        return allowed

    async def _open(self, call: Call) -> Any:
        message = self._message(call.id())
        copy = message.copy_for(call.caller.profile.profile_id)
        if copy is None:
            raise ProblemError(403)
        await self._state.open(message, copy, call.caller)
        return self._shapes.opened(message, copy)

    async def _open_forwarded(self, call: Call) -> Any:
        message = self._message(call.id())
        if message.copy_for(call.caller.profile.profile_id) is None:
            raise ProblemError(403)
        if message.template_id != FORWARD_TEMPLATE or message.forwarded != int(call.words[1]):
            raise ServerError
        original = self._message(int(call.words[1]))
        copy = original.copy_for(message.sender)
        if copy is None or copy.opened_at is None:
            raise ServerError
        return {**self._shapes.opened(original, copy), **self._shapes.forwarder(message)}

    async def _view(self, call: Call) -> Any:
        message = self._message(call.id())
        if message.sender != call.caller.profile.profile_id:
            raise ProblemError(403)
        return self._shapes.viewed(message)

    def _message(self, message_id: int) -> Message:
        found = self._state.messages.get(message_id)
        if found is None:
            raise ServerError  # never 404 (facts 9, no. 25)
        return found


def _absent() -> NoReturn:
    raise ProblemError(404)


def _within(call: Call, message: Message) -> bool:
    """Filter on the moment of sending, both ends inclusive (facts 2.7)."""
    query = call.request.query
    first, last = _moment(query.get("from")), _moment(query.get("to"))
    template = call.number("templateId")
    return (
        (first is None or message.sent_at >= first)
        and (last is None or message.sent_at <= last)
        and (template is None or message.template_id == template)
    )


def _moment(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ProblemError(400, {"from": ["is not valid"]}) from None
    return moment.replace(tzinfo=SOFIA) if moment.tzinfo is None else moment


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        body = json.loads(await request.read())
    except ValueError:
        raise ServerError from None  # fails before validation (facts 3.6)
    if not isinstance(body, dict):
        raise ServerError
    return body


def _fields(template: int, given: Any) -> tuple[dict[str, FieldValue], tuple[int, ...]]:
    """Judge the fields: unknown ones fail, absent required ones pass (facts 9, no. 13)."""
    wrong = ProblemError(400, {"Fields": ["Invalid fields according to template"]})
    known = TEMPLATES[template][1]
    if not isinstance(given, dict):
        raise wrong
    fields: dict[str, FieldValue] = {}
    blobs: list[int] = []
    for guid, value in given.items():
        kind = known.get(guid.lower(), ("", ""))[0]
        if not kind or (value is None and guid.lower() in REQUIRED):
            raise wrong
        if value is not None and not _fits(kind, value):
            raise wrong
        if kind == "MarkdownComponent":
            continue
        if kind == "FileComponent":
            blobs += value or []
        fields[guid.lower()] = value
    return fields, tuple(blobs)


def _fits(kind: str, value: Any) -> bool:
    match kind:
        case "CheckboxComponent":
            return isinstance(value, bool)
        case "FileComponent":
            return isinstance(value, list) and all(type(each) is int for each in value)
        case "MarkdownComponent":
            return True
        case _:
            return isinstance(value, str)


def problem(status: int, errors: dict[str, list[str]] | None = None) -> web.Response:
    """Return a problem document, or an empty answer for 401 and 403 (facts 2.6)."""
    if status in {401, 403}:
        return web.Response(status=status)
    body: dict[str, Any] = {
        "type": f"https://httpstatuses.io/{status}",
        "title": "One or more validation errors occurred." if errors else "Not Found",
        "status": status,
        "traceId": "00-0-0-00",
    }
    if errors is not None:
        body["errors"] = errors
    return web.json_response(body, status=status, content_type="application/problem+json")


def _failed(request: web.Request) -> web.Response:
    """A server error: with other verbs than GET it comes out as 405 (facts 2.6)."""
    return problem(500) if request.method == "GET" else web.Response(status=405)
