"""The rules a document meets before anything of it leaves (CHK-06 to 08, SIG-01, S7). Pure.

All defects are found at once, so that the author mends them in one go; a document with one goes
back to its author and nothing is half-sent (CHK-15). Fails closed: a file of which nothing is
known is a defect, never a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from depesha.schemas import mediatypes
from depesha.schemas.dispatch import Defect, Dispatch, Mark
from depesha.schemas.facts import ContentFacts
from depesha.schemas.route import Reasoned, reasoned

DEFAULT_KINDS = frozenset(
    {
        mediatypes.DOC,
        mediatypes.DOCX,
        mediatypes.XLS,
        mediatypes.XLSX,
        mediatypes.PDF,
        mediatypes.RTF,
    }
)
"""Word, Excel, PDF, RTF (CHK-08)."""
SIGNATURES_APART = frozenset({mediatypes.CMS_DETACHED})
"""Signature files that go beside a document; alone they are no document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionPolicy:
    """What this installation lets out."""

    own_identifiers: frozenset[str]
    """EIK of the bodies this gateway sends for."""
    kinds: frozenset[str] = DEFAULT_KINDS
    """Media types, by content and not by name."""
    macros_allowed: bool = False
    signature_needed: bool = True


def defects(
    dispatch: Dispatch,
    contents: Sequence[ContentFacts],
    policy: SubmissionPolicy,
    today: date,
    *,
    recipient_known: bool,
) -> tuple[Reasoned, ...]:
    """Return every defect, in a fixed order; empty: the document may go.

    `contents` are the facts of the files' bytes; `today` is the day of the installation's own
    zone; `recipient_known`: some register or the installation's own directory names it (PRT-03).
    """
    return (
        *_words(dispatch, today),
        *_parties(dispatch, policy, recipient_known=recipient_known),
        *_files(dispatch, contents, policy),
        *_signature(dispatch, contents, policy),
    )


def _words(dispatch: Dispatch, today: date) -> Iterable[Reasoned]:
    number = dispatch.document.number
    if number is None or not number.number.strip():
        yield reasoned(Defect.NUMBER_MISSING)
    elif number.date > today:
        yield reasoned(Defect.NUMBER_IN_FUTURE, date=number.date.isoformat())
    if not dispatch.kind.strip():
        yield reasoned(Defect.KIND_MISSING)
    if not dispatch.subject.strip():
        yield reasoned(Defect.CONTENT_MISSING)
    if Mark.RESTRICTED in dispatch.marks:
        yield reasoned(Defect.MARK_RESTRICTED)


def _parties(
    dispatch: Dispatch, policy: SubmissionPolicy, *, recipient_known: bool
) -> Iterable[Reasoned]:
    sender, recipient = dispatch.sender.identifier, dispatch.recipient.identifier
    if sender not in policy.own_identifiers:
        yield reasoned(Defect.SENDER_NOT_OURS, identifier=sender)
    if not recipient_known:
        yield reasoned(Defect.RECIPIENT_UNKNOWN, identifier=recipient)
    if recipient == sender:
        yield reasoned(Defect.RECIPIENT_IS_SENDER, identifier=recipient)


def _files(
    dispatch: Dispatch, contents: Sequence[ContentFacts], policy: SubmissionPolicy
) -> Iterable[Reasoned]:
    by_digest = {(facts.attachment.index, facts.attachment.digest): facts for facts in contents}
    documents = 0
    for file in dispatch.files:
        facts = by_digest.get((file.index, file.digest))
        if not file.name.strip():
            yield reasoned(Defect.FILE_NAME_MISSING, index=file.index)
        if file.size == 0:
            yield reasoned(Defect.FILE_EMPTY, index=file.index, file=file.name)
        elif facts is None or not facts.kept or not facts.detected:
            yield reasoned(Defect.FILE_UNKNOWN, index=file.index, file=file.name)
        else:
            yield from _one_file(facts, policy)
        documents += facts is None or facts.detected not in SIGNATURES_APART
    if not documents:
        yield reasoned(Defect.ATTACHMENT_MISSING)


def _one_file(facts: ContentFacts, policy: SubmissionPolicy) -> Iterable[Reasoned]:
    file = facts.attachment
    if facts.macros or facts.detected in mediatypes.MACRO_ENABLED:
        if not policy.macros_allowed:
            yield reasoned(Defect.FILE_MACRO, index=file.index, file=file.name)
    elif facts.detected not in policy.kinds | SIGNATURES_APART:
        yield reasoned(
            Defect.FILE_KIND_FORBIDDEN, index=file.index, file=file.name, detected=facts.detected
        )


def _signature(
    dispatch: Dispatch, contents: Sequence[ContentFacts], policy: SubmissionPolicy
) -> Iterable[Reasoned]:
    """One signed file will do: annexes need none of their own; a scan says why (SND-02)."""
    signed = any(facts.signatures for facts in contents)
    if (
        policy.signature_needed
        and dispatch.files
        and not signed
        and not dispatch.scan_instead.strip()
    ):
        yield reasoned(Defect.SIGNATURE_MISSING)
