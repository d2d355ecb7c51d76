"""The live eyes: each thing that happens becomes counters and at most one log line.

Told, never asking; never raises, never waits, never changes a decision. Only identities, bounded
words and numbers pass through here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from depesha.errors import Blame, DepeshaError
from depesha.monitoring.log import Logger
from depesha.monitoring.metrics import Metrics, Words
from depesha.schemas.lasting import INWARD
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.overview import Direction
from depesha.schemas.route import Circuit
from depesha.schemas.verdict import CheckRecord, Held, Passed, Rejected, Repeated, Verdict

NO_NETWORK = "none"
IN, OUT = Direction.IN.value, Direction.OUT.value
_FAILED: Mapping[str, Blame] = {
    InboundState.REJECTED: Blame.THEIRS,
    InboundState.HELD: Blame.OURS,
}
"""First states in which the sender did wrong, or in which we could not judge by ourselves."""
RECEIVING: Mapping[str, Blame] = {
    **dict.fromkeys(("poll", "login", "receiver"), Blame.NETWORK),
    **dict.fromkeys(("server", "reader"), Blame.OURS),
}
"""Parts that fetch or take messages, by whom a fault of theirs is laid to if its code tells none:
`trouble("ssev.poll", …)` is a failure of that network's way in."""


def _blames() -> dict[str, Blame]:
    """What the house's own errors say of who must act, by code."""
    kinds, found = [DepeshaError], dict[str, Blame]()
    while kinds:
        kind = kinds.pop()
        found[kind.code] = kind.blame
        kinds += kind.__subclasses__()
    return found


_BLAMES = _blames()
_HUNDRED = 100


class LiveObserver:
    """`ports.Observer` over logs and metrics. Costs a few microseconds an event."""

    def __init__(self, logger: Logger, metrics: Metrics) -> None:
        self._log = logger
        self._metrics = metrics
        self._word = Words()

    def arrived(self, network: str, size: int) -> None:
        """Bytes of a message were received."""
        network = self._word(network)
        self._metrics.received.labels(network).inc()
        self._metrics.message_size.labels(network).observe(size)
        self._log.debug("bytes arrived", network=network, size=size)

    def examined(self, network: str, checks: tuple[CheckRecord, ...]) -> None:
        """Every check has spoken."""
        for record in checks:
            check, (outcome, code) = self._word(record.check), _told(record.verdict)
            self._metrics.check_ran(check, outcome, record.seconds)
            if code:
                self._metrics.findings.labels(code).inc()
                self._log.info(
                    "check kept back", network=network, check=check, outcome=outcome, code=code
                )

    def stored(self, message: str, network: str, state: str, seconds: float) -> None:
        """A message was made durable."""
        network = self._word(network)
        self._metrics.stored.labels(network, self._word(state)).inc()
        self._metrics.durable_seconds.labels(network).observe(seconds)
        if state in _FAILED:
            self.failed(network, IN, _FAILED[state])
        self._log.info(
            "message stored",
            message=message,
            network=network,
            state=state,
            seconds=round(seconds, 4),
        )

    def repeated(self, message: str, network: str, by: str) -> None:
        """A message came again."""
        self._metrics.repeats.labels(self._word(network), self._word(by)).inc()
        self._log.info("message repeated", message=message, network=network, by=by)

    def changed(self, message: str, network: str, state: str) -> None:
        """A stored message took a step."""
        self._metrics.changes.labels(self._word(network), self._word(state)).inc()
        self._log.info("message changed", message=message, network=network, state=state)

    def notice(self, message: str, network: str, outcome: str, attempts: int) -> None:
        """The sender was told, or could not be told."""
        network, outcome = self._word(network), self._word(outcome)
        self._metrics.notices.labels(network, outcome).inc()
        self._metrics.notice_attempts.labels(network).observe(attempts)
        self._log.info(
            "notice tried", message=message, network=network, outcome=outcome, attempts=attempts
        )

    def word(self, network: str, kind: str) -> None:
        """A smaller message of a network was handled."""
        self._metrics.words.labels(self._word(network), self._word(kind)).inc()
        self._log.debug("word handled", network=network, kind=kind)

    def task(self, kind: str, outcome: str, seconds: float) -> None:
        """A task ran."""
        kind, outcome = self._word(kind), self._word(outcome)
        self._metrics.tasks.labels(kind, outcome).inc()
        self._metrics.task_seconds.labels(kind).observe(seconds)
        write = self._log.debug if outcome == "done" else self._log.info
        write("task run", kind=kind, outcome=outcome, seconds=round(seconds, 4))

    def trouble(self, where: str, code: str) -> None:
        """Something of ours or of a neighbour failed."""
        where, code = self._word(where), self._word(code)
        self._metrics.troubles.labels(where, code).inc()
        network, _, part = where.partition(".")
        if part in RECEIVING:
            self.failed(network, IN, _BLAMES.get(code, RECEIVING[part]))
        self._log.warning("trouble", where=where, code=code)

    def tried(self, message: str, network: str, outcome: str, seconds: float) -> None:
        """A try to send a document of ours ended."""
        network, outcome = self._word(network), self._word(outcome)
        self._metrics.attempts.labels(network, outcome).inc()
        self._metrics.attempt_seconds.labels(network).observe(seconds)
        self._log.info(
            "document tried",
            message=message,
            network=network,
            outcome=outcome,
            seconds=round(seconds, 4),
        )

    def moved(self, message: str, network: str, state: str) -> None:
        """A document of ours took a step; before its first try it is on no network."""
        on = self._word(network) if network else NO_NETWORK
        self._metrics.moves.labels(on, self._word(state)).inc()
        self._log.info("document moved", message=message, network=network, state=state)

    def circuit(self, network: str, state: str) -> None:
        """A channel's breaker opened, or closed again."""
        network, shut = self._word(network), state == Circuit.CLOSED
        self._metrics.circuit_open.labels(network).set(0 if shut else 1)
        write = self._log.info if shut else self._log.warning
        write("circuit", network=network, state=self._word(state))

    def failed(self, network: str, direction: str, blame: str) -> None:
        """Something on a network did not succeed; what it was is told by its own event."""
        self._metrics.failures.labels(self._word(network), direction, self._word(blame)).inc()

    def lasted(self, network: str, stage: str, seconds: float) -> None:
        """A stretch of a document's way ended."""
        direction = IN if stage in INWARD else OUT
        labels = self._word(network), direction, self._word(stage)
        self._metrics.stage_seconds.labels(*labels).observe(seconds)

    def committed(self, callers: int, seconds: float) -> None:
        """The store committed; called in its thread, so nothing but these two is touched."""
        self._metrics.commit_seconds.observe(seconds)
        self._metrics.commit_callers.observe(callers)

    def request(self, listener: str, status: int, seconds: float) -> None:
        """A listener answered a request; neither path nor address is kept."""
        listener = self._word(listener)
        self._metrics.requests.labels(listener, f"{status // _HUNDRED}xx").inc()
        self._metrics.request_seconds.labels(listener).observe(seconds)
        self._log.debug("request", listener=listener, status=status, seconds=round(seconds, 4))


def _told(verdict: Verdict) -> tuple[str, str]:
    """The verdict's word and, where it kept the message back, the reason's code."""
    match verdict:
        case Passed():
            return verdict.kind, ""
        case Held() | Rejected():
            return verdict.kind, verdict.finding.reason.value
        case Repeated():
            return verdict.kind, ""
        case _:
            assert_never(verdict)
