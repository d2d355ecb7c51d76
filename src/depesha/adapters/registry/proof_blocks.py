"""The blocks of a printable proof: tables, files, journey, seals, small values. Pure.

What is said of a message is `proof.py`'s; here nothing is left unescaped and nothing is invented.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from depesha.adapters.registry.markup import Content, Html, element, joined, said
from depesha.schemas.evidence import sha256
from depesha.schemas.message import EvidenceKind
from depesha.schemas.outbound_sentences import name_of
from depesha.schemas.proof_words import proof_word

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from depesha.schemas.envelope import Attachment, DocumentReference, Party, RegistrationNumber
    from depesha.schemas.evidence import Seal
    from depesha.schemas.facts import ContentFacts
    from depesha.schemas.pack import PackReport, PackRow

_LOOKS: Final = frozenset(
    {
        EvidenceKind.VIEWED,
        EvidenceKind.EXPORTED,
        EvidenceKind.CONTENT_OPENED,
        EvidenceKind.PERMISSION_DENIED,
        EvidenceKind.REPORTED,
        EvidenceKind.ATTENDED,
    }
)
"""Who looked at it is no part of what happened to it."""


class Writer:
    """Writes the blocks of one page in one language."""

    def __init__(self, language: str, report: PackReport) -> None:
        """`report` is the verified evidence that the page is made of."""
        self.language = language
        self.rows = tuple(row for row in report.rows if row.kind not in _LOOKS)
        self._seals = report.seals

    def files(self, files: Sequence[Attachment], contents: Sequence[ContentFacts]) -> Html:
        """What was attached, by name, kind, size and digest."""
        kinds = {content.attachment.index: content.detected for content in contents}
        return self.table(
            ("place", "name", "type", "size", "sha256"),
            [
                (
                    file.index,
                    said(file.name),
                    said(kinds.get(file.index, "")),
                    file.size,
                    code(file.digest),
                )
                for file in files
            ],
            empty="none.files",
        )

    def journey(self) -> Html:
        """What happened, row by row, with the digest of every receipt."""
        rows = [
            (
                row.sequence,
                second(row.at),
                self._event(row),
                code("\n".join(_receipts(row))),
                row.seal,
            )
            for row in self.rows
        ]
        return self.section("journey", self.table(("row", "when", "what", "receipt", "seal"), rows))

    def _event(self, row: PackRow) -> Html:
        network = row.facts.get("network", "")
        facts = (row.facts.get(name, "") for name in ("outcome", "status", "code"))
        told = [name_of("network", network, self.language), *facts]
        if delivered := row.facts.get("delivered_at"):
            told.append(f"{self.word('note.delivered')} {second(str(delivered))}")
        words = " · ".join(str(one) for one in told if one)
        return joined(self.word(f"event.{row.kind}"), "\n", said(words))

    def seals(self) -> Html:
        """The seals over these rows, and how they are verified elsewhere."""
        tables = [self._seal(seal) for seal in self._seals]
        command = element("code", "depesha evidence verify", class_="d")
        note = element("p", f"{self.word('note.seal')} ", command, ".")
        return self.section("seal", joined(*tables, note))

    def _seal(self, seal: Seal) -> Html:
        return self.pairs(
            ("seal", f"{seal.number}"),
            ("when", second(seal.at)),
            ("rows", f"{seal.first}–{seal.last}"),
            ("root", code(seal.root)),
            ("chain", code(seal.chain)),
            ("key", code(seal.key)),
            ("signed", code(seal.signature)),
        )

    def section(self, name: str, content: Html) -> Html:
        """A block with its heading; an empty one says so."""
        shown = content or element("p", self.word(f"none.{name}"))
        return element("section", element("h2", self.word(f"heading.{name}")), shown)

    def pairs(self, *pairs: tuple[str, str]) -> Html:
        """Rows of label and value; what is empty is left out, and so is an empty table."""
        rows = [
            element("tr", element("th", self.word(f"label.{name}"), scope="row"), _cell(value))
            for name, value in pairs
            if value and value != said("")
        ]
        return element("table", *rows) if rows else joined()

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[Content]], *, empty: str = ""
    ) -> Html:
        """Rows under heads, or the words for none."""
        if not rows:
            return element("p", self.word(empty)) if empty else joined()
        labels = [self.word(f"label.{name}") for name in columns]
        head = (element("th", label, scope="col") for label in labels)
        body = (
            # The label stands at each cell where a small screen leaves no room for columns.
            element("tr", *map(_cell, row, labels))
            for row in rows
        )
        return element("table", element("tr", *head), *body, class_="w")

    def word(self, key: str) -> str:
        """A text of ours."""
        return proof_word(key, self.language)


def _cell(value: Content, label: str = "") -> Html:
    return element("td", value, data_label=label) if label else element("td", value)


def code(value: str) -> Html:
    """A digest, a key or another long code; nothing where there is none."""
    return element("span", value, class_="d") if value else joined()


def moment(at: datetime | None) -> str:
    """A moment of ours; all of them are in UTC, as the page says."""
    return "" if at is None else second(at.isoformat())


def second(at: str) -> str:
    """A moment as the journal writes it, to the second; the exact one stands in the pack."""
    return at.replace("T", " ")[:19]


def number(given: RegistrationNumber | None) -> Html:
    """A number in somebody's registry, with its day."""
    if given is None:
        return joined()
    return joined(said(given.number), f" / {given.date.isoformat()}")


def party(body: Party) -> Html:
    """An administration."""
    return joined(said(body.name), " (", said(body.identifier), ")")


def reference(document: DocumentReference | None) -> Html:
    """Another document."""
    if document is None:
        return joined()
    return joined(number(document.number), "\n", code(document.guid))


def _receipts(row: PackRow) -> tuple[str, ...]:
    """Digests of what was said or heard with a row: its wire bytes, the original of a word."""
    original = row.facts.get("original")
    wire = (sha256(row.wire),) if row.wire else ()
    return (*wire, original) if isinstance(original, str) and original else wire
