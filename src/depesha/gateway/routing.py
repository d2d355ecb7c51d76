"""Which channel a document takes next, and why no other. A pure function; sends nothing.

The rules, in order. A document that got through is never sent again. A try that may have got
through is asked about before anything else is sent, on any channel (law 3). Then the first choice
in the installation's order that has no bar. A channel that only waits for its own next try, or of
which nobody could tell whether the recipient is there, holds the later ones back for a while; a
channel that is down lets the next one have the document at once (FBK-02), and gets later
documents again as soon as it lives (FBK-04). Personal data for a third party never take e-mail
(FBK-07, S12); nothing goes below the document's legal floor.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from depesha.errors import Blame
from depesha.gateway import breaker, retry
from depesha.schemas.dispatch import (
    EMAIL,
    AlreadyThere,
    AskFirst,
    AskPerson,
    Attempt,
    AttemptOutcome,
    Bar,
    Candidate,
    ChannelFacts,
    ChannelHealth,
    Circuit,
    Dispatch,
    Mark,
    NextStep,
    NoRoad,
    Plan,
    Reach,
    Reasoned,
    SendBy,
    WaitUntil,
    reasoned,
)
from depesha.schemas.participant import Participant, ParticipantStatus

GOT_THROUGH = frozenset({AttemptOutcome.ACCEPTED, AttemptOutcome.DELIVERED})
FOR_A_WHILE = frozenset(
    {
        Bar.AWAY_THERE,
        Bar.REACH_UNKNOWN,
        Bar.BREAKER_OPEN,
        Bar.CLOSED_FOR_NOW,
        Bar.NOT_DUE,
        Bar.NEEDS_A_YES,
    }
)
"""Bars that may fall while the document waits."""
TROUBLE = frozenset(
    {
        Bar.REACH_UNKNOWN,
        Bar.BREAKER_OPEN,
        Bar.CLOSED_FOR_NOW,
        Bar.NOT_DUE,
        Bar.RETRIES_USED_UP,
        Bar.REFUSED_BEFORE,
    }
)
"""Bars that make the next choice a fallback: the network's operator is signalled (FBK-02, -03)."""
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


def must_ask(attempts: Iterable[Attempt]) -> tuple[Attempt, ...]:
    """Return the tries that may have got through: no outcome on record, or an unclear one."""
    return tuple(a for a in attempts if a.outcome in {None, AttemptOutcome.UNCLEAR})


def to_fence(attempts: Iterable[Attempt]) -> tuple[str, ...]:
    """Return the tries to be marked "must not be sent" when a new one begins."""
    return tuple(a.id for a in attempts if not a.fenced and a.outcome not in GOT_THROUGH)


def make_plan(
    dispatch: Dispatch,
    channels: Sequence[ChannelFacts],
    health: Sequence[ChannelHealth],
    policy: RoutingPolicy,
    now: datetime,
    standing: Standing | None = None,
) -> Plan:
    """Return what to do now with a document, and every channel with its reasons.

    `health` holds channels as wholes and their peers; those of other peers are not looked at.
    The order of the sequences changes nothing.
    """
    standing = standing or Standing()
    facts = {one.network: one for one in channels}
    candidates = _candidates(dispatch, facts, health, policy, now, standing)
    step = _before_sending(facts, policy, standing)
    if step is None:
        step, candidates = _choose(candidates, policy, now, standing)
    return Plan(
        made_at=now,
        step=step,
        candidates=candidates,
        floor=dispatch.floor,
        marks=dispatch.marks,
    )


def _before_sending(
    facts: Mapping[str, ChannelFacts], policy: RoutingPolicy, standing: Standing
) -> NextStep | None:
    """The fence: what earlier tries demand before anything may be sent."""
    for attempt in standing.attempts:
        if attempt.outcome in GOT_THROUGH:
            return AlreadyThere(attempt=attempt.id, network=attempt.network)
    unsettled = must_ask(standing.attempts)
    for attempt in unsettled:
        channel = facts.get(attempt.network)
        can_ask = channel is not None and channel.can_ask
        if can_ask and attempt.times_asked < policy.questions:
            return AskFirst(attempt=attempt.id, network=attempt.network)
    if unsettled:
        first = unsettled[0]
        return AskPerson(attempt=first.id, network=first.network, why="unclear")
    return None


