"""Reads an HTML page as a browser would, for tests: its elements, attributes, words. No asserts."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass
class Seen(HTMLParser):
    """What a page is made of."""

    elements: set[str] = field(default_factory=set)
    attributes: set[tuple[str, str]] = field(default_factory=set)
    values: dict[tuple[str, str], str] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    sheets: list[str] = field(default_factory=list)
    oddities: list[str] = field(default_factory=list)
    """Comments, processing instructions and other declarations than the first."""

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        self._inside = tag
        for name, value in attrs:
            self.attributes.add((tag, name))
            self.values[tag, name] = value or ""

    def handle_endtag(self, _tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        (self.sheets if self._inside == "style" else self.words).append(data)

    def handle_comment(self, data: str) -> None:
        self.oddities.append(data)

    def handle_pi(self, data: str) -> None:
        self.oddities.append(data)

    def unknown_decl(self, data: str) -> None:
        self.oddities.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def seen(page: bytes) -> Seen:
    """Read a page."""
    found = Seen()
    found.feed(page.decode("utf-8"))
    found.close()
    return found
