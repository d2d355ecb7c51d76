"""A letter reads well for people, tells programs the same, and no text becomes a header."""

from __future__ import annotations

import email
import re
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default

import pytest
from pydantic import ValidationError

from depesha.adapters.email.addresses import address, encoded, mailbox, one_line, only_address
from depesha.adapters.email.letter import MEDIA_TYPE, estimate, message_id, write
from depesha.adapters.email.settings import EmailSettings
from depesha.adapters.email.smtp import xtext
from depesha.errors import StorageError, WireError
from depesha.schemas.codec import load_envelope
from depesha.schemas.envelope import Party
from depesha.schemas.sentences import LANGUAGES, catalogue
from tests.support.mail import (
    FILES,
    OURS,
    THEIRS,
    attached,
    envelope,
    letter,
    papers,
    signed,
    signer,
    written,
)

EVIL = "x\r\nBcc: thief@evil.example\r\n\r\nbody\x00\u2028Evil: yes"


def parsed(**changes: object) -> EmailMessage:
    made = written(**changes)
    message = email.message_from_bytes(made.headers + made.entity, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def text(**changes: object) -> str:
    body = parsed(**changes).get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_the_letter_says_all_that_a_person_needs() -> None:
    words = text()
    for told in (
        "РД-12-34",
        "2 март 2026",
        "Искане за данни",
        "1 април 2026",
        OURS,
        "Агенция Образец",
    ):
        assert told in words
    for file in FILES:
        assert f"{file.attachment.size} байта" in words
        assert file.attachment.digest in words


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_whole_letters(language: str) -> None:
    words = text(language=language)
    assert catalogue(language)["letter.files"] in words
    assert not re.search(r"[{}]|letter\.", words)
    assert parsed(language=language)["Content-Language"] == language


def test_an_unknown_language_is_english() -> None:
    assert catalogue("en")["letter.number"] in text(language="tlh")


def test_no_text_becomes_a_header_or_a_second_recipient() -> None:
    hostile = replace(
        envelope(),
        sender=Party(identifier=EVIL, name=EVIL),
        recipient=Party(identifier="1", name='"<thief@evil.example>, '),
        subject=EVIL,
        kind=EVIL,
    )
    made = write(replace(letter(), envelope=hostile))
    names = re.findall(rb"(?m)^([A-Za-z-]+):", made.headers)
    assert names == [
        b"From",
        b"To",
        b"Subject",
        b"Date",
        b"Message-ID",
        b"Content-Language",
        b"MIME-Version",
    ]
    message = email.message_from_bytes(made.headers + made.entity, policy=default)
    assert [a.addr_spec for a in message["To"].addresses] == [THEIRS]
    assert [a.addr_spec for a in message["From"].addresses] == [OURS]


@pytest.mark.parametrize(
    "name",
    [
        "Писмо.pdf",
        "a" * 200 + ".pdf",
        "ж" * 110 + ".pdf",
        'quote".pdf',
        "x\r\nEvil: 1.pdf",
        "../../etc/passwd",
        "%41%42.pdf",
        "=?utf-8?b?0J8=?=.pdf",
        "emoji 📎.pdf",
        "semi;colon=1.pdf",
    ],
)
def test_file_names_come_back_whichever_way_is_read(name: str) -> None:
    file = attached(1, name, b"x")
    made = written(files=(file,))
    message = email.message_from_bytes(made.entity, policy=default)
    (part, machine) = list(message.iter_attachments())
    shown = part.get_filename()
    assert shown
    assert not re.search(r'[\r\n/\\"]', shown)
    assert shown.rstrip(".pdf")[:5] in name or name.startswith(("quote", "x", "../", "=?"))
    assert machine.get_content_type() == MEDIA_TYPE
    assert max(map(len, made.entity.split(b"\r\n"))) <= 78 + 20


def test_the_same_document_is_the_same_letter_in_every_attempt() -> None:
    assert written() == written()
    first, second = written(), written(series="2")
    assert first.message_id == message_id(envelope(), "1", OURS)
    assert first.message_id != second.message_id
    assert first.envelope_id != second.envelope_id


def test_the_content_is_canonical_and_seven_bit() -> None:
    made = signed()
    assert made.isascii()
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n|[ \t]\r\n", made)
    assert b"format=flowed" not in made
    assert not re.search(rb"(?m)^From ", made)


def test_programs_read_the_same_envelope() -> None:
    (*_, machine) = parsed().iter_attachments()
    told = load_envelope(machine.get_content(), 1)
    assert told == replace(envelope(), network="email", correspondents=())


def test_personal_data_goes_only_into_letters_that_are_encrypted() -> None:
    (*_, machine) = parsed(confidential=True).iter_attachments()
    assert load_envelope(machine.get_content(), 1).correspondents
    assert (
        b"\xd0\x9f\xd1\x80\xd0\xb8\xd0\xbc\xd0\xb5\xd1\x80\xd0\xbd\xd0\xbe \xd0\xbb\xd0\xb8"
        not in (list(parsed().iter_attachments())[-1].get_content())
    )


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"version":2,"envelope":{}}', b'{"version":1}']
)
def test_other_envelopes_are_not_guessed_at(data: bytes) -> None:
    with pytest.raises(WireError):
        load_envelope(data, 1)


