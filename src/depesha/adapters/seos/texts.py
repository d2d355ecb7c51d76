"""What SEOS errors say: texts that peers search for fragments, and what peers' texts tell us.

There are no error codes on this network (facts 7): stable fragments are all there is. Ours carry
them in front, then the sentence for the peer, then our stable code in square brackets.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from depesha.adapters.seos.writing import REASON_LIMIT, shorten
from depesha.schemas.verdict import Hold, Rejection

if TYPE_CHECKING:
    from depesha.schemas.verdict import Finding, Reason

SENDERS_FAULT: Final = "Неуспешен – Грешка при подателя."
OUR_FAULT: Final = "Неуспешен – Грешка при получателя."

_BAD_SIGNATURE: Final = "Електронният подпис на съобщението не е валиден."
_OTHER_CERTIFICATE: Final = (
    "Съобщението е подписано със сертификат, различен от транспортния сертификат в регистъра."
)
_BAD_SENDER: Final = "Подателят на съобщението не е активен участник в обмена."

FRAGMENTS: Final[dict[Reason, str]] = {
    Rejection.SENDER_UNKNOWN: _BAD_SENDER,
    Rejection.SENDER_INACTIVE: _BAD_SENDER,
    Rejection.SIGNATURE_MISSING: _BAD_SIGNATURE,
    Rejection.SIGNATURE_INVALID: _BAD_SIGNATURE,
    Rejection.SIGNATURE_STRUCTURE: _BAD_SIGNATURE,
    Rejection.SIGNATURE_ALGORITHM: _BAD_SIGNATURE,
    Rejection.CERTIFICATE_OTHER: _OTHER_CERTIFICATE,
    Rejection.CERTIFICATE_EXPIRED: _BAD_SIGNATURE,
    Rejection.CERTIFICATE_UNTRUSTED: _BAD_SIGNATURE,
    Rejection.CERTIFICATE_REVOKED: _BAD_SIGNATURE,
    Rejection.RECIPIENT_NOT_OURS: (
        "Получателят на съобщението не е участникът, обслужван от тази крайна точка."
    ),
    Rejection.TRANSPORT_ID_REUSED: "MessageGUID съвпада с този на получено вече съобщение.",
    Rejection.DOCUMENT_UNKNOWN: "Документът не е намерен.",
    Rejection.NOT_XML: "Невалиден XML документ.",
    Rejection.NOT_THE_SCHEMA: "Съобщението не съответства на схемите.",
}
"""By reason; what is not here is told by its sentence alone."""


def error_text(found: Finding, sentence: str) -> str:
    """Return the ErrorDescription for a finding."""
    ours = isinstance(found.reason, Hold)
    # A sentence that carries what peers search for need not be told twice.
    fragment = FRAGMENTS.get(found.reason, "") if told_by_peer(sentence) == PEER_ERROR else ""
    parts = [OUR_FAULT if ours else SENDERS_FAULT, fragment, sentence]
    told = " ".join(part.strip() for part in parts if part.strip())
    return f"{told} [{found.reason}]"


def fault_text(found: Finding, sentence: str) -> str:
    """Return the text of a SOAP fault: dull, with the code."""
    return error_text(found, sentence)


def rejection_text(found: Finding, sentence: str) -> str:
    """Return the RejectionReason for a finding; the code survives the cut (facts 3.12)."""
    code = f" [{found.reason}]"
    return shorten(sentence, REASON_LIMIT - len(code)) + code


PEER_ERROR: Final = "PEER_ERROR"
"""Our code for a peer's text that holds none of the known fragments."""

_TOLD: Final = (
    # Longer and rarer words first: one text may hold several fragments (facts 7, Q25).
    ("UNKNOWN_DOCUMENT", ("документът не е намерен", "не е намерен документ", "document_unknown")),
    ("CERTIFICATE_REFUSED", ("различен от транспортния сертификат",)),
    ("SIGNATURE_REFUSED", ("електронният подпис",)),
    ("SENDER_REFUSED", ("активен участник",)),
    ("RECIPIENT_REFUSED", ("получателят на съобщението",)),
    ("MESSAGE_REPEATED", ("messageguid",)),
)
_NOT_FOUND: Final = re.compile(r"документ\w*\s+(?:\S+\s+){0,4}?не\s+е\s+(?:намерен|открит)")


def told_by_peer(description: str) -> str:
    """Return our bounded code for a peer's error text; `PEER_ERROR` for an unknown one."""
    text = description.strip().casefold()
    if _NOT_FOUND.search(text):
        return "UNKNOWN_DOCUMENT"
    for code, fragments in _TOLD:
        if any(fragment in text for fragment in fragments):
            return code
    return PEER_ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A peer's error text about a message of ours, in bounded words."""

    code: str
    senders_fault: bool
    """It blames the sender and not itself: a check refused, and nothing was stored."""


def told_of_ours(description: str) -> Told:
    """Return what a peer's error text tells; both phrases in one text blame the peer (facts 7)."""
    text = " ".join(description.casefold().split())
    return Told(
        code=told_by_peer(description),
        senders_fault="грешка при подателя" in text and "грешка при получателя" not in text,
    )
