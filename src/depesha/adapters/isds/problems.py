"""What the failures of ISDS mean: a closed list of problems, and the error that carries one. Pure.

What ISDS says in words may carry names: it goes into `said` for people with a right to see it,
never into the text of an error.
"""

from __future__ import annotations

from typing import Final

from depesha.adapters.isds.codes import RETRYING, Action, action_of
from depesha.errors import DepeshaError, PeerError, UnreachableError

SAID: Final = 1_000
"""Characters kept of what ISDS says."""


class IsdsError(PeerError):
    """ISDS answered, and surely nothing was done; `action` says what it asks for."""

    def __init__(self, public: str, action: Action, *, code: str = "", said: str = "") -> None:
        super().__init__(public, action=action.value, status_code=code)
        self.action = action
        self.status_code = code
        """Four digits; empty where the answer had none."""
        self.said = said[:SAID]
        """The text beside the code. May name files and people."""

    @property
    def waiting_helps(self) -> bool:
        """True where the same request may succeed later."""
        return self.action in RETRYING


def of_code(code: str, said: str) -> IsdsError:
    """Return the error for a status code."""
    shown = code if code.isascii() and code.isdigit() and len(code) <= 4 else ""  # noqa: PLR2004
    return IsdsError("ISDS refused the request", action_of(code), code=shown, said=said)


class OutageError(UnreachableError):
    """A planned outage: nothing was done, and nobody says until when (facts 1.5)."""

    code = "ISDS_OUTAGE"

    def __init__(self, said: str = "") -> None:
        super().__init__("ISDS is out of service as planned")
        self.said = said[:SAID]
        """In Czech, for the operator."""


class LoginRefusedError(DepeshaError):
    """The log-in was refused. Repeating it could lock the account, so the client stops itself.

    The operator mends the log-in and calls `Session.resume`; until then no call leaves.
    """

    code = "ISDS_LOGIN_REFUSED"

    def __init__(self, status: int) -> None:
        super().__init__(
            "the log-in to the data box was refused",
            remedy="mend the password or the certificate of the box, then resume it",
            status=status,
        )
