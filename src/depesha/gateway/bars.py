"""What bars one channel for one document, and how an installation uses its channels. Pure.

Every bar is found, not only the first, so that the explanation is whole (law 10).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from depesha.errors import Blame
from depesha.gateway import breaker, retry
from depesha.schemas.dispatch import EMAIL, Attempt, AttemptOutcome, Dispatch, Mark
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.pauses import Pause
from depesha.schemas.restoration import found_absent
from depesha.schemas.route import (
    Bar,
    Candidate,
    ChannelFacts,
    ChannelHealth,
    Circuit,
    Reach,
    Reasoned,
    reasoned,
)

FOR_A_WHILE = frozenset(
    {
        Bar.AWAY_THERE,
        Bar.REACH_UNKNOWN,
        Bar.BREAKER_OPEN,
        Bar.CLOSED_FOR_NOW,
        Bar.NOT_DUE,
        Bar.PAUSED,
        Bar.NEEDS_A_YES,
    }
)
"""Bars that may fall while the document waits."""
RESTING = frozenset(
    {Bar.PAUSED, Bar.NOT_DUE, Bar.REACH_UNKNOWN, Bar.BREAKER_OPEN, Bar.CLOSED_FOR_NOW}
)
"""Bars beside which a person's pause holds later choices back, as long as it lasts: the document
is for this network. Where the recipient is not there, or away, no pause keeps it."""
HOLDING = frozenset({Bar.NOT_DUE, Bar.REACH_UNKNOWN})
"""Bars that hold later choices back, as long as the channel's patience lasts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelPolicy:
    """How this installation uses one channel."""

    network: str
    schedule: retry.Schedule
    faults: retry.Schedule = retry.FAULTS
    """Budget of tries that were answered with a fault."""
    patience: timedelta = timedelta(minutes=15)
    """For how long later choices wait while this one only awaits its next try."""


