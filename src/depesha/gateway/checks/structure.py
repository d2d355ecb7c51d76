"""Can the message be read, and does it keep to the schema (RCV-18). Only judges."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from depesha.schemas.verdict import (
    Caution,
    Finding,
    Held,
    Hold,
    Passed,
    Rejected,
    Rejection,
    Verdict,
    finding,
)

if TYPE_CHECKING:
    from datetime import datetime

    from depesha.schemas.facts import Case
    from depesha.schemas.policy import Policy


def judge(case: Case, policy: Policy) -> Verdict:
    """Reject what no envelope could be made of; deviations are cautions unless strict."""
    arrival = case.arrival
    if arrival.unreadable is not None:
        return _unreadable(arrival.unreadable)
    if arrival.envelope is None:
        return Rejected(finding=finding(Rejection.NOT_THE_SCHEMA))
    if arrival.deviations and policy.strict_schema:
        return Rejected(finding=finding(Rejection.NOT_THE_SCHEMA, where=arrival.deviations[0]))
    cautions = [finding(Caution.SCHEMA_DEVIATION, where=where) for where in arrival.deviations]
    away = _seconds_apart(arrival.envelope.created_at, arrival.received_at)
    if away > policy.limits.clock_difference_seconds:
        cautions.append(finding(Caution.CLOCK_DIFFERS, seconds=away))
    return Passed(warnings=tuple(cautions))


def _unreadable(found: Finding) -> Verdict:
    if isinstance(found.reason, Hold):
        return Held(finding=found, retry=found.reason is Hold.CHECK_FAILED_TO_RUN)
    return Rejected(finding=found)


def _seconds_apart(theirs: datetime, ours: datetime) -> int:
    if theirs.tzinfo is None:
        theirs = theirs.replace(tzinfo=UTC)  # a sender's time without offset: best guess
    return int(abs((ours - theirs).total_seconds()))
