"""Is it within the permitted sizes and counts (CHK-04). Only judges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.schemas.verdict import Passed, Rejected, Rejection, Verdict, finding

if TYPE_CHECKING:
    from depesha.schemas.facts import Case
    from depesha.schemas.policy import Policy


def judge(case: Case, policy: Policy) -> Verdict:
    """Reject past any limit, naming the limit; sizes are measured, never the sender's word."""
    limits = policy.limits
    arrival = case.arrival
    if arrival.envelope is None:
        raise ValueError("limits cannot be judged without an envelope")
    if arrival.original_size > limits.message_bytes:
        return _over(Rejection.MESSAGE_TOO_LARGE, arrival.original_size, limits.message_bytes)
    attachments = arrival.envelope.attachments
    if len(attachments) > limits.attachments:
        return _over(Rejection.TOO_MANY_ATTACHMENTS, len(attachments), limits.attachments)
    unkept = {content.attachment.index for content in arrival.contents if not content.kept}
    for file in attachments:
        if file.size > limits.attachment_bytes or file.index in unkept:
            return _over(
                Rejection.ATTACHMENT_TOO_LARGE, file.size, limits.attachment_bytes, file.index
            )
        if len(file.name) > limits.name_characters:
            return _over(
                Rejection.FILE_NAME_UNUSABLE, len(file.name), limits.name_characters, file.index
            )
    return Passed()


def _over(reason: Rejection, size: int, limit: int, index: int | None = None) -> Rejected:
    if index is None:
        return Rejected(finding=finding(reason, size=size, limit=limit))
    return Rejected(finding=finding(reason, index=index, size=size, limit=limit))
