"""Reads the fields of the office's forms: days, lines, choices. Pure; raises `RuleError`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, tzinfo

from depesha.errors import RuleError

LINE = 200


class Typed(dict[str, str]):
    """What was typed into a form, to be shown again; a field that was not is empty."""

    def __missing__(self, name: str) -> str:
        """Return nothing for what was not typed."""
        return ""


def line(form: Mapping[str, str], name: str, *, most: int = LINE, needed: bool = False) -> str:
    """Return one line of text without blanks at its ends."""
    found = " ".join(form.get(name, "").split())
    if len(found) > most or not found.isprintable() or (needed and not found):
        raise RuleError("one line of text is needed", rule="line")
    return found


def day(form: Mapping[str, str], name: str) -> date | None:
    """Return a day; None where the field is empty."""
    text = form.get(name, "").strip()
    if not text:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise RuleError("this is no day", rule="day") from None


def moment(form: Mapping[str, str], name: str, zone: tzinfo) -> datetime | None:
    """Return a moment given by the wall clock here; None where the field is empty."""
    text = form.get(name, "").strip()
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise RuleError("this is no moment", rule="day") from None
    return found if found.tzinfo else found.replace(tzinfo=zone)


def midnight(of: date, zone: tzinfo) -> datetime:
    """Return when a day begins here."""
    return datetime.combine(of, time(), zone)
