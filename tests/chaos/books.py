"""What each side's books hold when all is over, and the judging of one against the other.

The gathering looks at every place where a document may lie; the judging is pure, so that planted
faults can be judged as well.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any, Final

from depesha.schemas.dispatch import EMAIL
from depesha.simulators.bodies import SSEV
from tests.chaos.plan import LATE, REFUSED, SENDERS, Document, Lot
from tests.chaos.staff import HandedIn

if TYPE_CHECKING:
    from depesha.simulators.country import Country
    from depesha.simulators.registry import RegistryClient
    from tests.chaos.lands import Land
    from tests.crash.office import Office

_MARK: Final = re.compile(r"\[DPS ([0-9a-f-]{36})\]")
_LETTER: Final = re.compile(rb"(?im)^Message-ID: <([0-9a-f-]{36})\.")
PAGE: Final = 200
AT_ONCE: Final = timedelta(seconds=0.4)
"""Sooner than any second try of a sender."""
_SENT_THERE: Final = {
    "registry": ("REGISTERED",),
    "seos": ("REGISTERED",),
    "ssev": ("DELIVERED",),
    "email": ("ACCEPTED", "DELIVERED"),
}
"""Where a document lies, and what its sender may say of it then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One copy at a body."""

    body: str
    place: str
    """`registry` where the body has a gateway, else the network that brought it."""
    digests: frozenset[str]
    number: str = ""
    """The one its registry gave, or why it gave none."""
    declined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the sender's gateway says of a document."""

    state: str
    network: str
    number: str
    reason: str
    ways: str
    """Its tries in order, for people."""


@dataclass(slots=True, kw_only=True)
class Books:
    """Everything that is compared."""

    handed_in: dict[str, HandedIn]
    told: dict[str, list[Told]] = field(default_factory=dict)
    """Document → what its sender says of it; two documents with one name are two entries."""
    found: dict[str, list[Found]] = field(default_factory=lambda: defaultdict(list))


