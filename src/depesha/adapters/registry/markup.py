"""HTML made of elements: text is escaped where it enters, so that no caller can forget it. Pure.

A text from outside can become neither an element nor an attribute, and nothing unseen in it (turned
writing direction, control characters) reaches the reader.
"""

from __future__ import annotations

import html
import unicodedata
from typing import Final

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_VOID: Final = frozenset({"meta"})


class Html(str):
    """Text that is HTML already. Only this file makes it."""

    __slots__ = ()


Content = str | int


def element(tag: str, *content: Content, **attributes: str) -> Html:
    """Return an element; whatever in `content` is not `Html` is text. `tag` is ours, never theirs.

    A trailing `_` in an attribute's name is dropped and any other one is a hyphen, as in `class_`
    and `http_equiv`.
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{text(value)}"'
        for name, value in attributes.items()
    )
    if tag in _VOID:
        return Html(f"<{tag}{given}>")
    return Html(f"<{tag}{given}>{joined(*content)}</{tag}>")


def joined(*content: Content) -> Html:
    """Return several pieces as one."""
    return Html("".join(piece if isinstance(piece, Html) else text(piece) for piece in content))


def text(value: Content) -> Html:
    """Return a text as HTML; what cannot be seen is replaced."""
    seen = "".join(
        "\N{REPLACEMENT CHARACTER}"
        if character != "\n" and unicodedata.category(character) in _HIDDEN
        else character
        for character in str(value)
    )
    return Html(html.escape(seen, quote=True))


def said(value: str) -> Html:
    """Return somebody's own words, kept apart from ours whatever their direction of writing."""
    return element("bdi", value)


def style(sheet: str) -> Html:
    """Return a style sheet of ours; its text must be safe to stand in HTML as it is."""
    if "<" in sheet:
        raise ValueError("a style sheet that could end its element")
    return Html(f"<style>{sheet}</style>")


def page(language: str, title: str, head: Html, body: Html) -> bytes:
    """Return a whole document in UTF-8."""
    inside = joined(element("meta", charset="utf-8"), head, element("title", title))
    whole = element("html", element("head", inside), element("body", body), lang=language)
    return f"<!DOCTYPE html>\n{whole}\n".encode()
