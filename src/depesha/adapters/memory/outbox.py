"""`Outbox` in memory: the way out without a gateway behind it, for tests of the registry's side.

It keeps the port's promises on keys, defects and decisions, evidence included, but sends nothing:
what happens to a document on its way is written into `documents` by the test.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from depesha.adapters.memory.outbound import MemoryOutbound
from depesha.errors import DefectsError, WrongStateError
from depesha.schemas.dispatch import AttemptOutcome
from depesha.schemas.evidence import sha256
from depesha.schemas.message import EvidenceKind, NewEvidence
from depesha.schemas.outbound import (
    Decision,
    NewOutbound,
    OutboundChange,
    OutboundMessage,
    OutboundPage,
    OutboundQuery,
    OutboundWord,
    Settlement,
    Submitted,
)
from depesha.schemas.outbound_decisions import DECISION_EVENTS
from depesha.schemas.outbound_lifecycle import OutboundState
from depesha.schemas.request import request_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from depesha.adapters.memory.state import MemoryState
    from depesha.ports import Clock, IdSource, Observer
    from depesha.schemas.dispatch import Dispatch
    from depesha.schemas.facts import ContentFacts
    from depesha.schemas.ids import MessageId
    from depesha.schemas.route import Reasoned, RouteExplanation

    Judge = Callable[[Dispatch, Sequence[ContentFacts]], tuple[Reasoned, ...]]
    Explain = Callable[[Dispatch, str], RouteExplanation]


class MemoryOutbox:
    """`ports.Outbox` whose rules and plans are given to it, for they are the gateway's."""

    def __init__(
        self,
        *,
        state: MemoryState,
        clock: Clock,
        ids: IdSource,
        observer: Observer,
        judge: Judge,
        explained: Explain,
    ) -> None:
        """`judge` finds the defects of a document, `explained` says what would be done with it."""
        self._state = state
        self._clock = clock
        self._ids = ids
        self._observer = observer
        self._judge = judge
        self._explained = explained
        self._store = MemoryOutbound(state, clock)
        self._decided: dict[MessageId, tuple[Decision, str]] = {}

    @property
    def documents(self) -> dict[MessageId, OutboundMessage]:
        """What is on its way; a test may put a document in any state here."""
        return self._state.outbound

    async def submit(
        self, dispatch: Dispatch, contents: Sequence[ContentFacts], actor: str
    ) -> Submitted:
        """See `Outbox.submit`."""
        defects = self._judge(dispatch, contents)
        if defects:
            raise DefectsError("the document breaks rules for what may leave", defects=defects)
        now = self._clock.now()
        message = OutboundMessage(
            id=self._ids.message_id(),
            state=OutboundState.SUBMITTED,
            dispatch=dispatch,
            contents=tuple(contents),
            actor=actor,
            changed_at=now,
        )
        evidence = NewEvidence(
            kind=EvidenceKind.SUBMITTED,
            at=now,
            message_id=message.id,
            actor=actor,
            facts={"document": dispatch.document.guid, "state": str(message.state)},
        )
        submitted = await self._store.submit(
            NewOutbound(message=message, request=request_digest(dispatch), evidence=evidence)
        )
        if not submitted.repeated:
            self._observer.moved(message.id, "", str(message.state))
        return submitted

    async def find(self, message_id: MessageId) -> OutboundMessage:
        """See `Outbox.find`."""
        return await self._store.get(message_id)

    async def page(self, query: OutboundQuery) -> OutboundPage:
        """See `Outbox.page`."""
        return await self._store.page(query)

    async def explain(self, dispatch: Dispatch, language: str) -> RouteExplanation:
        """See `Outbox.explain`."""
        return self._explained(dispatch, language)

    async def explain_again(self, message_id: MessageId, language: str) -> RouteExplanation:
        """See `Outbox.explain_again`."""
        return self._explained((await self.find(message_id)).dispatch, language)

    async def decide(
        self, message_id: MessageId, decision: Decision, reason: str, actor: str
    ) -> OutboundMessage:
        """See `Outbox.decide`."""
        message = await self.find(message_id)
        if self._decided.get(message_id) == (decision, reason):
            return message
        evidence = NewEvidence(
            kind=EvidenceKind.RULED,
            at=self._clock.now(),
            message_id=message_id,
            actor=actor,
            facts={"decision": str(decision), "reason": sha256(reason.encode())},
        )
        change = OutboundChange(message_id=message_id, evidence=evidence, reason=reason)
        changed = await self._store.change(_with_decision(message, change, decision))
        self._decided[message_id] = (decision, reason)
        self._observer.moved(message_id, changed.message.network, str(changed.message.state))
        return changed.message


def _with_decision(
    message: OutboundMessage, change: OutboundChange, decision: Decision
) -> OutboundChange:
    match decision:
        case Decision.CONFIRM_FALLBACK:
            return replace(change, fallback_confirmed=True)
        case Decision.RESUME:
            return replace(
                change, events=(DECISION_EVENTS[decision],), resumed_at=change.evidence.at
            )
        case Decision.RETURN:
            return replace(change, events=(DECISION_EVENTS[decision],))
        case Decision.RULE_ABSENT:
            return replace(
                change,
                events=(DECISION_EVENTS[decision],),
                settle=Settlement(attempt=_latest(message), outcome=AttemptOutcome.ABSENT),
            )
        case Decision.ASK_AGAIN | Decision.RULE_THERE:
            if decision is Decision.ASK_AGAIN and message.state is not OutboundState.PARKED:
                raise WrongStateError("only a document that waits for a decision is asked about")
            word = OutboundWord(
                event=DECISION_EVENTS[decision], attempt=_latest(message), asked=True
            )
            return replace(change, word=word)
        case _:
            assert_never(decision)


def _latest(message: OutboundMessage) -> str:
    if not message.attempts:
        raise WrongStateError("nothing of this document was ever sent")
    return message.attempts[-1].id
