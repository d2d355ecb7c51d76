"""Finds out what an attached file really is (`ports.ContentInspector`). Only looks, never judges.

Called from worker threads; maps large files instead of loading them, and never holds one whole.
Whatever a file does wrong is said in its facts: nothing here raises for bad bytes.
"""

from __future__ import annotations

import io
import mmap
from typing import TYPE_CHECKING, BinaryIO

from depesha.adapters import archives, compound, documents, filesignatures
from depesha.adapters.filetypes import HEAD, detect
from depesha.adapters.mapped import Mapped
from depesha.adapters.names import safe_name
from depesha.adapters.zips import is_hidden_in
from depesha.schemas import mediatypes as mt
from depesha.schemas.facts import ContentFacts

if TYPE_CHECKING:
    from depesha.adapters.zips import Bytes
    from depesha.schemas.envelope import Attachment
    from depesha.schemas.facts import ArchiveFacts, FileSignature
    from depesha.schemas.policy import Limits

_MAPPED_FROM = 1024 * 1024
"""Below this, reading is cheaper than mapping."""
_MAY_HIDE_A_ZIP = frozenset({mt.PDF, "image/gif", "image/jpeg", "image/png", "image/tiff"})
"""Readers of these stop at their own end: what a zip reader finds behind it is judged as well."""
_MACROS_PRESENT = b'macrosPresent="yes"'
"""Word's and Excel's flat XML of 2003 says so itself."""


class Inspector:
    """Inspects files by content. Stateless and safe to share between threads."""

    def __init__(self, *, limits: Limits) -> None:
        """`limits` bound how far archives are looked into."""
        self._limits = limits

    def inspect(self, attachment: Attachment, content: BinaryIO) -> ContentFacts:
        """Return the facts; `content` is seekable and may be left at any position."""
        data = _load(content)
        try:
            return self._inspect(attachment, data)
        finally:
            if isinstance(data, Mapped):
                data.close()

    def _inspect(self, attachment: Attachment, data: Bytes) -> ContentFacts:
        head = data[:HEAD]
        kind = detect(head, attachment.name)
        found = _Findings(kind)
        if kind == mt.PDF:
            found.encrypted = documents.pdf_encrypted(data)
            found.signatures = filesignatures.in_pdf(data)
        elif kind in {mt.ZIP, mt.TAR, mt.GZIP}:
            found.look_through(data, self._limits)
        elif kind == mt.OLE:
            old = compound.look(data, attachment.name)
            found.kind, found.macros, found.encrypted = old.kind, old.macros, old.encrypted
        elif kind == mt.CMS:
            found.kind, found.signatures, found.encrypted = filesignatures.in_cms(data)
        elif kind == mt.XML:
            found.macros = data.find(_MACROS_PRESENT) >= 0
            found.signatures = filesignatures.in_xml(data)
        elif kind == mt.RTF:
            found.macros = documents.rtf_programs(data)
        elif kind == mt.EML:
            found.signatures = filesignatures.in_mail(head)
        if kind in _MAY_HIDE_A_ZIP and is_hidden_in(data):
            found.archive = archives.look(data, mt.ZIP, self._limits).facts()
        return ContentFacts(
            attachment=attachment,
            detected=found.kind,
            safe_name=safe_name(attachment.name, attachment.index, found.kind),
            macros=found.macros,
            encrypted=found.encrypted,
            archive=found.archive,
            signatures=found.signatures,
        )


class _Findings:
    """What one look gathers before it becomes a value."""

    __slots__ = ("archive", "encrypted", "kind", "macros", "signatures")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.macros = False
        self.encrypted = False
        self.archive: ArchiveFacts | None = None
        self.signatures: tuple[FileSignature, ...] = ()

    def look_through(self, data: Bytes, limits: Limits) -> None:
        seen = archives.look(data, self.kind, limits)
        self.kind, self.macros, self.archive = seen.kind, seen.macros, seen.facts()
        if seen.outer is not None and not seen.unsafe and not seen.unreadable:
            self.signatures = filesignatures.in_zip(seen.outer, self.kind)


def _load(content: BinaryIO) -> Bytes:
    """Return a file's bytes, mapped where it is large and real."""
    size = content.seek(0, io.SEEK_END)
    content.seek(0)
    if size >= _MAPPED_FROM:
        try:
            return Mapped(content.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):  # io.UnsupportedOperation among them: no real file
            content.seek(0)
    return content.read()
