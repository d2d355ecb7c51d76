"""The report after a restore: what was asked, what was answered, what stays open. Values, pure.

It is drawn up from the evidence since the restore, row by row, so that it says what happened and
not what was meant to.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from depesha.schemas.evidence import EvidenceRecord
from depesha.schemas.message import EvidenceKind
from depesha.schemas.restoration import FORGOTTEN, Restoration


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedDocument:
    """One document of ours that was asked about."""

    id: str
    answers: tuple[tuple[str, str], ...]
    """Network and what it said: `delivered`, `absent`, `unclear`, `refused`; empty: not yet."""
    state: str
    """As the last row says it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgottenWord:
    """A peer spoke of a document of ours that the store does not know."""

    document: str
    network: str
    peer: str
    status: str


@dataclass(slots=True)
class Tally:
    """Reads rows, and counts."""

    restoration: Restoration
    asked: dict[str, dict[str, str]] = field(default_factory=dict)
    """Document → network → the last answer."""
    followed: dict[str, str] = field(default_factory=dict)
    """Documents that had got through before: the last answer of their recipient."""
    states: dict[str, str] = field(default_factory=dict)
    words: dict[str, ForgottenWord] = field(default_factory=dict)
    submitted: set[str] = field(default_factory=set)
    received: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    numbered: int = 0
    _networks: dict[str, str] = field(default_factory=dict)

    def read(self, rows: Iterable[EvidenceRecord]) -> None:
        """Read the next rows."""
        for row in rows:
            told = json.loads(row.body)
            self._read(row.message_id, EvidenceKind(told["kind"]), told)

    def _read(self, message: str, kind: EvidenceKind, told: dict[str, Any]) -> None:
        facts = told["facts"]
        if "state" in facts and message:
            self.states[message] = str(facts["state"])
        match kind:
            case EvidenceKind.ATTEMPT_BEGUN if facts.get("forgotten"):
                self.asked.setdefault(message, {})[facts["network"]] = ""
                self._networks[facts["attempt"]] = facts["network"]
            case EvidenceKind.ASKED:
                self._answer(message, facts)
            case EvidenceKind.RECEIVED:
                self.received[str(facts.get("network", ""))] += 1
            case EvidenceKind.REPEATED:
                self.repeated += 1
            case EvidenceKind.REGISTERED:
                self.numbered += 1
            case EvidenceKind.SUBMITTED:
                self.submitted.add(str(facts["document"]))
            case EvidenceKind.WORD_RECEIVED if facts.get("forgotten"):
                self.words[facts["document"]] = ForgottenWord(
                    document=facts["document"],
                    network=facts["network"],
                    peer=told["actor"],
                    status=facts["status"],
                )
            case _:
                return

    def _answer(self, message: str, facts: dict[str, Any]) -> None:
        outcome = str(facts.get("outcome", ""))
        if str(facts["attempt"]).startswith(FORGOTTEN):
            self.asked.setdefault(message, {})[facts["network"]] = outcome
        else:
            self.followed[message] = outcome

    def documents(self) -> tuple[AskedDocument, ...]:
        """Return the documents that were suspected, by id."""
        return tuple(
            AskedDocument(id=name, answers=tuple(answers.items()), state=self.states.get(name, ""))
            for name, answers in sorted(self.asked.items())
        )

    def unknown(self) -> tuple[ForgottenWord, ...]:
        """Return words about documents that nobody submitted again: the registry is to do so."""
        return tuple(
            word for name, word in sorted(self.words.items()) if name not in self.submitted
        )


def letter(*, own: str, since: str, until: str) -> str:
    """Return the words to a peer that cannot be asked by machine, in Bulgarian and English."""
    return (
        f"Уважаеми колеги,\n\nнашата система за обмен беше възстановена от архивно копие. "
        f"Знанието ни за обмена свършва на {since}; каквото е станало оттогава до {until} (UTC), "
        f"при нас го няма. Моля, изпратете отново съобщенията, които сте ни изпратили в това "
        f"време, със същите им идентификатори: ако вече са заведени, ще получите същия номер. "
        f"Моля, съобщете ни и номерата, дадени от вас на наши документи в това време."
        f"\n\n{own}\n\n"
        f"---\n\nDear colleagues,\n\nour exchange system was put back from a back-up. What we know "
        f"of our exchange ends at {since}; whatever happened from then to {until} (UTC) is not "
        f"known here. Please send again, under the same identifiers, what you sent us in that "
        f"time: where it was registered already you are told the same number. Please tell us, "
        f"too, the numbers that you gave to documents of ours in that time.\n\n{own}\n"
    )
