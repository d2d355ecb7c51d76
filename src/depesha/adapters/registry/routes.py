"""The words of the route table: parts, calls, routes, documented answers. No handlers here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from aiohttp import web
from pydantic import BaseModel

from depesha.adapters.registry.inputs import NoQuery
from depesha.adapters.registry.problems import UNKNOWN_MESSAGE, Kind, Problem
from depesha.adapters.registry.tokens import Scope, Token, TokenStore
from depesha.errors import WireError
from depesha.schemas.ids import MessageId, message_id

if TYPE_CHECKING:
    from depesha.adapters.registry.drafting import Submitter
    from depesha.adapters.registry.feed import Bell
    from depesha.adapters.registry.outbound_showing import Explained
    from depesha.adapters.registry.settings import RegistryApiSettings
    from depesha.adapters.registry.showing import Sentence
    from depesha.ports import (
        BlobStore,
        Clock,
        Desk,
        Directory,
        IdSource,
        Journal,
        Observer,
        Outbox,
        ParkedTasks,
        Threads,
    )
    from depesha.schemas.participant import ParticipantProfile
    from depesha.schemas.route import RouteExplanation

M = TypeVar("M", bound=BaseModel)

BASE = "/api/v1"
JSON = "application/json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What the registry API needs for documents on their way out."""

    outbox: Outbox
    submitter: Submitter
    explained: Explained
    """A kept plan in the words of a language (`gateway/explain.py`)."""
    as_text: Callable[[RouteExplanation], str]
    """An explanation as lines for a terminal."""
    profile: Callable[[str], Awaitable[ParticipantProfile | None]]
    """Everything known of the participant with this identifier; None where nothing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Everything the registry API stands on. `sentence(finding, language)` speaks to clerks."""

    desk: Desk
    journal: Journal
    tasks: ParkedTasks
    directory: Directory
    blobs: BlobStore
    tokens: TokenStore
    ids: IdSource
    clock: Clock
    threads: Threads
    observer: Observer
    bell: Bell
    sentence: Sentence
    settings: RegistryApiSettings
    sending: Sending


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated, validated call."""

    request: web.Request
    token: Token
    actor: str
    """`token:<name>`, with `/<user>` where the registry names its clerk."""
    language: str
    query: BaseModel
    body: BaseModel | None

    def message_id(self) -> MessageId:
        """The message in the address; a malformed id is as unknown as any other."""
        try:
            return message_id(self.request.match_info["id"])
        except WireError as error:
            raise Problem(UNKNOWN_MESSAGE, "no message has this identity") from error

    def asked(self, model: type[M]) -> M:
        """The validated query, typed."""
        if not isinstance(self.query, model):
            raise TypeError("the route table and the handler name different queries")
        return self.query

    def sent(self, model: type[M]) -> M:
        """The validated body, typed."""
        if not isinstance(self.body, model):
            raise TypeError("the route table and the handler name different bodies")
        return self.body

    def number(self, name: str) -> int:
        """A whole number in the address."""
        return int(self.request.match_info[name])


Handler = Callable[[Parts, Call], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One documented good answer."""

    description: str
    model: type[BaseModel] | None = None
    other: type[BaseModel] | None = None
    """The answer is of this model or of the first one."""
    media_types: tuple[str, ...] = (JSON,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One row of the table: it drives routing, validation and the OpenAPI document alike."""

    method: str
    path: str
    """Below `/api/v1`."""
    operation: str
    summary: str
    handler: Handler
    answers: dict[int, Answer]
    scopes: tuple[Scope, ...] = ()
    """Any one will do; empty: no token is needed."""
    query: type[BaseModel] = NoQuery
    body: type[BaseModel] | None = None
    body_optional: bool = False
    form: type[BaseModel] | None = None
    """A multipart form instead of a body: this model in the part `message`, and files."""
    problems: tuple[Kind, ...] = ()
    """Beyond those that follow from the row itself."""
    stream: bool = False
    """True: no time limit on the whole, only on each write."""
    headers: dict[str, str] = field(default_factory=dict)
    """Request headers it reads, with what they mean."""
