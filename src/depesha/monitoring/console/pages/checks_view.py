"""The verdicts of the checks in words: for those who may know everything, and for others. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from depesha.schemas.sentences import sentence
from depesha.schemas.verdict import CheckRecord, Finding, Held, Passed, Rejected, Repeated

if TYPE_CHECKING:
    from depesha.monitoring.console.pages.telling import Teller
    from depesha.schemas.message import Message

_THEIR_WORDS = frozenset({"declared"})
"""Facts that the sender wrote and a peer is told, as its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckLine:
    """One check: its verdict, why, and what would make it pass."""

    name: str
    kind: str
    """`passed`, `warned`, `held`, `rejected`, `repeated`."""
    code: str
    sentences: tuple[str, ...]
    remedies: tuple[str, ...]
    milliseconds: str


def check_lines(message: Message, tell: Teller, *, sees: bool) -> tuple[CheckLine, ...]:
    """Return every check of a message in order."""
    return tuple(_line(record, tell, sees=sees) for record in message.checks)


def finding_sentence(found: Finding, tell: Teller, *, sees: bool) -> str:
    """Return why; whoever may not see subjects hears what a peer would: nobody's data.

    Nor what only the peer itself may read again: words of its own, such as a media type.
    """
    if sees:
        return sentence(found, tell.language, "clerk")
    safe = tuple(fact for fact in found.facts if fact[0] not in _THEIR_WORDS)
    return sentence(replace(found, facts=safe), tell.language, "peer")


def _line(record: CheckRecord, tell: Teller, *, sees: bool) -> CheckLine:
    verdict = record.verdict
    found: tuple[Finding, ...] = ()
    match verdict:
        case Passed():
            found = verdict.warnings
        case Held() | Rejected():
            found = (verdict.finding,)
        case Repeated():
            pass
        case _:
            assert_never(verdict)
    warned = verdict.kind == "passed" and found
    remedies = tuple(sentence(one, tell.language, "remedy") for one in found) if sees else ()
    return CheckLine(
        name=tell.check(record.check),
        kind="warned" if warned else verdict.kind,
        code=", ".join(str(one.reason) for one in found),
        sentences=tuple(finding_sentence(one, tell, sees=sees) for one in found),
        remedies=remedies,
        milliseconds=f"{record.seconds * 1000:.1f}",
    )
