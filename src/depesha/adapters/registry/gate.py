"""What every call passes before its handler: token, scope, query, body, language. No decisions.

Raises `Problem`; nothing of what was sent is repeated in logs.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any, get_origin

from pydantic import BaseModel, ValidationError

from depesha.adapters.registry.problems import (
    FORBIDDEN,
    INVALID,
    MALFORMED,
    MEDIA_TYPE,
    TIMED_OUT,
    TOO_MANY_ATTEMPTS,
    UNAUTHENTICATED,
    FieldError,
    Problem,
)
from depesha.adapters.registry.routes import JSON, Call
from depesha.adapters.registry.settings import LANGUAGES
from depesha.adapters.registry.tokens import Token
from depesha.errors import ConfigurationError, StorageError

if TYPE_CHECKING:
    from aiohttp import web

    from depesha.adapters.registry.routes import Parts, Route
    from depesha.adapters.registry.tokens import Attempts

_REALM = 'Bearer realm="depesha"'
_USER = re.compile(r"[A-Za-z0-9._@-]{1,64}")
_QUALITY = re.compile(r"q=(0(?:\.\d{1,3})?|1(?:\.0{1,3})?)")
_SMALL_BYTES = 4096
"""Larger bodies are read in a worker thread: the loop may not stand still for 0.2 ms."""
_NEW_TOKEN_SECONDS = 0.1
"""The token file is looked at no more often than this, whoever presents whatever."""
_MEMBERS = 32
"""No body has more than seventeen; each unknown one would cost an error of its own."""
_RANGES = 20
"""Language ranges looked at in one header."""


async def admit(parts: Parts, attempts: Attempts, route: Route, request: web.Request) -> Call:
    """Judge a request and return it as a call."""
    token = await _token(parts, attempts, route, request)
    return Call(
        request=request,
        token=token,
        actor=_actor(token, request),
        language=language(
            request.headers.get("Accept-Language", ""), parts.settings.default_language
        ),
        query=_query(route.query, request),
        body=await _body(parts, route, request),
    )


async def _token(parts: Parts, attempts: Attempts, route: Route, request: web.Request) -> Token:
    if not route.scopes:
        return Token(id="", name="", scopes=frozenset(), created_at=parts.clock.now())
    await refresh(parts)
    presented = _presented(request)
    token = parts.tokens.authenticate(presented) if presented else None
    if token is None and presented:
        # Perhaps made a moment ago: a script that makes a token and uses it must not be refused.
        await refresh(parts, _NEW_TOKEN_SECONDS)
        token = parts.tokens.authenticate(presented)
    if token is None:
        parts.observer.trouble("registry_api", UNAUTHENTICATED.code)
        wait = attempts.failed(request.remote or "")
        if wait > 0:
            headers = {"Retry-After": str(int(wait) + 1)}
            raise Problem(TOO_MANY_ATTEMPTS, headers=headers)
        challenge = f'{_REALM}, error="invalid_token"' if presented else _REALM
        raise Problem(UNAUTHENTICATED, headers={"WWW-Authenticate": challenge})
    if not token.may(route.scopes):
        scopes = tuple(scope.value for scope in route.scopes)
        challenge = f'{_REALM}, error="insufficient_scope", scope="{" ".join(scopes)}"'
        raise Problem(FORBIDDEN, scopes=scopes, headers={"WWW-Authenticate": challenge})
    return token


async def refresh(parts: Parts, seconds: float | None = None) -> None:
    """See changes of the token file every so many seconds. A damaged file lets nobody in.

    Also writes down, once a day each, that tokens were used; failing that stops nobody.
    """
    if not parts.tokens.due(parts.settings.token_reload_seconds if seconds is None else seconds):
        return
    try:
        await parts.threads.run(parts.tokens.reload)
        if parts.tokens.has_unsaved_uses():
            await parts.threads.run(parts.tokens.save_uses)
    except (ConfigurationError, StorageError) as error:
        parts.observer.trouble("tokens", error.code)


def _presented(request: web.Request) -> str:
    """The token of the one Authorization header; empty for none, or for several."""
    headers = request.headers.getall("Authorization", [])
    if len(headers) != 1:
        return ""
    scheme, _, rest = headers[0].partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else ""


def _actor(token: Token, request: web.Request) -> str:
    user = request.headers.get("Depesha-User")
    if user is None:
        return f"token:{token.name}"
    if _USER.fullmatch(user) is None:
        error = FieldError(parameter="Depesha-User", detail="letters, digits and . _ @ -, up to 64")
        raise Problem(INVALID, errors=(error,))
    return f"token:{token.name}/{user}"


def language(header: str, default: str) -> str:
    """Choose the language that the caller likes best of those we have (RFC 9110, 12.5.4)."""
    best, best_quality = default, 0.0
    for part in header.split(",")[:_RANGES]:
        tag, _, parameter = part.strip().partition(";")
        match = _QUALITY.fullmatch(parameter.strip())
        quality = 1.0 if not parameter.strip() else float(match[1]) if match else 0.0
        primary = tag.strip().lower().partition("-")[0]
        chosen = default if primary == "*" else primary
        if chosen in LANGUAGES and quality > best_quality:
            best, best_quality = chosen, quality
    return best


# --- query and body ---


def _query(model: type[BaseModel], request: web.Request) -> BaseModel:
    values: dict[str, Any] = {}
    errors = []
    for name in dict.fromkeys(request.query):
        given = request.query.getall(name)
        field = model.model_fields.get(name)
        if field is not None and get_origin(field.annotation) is tuple:
            values[name] = given
        elif len(given) > 1:
            errors.append(FieldError(parameter=name[:64], detail="may be given only once"))
        else:
            values[name] = given[0]
    if errors:
        raise Problem(INVALID, errors=errors)
    try:
        return model.model_validate(values)
    except ValidationError as error:
        found = (
            FieldError(parameter=str(e["loc"][0])[:64], detail=e["msg"])
            for e in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise Problem(INVALID, errors=found) from None


async def _body(parts: Parts, route: Route, request: web.Request) -> BaseModel | None:
    if route.body is None:
        return None
    if not request.can_read_body and route.body_optional:
        return route.body()
    charset = (request.charset or "utf-8").lower()
    if request.content_type != JSON or charset != "utf-8":
        raise Problem(MEDIA_TYPE)
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Problem(MEDIA_TYPE, "compressed bodies are not taken")
    try:
        async with asyncio.timeout(parts.settings.body_seconds):
            data = await request.read()
    except TimeoutError:
        raise Problem(TIMED_OUT, headers={"Connection": "close"}) from None
    if len(data) <= _SMALL_BYTES:
        return validated(route.body, data)
    return await parts.threads.run(validated, route.body, data)


def validated(model: type[BaseModel], data: bytes) -> BaseModel:
    """Read a body strictly; raise `Problem` with a pointer to each fault."""
    try:
        json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Problem(MALFORMED) from None
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        found = (
            FieldError(pointer=pointer(e["loc"]), detail=e["msg"])
            for e in error.errors(include_url=False, include_input=False, include_context=False)
        )
        raise Problem(INVALID, errors=found) from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a member given twice, for two readers might take two different ones; and too many."""
    members = dict(pairs)
    if len(members) != len(pairs) or len(members) > _MEMBERS:
        raise ValueError("a member is given twice, or there are too many")
    return members


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def pointer(location: tuple[int | str, ...]) -> str:
    """Return a JSON Pointer (RFC 6901)."""
    parts = (str(part)[:64].replace("~", "~0").replace("/", "~1") for part in location)
    return "".join(f"/{part}" for part in parts)
