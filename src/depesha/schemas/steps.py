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
    QUARANTINE_KEYED = "QUARANTINE_KEYED"
    """A key for refused bytes is kept, and nothing is encrypted under it yet."""
    QUARANTINE_WRITTEN = "QUARANTINE_WRITTEN"
    """They lie encrypted, and the clear bytes are still there."""
    QUARANTINED = "QUARANTINED"
    """The clear bytes are gone, and the task is not yet done."""


class OutboundStep(StrEnum):
    """In the order of a document's way out."""

    SUBMISSION_STORED = "SUBMISSION_STORED"
    """The document is durable, and the registry is not yet told so."""
    RELEASE_KEPT = "RELEASE_KEPT"
    """The signed release is durable, and the state does not tell of it yet."""
    RELEASED = "RELEASED"
    PLANNED = "PLANNED"
    PAYLOAD_KEPT = "PAYLOAD_KEPT"
    """The bytes that will travel are durable, and no intent is written."""
    INTENT_STORED = "INTENT_STORED"
    """The try is written down, and nothing has left."""
    OUTCOME_HEARD = "OUTCOME_HEARD"
    """The other side answered, and nothing is written of it."""
    OUTCOME_STORED = "OUTCOME_STORED"
    ASKING = "ASKING"
    ANSWER_HEARD = "ANSWER_HEARD"
    ANSWER_STORED = "ANSWER_STORED"
    WORD_JUDGED = "WORD_JUDGED"
    """A word from outside is committed, and its sender is not yet answered."""


AnyStep = Step | OutboundStep
