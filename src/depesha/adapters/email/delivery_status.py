"""Understands what mail servers write back: delivery reports, odd bounces, automatic replies. Pure.

It says what a report claims, about which mail; whether that mail was ours, and whether to believe
an unsigned report, is for its caller.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.errors import MessageError
from email.message import Message
from enum import StrEnum
from typing import Final

from depesha.adapters.email import mime
from depesha.adapters.email.addresses import decoded, only_address
from depesha.errors import WireError

_LIMIT: Final = 256 * 1024
_RECIPIENTS: Final = 50
_CHARACTERS: Final = 400
_STATUS: Final = re.compile(r"\b([245]\.\d{1,3}\.\d{1,3})\b")
_MESSAGE_ID: Final = re.compile(r"<[^<>\s]{1,250}>")
_QUOTED_ID: Final = re.compile(r"(?im)^[ \t>]*Message-ID:\s*(<[^<>\s]{1,250}>)")
_HEX: Final = re.compile(r"\+([0-9A-F]{2})")
_BOUNCERS: Final = re.compile(r"(?:mailer-daemon|postmaster|mail-daemon|mdaemon)@", re.IGNORECASE)
_BOUNCE_SUBJECT: Final = re.compile(
    r"undeliver|undelivered mail|delivery (?:status|failure|has failed|incomplete)|returned mail"
    r"|failure notice|mail delivery (?:failed|system)|не\S* доставен|nedoručiteln|недоставлен",
    re.IGNORECASE,
)
_AUTO_SUBJECT: Final = re.compile(
    r"^(?:auto(?:matic)?[ -:]|out of (?:the )?office|автоматичен отговор|автоматична відповідь"
    r"|automatická odpověď|в отпуск)",
    re.IGNORECASE,
)


class Action(StrEnum):
    """What a report says became of a mail for one recipient (RFC 3464, 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    """Passed on to a server that sends no reports: nothing more will be heard."""
    EXPANDED = "expanded"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientReport:
    """The fate at one recipient."""

    recipient: str
    """The address we wrote to, where the report tells it; in lower case."""
    action: Action
    status: str
    """Enhanced status code; empty where none can be read."""
    diagnostic: str = ""
    """The last server's own words, one line. May hold personal data."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryReport:
    """A report in the standard form."""

    envelope_id: str
    """Our ENVID, out of its xtext; empty where it does not come back."""
    message_id: str
    """Of the mail reported on; empty where nothing of it was returned."""
    recipients: tuple[RecipientReport, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UnclearBounce:
    """Surely some report of a failure, and no program can say which: a person reads it."""

    message_id: str
    """Of the mail it seems to speak of; empty where it names none."""
    status: str
    """A status code found in its words; a hint, no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AutoReply:
    """Written by a program for a person: no document, no proof of delivery."""

    message_id: str
    """Of the mail it answers."""
    kind: str
    """`auto-replied`, `auto-generated`, `auto-notified`, `receipt` (RFC 8098) or `guessed`."""


Report = DeliveryReport | UnclearBounce | AutoReply


def report_in(mail: mime.Entity) -> Report | None:
    """Tell what kind of report a mail is; None for one that a person (or gateway) wrote.

    Never raises: a report in bad form is an unclear bounce.
    """
    kind = mime.parameter(mail.headers, "report-type").lower()
    if mail.media_type == "multipart/report":
        if kind == "delivery-status":
            return _standard(mail) or _bounce(mail)
        if kind == "disposition-notification":
            return AutoReply(message_id=_answered(mail), kind="receipt")
    if _is_bounce(mail):
        return _bounce(mail)
    return _auto_reply(mail)


# --- the standard form ------------------------------------------------------------------------


def _standard(mail: mime.Entity) -> DeliveryReport | None:
    part = _first(mail, "message/delivery-status", "message/global-delivery-status")
    blocks = _blocks(_bytes(part)) if part else []
    if not blocks:
        return None
    found = [one for one in map(_recipient, blocks[1 : _RECIPIENTS + 1]) if one]
    if not found:
        return None
    return DeliveryReport(
        envelope_id=_from_xtext(mime.one(blocks[0], "original-envelope-id")),
        message_id=_returned_id(mail),
        recipients=tuple(found),
    )


def _blocks(content: bytes) -> list[Message]:
    """Read the groups of fields that blank lines part (RFC 3464, 2.1)."""
    text = content.replace(b"\r\n", b"\n").strip(b"\n")
    try:
        return [mime.PARSER.parsebytes(one) for one in re.split(rb"\n(?:[ \t]*\n)+", text) if one]
    except (ValueError, LookupError, MessageError):
        return []


def _recipient(block: Message) -> RecipientReport | None:
    try:
        action = Action(mime.one(block, "action").strip().lower())
    except ValueError:
        return None
    status = _STATUS.search(mime.one(block, "status"))
    original = _typed(mime.one(block, "original-recipient"))
    final = _typed(mime.one(block, "final-recipient"))
    return RecipientReport(
        recipient=only_address(_from_xtext(original) or final).lower(),
        action=action,
        status=status[1] if status else "",
        diagnostic=decoded(_typed(mime.one(block, "diagnostic-code")))[:_CHARACTERS],
    )


def _typed(value: str) -> str:
    """Take the type off a typed value: `rfc822; somebody@example`."""
    kind, mark, rest = value.partition(";")
    return rest.strip() if mark else kind.strip()


def _from_xtext(text: str) -> str:
    return _HEX.sub(lambda match: chr(int(match[1], 16)), text.strip())[:_CHARACTERS]


def _returned_id(mail: mime.Entity) -> str:
    """Find the Message-ID in what was returned of our mail."""
    part = _first(mail, "message/rfc822", "text/rfc822-headers", "message/global-headers")
    if part is None:
        return ""
    found = _QUOTED_ID.search(_text(_bytes(part)).split("\n\n", 1)[0])
    return found[1] if found else ""


# --- all other forms --------------------------------------------------------------------------


def _is_bounce(mail: mime.Entity) -> bool:
    headers = mail.headers
    if headers.get("x-failed-recipients") is not None:
        return True
    empty_path = mime.one(headers, "return-path").strip() == "<>"
    from_daemon = _BOUNCERS.search(only_address(mime.one(headers, "from")) or "") is not None
    spoken = _BOUNCE_SUBJECT.search(decoded(mime.one(headers, "subject"))) is not None
    return from_daemon or (empty_path and spoken)


def _bounce(mail: mime.Entity) -> UnclearBounce:
    text = "\n".join(_text(_bytes(part)) for part in _leaves(mail)[:5])
    named = _QUOTED_ID.search(text)
    status = _STATUS.search(text)
    return UnclearBounce(
        message_id=_returned_id(mail) or (named[1] if named else "") or _answered(mail),
        status=status[1] if status else "",
    )


def _auto_reply(mail: mime.Entity) -> AutoReply | None:
    headers = mail.headers
    told = mime.one(headers, "auto-submitted").split(";")[0].strip().lower()
    answered = _answered(mail)
    if told and told != "no":
        return AutoReply(message_id=answered, kind=told if told in _KINDS else "guessed")
    old_ways = ("x-autoreply", "x-autorespond")
    precedence = mime.one(headers, "precedence").strip().lower()
    subject = decoded(mime.one(headers, "subject"))
    guessed = (
        any(headers.get(name) is not None for name in old_ways)
        or precedence in {"auto_reply", "bulk", "junk"}
        or _AUTO_SUBJECT.search(subject) is not None
    )
    return AutoReply(message_id=answered, kind="guessed") if guessed else None


_KINDS: Final = frozenset({"auto-replied", "auto-generated", "auto-notified"})


def _answered(mail: mime.Entity) -> str:
    found = _MESSAGE_ID.search(mime.one(mail.headers, "in-reply-to"))
    if found:
        return found[0]
    references = _MESSAGE_ID.findall(mime.one(mail.headers, "references"))
    return references[-1] if references else ""


def _leaves(mail: mime.Entity) -> list[mime.Entity]:
    if not mail.children:
        return [mail]
    return [leaf for child in mail.children for leaf in _leaves(child)]


def _first(mail: mime.Entity, *kinds: str) -> mime.Entity | None:
    return next((part for part in _leaves(mail) if part.media_type in kinds), None)


def _bytes(part: mime.Entity) -> bytes:
    try:
        return part.content(_LIMIT)
    except WireError:
        return b""


def _text(content: bytes) -> str:
    return content.replace(b"\r\n", b"\n").decode("utf-8", "replace")
