"""Is every file of a permitted kind, by its bytes (CHK-08, CHK-09, AVM-03, AVM-07).

Only judges what the inspector found. A rejection for any file wins over a hold for another.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from depesha.schemas.mediatypes import (
    ARCHIVES,
    EMPTY,
    EXECUTABLES,
    MACRO_ENABLED,
    UNKNOWN,
    canonical,
)
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
    from depesha.schemas.facts import ArchiveFacts, Case, ContentFacts
    from depesha.schemas.policy import Policy


def judge(case: Case, policy: Policy) -> Verdict:
    """Judge every file; facts must be there for each attachment, or nothing is passed."""
    envelope = case.arrival.envelope
    contents = case.arrival.contents
    if envelope is None or [c.attachment for c in contents] != list(envelope.attachments):
        raise ValueError("an attachment was not inspected")
    allowed = _canonical(policy.formats)
    holds: list[Finding] = []
    for content in contents:
        found = _judge_file(content, policy, allowed)
        if found is not None and isinstance(found.reason, Rejection):
            return Rejected(finding=found)
        if found is not None:
            holds.append(found)
    if holds:
        return Held(finding=holds[0], retry=False)
    return Passed(warnings=tuple(_encrypted(c) for c in contents if c.encrypted))


@cache
def _canonical(formats: frozenset[str]) -> frozenset[str]:
    """The operator's own spellings of the allow-list, by the list's names."""
    return frozenset(canonical(each) for each in formats)


def _encrypted(content: ContentFacts) -> Finding:
    return finding(Caution.FILE_ENCRYPTED, index=content.attachment.index, file=content.safe_name)


def _judge_file(content: ContentFacts, policy: Policy, allowed: frozenset[str]) -> Finding | None:
    """Return why a file must not or cannot pass; rejections are looked for first."""
    index = content.attachment.index
    if content.detected == EMPTY:
        return None  # nothing in it: the annexes check says so
    if not content.detected:
        raise ValueError("a file's type was not found out")
    if content.macros and not policy.macros_allowed:
        return finding(Rejection.MACRO_FOUND, index=index, file=content.safe_name)
    if not _permitted(content.detected, policy, allowed):
        unknown = content.detected == UNKNOWN and policy.unknown_formats_held
        return finding(
            Hold.FORMAT_UNKNOWN if unknown else Rejection.FORMAT_FORBIDDEN,
            index=index,
            file=content.safe_name,
            detected=content.detected,
        )
    return _judge_archive(content, policy)


def _permitted(detected: str, policy: Policy, allowed: frozenset[str]) -> bool:
    """Archives of any make stand or fall with the switch; the allow-list judges the rest."""
    kind = canonical(detected)
    if kind in EXECUTABLES:
        return False
    if kind in ARCHIVES:
        return policy.archives_allowed and not allowed.isdisjoint(ARCHIVES)
    return kind in allowed or (kind in MACRO_ENABLED and policy.macros_allowed)


def _judge_archive(content: ContentFacts, policy: Policy) -> Finding | None:
    """Judge what a file carries inside: its kinds first, then whether all of it could be seen."""
    archive = content.archive
    facts = {"index": str(content.attachment.index), "file": content.safe_name}
    if archive is None:
        pure = content.detected in ARCHIVES
        return finding(Hold.ARCHIVE_UNREADABLE, **facts) if pure else None
    if archive.unsafe:
        return finding(Rejection.ARCHIVE_UNSAFE, rule=archive.unsafe, **facts)
    bad = EXECUTABLES if policy.macros_allowed else EXECUTABLES | MACRO_ENABLED
    inside = next((kind for kind in archive.kinds if kind in bad), None)
    if inside in MACRO_ENABLED:
        return finding(Rejection.MACRO_FOUND, detected=inside or "", **facts)
    if inside is not None:
        return finding(Rejection.FORMAT_FORBIDDEN, detected=inside, **facts)
    return _unseen(archive, policy, facts)


def _unseen(archive: ArchiveFacts, policy: Policy, facts: dict[str, str]) -> Finding | None:
    if archive.encrypted:
        return finding(Hold.ARCHIVE_ENCRYPTED, **facts)
    if archive.unreadable:
        return finding(Hold.ARCHIVE_UNREADABLE, **facts)
    limit = policy.limits.scanner_file_bytes
    if archive.largest > limit:
        # The scanner passes such a member as clean without having looked at it.
        return finding(Hold.SCAN_INCOMPLETE, why="limits", limit=limit, **facts)
    return None
