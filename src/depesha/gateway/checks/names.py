"""Do the names and declared types of the files fit what they are (CHK-12). Only judges.

All of it is soft but one thing: a file no clerk could name at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from depesha.schemas.mediatypes import (
    CSV,
    EMPTY,
    EXTENSIONS,
    MACRO_ENABLED,
    TEXT,
    UNKNOWN,
    canonical,
    extension,
)
from depesha.schemas.verdict import (
    Caution,
    Finding,
    Passed,
    Rejected,
    Rejection,
    Verdict,
    finding,
)

if TYPE_CHECKING:
    from depesha.schemas.facts import Case, ContentFacts
    from depesha.schemas.policy import Policy

_SAYS_NOTHING = frozenset({"", "text/unknown", "application/unknown", UNKNOWN})
"""Declared types that claim nothing; whole families of senders put them on every file."""


def judge(case: Case, _policy: Policy) -> Verdict:
    """Reject a name without a single letter or digit; caution for the rest."""
    cautions: list[Finding] = []
    for content in case.arrival.contents:
        file = content.attachment
        if not any(c.isalnum() for c in file.name):
            return Rejected(finding=finding(Rejection.FILE_NAME_UNUSABLE, index=file.index))
        cautions += _cautions(content)
    return Passed(warnings=tuple(cautions))


def _cautions(content: ContentFacts) -> list[Finding]:
    file = content.attachment
    facts = {"index": str(file.index), "file": content.safe_name, "detected": content.detected}
    found: list[Finding] = []
    if content.safe_name != file.name:
        found.append(finding(Caution.FILE_NAME_CLEANED, index=file.index, file=content.safe_name))
    if content.detected in {"", EMPTY, UNKNOWN}:
        return found
    declared = canonical(file.media_type)
    if declared not in _SAYS_NOTHING and not _agree(declared, content.detected):
        found.append(finding(Caution.MEDIA_TYPE_WRONG, declared=declared, **facts))
    allowed = EXTENSIONS.get(extension(content.safe_name))
    if allowed is not None and content.detected not in allowed:
        found.append(finding(Caution.NAME_EXTENSION_WRONG, **facts))
    return found


def _agree(declared: str, detected: str) -> bool:
    """Plain text is what CSV is made of, and a macro type is what its plain sister may hide."""
    return (
        declared == canonical(detected)
        or {declared, detected} == {CSV, TEXT}
        or (declared in MACRO_ENABLED and detected in MACRO_ENABLED)
    )
