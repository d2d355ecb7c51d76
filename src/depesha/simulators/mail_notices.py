"""Writes delivery reports as mail servers do (RFC 3464), and the odd bounces of those that do not.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from email.utils import format_datetime
from typing import Final

DAEMON: Final = "MAILER-DAEMON@mail.example"
_BOUNDARY: Final = "=_report_of_the_simulator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A mail as the server took it: from whom, for whom, with which wishes."""

    sender: str
    recipient: str
    content: bytes = field(repr=False)
    envelope_id: str = ""
    """ENVID in xtext, as it came."""
    original_recipient: str = ""
    """ORCPT as it came."""
    notify: frozenset[str] = frozenset()
    """`SUCCESS`, `FAILURE`, `DELAY`, `NEVER`; empty: nothing was asked."""


def report(passage: Passage, action: str, status: str, words: str, at: datetime) -> bytes:
    """Return a report about one recipient: `failed`, `delayed`, `delivered` or `relayed`."""
    fields = ["Reporting-MTA: dns; mail.example", f"Arrival-Date: {format_datetime(at)}"]
    if passage.envelope_id:
        fields.insert(0, f"Original-Envelope-Id: {passage.envelope_id}")
    about = [f"Final-Recipient: rfc822; {passage.recipient}", f"Action: {action}"]
    if passage.original_recipient:
        about.insert(0, f"Original-Recipient: {passage.original_recipient}")
    about += [f"Status: {status}", f"Diagnostic-Code: smtp; {words}"]
    headers = passage.content.split(b"\r\n\r\n", 1)[0].decode("ascii", "replace")
    parts = (
        f"Content-Type: text/plain; charset=utf-8\r\n\r\nYour mail: {action}.\r\n",
        "Content-Type: message/delivery-status\r\n\r\n"
        + "\r\n".join(fields)
        + "\r\n\r\n"
        + "\r\n".join(about)
        + "\r\n",
        f"Content-Type: text/rfc822-headers\r\n\r\n{headers}\r\n",
    )
    head = _head(passage.sender, f"Delivery Status Notification ({action})", at)
    head += (
        "Content-Type: multipart/report; report-type=delivery-status;\r\n"
        f' boundary="{_BOUNDARY}"\r\n\r\n'
    )
    body = "".join(f"--{_BOUNDARY}\r\n{part}\r\n" for part in parts)
    return (head + body + f"--{_BOUNDARY}--\r\n").encode()


def odd_bounce(passage: Passage, at: datetime) -> bytes:
    """Return a bounce in nobody's standard form: words, and the mail's headers below them."""
    headers = passage.content.split(b"\r\n\r\n", 1)[0].decode("ascii", "replace")
    head = _head(passage.sender, "failure notice", at)
    return (
        f"{head}Content-Type: text/plain\r\n\r\n"
        f"Hi. This is the mail program.\r\n\r\n<{passage.recipient}>:\r\n"
        f"Sorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
        f"--- Below this line is a copy of the message.\r\n\r\n{headers}\r\n"
    ).encode()


def automatic_reply(passage: Passage, message_id: str, at: datetime) -> bytes:
    """Return the answer of somebody who is away (RFC 3834)."""
    return (
        f"From: {passage.recipient}\r\nTo: {passage.sender}\r\n"
        "Subject: =?utf-8?B?0JDQstGC0L7QvNCw0YLQuNGH0LXQvSDQvtGC0LPQvtCy0L7RgA==?=\r\n"
        f"In-Reply-To: {message_id}\r\nAuto-Submitted: auto-replied\r\n"
        f"Date: {format_datetime(at)}\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n\r\nIn office on Monday.\r\n"
    ).encode()


def _head(to: str, subject: str, at: datetime) -> str:
    return (
        "Return-Path: <>\r\n"
        f"From: Mail Delivery System <{DAEMON}>\r\nTo: {to}\r\nSubject: {subject}\r\n"
        f"Date: {format_datetime(at)}\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
    )
