"""Is it addressed to a body this gateway serves (facts 7.4, RCV-18, DUP-03). Only judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.schemas.verdict import Passed, Rejected, Rejection, Verdict, finding

if TYPE_CHECKING:
    from depesha.schemas.envelope import Party
    from depesha.schemas.facts import Case
    from depesha.schemas.policy import Policy


def judge(case: Case, policy: Policy) -> Verdict:
    """Judge the recipient of a document."""
    if case.arrival.envelope is None:
        raise ValueError("a recipient cannot be judged without an envelope")
    return judge_recipient(case.arrival.envelope.recipient, policy)


def judge_recipient(party: Party, policy: Policy) -> Verdict:
    """Judge any recipient: our identifier, and our GUID where the network gives one."""
    ours = party.identifier.strip() in policy.own_identifiers and (
        party.guid is None or party.guid in policy.own_guids
    )
    if ours:
        return Passed()
    return Rejected(finding=finding(Rejection.RECIPIENT_NOT_OURS, identifier=party.identifier))
