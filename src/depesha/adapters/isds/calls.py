"""Our wishes as the words of ISDS's calls, by element name (facts 4.1, 5, 8.3). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from depesha.adapters.isds.values import CreateWords, OutgoingFile, Uploaded
from depesha.schemas.wire.isds import EVERY_STATE

_CREATE: Final = (
    ("dmSenderOrgUnit", "sender_unit"),
    ("dmSenderOrgUnitNum", "sender_unit_number"),
    ("dbIDRecipient", "recipient_box"),
    ("dmRecipientOrgUnit", "recipient_unit"),
    ("dmRecipientOrgUnitNum", "recipient_unit_number"),
    ("dmToHands", "to_hands"),
    ("dmAnnotation", "subject"),
    ("dmRecipientRefNumber", "recipient_reference"),
    ("dmSenderRefNumber", "sender_reference"),
    ("dmRecipientIdent", "recipient_mark"),
    ("dmSenderIdent", "sender_mark"),
    ("dmLegalTitleLaw", "law_number"),
    ("dmLegalTitleYear", "law_year"),
    ("dmLegalTitleSect", "law_section"),
    ("dmLegalTitlePar", "law_paragraph"),
    ("dmLegalTitlePoint", "law_point"),
    ("dmPersonalDelivery", "personal_delivery"),
    ("dmAllowSubstDelivery", "fiction_allowed"),
    ("dmOVM", "as_authority"),
)


def envelope(words: CreateWords) -> dict[str, Any]:
    """Return the create envelope; what is not given is left to be nil or out."""
    said: dict[str, Any] = {}
    for wire, own in _CREATE:
        value = getattr(words, own)
        if value is not None and value != "":
            said[wire] = value
    if words.message_type:
        said["dmType"] = words.message_type
    return said


def message(words: CreateWords, files: Sequence[OutgoingFile], marks: Sequence[bytes]) -> Any:
    """Return the words of CreateMessage; `marks` stand for the contents."""
    listed = [{**_file(f), "dmEncodedContent": m} for f, m in zip(files, marks, strict=True)]
    return {"dmEnvelope": envelope(words), "dmFiles": {"dmFile": listed}}


def big_message(
    words: CreateWords,
    uploaded: Sequence[Uploaded],
    inline: Sequence[OutgoingFile],
    marks: Sequence[bytes],
) -> Any:
    """Return the words of CreateBigMessage: uploaded files first, then those inside."""
    outside = [_external(each) for each in uploaded]
    inside = [{**_file(f), "dmEncodedContent": m} for f, m in zip(inline, marks, strict=True)]
    return {
        "dmEnvelope": envelope(words),
        "dmFiles": {"dmExtFile": outside, "dmFile": inside},
    }


def _file(file: OutgoingFile) -> dict[str, Any]:
    said = {
        "dmMimeType": file.media_type,
        "dmFileMetaType": file.meta_type,
        "dmFileDescr": file.name,
    }
    return {**said, **_guids(file)}


def _guids(file: OutgoingFile) -> dict[str, str]:
    given = {"dmFileGuid": file.guid, "dmUpFileGuid": file.parent_guid}
    return {name: value for name, value in given.items() if value}


def _external(uploaded: Uploaded) -> dict[str, Any]:
    return {
        "dmFileMetaType": uploaded.file.meta_type,
        "dmAttID": uploaded.attachment_id,
        "dmAttHash1": uploaded.hash_1,
        "dmAttHash1Alg": uploaded.hash_1_algorithm,
        "dmAttHash2": uploaded.hash_2,
        "dmAttHash2Alg": uploaded.hash_2_algorithm,
        **_guids(uploaded.file),
    }


def listing(
    since: datetime | None, until: datetime | None, offset: int, limit: int, states: Sequence[int]
) -> dict[str, Any]:
    """Return the words of a list; `states` empty: all of them (facts 5.2.1)."""
    wanted = str(sum(1 << state for state in states)) if states else EVERY_STATE
    return {**period(since, until), "dmStatusFilter": wanted, "dmOffset": offset, "dmLimit": limit}


def period(since: datetime | None, until: datetime | None) -> dict[str, Any]:
    """Return a stretch of time; None is open."""
    return {"dmFromTime": since, "dmToTime": until}
