"""What each SOAP operation of the simulated SSEV does (facts 7.4, 7.6).

One method an operation; parameters in, elements added to the result. Faults are raised.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Final

from lxml import etree
from lxml.etree import _Element

from depesha.schemas.wire.ssev import DATA, FORWARD_TEMPLATE, LETTER_TEMPLATE, SUBJECT
from depesha.simulators.ssev_people import EVERYBODY
from depesha.simulators.ssev_soap_reading import Parameters
from depesha.simulators.ssev_soap_shapes import (
    KINDS,
    NIL,
    SoapShapes,
    add,
    public,
    short,
    subject,
)
from depesha.simulators.ssev_state import SsevState, letter
from depesha.simulators.ssev_values import (
    BlobKind,
    Caller,
    Copy,
    Draft,
    Group,
    Message,
    Profile,
    Scan,
)

UNPAGED: Final = 100
_INSTITUTIONS: Final = frozenset({Group.ADMINISTRATION, Group.SOCIAL})
_GROUPS: Final = {
    "Person": frozenset({Group.INDIVIDUAL}),
    "LegalPerson": frozenset({Group.LEGAL_ENTITY}),
    "Institution": _INSTITUTIONS,
}
_WEIGHTS: Final = (2, 4, 8, 5, 10, 9, 7, 3, 6)
_EMAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
NO_RECEIVER: Final = "The requested receiver profile does not exist or is deactivated!"
UNREADABLE: Final = "Profile can't read messsage"
NO_CODES: Final = "The profile is not allowed to send messages with access code!"
NOT_FOR_OTHERS: Final = "The login is not allowed to send on behalf of other users!"


class FaultError(Exception):
    """A SOAP fault; the text is the wire's."""


class InnerError(FaultError):
    """What the inner service does not handle (facts 7.3)."""

    def __init__(self) -> None:
        super().__init__('Status(StatusCode="Unknown", Detail="Exception was thrown by handler.")')


Operation = Callable[[Caller, Parameters, _Element, SoapShapes], Awaitable[None]]


