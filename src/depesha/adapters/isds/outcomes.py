"""What the failures of ISDS make of a try to send (facts 7). Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from depesha.adapters.isds.codes import Action
from depesha.adapters.isds.problems import IsdsError, LoginRefusedError
from depesha.errors import Blame, BrokenOffError, DepeshaError
from depesha.schemas.outcome import Deferred, Refused, Unclear

if TYPE_CHECKING:
    from depesha.schemas.outcome import Outcome

TOO_EARLY: Final = "TOO_EARLY_TO_TELL"
LIST_TOO_LONG: Final = "LIST_TOO_LONG"
NOT_SEALED: Final = "NOT_SEALED"
INFECTED: Final = "INFECTED"
UNDELIVERABLE: Final = "UNDELIVERABLE"
ALARMING: Final = frozenset({Action.PERSON, Action.OUR_DEFECT})
"""What somebody here should hear of at once."""


def code_of(error: DepeshaError) -> str:
    """Return the bounded word for a failure."""
    if isinstance(error, IsdsError) and error.status_code:
        return f"ISDS_{error.status_code}"
    return error.code


def is_alarming(error: DepeshaError) -> bool:
    """Tell whether an operator of ours has to look."""
    return isinstance(error, LoginRefusedError) or (
        isinstance(error, IsdsError) and error.action in ALARMING
    )


def after_send(error: DepeshaError) -> Outcome:
    """Return how a try ended that raised `error`; only a break of the send itself is unclear."""
    match error:
        case BrokenOffError():
            return Unclear(code=code_of(error), public=error.public)
        case IsdsError(action=Action.REFUSED | Action.GONE | Action.OUR_DEFECT):
            return Refused(code=code_of(error), public=error.public)
        case IsdsError(action=Action.OTHER_SERVICE):
            return Refused(code=code_of(error), public=error.public)
        case _:
            return deferred(error)


def deferred(error: DepeshaError) -> Deferred:
    """Return the outcome of a failure after which surely nothing was done."""
    blame = error.blame
    if isinstance(error, IsdsError):
        # What an operator of ours ends says nothing about the health of ISDS.
        blame = Blame.OURS if error.action in ALARMING else Blame.THEIRS
    return Deferred(code=code_of(error), public=error.public, blame=blame)
