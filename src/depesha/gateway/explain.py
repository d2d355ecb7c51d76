"""A plan of channels in plain words: every candidate, why it is taken or not, how old the facts.

Pure; decides nothing that `routing.py` has not decided. No name of a file or a person appears.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, assert_never

from depesha.schemas.outbound_sentences import reason_sentence, say
from depesha.schemas.route import (
    AlreadyThere,
    AskFirst,
    AskPerson,
    Bar,
    Candidate,
    NoRoad,
    Plan,
    Reasoned,
    RouteExplanation,
    RouteLine,
    SendBy,
    WaitUntil,
)

if TYPE_CHECKING:
    from datetime import datetime


def explain(plan: Plan, language: str) -> RouteExplanation:
    """Return the plan in the words of `language`; an unknown one is answered in English."""
    return RouteExplanation(
        language=language,
        step=_step(plan, language),
        lines=tuple(_line(plan, candidate, language) for candidate in plan.candidates),
    )


def as_text(explanation: RouteExplanation) -> str:
    """Return an explanation as lines for a terminal."""
    lines = [explanation.step]
    for line in explanation.lines:
        lines.append(f"{line.rank}. {line.network}: {line.verdict}")
        for reason, remedy in zip(line.reasons, line.remedies, strict=True):
            lines.append(f"   - {reason} → {remedy}")
        lines += [f"   · {fact}" for fact in line.facts]
    return "\n".join(lines)


def _step(plan: Plan, language: str) -> str:
    step = plan.step
    match step:
        case SendBy():
            key = "step.fallback" if step.fallback else "step.send"
            return say(key, language, {"network": step.network})
        case AskFirst():
            return say("step.ask", language, {"network": step.network})
        case AskPerson():
            key = "step.unclear" if step.why == "unclear" else "step.confirm"
            return say(key, language, {"network": step.network})
        case WaitUntil():
            key = "step.stuck" if step.stuck else "step.wait"
            return say(key, language, {"until": _minutes(step.at)})
        case AlreadyThere():
            return say("step.there", language, {"network": step.network})
        case NoRoad():
            return say("step.none", language)
        case _:
            assert_never(step)


def _line(plan: Plan, candidate: Candidate, language: str) -> RouteLine:
    taken = isinstance(plan.step, SendBy) and plan.step.network == candidate.network
    bars = [_with_plan(bar, plan, candidate) for bar in candidate.bars]
    return RouteLine(
        network=candidate.network,
        rank=candidate.rank,
        taken=taken,
        verdict=say(_verdict(candidate, taken=taken), language),
        reasons=tuple(reason_sentence(bar, language, "clerk") for bar in bars),
        remedies=tuple(reason_sentence(bar, language, "remedy") for bar in bars),
        facts=tuple(_facts(plan, candidate, language)),
    )


def _with_plan(bar: Reasoned, plan: Plan, candidate: Candidate) -> Reasoned:
    """Add what the plan knows to a bar whose sentence tells of it."""
    if bar.reason is not Bar.BELOW_FLOOR:
        return bar
    return replace(bar, facts=(("quality", candidate.quality), ("floor", plan.floor)))


def _verdict(candidate: Candidate, *, taken: bool) -> str:
    if taken:
        return "verdict.taken"
    if candidate.holds:
        return "verdict.waits"
    return "verdict.barred" if candidate.bars else "verdict.open"


def _facts(plan: Plan, candidate: Candidate, language: str) -> list[str]:
    as_of, limits = candidate.reach_as_of, candidate.limits_as_of
    known = {"reach": candidate.reach, "at": "" if as_of is None else _minutes(as_of)}
    facts = [say("fact.reach", language, known)]
    if candidate.stale and as_of is not None:
        hours = int((plan.made_at - as_of).total_seconds() // 3600)
        facts.append(say("fact.stale", language, {"hours": str(hours)}))
    if limits is not None:
        facts.append(say("fact.limits", language, {"at": _minutes(limits)}))
    if candidate.probe:
        facts.append(say("fact.probe", language))
    return facts


def _minutes(at: datetime) -> str:
    return at.isoformat(timespec="minutes")
