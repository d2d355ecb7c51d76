"""The words of a document that the registry submits: strict JSON, the same by API and by folder.

Pure. A wrong type, an unknown member or an unusable text is refused with a pointer to it. What is
merely missing (number, kind, subject, files) is let through: the gateway's own rules name all such
defects at once, with what mends each (CHK-06 to 08, SIG-01, S7).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from depesha.adapters.registry.inputs import CONTROL, NUMBER_CHARACTERS, lines, one_line
from depesha.errors import WireError
from depesha.schemas.dispatch import Mark, Quality
from depesha.schemas.envelope import Day
from depesha.schemas.ids import guid

_SUBJECT_CHARACTERS = 2_000
_TEXT_CHARACTERS = 20_000
_NAME_CHARACTERS = 255
_MOST_PERSONS = 200
_MOST_FILES = 100
_MOST_CHANNELS = 10
_SEPARATORS = re.compile(r"[/\\]")


def _maybe_one_line(text: str) -> str:
    return one_line(text) if text.strip() else ""


def _maybe_lines(text: str) -> str:
    return lines(text) if text.strip() else ""


def _guid(text: str) -> str:
    try:
        return guid(text)
    except WireError as error:
        raise ValueError("must be a GUID") from error


def _maybe_guid(text: str) -> str:
    return _guid(text) if text.strip() else ""


def file_name(text: str) -> str:
    """A name is shown to the recipient and never is a path, here or there."""
    if CONTROL.search(text):
        raise ValueError("control characters and line breaks are not allowed")
    if _SEPARATORS.search(text) or text.strip() in {".", ".."}:
        raise ValueError("must be a name without a path")
    return text.strip()


Line = Annotated[str, Field(max_length=_NAME_CHARACTERS), AfterValidator(_maybe_one_line)]
Identifier = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(one_line)]
FileName = Annotated[str, Field(max_length=_NAME_CHARACTERS), AfterValidator(file_name)]
GuidText = Annotated[str, Field(max_length=38), AfterValidator(_guid)]
MaybeGuid = Annotated[
    str, Field(max_length=38, description="Empty: made from the key"), AfterValidator(_maybe_guid)
]


class _Words(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RecipientWords(_Words):
    """To whom; name and GUID are looked up in the participants' register where left out."""

    identifier: Identifier = Field(description="EIK/BULSTAT")
    name: Line = ""
    guid: Annotated[str, Field(max_length=38), AfterValidator(_maybe_guid)] = ""


class DocumentWords(_Words):
    """The document's identity and the number the registry gave it (NUM-09)."""

    guid: MaybeGuid = ""
    number: Annotated[
        str,
        Field(max_length=NUMBER_CHARACTERS, examples=["ИЗХ-12/02.03.2026"]),
        AfterValidator(_maybe_one_line),
    ] = ""
    date: Day | None = None


class ReferenceWords(_Words):
    """Another document, by its GUID, with its number where known."""

    guid: GuidText
    number: Annotated[str, Field(max_length=NUMBER_CHARACTERS), AfterValidator(_maybe_one_line)] = (
        ""
    )
    date: Day | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if bool(self.number) != (self.date is not None):
            raise ValueError("number and date are given together or not at all")
        return self


class PersonWords(_Words):
    """A person or body the document speaks of. Personal data."""

    name: Annotated[str, Field(min_length=1, max_length=_NAME_CHARACTERS), AfterValidator(one_line)]
    city: Line = ""
    address: Line = ""
    personal_number: Line = ""
    identity_card: Line = ""
    eik: Line = ""
    email: Line = ""
    phone: Line = ""
    mobile_phone: Line = ""
    responsible: Line = ""
    comment: Line = ""
    applicant: bool = False


class ServiceWords(_Words):
    """The administrative service the document belongs to."""

    name: Line
    kind: Line
    code: Line


class FileWords(_Words):
    """One file of the submission."""

    part: Annotated[str, Field(min_length=1, max_length=_NAME_CHARACTERS)] = Field(
        description="Name of the form field; in a folder, name of the file"
    )
    name: FileName | None = Field(
        default=None, description="As the recipient sees it; left out: the file's own"
    )
    media_type: Annotated[str, Field(max_length=_NAME_CHARACTERS)] = Field(
        default="", description="Left out: that of the part, or else by content"
    )
    comment: Line = ""


class DescribedFile(_Words):
    """A file that is only spoken of, for a dry run."""

    name: FileName = ""
    size: Annotated[int, Field(ge=0, le=2**53)] = Field(description="Bytes")


class DispatchWords(_Words):
    """Everything said of a document but its files."""

    document: DocumentWords = DocumentWords()
    kind: Line = Field(default="", description="In the author's words: letter, order …")
    subject: Annotated[
        str, Field(max_length=_SUBJECT_CHARACTERS), AfterValidator(_maybe_one_line)
    ] = ""
    text: Annotated[str, Field(max_length=_TEXT_CHARACTERS), AfterValidator(_maybe_lines)] = Field(
        default="", description="Covering words, for channels that carry a letter"
    )
    parent: ReferenceWords | None = Field(
        default=None, description="The document this one answers or continues"
    )
    corrects: Annotated[str, Field(max_length=38), AfterValidator(_maybe_guid)] = Field(
        default="", description="GUID of the declined document that this one mends"
    )
    attention_to: Line = ""
    deadline: date | None = Field(default=None, description="Day by which an answer is asked for")
    correspondents: Annotated[tuple[PersonWords, ...], Field(max_length=_MOST_PERSONS)] = ()
    service: ServiceWords | None = None
    marks: Annotated[tuple[Mark, ...], Field(max_length=len(Mark))] = Field(
        default=(), description="PERSONAL_DATA: told to a third party, never leaves by e-mail"
    )
    floor: Quality = Field(
        default=Quality.SIGNED_MAIL, description="The least legal quality of the way that will do"
    )
    scan_instead: Annotated[str, Field(max_length=450), AfterValidator(_maybe_lines)] = Field(
        default="", description="Why no file bears a signature and a scan goes instead"
    )
    channels: Annotated[
        tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,31}$")], ...],
        Field(max_length=_MOST_CHANNELS, description="Networks it may take; empty: all"),
    ] = ()


class Submission(DispatchWords):
    """A document to be sent. Its files are the other parts of the form."""

    recipient: RecipientWords
    files: Annotated[tuple[FileWords, ...], Field(max_length=_MOST_FILES)] | None = Field(
        default=None, description="In order; left out: every file part, in the order of the form"
    )


class ExplainWords(DispatchWords):
    """A document that is only thought of, or the id of one that is on its way."""

    id: Annotated[str, Field(pattern=r"^(?:[0-9a-f]{32})?$")] = Field(
        default="", description="Of a document on its way; then nothing else is given"
    )
    recipient: RecipientWords | None = None
    files: Annotated[tuple[DescribedFile, ...], Field(max_length=_MOST_FILES)] = ()

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if self.id and self.model_fields_set != {"id"}:
            raise ValueError("an id stands alone: the document is known")
        if not self.id and self.recipient is None:
            raise ValueError("recipient or id is needed")
        return self
