"""Is the sender an active participant of the network (facts 7.5). Only judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.schemas.participant import ParticipantStatus
from depesha.schemas.verdict import (
    Caution,
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

    from depesha.schemas.envelope import Party
    from depesha.schemas.facts import Case
    from depesha.schemas.participant import DirectoryState, Participant
    from depesha.schemas.policy import Policy


def judge(case: Case, policy: Policy) -> Verdict:
    """Judge the sender of a document."""
    if case.arrival.envelope is None:
        raise ValueError("a participant cannot be judged without an envelope")
    return judge_sender(case.arrival.envelope.sender, case.sender, case.directory, case.now, policy)


def judge_sender(
    party: Party,
    participant: Participant | None,
    directory: DirectoryState | None,
    now: datetime,
    policy: Policy,
) -> Verdict:
    """Judge any sender: in the register under its GUID and identifier, and active.

    Without a loaded register nothing can be said: held and looked at again. A stale register
    is believed, with a caution (PRT-01).
    """
    if directory is None or directory.loaded_at is None:
        return Held(finding=finding(Hold.DIRECTORY_UNAVAILABLE), retry=True)
    if participant is None or participant.identifier.strip() != party.identifier.strip():
        return Rejected(finding=finding(Rejection.SENDER_UNKNOWN, identifier=party.identifier))
    if participant.status is not ParticipantStatus.ACTIVE:
        return Rejected(
            finding=finding(
                Rejection.SENDER_INACTIVE,
                identifier=party.identifier,
                status=participant.status,
            )
        )
    age = (now - directory.loaded_at).total_seconds()
    if age > policy.limits.directory_stale_seconds:
        return Passed(warnings=(finding(Caution.DIRECTORY_STALE, hours=int(age // 3600)),))
    return Passed()
