"""Names of the moments between committed steps, for crash tests and for `docs/flow.md`."""

from __future__ import annotations

from enum import StrEnum


class Step(StrEnum):
    """In the order of a message's way in."""

    BYTES_READ = "BYTES_READ"
    ORIGINAL_KEPT = "ORIGINAL_KEPT"
    CHECKED = "CHECKED"
    ANSWER_SIGNED = "ANSWER_SIGNED"
    STORED = "STORED"
    ANSWERED = "ANSWERED"
    REGISTRATION_ASKED = "REGISTRATION_ASKED"
    REGISTRATION_STORED = "REGISTRATION_STORED"
    NOTICE_CLAIMED = "NOTICE_CLAIMED"
    NOTICE_TAKEN = "NOTICE_TAKEN"
    NOTICE_STORED = "NOTICE_STORED"
    SEALING = "SEALING"
    """A seal over the newest evidence is made, and not yet stored."""
    SEALED = "SEALED"

    # Beside the straight way.
    REPEAT_STORED = "REPEAT_STORED"
    """A document came again; what it is told is evidence, and not yet sent."""
    WORD_STORED = "WORD_STORED"
    """The same for a smaller word of the network, such as a question after a state."""
    RECHECKING = "RECHECKING"
    """A held message is claimed to be looked at again."""
    RECHECKED = "RECHECKED"
    """What the second look found is stored."""
    QUARANTINE_WRITTEN = "QUARANTINE_WRITTEN"
    """Refused bytes lie encrypted, and no key is kept yet."""
    QUARANTINE_KEYED = "QUARANTINE_KEYED"
    """Their key is kept, and the clear bytes are still there."""
    QUARANTINED = "QUARANTINED"
    """The clear bytes are gone, and the task is not yet done."""
