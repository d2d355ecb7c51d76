"""FLD-01: what the register of filings is offered, letter by letter, and nothing made up."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from depesha.adapters.registry.api import ALL_ROUTES
from depesha.adapters.registry.filing import filing_view
from depesha.adapters.registry.openapi import document
from depesha.adapters.registry.showing import message_view
from depesha.adapters.registry.views import FilingView
from depesha.schemas.envelope import DocumentReference, Envelope, RegistrationNumber
from depesha.schemas.ids import Guid, MessageId
from depesha.schemas.lifecycle import InboundState
from depesha.schemas.message import Message
from tests.support.registry import arrival, sentence

WHEN = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
DELIVERED = WHEN - timedelta(hours=14)
SERIAL = RegistrationNumber(number="UP 5/2026", date=date(2026, 3, 2))


def message(**changes: object) -> Message:
    heard = arrival("1", "Žádost o součinnost", {"dopis.pdf": b"1", "plán.pdf": b"2"}, b"zfo")
    made = Message(
        id=MessageId("1" * 32),
        network="isds",
        state=InboundState.ADMITTED,
        received_at=WHEN,
        arrival=heard,
        checks=(),
        changed_at=WHEN,
    )
    return replace(made, **changes)  # type: ignore[arg-type]  # the fields are as named


def with_envelope(stored: Message, **changes: object) -> Message:
    envelope = stored.envelope
    assert isinstance(envelope, Envelope)
    changed = replace(envelope, **changes)  # type: ignore[arg-type]  # the fields are as named
    return replace(stored, arrival=replace(stored.arrival, envelope=changed))


def filed(stored: Message) -> FilingView:
    view = filing_view(stored)
    assert view is not None
    return view


def test_every_letter_that_is_known_is_told() -> None:
    stored = with_envelope(
        message(number=SERIAL, registered_at=WHEN, state=InboundState.REGISTERED),
        delivered_at=DELIVERED,
        accepted_at=WHEN,
        sender_mark="OV-S 1/2026",
        own_mark="UP-S 7/2025",
        attention_to="Oddělení výstavby",
    )
    view = filed(stored)
    assert view.serial is not None
    assert (view.serial.number, view.serial.date) == (SERIAL.number, SERIAL.date)
    assert (view.delivered_at, view.delivered_by, view.accepted_at) == (DELIVERED, "network", WHEN)
    assert (view.sender, view.sender_identifier) == ("Община Пример", "000000001")
    assert stored.envelope is not None
    assert stored.envelope.document.number is not None
    assert view.sender_reference == stored.envelope.document.number.number
    assert view.sender_mark == "OV-S 1/2026"
    assert (view.attachments, view.subject) == (2, "Žádost o součinnost")
    assert view.attention_to == "Oddělení výstavby"
    assert (view.pid, view.own_mark, view.form) == (stored.id, "UP-S 7/2025", "digital")
    assert view.settlement is None


def test_where_the_network_fixes_no_time_the_gateways_own_counts() -> None:
    view = filed(message())
    assert (view.delivered_at, view.delivered_by, view.accepted_at) == (WHEN, "gateway", None)
    assert view.serial is None
    assert view.attachments == 2
    nameless = DocumentReference(guid=Guid("33333333-0000-4000-8000-000000000001"))
    assert filed(with_envelope(message(), document=nameless)).sender_reference == ""


@pytest.mark.parametrize(
    ("state", "way"),
    [
        (InboundState.REFUSED, "refused"),
        (InboundState.REFUSAL_ACKNOWLEDGED, "refused"),
        (InboundState.CLOSED, "closed"),
        (InboundState.STOPPED, "stopped"),
    ],
)
def test_the_way_of_settling_is_told_with_its_reason(state: InboundState, way: str) -> None:
    settled = filed(message(state=state, reason="Není v naší působnosti.")).settlement
    assert settled is not None
    assert (settled.way, settled.reason) == (way, "Není v naší působnosti.")


def test_the_unique_identifier_and_the_time_never_change_with_the_state() -> None:
    stored = with_envelope(message(), delivered_at=DELIVERED)
    seen = {
        (view.pid, view.delivered_at)
        for state in InboundState
        for view in [filed(replace(stored, state=state, changed_at=WHEN + timedelta(days=3)))]
    }
    assert seen == {(stored.id, DELIVERED)}


def test_messages_carry_it_and_unreadable_ones_have_none() -> None:
    stored = message()
    assert message_view(stored, "cs", sentence).filing == filing_view(stored)
    unread = replace(stored, arrival=replace(stored.arrival, envelope=None))
    assert message_view(unread, "cs", sentence).filing is None


def test_openapi_names_the_letter_of_every_field() -> None:
    schemas = document(ALL_ROUTES, "0")["components"]["schemas"]
    told = schemas["FilingView"]["properties"]
    letters = {name: re.match(r"([a-l])\)", one["description"]) for name, one in told.items()}
    assert all(letters.values()), letters
    found = {match[1] for match in letters.values() if match}
    assert found == set("abcdefghij")
    assert "(k)" in schemas["FilingView"]["description"]
    assert "(l)" in schemas["FilingView"]["description"]
