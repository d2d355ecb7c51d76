"""Problems the registry API may answer with (RFC 9457), each with its blame and its remedy.

One table: the same rows make the answers, the pages behind the `type` links and the OpenAPI
document. Details are dull: no content of messages, no personal data.
"""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from depesha.errors import (
    Blame,
    ConflictError,
    DefectsError,
    DepeshaError,
    StorageError,
    TooLargeError,
    UnknownMessageError,
    WireError,
    WrongStateError,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROBLEM_JSON = "application/problem+json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of problem: stable code and status, who has to act, what to do."""

    code: str
    status: int
    title: str
    blame: Blame
    temporary: bool
    """True: the same request may succeed later without anybody changing it."""
    remedy: str


def _theirs(code: str, status: int, title: str, remedy: str, *, temporary: bool = False) -> Kind:
    return Kind(
        code=code,
        status=status,
        title=title,
        blame=Blame.THEIRS,
        temporary=temporary,
        remedy=remedy,
    )


def _ours(code: str, status: int, title: str, remedy: str, *, temporary: bool = True) -> Kind:
    return Kind(
        code=code, status=status, title=title, blame=Blame.OURS, temporary=temporary, remedy=remedy
    )


MALFORMED = _theirs(
    "MALFORMED",
    400,
    "The request cannot be read",
    "Send well-formed JSON in UTF-8, each member once, as the OpenAPI document shows.",
)
UNAUTHENTICATED = _theirs(
    "UNAUTHENTICATED",
    401,
    "A valid token is needed",
    "Send Authorization: Bearer with a token made by `depesha token create`; it may have "
    "expired or been revoked.",
)
FORBIDDEN = _theirs(
    "FORBIDDEN",
    403,
    "The token may not do this",
    "Use a token that has one of the scopes named in `scopes`.",
)
WITHHELD = _theirs(
    "WITHHELD",
    403,
    "The content is withheld",
    "Content of held and refused messages may be dangerous: it takes the scope messages:clerk.",
)
UNKNOWN_MESSAGE = _theirs(
    "UNKNOWN_MESSAGE",
    404,
    "No such message, attachment, task or participant",
    "Check the identity; lists give the valid ones.",
)
NOT_FOUND = _theirs(
    "NOT_FOUND", 404, "No such address", "See /api/v1/openapi.json for all addresses."
)
WRONG_METHOD = _theirs(
    "WRONG_METHOD", 405, "The method is not allowed here", "See the Allow header."
)
TIMED_OUT = _theirs(
    "TIMED_OUT",
    408,
    "The request did not arrive in time",
    "Send the whole body without pauses.",
    temporary=True,
)
CONFLICT = _theirs(
    "CONFLICT",
    409,
    "The request contradicts what is recorded",
    "Read the message: what stands is never changed. A number given once stays.",
)
WRONG_STATE = _theirs(
    "WRONG_STATE",
    409,
    "The message is not in a state that allows this",
    "Read the message: `state` and `possible` tell where it stands and what may follow.",
)
GONE = _theirs(
    "GONE",
    410,
    "The content is no longer kept in the clear",
    "Refused bytes are sealed away; digest and verdict stay. An administrator may open them.",
)
TOO_LARGE = _theirs("TOO_LARGE", 413, "The body is too large", "Send less: see the limits.")
MEDIA_TYPE = _theirs(
    "MEDIA_TYPE",
    415,
    "This media type is not taken here",
    "Send Content-Type: application/json; a document to be sent is multipart/form-data.",
)
INVALID = _theirs(
    "INVALID",
    422,
    "The request is not valid",
    "Mend what `errors` names; unknown fields are refused so that a misspelt one is seen.",
)
DEFECTS = _theirs(
    "DEFECTS",
    422,
    "The document may not leave as it is",
    "Mend what `defects` names and submit it again; nothing of it was stored or sent.",
)
TOO_MANY_ATTEMPTS = _theirs(
    "TOO_MANY_ATTEMPTS",
    429,
    "Too many attempts with wrong tokens",
    "Wait as Retry-After says, and mend the token.",
    temporary=True,
)
TOO_MANY_WAITERS = _theirs(
    "TOO_MANY_WAITERS",
    429,
    "Too many open long polls and feeds",
    "Close some, or ask without waiting.",
    temporary=True,
)
INTERNAL = _ours(
    "INTERNAL",
    500,
    "Something failed inside the gateway",
    "Give the operator the request id; nothing was changed by halves.",
    temporary=False,
)
STORAGE = _ours(
    "STORAGE",
    503,
    "The gateway's memory does not answer",
    "Repeat the same request later: repeats are safe.",
)
BUSY = _ours(
    "BUSY",
    503,
    "The gateway did not manage in time",
    "Repeat the same request later: repeats are safe.",
)

KINDS: tuple[Kind, ...] = (
    MALFORMED,
    UNAUTHENTICATED,
    FORBIDDEN,
    WITHHELD,
    UNKNOWN_MESSAGE,
    NOT_FOUND,
    WRONG_METHOD,
    TIMED_OUT,
    CONFLICT,
    WRONG_STATE,
    GONE,
    TOO_LARGE,
    MEDIA_TYPE,
    INVALID,
    DEFECTS,
    TOO_MANY_ATTEMPTS,
    TOO_MANY_WAITERS,
    INTERNAL,
    STORAGE,
    BUSY,
)
BY_CODE = {kind.code: kind for kind in KINDS}

RETRY_AFTER_SECONDS = 5


class FieldError(BaseModel):
    """One thing wrong in a request."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pointer: str = Field(default="", description="JSON Pointer into the body (RFC 6901)")
    parameter: str = Field(default="", description="Name of the query parameter")
    detail: str


class DefectView(BaseModel):
    """One rule that a document to be sent breaks (CHK-06 to 08, SIG-01)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str = Field(description="Stable code")
    sentence: str = Field(description="In the language of Accept-Language")
    remedy: str = Field(description="What would let it pass")


class ProblemDocument(BaseModel):
    """A problem as it goes over the wire (RFC 9457)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: str = Field(description="Stable; can be fetched for an explanation")
    title: str
    status: int
    detail: str
    instance: str = Field(description="Identity of this very request, also in X-Request-Id")
    code: str = Field(description="The last part of `type`")
    blame: Literal["theirs", "ours", "network"] = Field(description="theirs: the caller must act")
    temporary: bool = Field(description="Whether waiting helps")
    remedy: str
    errors: tuple[FieldError, ...] = ()
    defects: tuple[DefectView, ...] = Field(default=(), description="With DEFECTS: all of them")
    scopes: tuple[str, ...] = Field(default=(), description="With FORBIDDEN: any of these will do")
    state: str = Field(default="", description="Where the message stands, if it matters")
    possible: tuple[str, ...] = Field(default=(), description="With WRONG_STATE: what may follow")
    number: str = Field(default="", description="With CONFLICT: the number that stands")
    date: str = Field(default="", description="With CONFLICT: the day of that number")


class Problem(Exception):  # noqa: N818 -- RFC 9457's own word
    """Raised by handlers; the outermost layer turns it into an answer."""

    def __init__(
        self,
        kind: Kind,
        detail: str = "",
        *,
        errors: Iterable[FieldError] = (),
        defects: Iterable[DefectView] = (),
        headers: Mapping[str, str] | None = None,
        **more: str | tuple[str, ...],
    ) -> None:
        super().__init__(kind.code)
        self.kind = kind
        self.detail = detail or kind.title
        self.errors = tuple(errors)
        self.defects = tuple(defects)
        self.headers = dict(headers or {})
        self.more = more


def problem_of(error: DepeshaError) -> Problem:
    """Turn an error of the house into a problem; its facts stay inside."""
    match error:
        case UnknownMessageError():
            kind = UNKNOWN_MESSAGE
        case WrongStateError():
            kind = WRONG_STATE
        case ConflictError():
            kind = CONFLICT
        case DefectsError():
            kind = DEFECTS
        case StorageError():
            kind = STORAGE
        case TooLargeError():
            kind = TOO_LARGE
        case WireError():
            kind = MALFORMED
        case _:
            kind = BUSY if error.temporary else INTERNAL
    return Problem(kind, error.public)


def document(problem: Problem, instance: str) -> dict[str, Any]:
    """Return the JSON object of a problem."""
    kind = problem.kind
    return ProblemDocument(
        type=f"/api/v1/problems/{kind.code}",
        title=kind.title,
        status=kind.status,
        detail=problem.detail,
        instance=f"urn:uuid:{instance}",
        code=kind.code,
        blame=kind.blame.value,
        temporary=kind.temporary,
        remedy=kind.remedy,
        errors=problem.errors,
        defects=problem.defects,
        **problem.more,  # type: ignore[arg-type] # members are texts or tuples of texts by name
    ).model_dump(mode="json", exclude_defaults=True)


def answer(problem: Problem, instance: str) -> web.Response:
    """Return the problem as an HTTP answer."""
    headers = dict(problem.headers)
    if problem.kind.temporary and problem.kind.status in {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.SERVICE_UNAVAILABLE,
    }:
        headers.setdefault("Retry-After", str(RETRY_AFTER_SECONDS))
    return web.json_response(
        document(problem, instance),
        status=problem.kind.status,
        headers=headers,
        content_type=PROBLEM_JSON,
    )