@dataclass(slots=True, kw_only=True)
class Judgement:
    """What does not agree, document by document."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    untrue: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)
    """Left to a person, because mail cannot be asked; each with its reason."""

    @property
    def good(self) -> bool:
        """Nothing is wrong."""
        return not (self.lost or self.doubled or self.untrue)


def judge(documents: tuple[Document, ...], books: Books) -> Judgement:
    """Compare the books of both sides."""
    made = Judgement()
    for document in documents:
        _judge_one(document, books, made)
    for guid in books.found.keys() - {d.guid for d in documents}:
        made.untrue.append(f"{guid}: nobody handed it in, and it is there")
    return made


def _judge_one(document: Document, books: Books, made: Judgement) -> None:
    answer = books.handed_in.get(document.guid, HandedIn())
    told = books.told.get(document.guid, [])
    found = books.found.get(document.guid, [])
    name = f"№ {document.number} {document.guid} ({document.lot}, for {document.recipient})"
    _judge_places(document, found, name, made)
    if len(answer.ids) > 1 or len(told) > 1:
        made.doubled.append(f"{name}: repeats became {len(answer.ids)} submissions")
    if document.lot in REFUSED:
        _judge_refused(document, name, books, made)
    elif not told:
        made.lost.append(f"{name}: its sender knows nothing of it ({answer.refusal or answer.ids})")
    elif document.lot in LATE:
        wanted = "RETURNED" if document.lot is Lot.INFECTED else "UNDELIVERABLE"
        if told[0].state != wanted or found:
            made.untrue.append(f"{name}: it is {told[0].state}, {len(found)} copies lie there")
    elif not found:
        _judge_absent(told[0], name, made)
    else:
        _judge_there(document, name, books, made)


def _judge_places(document: Document, found: list[Found], name: str, made: Judgement) -> None:
    if len(found) > 1:
        made.doubled.append(f"{name}: {len(found)} copies at {[f.place for f in found]}")
    for one in found:
        if one.body != document.recipient:
            made.untrue.append(f"{name}: it lies at {one.body}")
        if one.place == EMAIL and document.personal:
            made.untrue.append(f"{name}: personal data went by mail")


def _judge_refused(document: Document, name: str, books: Books, made: Judgement) -> None:
    answer, told = books.handed_in[document.guid], books.told.get(document.guid, [])
    if books.found.get(document.guid):
        made.untrue.append(f"{name}: it must not leave, and did")
    # While a network cannot be asked about a recipient, the document is taken and never sent.
    late = document.lot is Lot.TO_NOBODY and [t.state for t in told] == ["UNDELIVERABLE"]
    if not late and (told or answer.ids or not answer.refusal):
        made.untrue.append(f"{name}: it was not refused: {[t.state for t in told]}")


def _judge_absent(told: Told, name: str, made: Judgement) -> None:
    if told.state == "PARKED" and told.network == EMAIL:
        made.unclear.append(f"{name}: {told.ways}; mail cannot be asked (it is not there)")
        return
    made.lost.append(f"{name}: it is nowhere; its sender says {told.state} ({told.ways})")


def _judge_there(document: Document, name: str, books: Books, made: Judgement) -> None:
    told, found = books.told[document.guid][0], books.found[document.guid][0]
    if not found.digests >= set(books.handed_in[document.guid].digests):
        made.untrue.append(f"{name}: other bytes lie there")
    if told.state == "PARKED" and told.network == EMAIL:
        made.unclear.append(f"{name}: {told.ways}; mail cannot be asked (it is there)")
        return
    wanted = ("DECLINED",) if found.declined else _SENT_THERE[found.place]
    if told.state not in wanted:
        made.untrue.append(
            f"{name}: it lies in {found.place}; its sender says {told.state} ({told.ways})"
        )
    word = told.reason if found.declined else told.number
    if found.number and word != found.number:
        made.untrue.append(f"{name}: told {word!r}, and there it is {found.number!r}")


# --- gathering ------------------------------------------------------------------------------


async def sent_by(client: RegistryClient) -> Iterator[tuple[str, Told]]:
    """Return what a sender says of all its documents, through the registry API alone."""
    made: list[tuple[str, Told]] = []
    after = ""
    while True:
        items, after = await client.outbox(after=after, limit=PAGE)
        made += [(one["document"]["guid"], _told(one)) for one in items]
        if not after:
            return iter(made)


def _told(view: dict[str, Any]) -> Told:
    tries = [f"{t['network']} {t['outcome'] or 'begun'} {t['code']}" for t in view["attempts"]]
    return Told(
        state=view["state"],
        network=view["network"],
        number=view["number"]["number"] if view["number"] else "",
        reason=view["reason"],
        ways=" → ".join(one.strip() for one in tries) or "no try",
    )


async def received_by(folder: str, office: Office) -> Iterator[tuple[str, Found]]:
    """Return what the registry behind a gateway took, by its own book."""
    made: list[tuple[str, Found]] = []
    for guid, numbers in office.book.items():
        for message_id, number in numbers.items():
            view = await office.client.message(message_id)
            found = Found(
                body=folder,
                place="registry",
                digests=frozenset(one["sha256"] for one in view["attachments"]),
                number=number,
                declined=guid in office.refuses,
            )
            made.append((guid, found))
    return iter(made)


def without_gateways(country: Country, land: Land) -> Iterator[tuple[str, Found]]:
    """Return what lies at bodies without a gateway, on every network; blocking."""
    for body in land.bodies:
        folder = body.folder
        if body in SENDERS:
            continue
        if folder in country.peers:
            yield from _in_seos(country, folder)
        if folder in country.ssev.profiles:
            yield from _in_ssev(country, folder)
        if folder in country.mail.bodies:
            yield from _in_box(country, folder)


def _in_seos(country: Country, folder: str) -> Iterator[tuple[str, Found]]:
    for guid, received in country.peers[folder].books.received.items():
        enclosures = getattr(received.heard.body, "enclosures", ())
        digests = (hashlib.sha256(one.content).hexdigest() for one in enclosures)
        number = received.number.number if received.number else "none"
        yield (
            guid,
            Found(body=folder, place="seos", digests=frozenset(digests), number=number),
        )


def _in_ssev(country: Country, folder: str) -> Iterator[tuple[str, Found]]:
    """What SSEV itself stored twice (a quirk of its) came in the same moment, and is one."""
    state, profile = country.ssev.simulator.state, country.ssev.profiles[folder]
    last: dict[tuple[str, tuple[int, ...]], datetime] = {}
    for message, _ in state.inbox(profile):
        mark = _MARK.search(message.subject)
        if mark is None:
            continue
        before = last.get((mark[1], message.blobs))
        last[mark[1], message.blobs] = message.sent_at
        if before is not None and message.sent_at - before < AT_ONCE:
            continue
        digests = frozenset(blob.sha256.lower() for blob in state.blobs_of(message))
        yield mark[1], Found(body=folder, place=SSEV, digests=digests)


def _in_box(country: Country, folder: str) -> Iterator[tuple[str, Found]]:
    for mail in country.mail.bodies[folder].box.mails:
        letter = _LETTER.search(mail.content.partition(b"\r\n\r\n")[0])
        if letter is None:
            continue
        parts = message_from_bytes(mail.content, policy=policy.default).walk()
        contents = (part.get_payload(decode=True) for part in parts)
        digests = {hashlib.sha256(c).hexdigest() for c in contents if isinstance(c, bytes)}
        yield letter[1].decode(), Found(body=folder, place=EMAIL, digests=frozenset(digests))