class Operations:
    """Does what is asked; `table` is every operation by name."""

    def __init__(self, state: SsevState) -> None:
        self._state = state
        self.table: dict[str, Operation] = {
            "GetRegisteredInstitutions": self._institutions,
            "SendElectronicDocument": self._send_document,
            "SendElectronicDocumentWithAccessCode": self._no_codes,
            "SendElectronicDocumentOnBehalfOf": self._not_for_others,
            "SendMessage": self._send_message,
            "SendMessageWithAccessCode": self._no_codes,
            "SendMessageInReplyTo": self._reply,
            "SendMessageOnBehalfOf": self._not_for_others,
            "SendMessageOnBehalfToPerson": self._not_for_others,
            "SendMessageOnBehalfToLegalEntity": self._not_for_others,
            "GetSentDocumentStatusByRegNum": self._status_by_number,
            "GetSentDocumentContentByRegNum": self._content_by_number,
            "GetSentDocumentsContent": self._documents,
            "GetSentDocumentContent": self._document,
            "GetSentMessageStatus": self._status,
            "GetSentMessagesList": self._sent,
            "GetSentMessagesListPaged": self._sent,
            "GetReceivedMessagesList": self._received,
            "GetReceivedMessagesListPaged": self._received,
            "GetSentMessageContent": self._sent_content,
            "GetReceivedMessageContent": self._open,
            "CheckPersonHasRegistration": self._check_person,
            "CheckLegalPersonHasRegistration": self._check_legal_person,
            "CheckSubjectHasRegistration": self._check_subject,
            "GetSubjectInfo": self._subject,
            "GetEDeliveryGeneralStatistics": self._statistics,
        }

    # --- sending -------------------------------------------------------------------------------

    async def _send_message(
        self, caller: Caller, call: Parameters, result: _Element, _: SoapShapes
    ) -> None:
        receiver = self._receiver(call)
        result.text = str((await self._send(caller, call, (receiver,), "")).message_id)

    async def _reply(
        self, caller: Caller, call: Parameters, result: _Element, _: SoapShapes
    ) -> None:
        answered = call.number("replyToMessageId")
        if not answered:
            raise FaultError("Mandatory parameter replyToMessageId is missing or is equal to zero!")
        message = self._state.messages.get(answered)
        if message is None or message.copy_for(caller.profile.profile_id) is None:
            raise FaultError("Can't reply to this message!")
        # To the original's sender, with the forward's rnu (facts 9, no. 27).
        sender = self._state.people.known(self._state.original(message).sender)
        sent = await self._send(caller, call, (sender,), message.rnu)
        result.text = str(sent.message_id)

    async def _send_document(
        self, caller: Caller, call: Parameters, result: _Element, _: SoapShapes
    ) -> None:
        receiver = self._receiver(call)
        blob = await self._keep(
            caller,
            call.binary("docBytes"),
            call.text("docNameWithExtension"),
            call.text("docRegNumber"),
        )
        draft = Draft(
            subject=call.text("subject"),
            template_id=LETTER_TEMPLATE,
            fields=letter("", (blob,)),
            blobs=(blob,),
        )
        sent = await self._state.send(caller, (receiver,), draft)
        result.text = str(sent.message_id)

    async def _send(
        self, caller: Caller, call: Parameters, receivers: tuple[Profile, ...], rnu: str
    ) -> Message:
        message = call.inner("message", "DcMessageDetails")
        if message is None:
            raise FaultError("Object reference not set to an instance of an object.")
        documents = message.many("AttachedDocuments", "DcDocument")
        text = message.text("MessageText")
        if not message.text("Title") or not (text or documents):
            raise FaultError(
                "Message does not have all required fields: "
                "Title, Text or at least one Attached Document"
            )
        blobs = [
            await self._keep(
                caller,
                document.binary("Content"),
                document.text("DocumentName"),
                document.text("DocumentRegistrationNumber"),
            )
            for document in documents
        ]
        draft = Draft(
            subject=message.text("Title"),
            template_id=LETTER_TEMPLATE,
            fields=letter(text, tuple(blobs)),
            blobs=tuple(blobs),
            rnu=rnu,
        )
        return await self._state.send(caller, receivers, draft)

    async def _keep(self, caller: Caller, content: bytes, name: str, number: str) -> int:
        if not content:
            raise FaultError("Document bytes must be provided")
        stem, dot, extension = name.rpartition(".")
        if not (stem and dot and extension):
            raise FaultError("Document name with extension is missing or in invalid format")
        path = self._state.files.fresh()
        path.write_bytes(content)
        done = await self._state.files.take(caller.profile, name, path, BlobKind.TEMPORARY, number)
        if done.scan is Scan.MALICIOUS:
            raise FaultError(f"File {name} is malicious")
        if done.blob is None:
            raise FaultError(f"File {name} could not be uploaded")
        return done.blob.blob_id

    def _receiver(self, call: Parameters) -> Profile:
        identifier, kind = call.text("receiverUniqueIdentifier"), call.text("receiverType")
        if not identifier:
            raise FaultError("Receiver is missing")
        groups = _GROUPS.get(kind)
        if groups is None:
            raise FaultError("Receiver must be of type Institution, LegalPerson or Person")
        found = sorted(self._state.people.search(identifier, groups), key=lambda p: not p.activated)
        if found:
            return found[0]  # a deactivated one is taken as well (facts 9, no. 20)
        if kind != "Person":
            raise FaultError(NO_RECEIVER)
        if not _is_person(identifier):
            raise FaultError("Invalid identifier")
        if not _EMAIL.fullmatch(call.text("receiverEmail")):
            raise FaultError("Invalid Email")
        return self._state.people.add(
            identifier, "Лице без регистрация", Group.INDIVIDUAL, activated=False, passive=True
        )

    async def _no_codes(
        self, _caller: Caller, _call: Parameters, _result: _Element, _: SoapShapes
    ) -> None:
        raise FaultError(NO_CODES)

    async def _not_for_others(
        self, _caller: Caller, _call: Parameters, _result: _Element, _: SoapShapes
    ) -> None:
        raise FaultError(NOT_FOR_OTHERS)

    # --- lists ---------------------------------------------------------------------------------

    async def _sent(
        self, caller: Caller, call: Parameters, result: _Element, shapes: SoapShapes
    ) -> None:
        rows = [(m, copy) for m in self._state.outbox(caller.profile) for copy in m.copies]
        self._list(call, result, rows, shapes)

    async def _received(
        self, caller: Caller, call: Parameters, result: _Element, shapes: SoapShapes
    ) -> None:
        rows = self._state.inbox(caller.profile)
        if call.flag("onlyNew"):
            rows = [row for row in rows if row[1].opened_at is None]
        rows.sort(key=lambda row: (row[0].sent_at, row[0].message_id), reverse=True)
        rows.sort(key=lambda row: row[1].opened_at is not None)
        self._list(call, result, rows, shapes)

    def _list(
        self,
        call: Parameters,
        result: _Element,
        rows: list[tuple[Message, Copy]],
        shapes: SoapShapes,
    ) -> None:
        items, total, chosen = result, len(rows), rows[:UNPAGED]
        paged = etree.QName(result).localname.endswith("PagedResult")
        if paged:
            number, size = call.number("pageNumber"), call.number("pageSize")
            if number < 1 or size < 1:
                raise InnerError
            chosen = rows[(number - 1) * size : number * size]
            add(result, DATA, "AllItemsCount", total)
            items = etree.SubElement(result, f"{{{DATA}}}Items")
        for message, copy in chosen:
            shapes.row(etree.SubElement(items, f"{{{DATA}}}DcMessage"), message, copy)
        if paged:
            add(result, DATA, "SortColumn", "None")
            add(result, DATA, "SortOrder", "None")

    # --- reading -------------------------------------------------------------------------------

    async def _status(
        self, caller: Caller, call: Parameters, result: _Element, shapes: SoapShapes
    ) -> None:
        """The sender's look; a recipient who asks has opened the message (facts 7.6)."""
        message = self._message(call.number("messageId"))
        if message.sender == caller.profile.profile_id:
            shapes.details(result, message, message.copies[0], contents=False, own=True)
            return
        copy = self._copy(message, caller)
        await self._state.open(message, copy, caller)
        shapes.details(result, message, copy, contents=False, own=False)

    async def _open(
        self, caller: Caller, call: Parameters, result: _Element, shapes: SoapShapes
    ) -> None:
        """The legal receipt; messages of other templates fault before (facts 7.6)."""
        message = self._message(call.number("messageId"))
        copy = self._copy(message, caller)
        if message.template_id not in {LETTER_TEMPLATE, FORWARD_TEMPLATE}:
            raise InnerError
        await self._state.open(message, copy, caller)
        shapes.details(result, message, copy, contents=True, own=False)

    async def _sent_content(
        self, caller: Caller, call: Parameters, result: _Element, shapes: SoapShapes
    ) -> None:
        message = self._own(caller, call)
        shapes.details(result, message, message.copies[0], contents=True, own=True)

    async def _documents(
        self, caller: Caller, call: Parameters, result: _Element, shapes: SoapShapes
    ) -> None:
        for blob in self._state.blobs_of(self._own(caller, call)):
            one = etree.SubElement(result, f"{{{DATA}}}DcDocument")
            shapes.document(one, blob, contents=True)

    async def _document(
        self, caller: Caller, call: Parameters, result: _Element, shapes: SoapShapes
    ) -> None:
        wanted = call.number("documentId")
        for message in self._state.outbox(caller.profile):
            for blob in self._state.blobs_of(message):
                if blob.blob_id == wanted:
                    shapes.document(result, blob, contents=True)
                    return
        raise FaultError(UNREADABLE)

    async def _status_by_number(
        self, caller: Caller, call: Parameters, result: _Element, shapes: SoapShapes
    ) -> None:
        message, _ = self._numbered(caller, call)
        shapes.details(result, message, message.copies[0], contents=False, own=True)

    async def _content_by_number(
        self, caller: Caller, call: Parameters, result: _Element, shapes: SoapShapes
    ) -> None:
        message, position = self._numbered(caller, call)
        shapes.document(result, self._state.blobs_of(message)[position], contents=True)

    def _numbered(self, caller: Caller, call: Parameters) -> tuple[Message, int]:
        wanted = call.text("documentRegistrationNumber")
        pattern = re.escape(wanted).replace("%", ".*").replace("_", ".")
        for message in self._state.outbox(caller.profile):
            for position, blob in enumerate(self._state.blobs_of(message)):
                if wanted and re.fullmatch(pattern, blob.registration_number):
                    return message, position
        raise FaultError(UNREADABLE)

    def _own(self, caller: Caller, call: Parameters) -> Message:
        message = self._message(call.number("messageId"))
        if message.sender != caller.profile.profile_id:
            raise FaultError(UNREADABLE)
        return message

    def _message(self, message_id: int) -> Message:
        found = self._state.messages.get(message_id)
        if found is None:
            raise InnerError
        return found

    def _copy(self, message: Message, caller: Caller) -> Copy:
        copy = message.copy_for(caller.profile.profile_id)
        if copy is None:
            raise FaultError("Profile can't open messsage")
        return copy

    # --- people --------------------------------------------------------------------------------

    async def _institutions(
        self, _caller: Caller, _call: Parameters, result: _Element, _: SoapShapes
    ) -> None:
        for profile in self._state.people.all():
            if profile.group in _INSTITUTIONS:
                one = etree.SubElement(result, f"{{{SUBJECT}}}DcInstitutionInfo")
                subject(one, profile)

    async def _check_subject(
        self, _caller: Caller, call: Parameters, result: _Element, _: SoapShapes
    ) -> None:
        identifier = call.text("identificator")
        found = [p for p in self._state.people.search(identifier, EVERYBODY) if not p.passive]
        add(result, DATA, "HasRegistration", bool(found))
        add(result, DATA, "Identificator", identifier)
        info = etree.SubElement(result, f"{{{DATA}}}SubjectInfo")
        if not found:
            info.set(*NIL)
            return
        public(info, found[0])
        kinds = {Group.ADMINISTRATION: "StateAdministraation", Group.SOCIAL: "SocialOrganisations"}
        add(info, DATA, "InstitutionType", kinds.get(found[0].group))

    async def _check_person(
        self, _caller: Caller, call: Parameters, result: _Element, _: SoapShapes
    ) -> None:
        identifier = call.text("personId")
        found = self._activated(identifier, Group.INDIVIDUAL)
        short(etree.SubElement(result, f"{{{DATA}}}AccessibleProfiles"), found)
        add(result, DATA, "HasRegistration", bool(found))
        add(result, DATA, "Name", found[0].name if found else None)
        add(result, DATA, "PersonIdentificator", identifier)

    async def _check_legal_person(
        self, _caller: Caller, call: Parameters, result: _Element, _: SoapShapes
    ) -> None:
        identifier = call.text("eik")
        found = self._activated(identifier, Group.LEGAL_ENTITY)
        add(result, DATA, "EIK", identifier)
        add(result, DATA, "Email", found[0].email if found else None)
        add(result, DATA, "HasRegistration", bool(found))
        add(result, DATA, "Name", found[0].name if found else None)
        add(result, DATA, "Phone", found[0].phone if found else None)
        short(etree.SubElement(result, f"{{{DATA}}}ProfilesWithAccess"), found)

    def _activated(self, identifier: str, group: Group) -> list[Profile]:
        found = self._state.people.search(identifier, frozenset({group}))
        return [profile for profile in found if profile.activated]

    async def _subject(
        self, _caller: Caller, call: Parameters, result: _Element, _: SoapShapes
    ) -> None:
        profile = self._state.people.subject(call.text("electronicSubjectId"))
        if profile is None:
            raise InnerError
        subject(result, profile)

    async def _statistics(
        self, _caller: Caller, _call: Parameters, result: _Element, _: SoapShapes
    ) -> None:
        kinds = [KINDS[profile.group] for profile in self._state.people.all()]
        sent = len(self._state.messages)
        for name, value in (
            ("NumberOfLogins", len(kinds)),
            ("NumberOfRegisteredAdministrations", kinds.count("Institution")),
            ("NumberOfRegisteredLegalPerson", kinds.count("LegalPerson")),
            ("NumberOfRegisteredSocialOrganisations", 0),
            ("NumberOfSentMessage", sent),
            ("NumberOfSentMessage10days", sent),
            ("NumberOfSentMessage30days", sent),
            ("NumberOfSentMessageToday", sent),
        ):
            add(result, DATA, name, value)


def _is_person(identifier: str) -> bool:
    """Tell whether the check digit of an ЕГН holds."""
    if not re.fullmatch(r"[0-9]{10}", identifier):
        return False
    total = sum(int(digit) * weight for digit, weight in zip(identifier, _WEIGHTS, strict=False))
    return total % 11 % 10 == int(identifier[9])
