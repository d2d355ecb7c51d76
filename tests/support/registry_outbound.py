"""What tests of the registry's side of the way out share: an outbox, a submitter, documents."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from depesha.adapters.contents import Inspector
from depesha.adapters.memory.outbox import MemoryOutbox
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.registry.drafting import Submitter
from depesha.adapters.registry.routes import Sending
from depesha.adapters.registry.settings import SubmissionLimits
from depesha.adapters.system import SystemIds
from depesha.gateway.bars import RoutingPolicy
from depesha.gateway.explain import as_text, explain
from depesha.gateway.routing import make_plan
from depesha.gateway.submission import SubmissionPolicy, defects
from depesha.ports import BlobStore, Clock, Directory, Observer, Threads
from depesha.schemas.dispatch import Dispatch
from depesha.schemas.envelope import Party
from depesha.schemas.facts import ContentFacts
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.participant import ChannelProfile, ParticipantProfile
from depesha.schemas.policy import Limits
from depesha.schemas.route import Plan, Reasoned
from tests.support import outbound as fictional

OWN = Party(identifier="000000001", name="Община Пример")
WORDS: dict[str, Any] = {
    "recipient": {"identifier": "000000002"},
    "document": {"number": "ИЗХ-12", "date": "2026-03-02"},
    "kind": "Писмо",
    "subject": "Искане за данни",
    "scan_instead": "подписано на хартия",
}
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
KEY = {"Idempotency-Key": "key-1"}
_POLICY = SubmissionPolicy(own_identifiers=frozenset({OWN.identifier}))


def plan_of(dispatch: Dispatch) -> Plan:
    """What the gateway would plan, were all channels well."""
    return make_plan(dispatch, fictional.ALL, (), RoutingPolicy(), datetime.now(UTC))


def form(
    words: Any = WORDS, files: Sequence[tuple[str, str, bytes]] = (("file", "писмо.pdf", PDF),)
) -> aiohttp.FormData:
    """A submission as a registry would send it: words first, then files (part, name, bytes)."""
    made = aiohttp.FormData(quote_fields=False)
    data = words if isinstance(words, bytes) else json.dumps(words).encode()
    made.add_field("message", data, filename="m.json", content_type="application/json")
    for part, name, content in files:
        typed = "application/octet-stream"
        made.add_field(part, io.BytesIO(content), filename=name, content_type=typed)
    return made


@dataclass
class OutboundBody:
    """An outbox in memory with everything the API needs to reach it."""

    blobs: BlobStore
    threads: Threads
    clock: Clock
    observer: Observer
    directories: Sequence[Directory] = ()
    state: MemoryState = field(default_factory=MemoryState)
    limits: SubmissionLimits = field(default_factory=SubmissionLimits)

    def __post_init__(self) -> None:
        self.ids = SystemIds(self.clock)
        self.outbox = MemoryOutbox(
            state=self.state,
            clock=self.clock,
            ids=self.ids,
            observer=self.observer,
            judge=self._judge,
            explained=lambda dispatch, language: explain(plan_of(dispatch), language),
        )
        self.submitter = Submitter(
            outbox=self.outbox,
            own=OWN,
            directories=self.directories,
            blobs=self.blobs,
            inspector=Inspector(limits=Limits()),
            threads=self.threads,
            clock=self.clock,
            limits=self.limits,
        )

    def _judge(self, dispatch: Dispatch, contents: Sequence[ContentFacts]) -> tuple[Reasoned, ...]:
        known = any(d.by_identifier(dispatch.recipient.identifier) for d in self.directories)
        today = self.clock.now().date()
        return defects(dispatch, contents, _POLICY, today, recipient_known=known)

    def sending(self) -> Sending:
        return Sending(
            outbox=self.outbox,
            submitter=self.submitter,
            explained=explain,
            as_text=as_text,
            profile=profile,
        )

    def put(self, state: OutboundState, **changes: Any) -> OutboundMessage:
        """Set a document into a state, with one try behind it."""
        sent = fictional.dispatch(sender=OWN)
        tried = (fictional.attempt(),)
        message = OutboundMessage(
            id=self.ids.message_id(),
            state=state,
            dispatch=sent,
            contents=tuple(fictional.content(file) for file in sent.files),
            actor="token:registry",
            changed_at=fictional.NOW,
            attempts=tried,
            plan=plan_of(sent),
        )
        message = replace(message, **changes)
        self.state.outbound[message.id] = message
        self.state.file(message, message.changed_at)
        return message


async def profile(identifier: str) -> ParticipantProfile | None:
    """Who is known of: the peer of `tests.support.outbound`."""
    if identifier != fictional.PEER:
        return None
    return ParticipantProfile(
        identifier=identifier,
        name="Агенция Образец",
        phone="+359 000",
        channels=tuple(
            ChannelProfile(facts=facts, last_alive=fictional.NOW, certificate_days=42)
            for facts in fictional.ALL
        ),
    )


def spools(folder: Path) -> list[Path]:
    """What lies unfinished under a folder of `MemoryBlobs`."""
    return list((folder / "blobs" / "spool").iterdir())
