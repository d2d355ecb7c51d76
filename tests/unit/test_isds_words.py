"""ISDS's words and ours: references, envelopes, states, events, attachment rules, status codes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from depesha.adapters.filestreams import StoredFile
from depesha.adapters.isds import mapping, rules
from depesha.adapters.isds.calling import Hosts, Login
from depesha.adapters.isds.codes import CODES, Action, action_of
from depesha.adapters.isds.mapping import Manner, Standing, Thread
from depesha.adapters.isds.problems import of_code
from depesha.adapters.isds.rules import Breach, Broken, Candidate, Size
from depesha.adapters.isds.settings import IsdsBoxSettings, IsdsSettings, LoginKind
from depesha.adapters.isds.values import Event, PaperContent, PaperFile, Words
from depesha.schemas.envelope import (
    Attachment,
    DocumentReference,
    Envelope,
    Party,
    RegistrationNumber,
)
from depesha.schemas.facts import ArchiveFacts
from depesha.schemas.ids import Digest, Guid
from depesha.schemas.wire.isds import Paper, Service

AT = datetime(2026, 9, 14, 23, 30, tzinfo=UTC)
GUID = Guid("7060efa8-f1fa-4938-8b2b-12a78c86988f")


def envelope(number: str = "OP-1/2026", **more: object) -> Envelope:
    reference = RegistrationNumber(number=number, date=date(2026, 9, 1)) if number else None
    said: dict[str, object] = {
        "network": "isds",
        "transport_id": GUID,
        "created_at": AT,
        "sender": Party(identifier="abc2345", name="Obec Příkladov"),
        "recipient": Party(identifier="xyz6789", name="Město Ukázkov"),
        "document": DocumentReference(guid=GUID, number=reference),
        "kind": "Dopis",
        "subject": "Odpověď\nna dotaz",
        "attachments": (
            Attachment(index=1, name="a.pdf", media_type="", size=1, digest=Digest("0" * 64)),
        ),
        **more,
    }
    return Envelope(**said)  # type: ignore[arg-type]  # the fields are as named


def content(words: Words, *files: PaperFile) -> PaperContent:
    return PaperContent(
        kind=Paper.RECEIVED,
        words=words,
        hash_algorithm="SHA-256",
        hash_declared=b"h",
        hash_computed=b"h",
        stamp=b"",
        delivered_at=AT,
        accepted_at=None,
        state=6,
        files=files,
    )


@pytest.mark.parametrize("number", ["", "OP-1/2026", "č.j. " + "9" * 60])
def test_our_document_is_found_again_by_its_reference(number: str) -> None:
    words = mapping.create_words(envelope(number))
    assert len(words.sender_reference) <= mapping.REFERENCE
    assert mapping.referenced(words.sender_reference) == GUID
    assert number[:13] in f"{words.sender_reference} {words.sender_mark}"
    assert len(words.sender_mark) <= mapping.REFERENCE


def test_a_reply_says_back_what_the_partner_said() -> None:
    thread = Thread(reference="UK-345/2026", mark="SPIS-9")
    words = mapping.create_words(envelope(), Manner(thread=thread, fiction_allowed=False))
    assert (words.recipient_reference, words.recipient_mark) == ("UK-345/2026", "SPIS-9")
    assert (words.subject, words.fiction_allowed) == ("Odpověď na dotaz", False)
    assert words.recipient_box == "xyz6789"


def test_a_received_message_becomes_an_envelope() -> None:
    stored = StoredFile(path=Path("x"), size=3, digest=Digest("1" * 64))
    file = PaperFile(index=1, name="a.pdf", media_type="pdf", meta_type="main", stored=stored)
    words = Words(
        dm_id="42",
        sender_box="xyz6789",
        sender_name="Město Ukázkov",
        recipient_box="abc2345",
        sender_reference="UK-345/2026",
        sender_mark="SPIS-9",
        recipient_reference=mapping.create_words(envelope()).sender_reference,
        recipient_mark="SPIS-7",
        subject="Odpověď",
        law_number=500,
        law_year=2004,
        law_section="37",
        personal_delivery=True,
    )
    made = mapping.envelope_of(content(words, file), environment="test", received_at=AT)
    assert made.document.number == RegistrationNumber(number="UK-345/2026", date=date(2026, 9, 15))
    assert made.parent is not None
    assert made.parent.guid == GUID
    assert made.sender == Party(identifier="xyz6789", name="Město Ukázkov")
    assert made.attachments[0].media_type == "application/octet-stream"
    assert (made.sender_mark, made.own_mark) == ("SPIS-9", "SPIS-7")
    assert (made.delivered_at, made.accepted_at) == (AT, None)
    assert "500/2004 Sb. § 37" in made.comment
    assert "vlastních rukou" in made.comment
    again = mapping.envelope_of(content(words), environment="test", received_at=AT)
    other = mapping.envelope_of(content(words), environment="production", received_at=AT)
    assert made.transport_id == again.transport_id != other.transport_id
    assert made.document.guid == again.document.guid != made.transport_id


def test_states_and_events_have_their_meaning() -> None:
    assert [mapping.standing_of(state) for state in (3, 4, 5, 6, 7, 8, 11, None)] == [
        Standing.INFECTED,
        Standing.IN_THE_BOX,
        Standing.ACCEPTED_BY_FICTION,
        Standing.ACCEPTED,
        Standing.ACCEPTED,
        Standing.UNDELIVERABLE,
        Standing.UNKNOWN,
        Standing.UNKNOWN,
    ]
    assert set(mapping.STATES) == set(range(1, 11))
    assert Standing.IN_THE_BOX.delivered_to(authority=True)
    assert not Standing.IN_THE_BOX.delivered_to(authority=False)
    told = [mapping.event_of(Event(at=AT, text=t)) for t in ("EV13: x", "EV2:y", "EV7: z", "nic")]
    assert told == [
        ("EV13", Standing.ACCEPTED),
        ("EV2", Standing.ACCEPTED_BY_FICTION),
        ("EV7", Standing.UNKNOWN),
        ("", Standing.UNKNOWN),
    ]


@pytest.mark.parametrize(
    ("code", "action"),
    [
        ("1230", Action.REFUSED),
        ("2999", Action.OUR_DEFECT),
        ("3001", Action.SLOWER),
        ("9999", Action.RETRY),
        ("0777", Action.PERSON),
        ("", Action.PERSON),
        ("x", Action.PERSON),
        ("4000", Action.PERSON),
    ],
)
def test_codes_nobody_knows_are_judged_by_their_range(code: str, action: Action) -> None:
    assert code not in CODES
    assert action_of(code) is action


def test_what_isds_says_never_stands_in_an_error() -> None:
    error = of_code("1214", "Nepovolený typ: plat-Nováková.exe")
    assert error.said.startswith("Nepovolený")
    assert "plat" not in str(error)
    assert "plat" not in repr(error.facts)
    assert error.status_code == "1214"


def file(name: str, meta: str = "enclosure", size: int = 10, **inside: int | bool) -> Candidate:
    facts = ArchiveFacts(
        members=int(inside.get("members", 1)),
        depth=int(inside.get("depth", 1)),
        unpacked=10,
        largest=10,
        packed=10,
        encrypted=bool(inside.get("encrypted")),
    )
    return Candidate(name=name, size=size, meta_type=meta, container=facts if inside else None)


MAIN = file("a.pdf", "main")


@pytest.mark.parametrize(
    ("files", "broken"),
    [
        ([MAIN, file("b.ZIP")], []),
        ([], [(Breach.NONE_GIVEN, 0)]),
        ([file("b.txt"), MAIN], [(Breach.MAIN_NOT_FIRST, 0)]),
        ([file("b.txt")], [(Breach.NOT_ONE_MAIN, 0)]),
        ([MAIN, MAIN], [(Breach.NOT_ONE_MAIN, 0)]),
        ([MAIN, file("m.xml", "meta"), file("n.xml", "meta")], [(Breach.TWO_META, 0)]),
        ([MAIN, *[file("b.txt")] * 100], [(Breach.TOO_MANY, 0)]),
        ([MAIN, *[file("b.zip")] * 11], [(Breach.TOO_MANY_CONTAINERS, 0)]),
        ([MAIN, file("b.pdf", size=10**8)], [(Breach.TOO_LARGE, 0)]),
        ([MAIN, file("b.exe")], [(Breach.KIND_NOT_TAKEN, 2)]),
        ([MAIN, file("b")], [(Breach.NAME_WITHOUT_KIND, 2)]),
        ([MAIN, file("b" * 252 + ".txt")], [(Breach.NAME_TOO_LONG, 2)]),
        ([MAIN, file("b.txt", size=0)], [(Breach.EMPTY, 2)]),
        ([MAIN, file("b.zip", depth=2)], [(Breach.CONTAINER_NESTED, 2)]),
        ([MAIN, file("b.asice", encrypted=True)], [(Breach.CONTAINER_ENCRYPTED, 2)]),
        ([MAIN, file("b.zip", members=1001)], [(Breach.CONTAINER_TOO_LARGE, 2)]),
    ],
)
def test_attachment_rules(files: list[Candidate], broken: list[tuple[Breach, int]]) -> None:
    expected = tuple(Broken(breach=breach, index=index) for breach, index in broken)
    assert rules.breaches(files) == expected


def test_the_sum_of_the_sizes_chooses_the_service() -> None:
    assert rules.size_of([10_000_000, 10_000_000]) is Size.ORDINARY
    assert rules.size_of([10_000_000, 10_000_001]) is Size.BIG


def test_texts_come_back_as_isds_keeps_them() -> None:
    assert rules.as_kept("a<b>\u00a0c\u2013d\u201ee\u200bf\tg") == 'a_b_ c-d"ef g'


def test_log_ins_and_addresses() -> None:
    hosts = Hosts(ordinary="https://ws1.example", big="https://ws2.example")
    assert str(hosts.address(LoginKind.HOSTED, Service.BIG)) == "https://ws2.example/hspis/DS/vodz"
    assert str(hosts.address(LoginKind.PASSWORD, Service.INFO)) == "https://ws1.example/DS/dx"
    hosted = Login(kind=LoginKind.HOSTED, box_id="abc2345")
    assert hosted.authorization() == "Basic YWJjMjM0NTo="  # abc2345:
    assert Login(kind=LoginKind.CERTIFICATE, box_id="abc2345").authorization() is None
    assert "heslo" not in repr(
        Login(kind=LoginKind.PASSWORD, box_id="abc2345", user="u", password="heslo")
    )


def test_settings_refuse_what_does_not_belong_together() -> None:
    box = {"box_id": "abc2345", "client_certificate": "c.pem", "client_key": "k.pem"}
    trust = {"seal_authorities": ["a.pem"], "stamp_authorities": ["b.pem"]}
    made = IsdsSettings.model_validate({"boxes": [box], **trust})
    assert made.boxes[0].login is LoginKind.CERTIFICATE
    for wrong in (
        {**box, "login": "PASSWORD"},
        {**box, "user": "u", "password_file": "p"},
        {"box_id": "abc2345", "login": "PASSWORD", "user": "u"},
        {**box, "box_id": "ABC2345"},
        {**box, "unknown": 1},
    ):
        with pytest.raises(ValidationError):
            IsdsBoxSettings.model_validate(wrong)
    with pytest.raises(ValidationError):
        IsdsSettings.model_validate({"boxes": [box], **trust, "upload_seconds": 240})
    assert re.fullmatch(r"ws1c\..*", made.certificate_host)
