"""The small parts of the e-mail channel: words, reports, places, partners, settings."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from depesha.adapters.email.answers import AnswerLetter, answer_id, write_answer
from depesha.adapters.email.delivery_status import Action, DeliveryReport, RecipientReport
from depesha.adapters.email.directory import MailDirectory, guid_from, mail_guid
from depesha.adapters.email.machine import ErrorWord, StatusWord, load_word, word_bytes
from depesha.adapters.email.partners import Partner, PartnerBook
from depesha.adapters.email.places import LEFT_KEPT, Again, LeftMail, Places, PlacesFile
from depesha.adapters.email.reports import HeardReports, name_of_letter, outcome_of
from depesha.adapters.email.settings import EmailSettings
from depesha.adapters.memory.directory import MemoryDirectory
from depesha.adapters.memory.system import HandClock
from depesha.errors import StorageError, WireError
from depesha.schemas.answer import DocumentStatus
from depesha.schemas.envelope import DocumentReference, Party, RegistrationNumber
from depesha.schemas.ids import Guid, guid
from depesha.schemas.outcome import Delivered, Refused, Unclear
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.schemas.route import Reach
from depesha.schemas.sentences import LANGUAGES

US = Party(identifier="000000001", name="Община Пример")
THEM = Party(identifier="000000002", name="Агенция Образец")
GUID = Guid("dddddddd-4444-4444-8444-dddddddddddd")
NAME = f"<{GUID}.1@a.example>"
STATUS = StatusWord(
    transport_id=guid_from("x"),
    sender=US,
    recipient=THEM,
    document=DocumentReference(
        guid=GUID, number=RegistrationNumber(number="ВХ-7", date=date(2026, 3, 3))
    ),
    status=DocumentStatus.REGISTERED,
    expected_close=date(2026, 4, 1),
)
ERROR = ErrorWord(
    transport_id=guid_from("y"), sender=US, recipient=THEM, failed=GUID, description="no"
)
CLOCK = HandClock()


@pytest.mark.parametrize("word", [STATUS, ERROR, replace(ERROR, failed=None)])
def test_words_arrive_as_they_left(word: Any) -> None:
    assert load_word(word_bytes(word)) == word


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"type": "order"},
        {"status": {}},
        {"status": {**json.loads(word_bytes(STATUS))["status"], "transport_id": "d1/../x"}},
        {"status": {**json.loads(word_bytes(STATUS))["status"], "document": {"guid": "x"}}},
        {"status": {**json.loads(word_bytes(STATUS))["status"], "status": "LOST"}},
    ],
)
def test_words_in_another_form_are_not_read(change: dict[str, Any]) -> None:
    told = json.loads(word_bytes(STATUS)) | change
    with pytest.raises(WireError):
        load_word(json.dumps(told).encode())
    with pytest.raises(WireError):
        load_word(b"[" * 5000)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("status", DocumentStatus)
def test_every_answer_has_its_words(language: str, status: DocumentStatus) -> None:
    letter = AnswerLetter(
        word=replace(STATUS, status=status),
        sender="a@a.example",
        recipient="b@b.example",
        language=language,
        written_at=CLOCK.now(),
        about=NAME,
    )
    written = write_answer(letter)
    assert b"Auto-Submitted: auto-replied" in written.headers
    assert f"In-Reply-To: {NAME}".encode() in written.headers
    assert written.message_id == answer_id(letter)
    assert answer_id(replace(letter, about="<other@a.example>")) != written.message_id


def report(*fates: Action, envelope_id: str = "", message_id: str = "") -> DeliveryReport:
    return DeliveryReport(
        envelope_id=envelope_id,
        message_id=message_id,
        recipients=tuple(
            RecipientReport(recipient="b@b.example", action=fate, status="5.1.1") for fate in fates
        ),
    )


@pytest.mark.parametrize(
    ("fates", "kind", "proven"),
    [
        ([Action.DELIVERED], Delivered, True),
        ([Action.RELAYED], Delivered, False),
        ([Action.EXPANDED], Delivered, False),
        ([Action.DELAYED], Delivered, False),
        ([Action.DELIVERED, Action.RELAYED], Delivered, False),
        ([Action.FAILED], Refused, None),
        ([Action.FAILED, Action.DELIVERED], Unclear, None),
    ],
)
def test_what_reports_mean(fates: list[Action], kind: type, *, proven: bool | None) -> None:
    outcome = outcome_of(report(*fates))
    assert isinstance(outcome, kind)
    assert getattr(outcome, "proven", None) is proven


def test_only_letters_of_ours_are_named() -> None:
    own = "office@a.example"
    one = report(Action.FAILED, envelope_id=f"{GUID}.1")
    assert name_of_letter(one, own) == NAME
    assert name_of_letter(report(Action.FAILED, message_id=NAME), own) == NAME
    assert name_of_letter(report(Action.FAILED, message_id="<x@b.example>"), own) == ""
    assert name_of_letter(report(Action.FAILED, envelope_id="x"), own) == ""


def test_an_unclear_word_does_not_hide_a_clear_one() -> None:
    heard = HeardReports()
    heard.remember(NAME, Delivered())
    heard.remember(NAME, Unclear(code="x", public="x"))
    assert heard.about(NAME) == Delivered()
    assert heard.about("<other>") is None


def test_places_are_kept_whole(tmp_path: Path) -> None:
    file = PlacesFile(tmp_path / "places.json")
    assert file.load() == Places()
    places = Places(validity=3).done(7).postponed(9, Again(due_at=CLOCK.now(), tries=2))
    places = places.given_up(LeftMail(uid=8, why="UNSIGNED", at=CLOCK.now(), size=1))
    file.save(places)
    assert file.load() == places
    assert (places.uid, set(places.again), len(places.left)) == (9, {9}, 1)
    assert places.done(9).again == {}
    assert places.renewed(4) == Places(validity=4, quiet=True)
    assert Places().renewed(4) == Places(validity=4)
    (tmp_path / "places.json").write_bytes(b"{")
    with pytest.raises(StorageError):
        file.load()
    with pytest.raises(StorageError):
        PlacesFile(tmp_path / "nowhere/places.json").save(places)


def test_the_list_for_people_is_bounded() -> None:
    places = Places()
    for uid in range(LEFT_KEPT + 5):
        places = places.given_up(LeftMail(uid=uid, why="UNSIGNED", at=CLOCK.now(), size=1))
    assert len(places.left) == LEFT_KEPT
    assert places.left[-1].uid == LEFT_KEPT + 4


PARTNER = Partner(identifier="000000001", name="Община Пример", address="a@a.example", language="")


def registered(**changes: Any) -> Participant:
    made = Participant(
        guid=GUID,
        identifier="000000002",
        name="Агенция Образец",
        status=ParticipantStatus.ACTIVE,
        serial=None,
        url="https://b.example/",
        email="B@b.example",
    )
    return replace(made, **changes)


def book(*entries: Participant) -> PartnerBook:
    register = MemoryDirectory(*entries, clock=CLOCK)
    return PartnerBook((PARTNER,), clock=CLOCK, language="bg", register=register)


def test_who_writes_from_an_address() -> None:
    both = book(registered())
    assert both.sender("A@a.example") == PARTNER
    assert both.sender("b@b.example") is None, "nobody searches the register by address"
    found = both.sender("b@b.example", "000000002")
    assert found is not None
    assert found.identifier == "000000002"
    assert both.sender("c@b.example", "000000002") is None


@pytest.mark.parametrize(
    ("entry", "reach"),
    [
        (registered(), Reach.REGISTERED),
        (registered(status=ParticipantStatus.TEMPORARILY_INACTIVE), Reach.REGISTERED),
        (registered(status=ParticipantStatus.INACTIVE), Reach.NOT_REGISTERED),
        (registered(email=""), Reach.NOT_REGISTERED),
        (registered(email="no address"), Reach.NOT_REGISTERED),
        (registered(email="a@a.example"), Reach.NOT_REGISTERED),
        (None, Reach.UNKNOWN),
    ],
)
def test_who_can_be_reached(entry: Participant | None, reach: Reach) -> None:
    made = book(entry) if entry else book()
    assert made.reached("000000002").reach is reach
    assert made.reached("000000001").reach is Reach.REGISTERED


async def test_the_directory_is_the_partners() -> None:
    directory = MailDirectory(book(registered()), clock=CLOCK)
    found = directory.by_identifier(" 000000001 ")
    assert found is not None
    assert directory.find(found.guid) == found
    assert found.guid == mail_guid("000000001") == guid(found.guid)
    assert found.serial is None
    assert directory.by_identifier("000000002") is not None
    assert directory.by_identifier("3") is None
    assert directory.search("ПРИМЕР", 5) == (found,)
    assert directory.search("пример", 0) == directory.search("друг", 5) == ()
    assert (await directory.refresh()).loaded_at == CLOCK.now()


def test_a_partner_stands_once_in_the_settings() -> None:
    usual: dict[str, Any] = {
        "address": "a@a.example",
        "certificate": "c",
        "key": "k",
        "submission": {"host": "h"},
    }
    one = {"identifier": "1", "name": "B", "address": "b@b.example"}
    assert EmailSettings(**(usual | {"partners": (one,)})).partners[0].language == ""
    for other in ({**one, "address": "c@b.example"}, {**one, "identifier": "2"}):
        with pytest.raises(ValidationError):
            EmailSettings(**(usual | {"partners": (one, other)}))
