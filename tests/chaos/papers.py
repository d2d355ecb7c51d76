"""Makes a planned document into words and files; the same plan makes the same bytes."""

from __future__ import annotations

import hashlib
from datetime import date
from random import Random
from typing import Any

from depesha.simulators import papers
from tests.chaos.plan import BODIES, Document, File, Lot

Content = tuple[str, str, bytes]
"""Name, media type, bytes."""


def files_of(document: Document) -> tuple[Content, ...]:
    """Return the files; some milliseconds of work."""
    if document.lot is Lot.NO_FILES:
        return ()
    if document.lot is Lot.WRONG_KIND:
        return (("данни.csv", papers.CSV, papers.csv(9)),)
    made = tuple(_content(document, file) for file in document.files)
    if document.lot is Lot.INFECTED:
        name, kind, content = made[0]
        return ((name, kind, content + papers.EICAR), *made[1:])
    return made


def _content(document: Document, file: File) -> Content:
    chance = Random(file.seed)  # noqa: S311 - chance that can be had again
    title = f"Document {document.number} {file.seed}"
    if file.name.endswith("docx") and document.lot is not Lot.INFECTED:
        words = chance.randbytes(max(1, file.size // 2)).hex()
        return file.name, papers.DOCX, papers.docx(title, words)
    return file.name, papers.PDF, papers.pdf(title, chance.randbytes(file.size))


def digests_of(files: tuple[Content, ...]) -> tuple[str, ...]:
    """Return SHA-256 of the files, sorted."""
    return tuple(sorted(hashlib.sha256(content).hexdigest() for _, _, content in files))


def words_of(document: Document, today: date) -> dict[str, Any]:
    """Return what the registry says of it."""
    nobody = "000000099"
    identifier = BODIES[document.recipient].party.identifier
    number = "" if document.lot is Lot.NO_NUMBER else f"ИЗХ-{document.number}"
    marks = ["PERSONAL_DATA"] if document.personal else []
    return {
        "recipient": {"identifier": nobody if document.lot is Lot.TO_NOBODY else identifier},
        "document": {"guid": document.guid, "number": number, "date": today.isoformat()},
        "kind": "Писмо",
        "subject": f"Документ {document.number}",
        "scan_instead": "" if document.lot is Lot.UNSIGNED else "Подписан на хартия.",
        "marks": [*marks, "RESTRICTED"] if document.lot is Lot.RESTRICTED else marks,
        "floor": document.floor,
        "channels": list(document.channels),
    }
