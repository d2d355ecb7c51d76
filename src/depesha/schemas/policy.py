"""Every limit and rule the checks and the queue go by, with its reason. Values only.

`config.py` reads them from the operator's file; nothing here reads anything.
"""

from __future__ import annotations

from dataclasses import dataclass

from depesha.schemas.ids import Guid

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes, counts and times; enforced while reading, not measured after."""

    message_bytes: int = 160 * MEBIBYTE
    """Whole HTTP body: base64 and escaping grow a file by a third and more."""
    attachment_bytes: int = 100 * MEBIBYTE
    attachments: int = 100
    name_characters: int = 255
    """What file systems of clerks' machines take."""
    archive_depth: int = 3
    archive_members: int = 2_000
    archive_unpacked_bytes: int = 1024 * MEBIBYTE
    archive_ratio: int = 200
    """Unpacked to packed; office documents stay far below."""
    scanner_file_bytes: int = 100 * MEBIBYTE
    """What the scanner really looks at: members beyond are held, as clamd would pass them."""
    scan_seconds: float = 60.0
    """Budget for all files of one message."""
    clock_difference_seconds: int = 24 * 3600
    """Beyond this a sender's own time is worth a warning."""
    directory_stale_seconds: int = 24 * 3600


DEFAULT_FORMATS = frozenset(
    {
        "application/pdf",
        "application/rtf",
        "text/rtf",
        "text/plain",
        "text/csv",
        "text/html",
        "text/xml",
        "application/xml",
        "application/json",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "application/vnd.oasis.opendocument.text",
        "application/vnd.oasis.opendocument.spreadsheet",
        "application/vnd.oasis.opendocument.presentation",
        "application/pkcs7-mime",
        "application/pkcs7-signature",
        "application/vnd.etsi.asic-e+zip",
        "application/vnd.etsi.asic-s+zip",
        "application/zip",
        "image/jpeg",
        "image/png",
        "image/tiff",
        "image/gif",
        "message/rfc822",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How this administration judges what arrives."""

    own_identifiers: frozenset[str]
    """EIK of the bodies this gateway serves."""
    own_guids: frozenset[Guid]
    strict_schema: bool = False
    """True: any deviation from the schema refuses the message."""
    formats: frozenset[str] = DEFAULT_FORMATS
    macros_allowed: bool = False
    archives_allowed: bool = True
    unknown_formats_held: bool = True
    """False: a file of unknown type is refused instead of held."""
    limits: Limits = Limits()
