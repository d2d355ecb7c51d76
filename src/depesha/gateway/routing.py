"""Which channel a document takes next, and why no other. A pure function; sends nothing.

The rules, in order. A document that got through is never sent again. A try that may have got
through is asked about before anything else is sent, on any channel (law 3). Then the first choice
in the installation's order that has no bar. A channel that only waits for its own next try, or of
which nobody could tell whether the recipient is there, holds the later ones back for a while; a
channel that is down lets the next one have the document at once (FBK-02), and gets later
documents again as soon as it lives (FBK-04). Personal data for a third party never take e-mail
(FBK-07, S12); nothing goes below the document's legal floor. A channel that a person paused is not
tried; later ones wait with it unless he said "onward".
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from depesha.gateway.bars import FOR_A_WHILE, Look, RoutingPolicy, Standing
from depesha.schemas.dispatch import Attempt, AttemptOutcome, Dispatch
from depesha.schemas.pauses import Pause
from depesha.schemas.route import (
    TROUBLE,
    AlreadyThere,
    AskFirst,
    AskPerson,
    Bar,
    Candidate,
    ChannelFacts,
    ChannelHealth,
    NextStep,
    NoRoad,
    Plan,
    SendBy,
    WaitUntil,
    reasoned,
)

GOT_THROUGH = frozenset({AttemptOutcome.ACCEPTED, AttemptOutcome.DELIVERED})


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
    pauses: Mapping[str, Pause] | None = None,
) -> Plan:
    """Return what to do now with a document, and every channel with its reasons.

    `health` holds channels as wholes and their peers; those of other peers are not looked at.
    `pauses` are people's, by network, of sending.
    The order of the sequences changes nothing.
    """
    standing = standing or Standing()
    facts = {one.network: one for one in channels}
    looks = _looks(dispatch, facts, health, policy, now, standing)
    rest = pauses or {}
    candidates = tuple(
        replace(look, pause=rest.get(look.facts.network)).candidate(rank)
        for rank, look in enumerate(looks, start=1)
    )
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
            earlier = [one for one in candidates[:place] if _may_pass(one)]
            return (
                AskPerson(
                    network=candidate.network,
                    why="fallback",
                    again_at=_wake(earlier, policy, now) if earlier else None,
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


def _looks(
    dispatch: Dispatch,
    facts: Mapping[str, ChannelFacts],
    health: Sequence[ChannelHealth],
    policy: RoutingPolicy,
    now: datetime,
    standing: Standing,
) -> tuple[Look, ...]:
    used = [channel for channel in policy.channels if channel.network in facts]
    return tuple(
        Look(
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
        )
        for channel in used
    )
