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
    SEALED = "SEALED"
