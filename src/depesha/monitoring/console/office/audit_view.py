"""The audit's lines in words, and what was asked for. Pure.

Whoever may not know what documents are about is told the facts that say nothing of it (ROL-06).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from depesha.errors import RuleError, WireError
from depesha.monitoring.console.office.forms import day, midnight
from depesha.monitoring.console.pages.timeline import SAFE
from depesha.schemas.audit import NOBODY, AuditPage, AuditQuery, Deed, deed_of
from depesha.schemas.ids import MessageId, message_id
from depesha.schemas.overview_story import event_of
from depesha.schemas.sentences import plain

if TYPE_CHECKING:
    from depesha.monitoring.console.pages.telling import Teller
    from depesha.schemas.evidence import EvidenceRecord
    from depesha.schemas.overview import StoryEvent

TOLD = SAFE | {
    "account",
    "action",
    "area",
    "before",
    "change",
    "deputy",
    "file",
    "ground",
    "key",
    "means",
    "page",
    "part",
    "roles",
    "rows",
    "scopes",
    "shown",
    "since",
    "undertaking",
    "until",
    "why",
}
"""Facts of people's deeds that whoever reads the audit may know."""
_WHO = 80
_PAGE = 64
_ID_TAIL = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the form asks for, as it was typed."""

    who: str = ""
    document: str = ""
    deed: str = ""
    since: str = ""
    until: str = ""

    def query(self, zone: tzinfo, after: str = "", limit: int = 50) -> AuditQuery:
        """Return the query; raise `RuleError` where it cannot be one."""
        fields = {"since": self.since, "until": self.until}
        first, last = day(fields, "since"), day(fields, "until")
        return AuditQuery(
            who=_actor(self.who),
            deed=Deed(self.deed) if self.deed else None,
            document=_document(self.document),
            since=None if first is None else midnight(first, zone),
            until=None if last is None else midnight(_after(last), zone),
            after=after[:_PAGE],
            limit=limit,
        )

    def address(self, page: str = "/audit", **more: str) -> str:
        """Return the address that asks the same again."""
        fields = {name: value for name, value in (self.fields() | more).items() if value}
        return f"{page}?{urlencode(fields)}" if fields else page

    def fields(self) -> dict[str, str]:
        """Return the fields of a form that asks the same."""
        return {
            "who": self.who,
            "document": self.document,
            "deed": self.deed,
            "since": self.since,
            "until": self.until,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DeedLine:
    """One thing that somebody did."""

    sequence: int
    at: datetime
    deed: Deed
    sentence: str
    who: str
    asked: str
    """Address of everything that this one did."""
    document: str
    """Id of the document; empty: about none."""
    short: str
    details: tuple[tuple[str, str], ...]
    seal: int
    hash: str


def asked_of(fields: Mapping[str, str]) -> Asked:
    """Read a form's or an address' fields; what cannot be meant is left out."""
    deed = fields.get("deed", "")
    return Asked(
        who=" ".join(fields.get("who", "").split())[:_WHO],
        document="".join(fields.get("document", "").split())[:_PAGE],
        deed=deed if deed in set(Deed) else "",
        since=fields.get("since", "")[:10],
        until=fields.get("until", "")[:10],
    )


def deed_lines(page: AuditPage, tell: Teller, *, sees: bool) -> tuple[DeedLine, ...]:
    """Return the page's rows in words."""
    return tuple(
        _line(record, seal, tell, sees=sees)
        for record, seal in zip(page.records, page.seals, strict=True)
    )


def _line(record: EvidenceRecord, seal: int, tell: Teller, *, sees: bool) -> DeedLine:
    event = event_of(record)
    return DeedLine(
        sequence=event.sequence,
        at=event.at,
        deed=deed_of(event.kind, event.actor) or Deed.CHANGED,
        sentence=tell.say(f"event.{event.kind}"),
        who=who(event.actor, tell),
        asked=Asked(who=event.actor).address(),
        document=record.message_id,
        short=record.message_id[-_ID_TAIL:],
        details=_details(event, tell, sees=sees),
        seal=seal,
        hash=record.hash,
    )


def who(actor: str, tell: Teller) -> str:
    """Return an actor's name: a person's login alone, others with what they are."""
    kind, _, name = actor.partition(":")
    if kind == "person":
        return plain(name)
    return " ".join(part for part in (tell.known("actor", kind), plain(name)) if part)


def _details(event: StoryEvent, tell: Teller, *, sees: bool) -> tuple[tuple[str, str], ...]:
    return tuple(
        (tell.known("detail", name), _value(name, value, tell))
        for name, value in event.facts.items()
        if value not in ("", []) and (name in TOLD or (sees and _short(value)))
    )


def _short(value: str | float | list[str]) -> bool:
    """Lists of checks and tries are told on the document's own page."""
    return not isinstance(value, list)


def _value(name: str, value: str | float | list[str], tell: Teller) -> str:
    if isinstance(value, list):
        family = "role" if name in {"roles", "before"} else "none"
        return ", ".join(tell.known(family, one) for one in value)
    if name == "network":
        return tell.network(str(value))
    if name in {"purpose", "decision", "outcome", "change", "means", "why"}:
        return tell.known(name, str(value))
    return plain(str(value))


def _actor(text: str) -> str:
    """A bare word is a login."""
    if not text or text == NOBODY or ":" in text:
        return text
    return f"person:{text.lower()}"


def _document(text: str) -> MessageId | None:
    if not text:
        return None
    try:
        return message_id(text.rpartition("/")[2])
    except (ValueError, WireError):
        raise RuleError("this is no id of a document", rule="document-id") from None


def _after(last: date) -> date:
    return last + timedelta(days=1)
