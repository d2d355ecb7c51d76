"""Delivery reports, odd bounces and automatic replies are told apart, and so are plain letters."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from depesha.adapters.email.delivery_status import (
    Action,
    AutoReply,
    DeliveryReport,
    RecipientReport,
    Report,
    UnclearBounce,
)
from depesha.simulators.mail_notices import Passage, automatic_reply, odd_bounce, report
from tests.support.mail import OURS, THEIRS, read, signed, written

AT = datetime(2026, 3, 2, tzinfo=UTC)
PASSAGE = Passage(
    sender=OURS,
    recipient="boxes@inner.example",
    content=signed(),
    envelope_id="dddddddd-4444-4444-8444-dddddddddddd.1+2B",
    original_recipient=f"rfc822;{THEIRS.replace('-', '+2D')}",
)


def plain(headers: str, body: str = "") -> Report | None:
    return read(f"{headers}\r\n\r\n{body}".encode()).report


@pytest.mark.parametrize("action", ["failed", "delayed", "delivered", "relayed"])
def test_a_standard_report_says_what_became_of_our_mail(action: str) -> None:
    found = read(report(PASSAGE, action, "5.2.1", "550 5.2.1 so it is", AT)).report
    assert found == DeliveryReport(
        envelope_id="dddddddd-4444-4444-8444-dddddddddddd.1+",
        message_id=written().message_id,
        recipients=(
            RecipientReport(
                recipient=THEIRS,
                action=Action(action),
                status="5.2.1",
                diagnostic="550 5.2.1 so it is",
            ),
        ),
    )


def test_a_report_without_our_wishes_names_the_last_recipient() -> None:
    bare = Passage(sender=OURS, recipient=THEIRS, content=signed())
    found = read(report(bare, "failed", "5.1.1", "no", AT)).report
    assert isinstance(found, DeliveryReport)
    assert (found.envelope_id, found.recipients[0].recipient) == ("", THEIRS)


def test_an_odd_bounce_is_a_bounce_nobody_guesses_at() -> None:
    found = read(odd_bounce(PASSAGE, AT)).report
    assert found == UnclearBounce(message_id=written().message_id, status="5.1.1")


@pytest.mark.parametrize(
    "headers",
    [
        "From: a@b.example\r\nX-Failed-Recipients: c@d.example\r\nSubject: hm",
        "From: Postmaster <postmaster@b.example>\r\nSubject: hm",
        "From: a@b.example\r\nReturn-Path: <>\r\nSubject: Mail delivery failed",
        "From: a@b.example\r\nReturn-Path: <>\r\nSubject: Undeliverable: letter",
    ],
)
def test_other_bounces(headers: str) -> None:
    found = plain(headers + "\r\nIn-Reply-To: <1@x.example>")
    assert found == UnclearBounce(message_id="<1@x.example>", status="")


def test_an_automatic_reply_is_no_answer() -> None:
    found = read(automatic_reply(PASSAGE, "<1@x.example>", AT)).report
    assert found == AutoReply(message_id="<1@x.example>", kind="auto-replied")


@pytest.mark.parametrize(
    "headers",
    [
        "Subject: Out of office: back soon",
        "Subject: Automatická odpověď: Dovolená",
        "X-Autoreply: yes\r\nSubject: x",
        "Precedence: auto_reply\r\nSubject: x",
        "Auto-Submitted: odd\r\nSubject: x",
    ],
)
def test_guessed_automatic_replies(headers: str) -> None:
    found = plain(f"From: a@b.example\r\n{headers}\r\nReferences: <0@x.example> <1@x.example>")
    assert found == AutoReply(message_id="<1@x.example>", kind="guessed")


def test_a_receipt_of_reading_is_no_delivery_report() -> None:
    found = plain(
        "From: a@b.example\r\nContent-Type: multipart/report;"
        " report-type=disposition-notification; boundary=b\r\nIn-Reply-To: <1@x.example>"
    )
    assert found == AutoReply(message_id="<1@x.example>", kind="receipt")


@pytest.mark.parametrize(
    "headers",
    [
        "From: a@b.example\r\nSubject: Автомати за вода",
        "From: a@b.example\r\nSubject: Undeliverable goods, a complaint",
        "From: a@b.example\r\nAuto-Submitted: no\r\nSubject: x",
    ],
)
def test_letters_of_people_are_letters(headers: str) -> None:
    assert plain(headers) is None