def _choose(
    candidates: tuple[Candidate, ...], policy: RoutingPolicy, now: datetime, standing: Standing
) -> tuple[NextStep, tuple[Candidate, ...]]:
    """Go down the order to the first one without a bar, or to one that holds the rest back."""
    trouble = False
    for place, candidate in enumerate(candidates):
        if candidate.holds:
            return WaitUntil(at=_wake((candidate,), policy, now)), candidates
        if candidate.bars:
            trouble = trouble or any(bar.reason in TROUBLE for bar in candidate.bars)
            continue
        if trouble and policy.confirm_fallback and not standing.fallback_confirmed:
            asking = replace(candidate, bars=(reasoned(Bar.NEEDS_A_YES),))
            return (
                AskPerson(
                    network=candidate.network,
                    why="fallback",
                    again_at=_wake(candidates[:place], policy, now),
                ),
                (*candidates[:place], asking, *candidates[place + 1 :]),
            )
        send = SendBy(
            network=candidate.network,
            fence=to_fence(standing.attempts),
            fallback=trouble,
            probe=candidate.probe,
        )
        return send, candidates
    if any(_may_pass(candidate) for candidate in candidates):
        return WaitUntil(at=_wake(candidates, policy, now), stuck=True), candidates
    return NoRoad(), candidates


def _may_pass(candidate: Candidate) -> bool:
    return all(bar.reason in FOR_A_WHILE for bar in candidate.bars)


def _wake(candidates: Iterable[Candidate], policy: RoutingPolicy, now: datetime) -> datetime:
    """Return when the first of the channels that may be free again is to be looked at."""
    wakes = [
        max((bar.until or now + policy.look_again for bar in candidate.bars), default=now)
        for candidate in candidates
        if _may_pass(candidate)
    ]
    return min(wakes, default=now + policy.look_again)


def _candidates(
    dispatch: Dispatch,
    facts: Mapping[str, ChannelFacts],
    health: Sequence[ChannelHealth],
    policy: RoutingPolicy,
    now: datetime,
    standing: Standing,
) -> tuple[Candidate, ...]:
    used = [channel for channel in policy.channels if channel.network in facts]
    return tuple(
        _Look(
            dispatch=dispatch,
            channel=channel,
            facts=facts[channel.network],
            health=tuple(
                one
                for one in health
                if one.network == channel.network
                and one.peer in {"", dispatch.recipient.identifier}
            ),
            policy=policy,
            now=now,
            attempts=standing.counted(),
        ).candidate(rank)
        for rank, channel in enumerate(used, start=1)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """Everything that one channel is judged by."""

    dispatch: Dispatch
    channel: ChannelPolicy
    facts: ChannelFacts
    health: tuple[ChannelHealth, ...]
    policy: RoutingPolicy
    now: datetime
    attempts: tuple[Attempt, ...] = field(default=())

    def candidate(self, rank: int) -> Candidate:
        bars = (*self._by_rule(), *self._by_size(), *self._by_reach(), *self._by_history())
        bars = (*bars, *self._by_health())
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
            holds=holds,
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
            yield reasoned(
                Bar.BREAKER_OPEN, shut.probe_at, failures=shut.failures, code=shut.last_code
            )

    def _failed(self) -> list[tuple[retry.Schedule, list[Attempt]]]:
        """Failed tries by the budget they use, oldest first; empty budgets left out."""
        failed = sorted(
            (
                a
                for a in self.attempts
                if a.network == self.facts.network
                and a.outcome in {AttemptOutcome.DEFERRED, AttemptOutcome.ABSENT}
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
