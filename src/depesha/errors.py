"""The taxonomy of errors: who is at fault, whether waiting helps, what may be said aloud.

Every error that crosses a room's border is a `DepeshaError`. Foreign exceptions stop at the
adapter that met them. The public text is dull on purpose; private facts travel in `facts` and
reach only the evidence, never a log line, a metric or `str(error)`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar


class Blame(StrEnum):
    """Who has to act before the same thing can succeed."""

    THEIRS = "theirs"
    OURS = "ours"
    NETWORK = "network"


class DepeshaError(Exception):
    """Base of all errors. `code` is stable, `public` is safe to show to anybody."""

    blame: ClassVar[Blame] = Blame.OURS
    temporary: ClassVar[bool] = False
    code: ClassVar[str] = "INTERNAL"

    def __init__(self, public: str, *, remedy: str = "", **facts: str | int) -> None:
        super().__init__(public)
        self.public = public
        self.remedy = remedy
        self.facts = facts


class ConfigurationError(DepeshaError):
    """The settings are wrong; the operator must mend them before starting."""

    code = "CONFIGURATION"


class WireError(DepeshaError):
    """Bytes from outside that cannot be read as what they should be."""

    blame = Blame.THEIRS
    code = "UNREADABLE"


class TooLargeError(WireError):
    """Bytes from outside that pass a limit; cut while reading, not measured after."""

    code = "TOO_LARGE"


class UnreachableError(DepeshaError):
    """Nothing was handed over: the other side could not be reached at all."""

    blame = Blame.NETWORK
    temporary = True
    code = "UNREACHABLE"


class BrokenOffError(DepeshaError):
    """The exchange broke after the request left: what the other side holds is unknown."""

    blame = Blame.NETWORK
    temporary = True
    code = "BROKEN_OFF"


class PeerError(DepeshaError):
    """The other side answered, and its answer is a failure."""

    blame = Blame.THEIRS
    temporary = True
    code = "PEER_FAILED"


class ScannerError(DepeshaError):
    """The malware scanner gave no verdict. Never to be read as "clean"."""

    temporary = True
    code = "SCANNER"


class ReadingError(DepeshaError):
    """A process that reads messages ended before it answered: nothing is known of its call."""

    temporary = True
    code = "READING"


class StorageError(DepeshaError):
    """The store could not make something durable. Nothing may be answered as received."""

    temporary = True
    code = "STORAGE"


class StoreAwayError(StorageError):
    """Database or disk cannot work just now, whatever is asked: the asker is not at fault."""


class OvertakenError(StorageError):
    """Another gateway wrote the state meanwhile: what this one knows of it is old, and not kept."""


class BusyError(DepeshaError):
    """Something of ours is in use just now; nothing was changed."""

    temporary = True
    code = "BUSY"


class UnsaidError(DepeshaError):
    """The message is durable, but no answer would be true: the caller is left without one."""

    temporary = True
    code = "UNSAID"


class ForgottenError(DepeshaError):
    """The store was put back from a back-up, and may have forgotten what a word speaks of.

    No answer is given, so that its sender says it again when it may be known.
    """

    temporary = True
    code = "FORGOTTEN"


class UnknownMessageError(DepeshaError):
    """No message has this identity."""

    blame = Blame.THEIRS
    code = "UNKNOWN_MESSAGE"


class WrongStateError(DepeshaError):
    """The step asked for does not follow from the message's present state."""

    blame = Blame.THEIRS
    code = "WRONG_STATE"


class DoubtfulError(WrongStateError):
    """The step would say for ever what a store that was put back cannot know."""

    code = "DOUBTFUL"


class ConflictError(DepeshaError):
    """The request contradicts what is already recorded (another number for the same message)."""

    blame = Blame.THEIRS
    code = "CONFLICT"


class LostLeaseError(DepeshaError):
    """The worker's lease ended and another may hold the task: its result must not be committed."""

    temporary = True
    code = "LOST_LEASE"


class EvidenceError(DepeshaError):
    """The evidence chain, a seal or a pack does not verify."""

    code = "EVIDENCE"


class ForbiddenError(DepeshaError):
    """Whoever asks has not the right to it."""

    blame = Blame.THEIRS
    code = "FORBIDDEN"


class RuleError(DepeshaError):
    """A request breaks a rule of ours; whoever made it mends it. Nothing was changed."""

    blame = Blame.THEIRS
    code = "RULE"

    def __init__(self, public: str, *, rule: str, remedy: str = "", **facts: str | int) -> None:
        super().__init__(public, remedy=remedy, **facts)
        self.rule = rule
        """A bounded word by which pages find their own sentence."""


class DefectsError(DepeshaError):
    """A document breaks a rule for what may leave; its author mends it. Nothing was stored."""

    blame = Blame.THEIRS
    code = "DEFECTS"

    def __init__(self, public: str, *, defects: tuple[object, ...], remedy: str = "") -> None:
        super().__init__(public, remedy=remedy)
        self.defects = defects
        """`schemas.route.Reasoned`, each with the facts its sentence needs; may name files."""