DEFAULT_CHANNELS = tuple(
    ChannelPolicy(network=network, schedule=schedule)
    for network, schedule in retry.BY_NETWORK.items()
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingPolicy:
    """The installation's order of channels and its rules. A channel not named here is not used."""

    channels: tuple[ChannelPolicy, ...] = DEFAULT_CHANNELS
    """First choice first."""
    no_personal_data: frozenset[str] = frozenset({EMAIL})
    """Networks that personal data for a third party never take."""
    confirm_fallback: bool = False
    """True: a person says yes before a later choice is used (FBK-08)."""
    questions: int = len(retry.QUESTIONS.delays)
    """Unclear answers after which a person decides."""
    stale_after: timedelta = timedelta(hours=24)
    """Older knowledge about a recipient is marked as such; it bars nothing."""
    look_again: timedelta = timedelta(minutes=5)
    """When to plan again where no bar says when it falls."""

    def __post_init__(self) -> None:
        names = [channel.network for channel in self.channels]
        if len(set(names)) != len(names):
            raise ValueError("a channel stands once in the order")
        if self.look_again <= timedelta(0):
            raise ValueError("planning again takes time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What has been done for a document so far."""

    attempts: tuple[Attempt, ...] = ()
    fallback_confirmed: bool = False
    resumed_at: datetime | None = None
    """When a person said "try again": earlier failures and refusals bar nothing any more."""

    def counted(self) -> tuple[Attempt, ...]:
        """Return the tries whose failures still count."""
        since = self.resumed_at
        return tuple(a for a in self.attempts if since is None or a.intended_at >= since)


def reach_of(participant: Participant | None) -> Reach:
    """Return what an entry of a participants' register says; None is "not in it"."""
    if participant is None:
        return Reach.NOT_REGISTERED
    return {
        ParticipantStatus.ACTIVE: Reach.REGISTERED,
        ParticipantStatus.INACTIVE: Reach.INACTIVE,
        ParticipantStatus.TEMPORARILY_INACTIVE: Reach.AWAY,
    }[participant.status]


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Everything that one channel is judged by."""

    dispatch: Dispatch
    channel: ChannelPolicy
    facts: ChannelFacts
    health: tuple[ChannelHealth, ...]
    policy: RoutingPolicy
    now: datetime
    attempts: tuple[Attempt, ...]
    """Those that count."""
    pause: Pause | None = None
    """A person's, of sending by this channel."""

    def candidate(self, rank: int) -> Candidate:
        """Return the channel with every bar that stands against it."""
        bars = (*self._by_rule(), *self._by_size(), *self._by_reach(), *self._by_history())
        bars = (*bars, *self._by_health(), *self._by_pause())
        as_of = self.facts.reach_as_of
        patience_ends = self._patience_ends()
        holds = bool(bars) and patience_ends > self.now and all(b.reason in HOLDING for b in bars)
        if holds:
            bars = tuple(
                replace(bar, until=min(bar.until or patience_ends, patience_ends)) for bar in bars
            )
        return Candidate(
            network=self.facts.network,
            rank=rank,
            quality=self.facts.quality,
            reach=self.facts.reach,
            reach_as_of=as_of,
            limits_as_of=self.facts.limits_as_of,
            stale=as_of is None or self.now - as_of > self.policy.stale_after,
            bars=bars,
            holds=holds or self._kept_by_pause(bars),
            probe=any(
                breaker.circuit_at(one, self.now) is Circuit.HALF_OPEN for one in self.health
            ),
        )

    def _by_rule(self) -> Iterable[Reasoned]:
        dispatch, network = self.dispatch, self.facts.network
        if dispatch.channels and network not in dispatch.channels:
            yield reasoned(Bar.NOT_ALLOWED_BY_AUTHOR)
        if not self.facts.quality.reaches(dispatch.floor):
            yield reasoned(Bar.BELOW_FLOOR)
        if Mark.PERSONAL_DATA in dispatch.marks and network in self.policy.no_personal_data:
            yield reasoned(Bar.PERSONAL_DATA)

    def _by_size(self) -> Iterable[Reasoned]:
        files, facts = self.dispatch.files, self.facts
        total = -(-sum(file.size for file in files) * facts.growth_percent // 100)
        if facts.message_bytes is not None and total > facts.message_bytes:
            yield reasoned(Bar.MESSAGE_TOO_LARGE, size=total, limit=facts.message_bytes)
        largest = max(files, key=lambda file: file.size, default=None)
        if largest and facts.file_bytes is not None and largest.size > facts.file_bytes:
            yield reasoned(
                Bar.FILE_TOO_LARGE,
                index=largest.index,
                size=largest.size,
                limit=facts.file_bytes,
            )
        if facts.files is not None and len(files) > facts.files:
            yield reasoned(Bar.TOO_MANY_FILES, present=len(files), limit=facts.files)

    def _by_reach(self) -> Iterable[Reasoned]:
        bar = {
            Reach.REGISTERED: None,
            Reach.NOT_REGISTERED: Bar.NOT_REGISTERED_THERE,
            Reach.INACTIVE: Bar.INACTIVE_THERE,
            Reach.AWAY: Bar.AWAY_THERE,
            Reach.NOT_PERMITTED: Bar.NOT_PERMITTED_THERE,
            Reach.UNKNOWN: Bar.REACH_UNKNOWN,
        }[self.facts.reach]
        if bar is not None:
            again = self.now + self.policy.look_again
            yield reasoned(bar, again if bar is Bar.REACH_UNKNOWN else None)

    def _by_history(self) -> Iterable[Reasoned]:
        if any(attempt.document_refused for attempt in self.attempts):
            yield reasoned(Bar.DOCUMENT_REFUSED)
        mine = [a for a in self.attempts if a.network == self.facts.network]
        refused = [a for a in mine if a.outcome is AttemptOutcome.REFUSED]
        if refused:
            yield reasoned(Bar.REFUSED_BEFORE, code=refused[-1].code)
        failed = self._failed()
        if not failed:
            return
        if not all(retry.has_try_left(schedule, len(tries)) for schedule, tries in failed):
            yield reasoned(Bar.RETRIES_USED_UP, tries=sum(len(tries) for _, tries in failed))
            return
        # The kind of the last failure says how long to rest; each kind has used its own budget.
        schedule, tries = max(failed, key=lambda pair: pair[1][-1].number)
        last = tries[-1]
        due = retry.next_try(schedule, len(tries), last.settled_at or last.intended_at, 0.0)
        if due is not None and due > self.now:
            yield reasoned(Bar.NOT_DUE, due, tries=len(mine), code=last.code)

    def _by_health(self) -> Iterable[Reasoned]:
        if self.facts.closed_until is not None and self.facts.closed_until > self.now:
            yield reasoned(Bar.CLOSED_FOR_NOW, self.facts.closed_until)
        shut = breaker.worst(self.health, self.now)
        if shut is not None:
            again = breaker.look_again(shut, self.now)
            yield reasoned(Bar.BREAKER_OPEN, again, failures=shut.failures, code=shut.last_code)

    def _by_pause(self) -> Iterable[Reasoned]:
        if self.pause is not None:
            since = self.pause.since.isoformat(timespec="minutes")
            yield reasoned(Bar.PAUSED, since=since)

    def _kept_by_pause(self, bars: Iterable[Reasoned]) -> bool:
        """Tell whether the document waits for the end of a pause, and takes no later choice."""
        if self.pause is None or self.pause.onward:
            return False
        return all(bar.reason in RESTING for bar in bars)

    def _failed(self) -> list[tuple[retry.Schedule, list[Attempt]]]:
        """Failed tries by the budget they use, oldest first; empty budgets left out."""
        failed = sorted(
            (
                a
                for a in self.attempts
                if a.network == self.facts.network
                and a.outcome in {AttemptOutcome.DEFERRED, AttemptOutcome.ABSENT}
                and not found_absent(a)
            ),
            key=lambda attempt: attempt.number,
        )
        faults = [a for a in failed if a.blame is Blame.THEIRS]
        others = [a for a in failed if a.blame is not Blame.THEIRS]
        budgets = ((self.channel.faults, faults), (self.channel.schedule, others))
        return [(schedule, tries) for schedule, tries in budgets if tries]

    def _patience_ends(self) -> datetime:
        """Until when later choices wait: counted from the first sign of trouble here."""
        first = min(
            (tries[0].intended_at for _, tries in self._failed()),
            default=self.dispatch.submitted_at,
        )
        return first + self.channel.patience