def test_files_that_are_not_the_stored_ones_never_leave() -> None:
    changed = (replace(FILES[0], content=b"changed"), FILES[1])
    with pytest.raises(StorageError):
        write(replace(letter(), files=changed))
    with pytest.raises(StorageError):
        write(replace(letter(), files=FILES[:1]))


@pytest.mark.parametrize("series", ["", "A", "1\r\n", "x" * 17, "1.2"])
def test_a_series_is_a_plain_word(series: str) -> None:
    with pytest.raises(WireError):
        written(series=series)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "a",
        "a@",
        "@b",
        "a b@c.example",
        "a@b c",
        "a@b\r\nX: y",
        "a..b@c.example",
        "a@-b.example",
        "<a@b.example>",
        "ж@b.example",
        "a@" + "b" * 300,
        '"a b"@c.example',
        "a@b@c.example",
    ],
)
def test_addresses_that_are_not_plain_are_none(bad: str) -> None:
    with pytest.raises(WireError):
        address(bad)


def test_addresses_in_their_wire_form() -> None:
    assert address(" A.b@Пример.example ") == "A.b@xn--e1afmkfd.example"
    assert only_address('"x, <y@z.example>" <a@b.example>') == "a@b.example"
    assert only_address("a@b.example, c@d.example") == ""
    assert only_address("Name <a@b.example> <c@d.example>") == ""
    assert only_address("a@b.example <c@d.example>") == ""


def test_header_texts() -> None:
    assert one_line("a\r\n b\u2028c\x00d") == "a b c d"
    assert encoded("=?utf-8?q?x?=").startswith("=?utf-8?")
    assert mailbox("", "a@b.example") == "a@b.example"
    assert all(len(line) <= 78 for line in encoded("дълга тема " * 30, used=9).split("\r\n"))


def test_xtext() -> None:
    assert xtext("a+b=c d@e") == "a+2Bb+3Dc+20d@e"


def test_an_estimate_is_never_too_low() -> None:
    for sizes in ((), (1,), (57,), (100_000, 3)):
        files = tuple(attached(i, "ж" * 100, bytes(n)) for i, n in enumerate(sizes, 1))
        ready = written(files=files)
        assert len(signer().sign(ready)) <= estimate(sizes)
        packed = signer().sign_and_encrypt(ready, papers().them.certificate)
        assert len(packed) <= estimate(sizes, confidential=True)


def test_a_misspelt_setting_is_an_error_at_every_depth() -> None:
    good = {"address": OURS, "certificate": "c", "key": "k", "submission": {"host": "mail.example"}}
    assert EmailSettings.model_validate(good).submission.security == "starttls"
    for bad in ({"adress": "x"}, {"submission": {"host": "x", "securty": "tls"}}):
        with pytest.raises(ValidationError):
            EmailSettings.model_validate(good | bad)
    with pytest.raises(ValidationError):
        EmailSettings.model_validate(good | {"submission": {"host": "x", "security": "none"}})
