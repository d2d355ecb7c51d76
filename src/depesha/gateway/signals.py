"""Which words to a network's operator follow from which step, and how they are told (FBK-03).

The words are tasks, durable with the step that causes them: an operator is told even where the
gateway dies in that moment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.gateway import retry
from depesha.schemas.message import EvidenceKind, NewEvidence, NewTask, TaskKind
from depesha.schemas.outbound import Signal, SignalKind
from depesha.schemas.outcome import Delivered, Refused
from depesha.schemas.route import TROUBLE, Bar

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.gateway.breakers import Taught
    from depesha.ports import Clock, Jitter, Observer, Signals, TaskQueue, Webhooks
    from depesha.schemas.message import Claim
    from depesha.schemas.route import Candidate, Plan

SIGNALS = retry.Schedule(delays=(10.0, 60.0, 300.0, 900.0, 3600.0, 4 * 3600.0, 12 * 3600.0))
"""An operator's mail server may be down with the rest; after half a day a person is asked."""


def signal_tasks(signal: Signal, webhooks: Webhooks) -> tuple[NewTask, ...]:
    """Return the work of telling one thing: a mail to the operator, and the webhooks' listeners."""
    payload = {
        "kind": str(signal.kind),
        "network": signal.network,
        "instead": signal.instead,
        "code": signal.code,
        "peer": signal.peer,
    }
    told = [NewTask(kind=TaskKind.SIGNAL, due_at=signal.at, payload=payload)]
    told += [
        NewTask(
            kind=TaskKind.WEBHOOK,
            due_at=signal.at,
            payload={"listener": name, "event": str(signal.kind), "network": signal.network},
        )
        for name in webhooks.listeners(str(signal.kind))
    ]
    return tuple(told)


def on_circuits(taught: Taught, now: datetime) -> tuple[Signal, ...]:
    """Return the words for circuits that opened or closed."""
    down = (
        Signal(
            kind=SignalKind.CHANNEL_DOWN,
            network=one.network,
            at=now,
            code=one.last_code,
            peer=one.peer,
        )
        for one in taught.opened
    )
    back = (
        Signal(kind=SignalKind.CHANNEL_BACK, network=one.network, at=now, peer=one.peer)
        for one in taught.closed
    )
    return (*down, *back)


def on_fallback(plan: Plan, instead: str, peer: str) -> Signal | None:
    """Return the word about the first channel whose trouble made another one be taken."""
    troubled = next((one for one in plan.candidates if _trouble(one)), None)
    if troubled is None or troubled.network == instead:
        return None
    return Signal(
        kind=SignalKind.FALLBACK,
        network=troubled.network,
        at=plan.made_at,
        instead=instead,
        code=_trouble(troubled),
        peer=peer,
    )


def on_stuck(plan: Plan, peer: str) -> Signal | None:
    """Return the word that every road is barred, to the operator of the first choice (S12)."""
    if not plan.candidates:
        return None
    first = plan.candidates[0]
    if any(bar.reason is Bar.PAUSED for bar in first.bars):
        return None  # a person of ours did it: no word for the network's operator
    code = str(first.bars[0].reason) if first.bars else ""
    return Signal(
        kind=SignalKind.STUCK, network=first.network, at=plan.made_at, code=code, peer=peer
    )


def _trouble(candidate: Candidate) -> str:
    return next((str(bar.reason) for bar in candidate.bars if bar.reason in TROUBLE), "")


class Signalling:
    """Does the tasks that tell networks' operators."""

    def __init__(
        self,
        *,
        signals: Signals,
        tasks: TaskQueue,
        clock: Clock,
        jitter: Jitter,
        observer: Observer,
    ) -> None:
        self._signals = signals
        self._tasks = tasks
        self._clock = clock
        self._jitter = jitter
        self._observer = observer

    async def do(self, claim: Claim) -> str:
        """Tell once; return `done`, `deferred` or `parked`."""
        payload = claim.payload
        signal = Signal(
            kind=SignalKind(payload["kind"]),
            network=payload["network"],
            at=claim.created_at,
            message_id=claim.message_id or "",
            instead=payload["instead"],
            code=payload["code"],
            peer=payload["peer"],
        )
        outcome = await self._signals.tell(signal)
        now = self._clock.now()
        evidence = NewEvidence(
            kind=EvidenceKind.SIGNALLED,
            at=now,
            message_id=claim.message_id,
            actor="gateway",
            facts={
                "signal": str(signal.kind),
                "network": signal.network,
                "instead": signal.instead,
                "outcome": type(outcome).__name__.lower(),
            },
        )
        if isinstance(outcome, Delivered):
            await self._tasks.finish(claim, evidence)
            return "done"
        self._observer.trouble("signal", outcome.code)
        due = retry.next_try(SIGNALS, claim.attempts + 1, now, self._jitter.fraction())
        if isinstance(outcome, Refused) or due is None:
            await self._tasks.park(claim, "the network's operator could not be told", evidence)
            return "parked"
        # A doubled word to an operator does no harm, so an unclear one is simply told again.
        await self._tasks.defer(claim, due)
        return "deferred"
