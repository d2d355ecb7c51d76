"""Attacks on who speaks: strangers, others' certificates, reused identities, forged notices."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from depesha.schemas.ids import Guid
from depesha.schemas.verdict import Rejection
from depesha.simulators.seos_documents import (
    DocumentId,
    Failure,
    StatusRequest,
    StatusResponse,
)
from tests.attack.cases import Attempt, Case, words
from tests.attack.stand import EXPIRED, IDS, INACTIVE, REVOKED, Came, Stand, letter


def _case(name: str, why: str, attempt: Attempt, *expected: str, admits: bool = False) -> Case:
    return Case(
        layer="identity",
        name=name,
        why=why,
        attempt=attempt,
        expected=words(*expected),
        admits=admits,
    )


def identity() -> Iterator[Case]:
    """Yield every case."""
    yield from _senders()
    yield from _impostors()
    yield from _repeats()
    yield from _questions()
    yield from _notices()


def _senders() -> Iterator[Case]:
    async def unknown(stand: Stand) -> Came:
        peer = stand.stranger
        document = stand.message(letter(), sender=peer.party, identity=peer.identity)
        return await stand.send(document, who="stranger")

    async def inactive(stand: Stand) -> Came:
        who = stand.country.bare[INACTIVE.folder]
        return await stand.send(
            stand.message(letter(), sender=who.body.party, identity=who.identity)
        )

    async def expired(stand: Stand) -> Came:
        document = stand.message(letter(), sender=EXPIRED.party, identity=stand.expired)
        return await stand.send(document)

    async def revoked(stand: Stand) -> Came:
        who = stand.country.bare[REVOKED.folder]
        return await stand.send(
            stand.message(letter(), sender=REVOKED.party, identity=who.identity)
        )

    reason = Rejection
    yield _case(
        "sender-unknown",
        "nobody vouches for him",
        unknown,
        reason.SENDER_UNKNOWN,
        reason.CERTIFICATE_OTHER,
    )
    yield _case("sender-inactive", "he left the exchange", inactive, reason.SENDER_INACTIVE)
    yield _case("certificate-expired", "its time is over", expired, reason.CERTIFICATE_EXPIRED)
    yield _case("certificate-revoked", "its key is stolen", revoked, reason.CERTIFICATE_REVOKED)


def _impostors() -> Iterator[Case]:
    async def neighbour(stand: Stand) -> Came:
        return await stand.send(
            stand.message(letter(), identity=stand.neighbour.identity), who="bare-2"
        )

    async def other_number(stand: Stand) -> Came:
        party = replace(stand.victim.body.party, identifier="000000012")
        return await stand.send(stand.message(letter(), sender=party))

    async def other_guid(stand: Stand) -> Came:
        party = replace(stand.neighbour.body.party, identifier="000000011")
        return await stand.send(stand.message(letter(), sender=party))

    async def as_ourselves(stand: Stand) -> Came:
        return await stand.send(stand.message(letter(), sender=stand.us))

    async def to_another(stand: Stand) -> Came:
        return await stand.send(stand.message(letter(), recipient=stand.neighbour.body.party))

    async def to_our_number(stand: Stand) -> Came:
        party = replace(stand.neighbour.body.party, identifier=stand.us.identifier)
        return await stand.send(stand.message(letter(), recipient=party))

    async def other_line(stand: Stand) -> Came:
        return await stand.send(stand.message(letter()), who="bare-2")

    other = Rejection.CERTIFICATE_OTHER
    yield _case("neighbour-signs", "one participant writes in another's name", neighbour, other)
    yield _case(
        "eik-of-another", "right GUID, another's number", other_number, Rejection.SENDER_UNKNOWN
    )
    yield _case(
        "guid-of-another",
        "right number, another's GUID",
        other_guid,
        Rejection.SENDER_UNKNOWN,
        other,
    )
    yield _case("in-our-own-name", "we write to ourselves", as_ourselves, other)
    yield _case(
        "recipient-another", "a letter to somebody else", to_another, Rejection.RECIPIENT_NOT_OURS
    )
    yield _case(
        "recipient-guid-another",
        "our number, another's GUID",
        to_our_number,
        Rejection.RECIPIENT_NOT_OURS,
    )
    yield _case(
        "tls-of-another",
        "a signed letter by another's connection: noted, for relays",
        other_line,
        "TLS_CERTIFICATE_DIFFERS",
        admits=True,
    )


def _repeats() -> Iterator[Case]:
    async def reused(stand: Stand) -> Came:
        return await stand.send(stand.message(letter(), guid=stand.kept.message_guid))

    async def replay(stand: Stand) -> Came:
        return await stand.send(stand.kept.wire)

    async def replay_by_another(stand: Stand) -> Came:
        return await stand.send(stand.kept.wire, who="bare-2")

    async def replay_changed(stand: Stand) -> Came:
        return await stand.send(stand.kept.wire.replace(b"<DocKind>", b"<DocKind>x"))

    async def same_document(stand: Stand) -> Came:
        return await stand.send(stand.message(letter(document=stand.kept.document)))

    async def taken_document(stand: Stand) -> Came:
        who = stand.neighbour
        request = letter(document=stand.kept.document)
        document = stand.message(request, sender=who.body.party, identity=who.identity)
        came = await stand.send(document, who="bare-2")
        return replace(came, said="another's number was told") if came.number else came

    why = "a good old message comes again and is stored again"
    yield _case(
        "message-guid-reused",
        "new content under an old identity",
        reused,
        Rejection.TRANSPORT_ID_REUSED,
    )
    yield _case("replay", why, replay, "DS_REGISTERED")
    yield _case("replay-by-another", why, replay_by_another, "DS_REGISTERED")
    yield _case(
        "replay-changed",
        "an old message with a new word",
        replay_changed,
        Rejection.SIGNATURE_INVALID,
    )
    yield _case("document-again", why, same_document, "DS_REGISTERED")
    yield _case(
        "document-guid-taken",
        "another's document is overwritten or its number told",
        taken_document,
        "DS_WAIT_REGISTRATION",
        admits=True,
    )


def _ask(stand: Stand, document: Guid) -> StatusRequest:
    return StatusRequest(document=DocumentId(guid=document))


def _questions() -> Iterator[Case]:
    async def stranger_asks(stand: Stand) -> Came:
        peer = stand.stranger
        body = _ask(stand, stand.waiting.document)
        document = stand.message(body, sender=peer.party, identity=peer.identity)
        return await stand.send(document, who="stranger")

    async def neighbour_asks(stand: Stand) -> Came:
        who, body = stand.neighbour, _ask(stand, stand.waiting.document)
        document = stand.message(body, sender=who.body.party, identity=who.identity)
        return await stand.send(document, who="bare-2")

    async def neighbour_as_victim(stand: Stand) -> Came:
        body = _ask(stand, stand.waiting.document)
        return await stand.send(stand.message(body, identity=stand.neighbour.identity))

    async def unsigned(stand: Stand) -> Came:
        document = stand.message(_ask(stand, stand.waiting.document))
        start, end = document.index(b"<Signature"), document.index(b"</Signature>") + 12
        return await stand.send(document[:start] + document[end:])

    why = "a stranger learns what another sent"
    yield _case("status-by-stranger", why, stranger_asks, Rejection.SENDER_UNKNOWN)
    yield _case("status-by-neighbour", why, neighbour_asks, "DS_NOT_FOUND")
    yield _case("status-in-his-name", why, neighbour_as_victim, Rejection.CERTIFICATE_OTHER)
    yield _case("status-unsigned", why, unsigned, Rejection.SIGNATURE_MISSING)


def _notices() -> Iterator[Case]:
    def said(status: str) -> Attempt:
        async def attempt(stand: Stand) -> Came:
            who = stand.neighbour
            body = StatusResponse(document=DocumentId(guid=stand.waiting.document), status=status)
            document = stand.message(body, sender=who.body.party, identity=who.identity)
            return await _untouched(stand, document)

        return attempt

    async def in_our_name(stand: Stand) -> Came:
        body = StatusResponse(
            document=DocumentId(guid=stand.waiting.document), status="DS_REGISTERED"
        )
        document = stand.message(body, sender=stand.us, identity=stand.neighbour.identity)
        return await _untouched(stand, document)

    async def failure(stand: Stand) -> Came:
        who = stand.neighbour
        body = Failure(description="Документът не е намерен.", failed=stand.waiting.message_guid)
        document = stand.message(body, sender=who.body.party, identity=who.identity)
        return await _untouched(stand, document)

    async def loop(stand: Stand) -> Came:
        who = stand.neighbour
        body = Failure(description="x", failed=IDS.guid())
        document = stand.message(body, sender=who.body.party, identity=who.identity)
        return await stand.send(document, who="bare-2")

    why = "the state of another's document is changed"
    unknown = Rejection.DOCUMENT_UNKNOWN
    for status in ("DS_REGISTERED", "DS_REJECTED", "DS_CLOSED"):
        yield _case(f"notice-forged-{status[3:].lower()}", why, said(status), unknown)
    yield _case("notice-in-our-name", why, in_our_name, Rejection.CERTIFICATE_OTHER)
    yield _case("error-forged", why, failure, "empty")
    yield _case("error-answered", "two gateways tell each other errors for ever", loop, "empty")


async def _untouched(stand: Stand, document: bytes) -> Came:
    """Send, and see that the message it speaks of stands as before."""
    before = await stand.get(f"/messages/{stand.waiting.id}")
    came = await stand.send(document, who="bare-2")
    after = await stand.get(f"/messages/{stand.waiting.id}")
    if (before["state"], before["number"]) != (after["state"], after["number"]):
        return replace(came, said="it changed the document's state", code="")
    return came
