"""Did it come before: by transport id, by document, by content (law 4, DUP-01, DUP-06).

Only judges. The store finds earlier messages of the same sender; a rejected one holds no
identity, so a mended message is no duplicate. A follow-up in the same case has another
document identity and is none either (DUP-04).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.schemas.verdict import (
    Held,
    Hold,
    Passed,
    Rejected,
    Rejection,
    Repeated,
    Verdict,
    finding,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from depesha.schemas.envelope import Envelope
    from depesha.schemas.facts import Case, Known
    from depesha.schemas.ids import Digest
    from depesha.schemas.policy import Policy


def judge(case: Case, _policy: Policy) -> Verdict:
    """Judge by the three identities, the strongest first."""
    envelope = case.arrival.envelope
    if envelope is None:
        raise ValueError("a repeat cannot be judged without an envelope")
    by: dict[str, list[Known]] = {"transport": [], "document": [], "content": []}
    for known in case.known:
        by[known.by].append(known)  # another word is an error, and an error holds
    return (
        _by_transport(by["transport"], envelope, case.arrival.original)
        or next((_repeat(known) for known in by["document"]), None)
        or _by_content(by["content"], envelope)
        or Passed()
    )


def _repeat(known: Known) -> Repeated:
    return Repeated(message_id=known.message_id, by=known.by)


def _by_transport(found: Iterable[Known], envelope: Envelope, original: Digest) -> Verdict | None:
    """The same bytes or the same document is a repeat; anything else is a reused id."""
    for known in found:
        if known.original == original or known.document == envelope.document.guid:
            return _repeat(known)
        return Rejected(finding=finding(Rejection.TRANSPORT_ID_REUSED, earlier=known.message_id))
    return None


def _by_content(found: Iterable[Known], envelope: Envelope) -> Verdict | None:
    """Same files and words: with the sender's number a repeat, without it a person decides."""
    for known in found:
        if known.numbered and envelope.document.number is not None:
            return _repeat(known)
        return Held(finding=finding(Hold.REPEAT_SUSPECTED, earlier=known.message_id), retry=False)
    return None
