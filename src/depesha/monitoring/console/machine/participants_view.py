"""Bodies of the networks' registers, one line for each, and everything known of one. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode, urlsplit

from depesha.schemas.message import Message
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.sentences import plain

if TYPE_CHECKING:
    from depesha.ports import Directory
    from depesha.schemas.facts import CertificateFacts
    from depesha.schemas.overview import Lines, PeerFailure, PeerTraffic

PAGE = 25
MOST_PAGES = 40
"""Whoever does not find it on these searches by better words."""
_WORDS = 200
SOON = timedelta(days=30)
"""A certificate that ends within it is marked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A search for bodies."""

    words: str = ""
    network: str = ""
    page: int = 1

    def address(self, page: int) -> str:
        """Return the address of another page of the same search."""
        fields = {"q": self.words, "network": self.network, "page": str(page)}
        return "/participants?" + urlencode({k: v for k, v in fields.items() if v})


@dataclass(slots=True, kw_only=True)
class Body:
    """One body, with its entries in the registers."""

    identifier: str
    name: str
    entries: dict[str, Participant] = field(default_factory=dict)
    """By network."""

    @property
    def link(self) -> str:
        """Its page; empty where no address can name it."""
        fit = self.identifier.isascii() and all(c.isalnum() or c in "._-" for c in self.identifier)
        return f"/participants/{self.identifier}" if fit and self.identifier else ""

    @property
    def phones(self) -> tuple[str, ...]:
        """Telephones, each once."""
        return _once(entry.phone for entry in self.entries.values())

    @property
    def addresses(self) -> tuple[str, ...]:
        """Mail addresses, each once."""
        return _once(entry.email for entry in self.entries.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """A page of bodies."""

    found: tuple[Body, ...]
    next: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryLine:
    """A body's entry in one register."""

    network: str
    status: ParticipantStatus
    guid: str
    server: str
    serial: str
    earlier: int
    changed_at: datetime | None
    failure: PeerFailure | None
    """What this gateway heard last of the body on this network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateLine:
    """The certificate that signed the last message received from a body."""

    subject: str
    """Empty where the visitor may not know it."""
    serial: str
    ends: datetime
    seen_at: datetime
    level: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BodyView:
    """One body."""

    body: Body
    entries: tuple[EntryLine, ...]
    traffic: PeerTraffic | None
    certificate: CertificateLine | None
    search: str
    """Address of the search for its documents."""


def asked_of(query: Mapping[str, str], networks: Mapping[str, object]) -> Asked:
    """Read a search from an address; what cannot be is left out."""
    network, page = query.get("network", ""), query.get("page", "")
    number = int(page) if page.isascii() and page.isdecimal() and len(page) < len("1000") else 1
    return Asked(
        words=" ".join(query.get("q", "").split())[:_WORDS],
        network=network if network in networks else "",
        page=min(max(number, 1), MOST_PAGES),
    )


def bodies_of(asked: Asked, directories: Mapping[str, Directory]) -> Bodies:
    """Return a page of bodies that hold all the words; each once, whatever registers name it."""
    most = asked.page * PAGE + 1
    used = {n: d for n, d in directories.items() if asked.network in ("", n)}
    found: dict[str, Body] = {}
    for directory in used.values():
        for entry in directory.search(asked.words, most):
            found.setdefault(
                entry.identifier, Body(identifier=entry.identifier, name=plain(entry.name))
            )
    first = (asked.page - 1) * PAGE
    shown = list(found.values())[first : first + PAGE]
    for body in shown:
        body.entries = entries_of(body.identifier, directories)
    more = len(found) > first + PAGE and asked.page < MOST_PAGES
    return Bodies(found=tuple(shown), next=asked.address(asked.page + 1) if more else "")


def entries_of(identifier: str, directories: Mapping[str, Directory]) -> dict[str, Participant]:
    """Return the entries of a body, by network."""
    known = ((network, one.by_identifier(identifier)) for network, one in directories.items())
    return {network: entry for network, entry in known if entry is not None}


def body_of(identifier: str, directories: Mapping[str, Directory]) -> Body | None:
    """Return one body; None where no register names it."""
    entries = entries_of(identifier, directories)
    if not entries:
        return None
    name = next(iter(entries.values())).name
    return Body(identifier=identifier, name=plain(name), entries=entries)


def body_view(
    body: Body, traffic: PeerTraffic | None, last: Lines, now: datetime, *, sees: bool
) -> BodyView:
    """Return everything known of one body; `last` holds its newest received message.

    Who signed that one is a person at times: named to those who may see subjects (ROL-06).
    """
    heard = {} if traffic is None else {one.network: one for one in traffic.channels}
    return BodyView(
        body=body,
        entries=tuple(
            EntryLine(
                network=network,
                status=entry.status,
                guid=str(entry.guid),
                server=plain(urlsplit(entry.url).hostname or ""),
                serial=plain(str(entry.serial or "")),
                earlier=len(entry.earlier_serials),
                changed_at=entry.changed_at,
                failure=heard.get(network),
            )
            for network, entry in body.entries.items()
        ),
        traffic=traffic,
        certificate=_certificate(last, now, sees=sees),
        search="/search?" + urlencode({"q": body.identifier}),
    )


def _certificate(last: Lines, now: datetime, *, sees: bool) -> CertificateLine | None:
    for line in last.lines:
        document = line.document
        signature = document.arrival.signature if isinstance(document, Message) else None
        found: CertificateFacts | None = None if signature is None else signature.certificate
        if found is not None:
            left = found.not_after - now
            level = "bad" if left < timedelta() else "unproven" if left < SOON else "good"
            return CertificateLine(
                subject=plain(found.subject) if sees else "",
                serial=plain(str(found.serial)),
                ends=found.not_after,
                seen_at=line.stored_at,
                level=level,
            )
    return None


def _once(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(plain(one) for one in values if one))
