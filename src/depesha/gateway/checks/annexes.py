"""Is everything there that the message says it carries (CHK-02, RCV-05). Only judges.

What is missing is noted and told, never a refusal (RCV-21, REF-07).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from depesha.schemas.mediatypes import EXTENSIONS, extension
from depesha.schemas.verdict import Caution, Finding, Passed, Verdict, finding

if TYPE_CHECKING:
    from depesha.schemas.envelope import Envelope
    from depesha.schemas.facts import Case
    from depesha.schemas.policy import Policy

_COUNT = re.compile(
    r"\b(?:приложени[яей]|прил\.|додатк(?:и|ів)|příloh[ay]?|annex(?:es)?|attachments?|enclosures?)"
    r"\s{0,3}[:–—-]\s{0,3}(\d{1,3})(?![\d.)])",
    re.IGNORECASE,
)
"""„Приложения: 3“, „Додатки: 3“, „Přílohy: 3“, "Annexes: 3"."""
_BETWEEN_WORDS = re.compile(r"[\s,;:„“”\"'«»()\[\]<>|/\\]+")
_READ = 4_000
"""Characters of each remark looked at: remarks are short, and the loop must not wait."""
_TOLD = 20
"""Missing files named one by one; beyond this a list helps nobody."""


def judge(case: Case, _policy: Policy) -> Verdict:
    """Compare what the remarks list with what is attached."""
    envelope = case.arrival.envelope
    if envelope is None:
        raise ValueError("annexes cannot be judged without an envelope")
    cautions = [] if envelope.attachments else [finding(Caution.NO_ATTACHMENT)]
    return Passed(warnings=(*cautions, *_missing(envelope)))


def _missing(envelope: Envelope) -> list[Finding]:
    remarks = (envelope.comment, envelope.document_comment, envelope.subject)
    text = "\n".join(remark[:_READ] for remark in remarks)
    present = [file for file in envelope.attachments if file.size > 0]
    names = {file.name.casefold() for file in present}
    found = [
        finding(Caution.ANNEX_MISSING, index=file.index, file=file.name)
        for file in envelope.attachments
        if file.size == 0
    ]
    words = (word.rstrip(".") for word in _BETWEEN_WORDS.split(text) if "." in word)
    listed = {word.casefold(): word for word in words if extension(word) in EXTENSIONS}
    for key, name in list(listed.items())[:_TOLD]:
        if not any(have == key or have.endswith(key) for have in names):
            found.append(finding(Caution.ANNEX_MISSING, file=name))
    counts = [int(match[1]) for match in _COUNT.finditer(text)]
    if counts and max(counts) > len(present) and not found:
        found.append(finding(Caution.ANNEX_MISSING, listed=max(counts), present=len(present)))
    return found
