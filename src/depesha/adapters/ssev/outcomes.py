"""What SSEV's failures make of a try to send: the problem table (facts 8.7). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from depesha.adapters.ssev.problems import Problem, SsevError
from depesha.errors import Blame, BrokenOffError, DepeshaError
from depesha.schemas.outcome import Deferred, Refused, Unclear

if TYPE_CHECKING:
    from depesha.schemas.outcome import Outcome

TOO_EARLY: Final = "TOO_EARLY_TO_TELL"
OUTBOX_TOO_LONG: Final = "OUTBOX_TOO_LONG"
OURS: Final = frozenset({Problem.CREDENTIALS, Problem.NO_SPACE})
"""Problems that an operator of ours ends: they say nothing about SSEV's health."""
ALARMING: Final = frozenset(
    {
        Problem.CREDENTIALS,
        Problem.NO_SPACE,
        Problem.NOT_PERMITTED,
        Problem.OUR_DEFECT,
        Problem.MALICIOUS,
    }
)
"""Problems that somebody here should hear of at once (facts 8.7)."""


def after_send(error: DepeshaError) -> Outcome:
    """Return how a try ended that raised `error`; only a break of the send itself is unclear."""
    match error:
        case BrokenOffError():
            return Unclear(code=error.code, public=error.public)
        case SsevError() if not error.waiting_helps:
            return Refused(
                code=error.problem.value,
                public=error.public,
                document=error.problem is Problem.MALICIOUS,
            )
        case _:
            return deferred(error)


def deferred(error: DepeshaError) -> Deferred:
    """Return the outcome of a failure after which surely nothing was done."""
    if isinstance(error, SsevError):
        blame = Blame.OURS if error.problem in OURS else Blame.THEIRS
        return Deferred(code=error.problem.value, public=error.public, blame=blame)
    return Deferred(code=error.code, public=error.public, blame=error.blame)
