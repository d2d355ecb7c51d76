"""The checks of the reference node in its order, with its texts (facts 7). Pure.

The texts are ours around the fragments that peers search for; each begins with the blank the
reference node puts there (Q25).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid
from depesha.simulators.seos_documents import RegistrationRequest
from depesha.simulators.seos_entries import Entry
from depesha.simulators.seos_reading import Heard
from depesha.simulators.seos_signing import Judgement
from depesha.simulators.seos_writing import message_type

SENDERS_FAULT: Final = " Неуспешен – Грешка при подателя. "
RECIPIENTS_FAULT: Final = " Неуспешен – Грешка при получателя. "

TEXTS: Final = {
    "InvalidReceiver": "Получателят на съобщението не е участникът, обслужван от тази точка.",
    "InvalidSender": "Подателят на съобщението не е активен участник в обмена.",
    "InvalidMessageSignature": "Електронният подпис на съобщението е невалиден.",
    "InvalidMessageSignatureCertificate": (
        "Електронният подпис е направен със сертификат, "
        "различен от транспортния сертификат на участника."
    ),
    "DuplicateMessageGuid": "Съобщение със същия MessageGUID вече е получено или изпратено.",
    "UnknownType": "Непознат вид съобщение.",
    "ErrorDocumentIsNotFound": "Документът не е намерен.",
    "MissingIdentityForReceiverEIK": "Няма активен профил с този ЕИК.",
}
HANDLERS: Final = frozenset({"MissingIdentityForReceiverEIK", "ErrorDocumentIsNotFound"})
"""Found inside a handler: both phrases stand in one text then (facts 7)."""
INTERNAL: Final = RECIPIENTS_FAULT + "Възникна вътрешна грешка."
"""What the reference node says of an exception of its own."""

Find = Callable[[Guid], Entry | None]


def first_failure(
    *,
    heard: Heard,
    judgement: Judgement,
    own: Party,
    find: Find,
    seen: Collection[Guid],
) -> str | None:
    """Return the description of the first failed check (rows 4 to 11), or None."""
    header = heard.header
    entry = find(header.sender.guid) if header.sender.guid else None
    active = entry is not None and entry.status == entry.service_status == "Active"
    registered = None if entry is None else entry.serial
    request = isinstance(heard.body, RegistrationRequest)
    rows = (
        (header.recipient.identifier != own.identifier, text("InvalidReceiver")),
        (not active, text("InvalidSender")),
        (not judgement.valid, text("InvalidMessageSignature")),
        (judgement.serial != registered, text("InvalidMessageSignatureCertificate")),
        (header.message_guid in seen, text("DuplicateMessageGuid")),
        (heard.type != message_type(heard.body), text("UnknownType")),
        (
            request and header.recipient.guid != own.guid,
            RECIPIENTS_FAULT + text("InvalidReceiver").strip(),
        ),
    )
    return next((words for failed, words in rows if failed), None)


def text(key: str) -> str:
    """Return the description the reference node gives for one of its resource keys."""
    return SENDERS_FAULT + TEXTS[key]


def failure(key: str) -> str:
    """Return a whole description: of a resource key as the node says it, else the text itself."""
    if key not in TEXTS:
        return key
    return RECIPIENTS_FAULT + text(key).strip() if key in HANDLERS else text(key)
