"""A letter to the other side about one document, in its language: numbers, times, our view.

It holds nothing that the other side does not know already, and no word about people here.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from depesha.errors import RuleError, UnknownMessageError
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.pages.document import asked_id
from depesha.monitoring.console.pages.sending import send
from depesha.monitoring.console.pages.telling import Teller
from depesha.monitoring.console.pages.title import title_of
from depesha.schemas.message import holds_of, rejection_of, warnings_of
from depesha.schemas.outbound import OutboundMessage
from depesha.schemas.people import Action
from depesha.schemas.sentences import LANGUAGES, plain, sentence

if TYPE_CHECKING:
    from aiohttp import web

    from depesha.monitoring.console.access.routes import Visit
    from depesha.monitoring.console.pages.parts import PageParts
    from depesha.schemas.envelope import DocumentReference, Party
    from depesha.schemas.message import Message

SPOKEN = {"isds": "cs", "sevovv": "uk"}
"""The language of a network's bodies; Bulgarian is that of all others."""


def letter(document: Message | OutboundMessage, tell: Teller, own: Party, contact: str) -> str:
    """Return the letter in the teller's language, as plain text."""
    lines = (
        _about_ours(document, tell)
        if isinstance(document, OutboundMessage)
        else _about_theirs(document, tell)
    )
    if not lines:
        raise UnknownMessageError("there is nobody to write to about this message")
    ending = [tell.say("letter.thanks"), "", plain(own.name), plain(contact)]
    return "\n".join(plain(line) for line in [*lines, "", *ending]).rstrip() + "\n"


def _about_theirs(message: Message, tell: Teller) -> list[str]:
    envelope = message.envelope
    if envelope is None:
        return []
    refusal = rejection_of(message.checks)
    found = [refusal] if refusal is not None else list(holds_of(message.checks))
    said = [sentence(one, tell.language, "peer") for one in found]
    asks = [sentence(one, tell.language, "remedy") for one in found]
    noted = [sentence(one, tell.language, "peer") for one in warnings_of(message.checks)]
    return [
        envelope.sender.name,
        "",
        tell.say("letter.theirs"),
        *_reference(envelope.document, tell),
        _line("letter.received", tell.exact(message.received_at), tell),
        _line("letter.network", tell.network(message.network), tell),
        _line("letter.message", envelope.transport_id, tell),
        _line("letter.state", tell.state(message.state), tell),
        *(
            [_line("letter.our-number", message.number.number, tell)]
            if message.number is not None
            else []
        ),
        *(_line("letter.why", one, tell) for one in said),
        *(_line("letter.noted", one, tell) for one in noted),
        "",
        *(asks or [tell.say("letter.ask-theirs")]),
    ]


def _about_ours(message: OutboundMessage, tell: Teller) -> list[str]:
    sent = message.dispatch
    tries = [
        tell.say(
            "letter.try",
            at=tell.exact(one.intended_at),
            network=tell.network(one.network),
            id=one.transport_id,
        )
        for one in message.attempts
    ]
    number = [] if message.number is None else [message.number.number]
    return [
        sent.recipient.name,
        "",
        tell.say("letter.ours"),
        *_reference(sent.document, tell),
        *tries,
        _line("letter.state", tell.state(message.state), tell),
        *(_line("letter.your-number", one, tell) for one in number),
        "",
        tell.say("letter.ask-ours"),
    ]


def _reference(document: DocumentReference, tell: Teller) -> list[str]:
    number = document.number
    named = "" if number is None else f"{number.number} / {tell.day(number.date)}"
    first = [_line("letter.number", named, tell)] if named else []
    return [*first, _line("letter.document", document.guid, tell)]


def _line(key: str, value: str, tell: Teller) -> str:
    return f"{tell.say(key)}: {value}"


class LetterPage:
    """Shows the letter, and hands it out."""

    def __init__(self, parts: PageParts) -> None:
        self._in = parts

    def routes(self) -> tuple[Route, ...]:
        """Return the routes of this page."""
        path, needs = "/documents/{id}/letter", Action.SEE_SUBJECT
        return (
            Route(method="GET", path=path, handler=self.show, needs=needs),
            Route(method="POST", path=path, handler=self.hand_out, needs=needs),
        )

    async def show(self, visit: Visit) -> web.StreamResponse:
        """Show it in the other side's language, or in one that was chosen."""
        return await self._page(visit, visit.request.query.get("language", ""))

    async def hand_out(self, visit: Visit) -> web.StreamResponse:
        """Write down that it goes out, then hand it out as a text file."""
        chosen = visit.form.get("language", "")
        document = (await self._in.overview.story(asked_id(visit))).document
        text = letter(document, self._tell(visit, document, chosen), self._in.own, self._in.contact)
        try:
            await self._in.reasons.report(visit, Action.SEE_SUBJECT, "peer-letter", document.id)
        except RuleError as error:
            return await self._page(visit, chosen, f"rule.{error.rule}")
        name = f"depesha-letter-{document.id}.txt"
        return await send(visit, io.BytesIO(text.encode()), name, self._in.threads)

    async def _page(self, visit: Visit, chosen: str, fault: str = "") -> web.StreamResponse:
        document = (await self._in.overview.story(asked_id(visit))).document
        tell = self._tell(visit, document, chosen)
        here = Teller(language=visit.language, zone=self._in.zone, now=visit.now)
        return await self._in.pages.show(
            visit,
            "letter.html",
            status=400 if fault else 200,
            title=title_of(document, here, sees=True),
            text=letter(document, tell, self._in.own, self._in.contact),
            chosen=tell.language,
            fault=fault,
            tell=here,
        )

    def _tell(self, visit: Visit, document: Message | OutboundMessage, chosen: str) -> Teller:
        spoken = SPOKEN.get(document.network, "bg")
        language = chosen if chosen in LANGUAGES else spoken
        return Teller(language=language, zone=self._in.zone, now=visit.now)
