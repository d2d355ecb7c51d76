"""A mail server that takes letters in (RFC 5321) and does what its switches say.

Knows STARTTLS, AUTH PLAIN, SIZE and DSN; says no more than a client of ours needs to hear.
"""

from __future__ import annotations

import base64
import binascii
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

from depesha.ports import Clock
from depesha.simulators.mail_boxes import Boxes
from depesha.simulators.mail_lines import Line
from depesha.simulators.mail_notices import Passage

_PATH: Final = re.compile(r"(?:FROM|TO):\s*<([^<>\s]*)>((?: \S+)*)", re.IGNORECASE)
_HARD_LIMIT: Final = 256 * 1024 * 1024


@dataclass(slots=True, kw_only=True)
class SmtpFaults:
    """What goes wrong. An answer is written as on the wire: `450 4.2.1 come again`."""

    closed: bool = False
    """Connections are cut before a greeting."""
    no_tls: bool = False
    no_reports: bool = False
    no_size: bool = False
    size_limit: int = 32 * 1024 * 1024
    greeting: str = ""
    sender: str = ""
    recipient: str = ""
    data: str = ""
    final: str = ""
    """Instead of taking the mail, after its final dot."""
    cut_before_data: bool = False
    """Cut the connection where the mail would begin."""
    cut_in_content: int = -1
    """Cut the connection after so many bytes of the mail."""
    lost_after_dot: bool = False
    """Cut the connection after the final dot, the mail taken."""
    lost_untaken: bool = False
    """The same, and the mail is not taken."""
    slow_seconds: float = 0.0
    """Before the answer to the final dot."""
    doubled: bool = False
    """What is taken is delivered twice, as after a lost answer between two servers."""


@dataclass(slots=True)
class _Talk:
    line: Line
    user: str = ""
    passage: dict[str, str] = field(default_factory=dict)


class SmtpServer:
    """The dialogue; `deliver` takes what was accepted."""

    def __init__(
        self,
        *,
        boxes: Boxes,
        deliver: Callable[[Passage], Awaitable[None]],
        tls: ssl.SSLContext,
        clock: Clock,
    ) -> None:
        self._boxes = boxes
        self._deliver = deliver
        self._tls = tls
        self._clock = clock
        self.faults = SmtpFaults()
        self.commands: list[str] = []
        """Everything heard but logins and contents, for tests."""

    async def handle(self, line: Line) -> None:
        """Serve one connection."""
        if self.faults.closed:
            line.cut()
            return
        await line.say(self.faults.greeting or "220 mail.example ESMTP simulator")
        talk = _Talk(line)
        while True:
            said = (await line.read()).decode("utf-8", "replace")
            verb = said[:4].upper()
            if verb != "AUTH":
                self.commands.append(said)
            if verb == "QUIT":
                await line.say("221 2.0.0 bye")
                return
            if not await self._command(talk, verb, said):
                return

    async def _command(self, talk: _Talk, verb: str, said: str) -> bool:
        """Answer one command; False ends the connection."""
        line = talk.line
        if verb in {"EHLO", "HELO"}:
            talk.passage.clear()
            await line.say(*self._offer(line))
        elif verb == "STAR" and not self.faults.no_tls:
            await line.say("220 2.0.0 go on")
            await line.start_tls(self._tls)
        elif verb == "AUTH":
            await line.say(self._login(talk, said))
        elif verb == "NOOP":
            await line.say("250 2.0.0 fine")
        elif verb == "RSET":
            talk.passage.clear()
            await line.say("250 2.0.0 fine")
        elif verb in {"MAIL", "RCPT"}:
            await line.say(self._path(talk, verb, said))
        elif verb == "DATA":
            return await self._data(talk)
        else:
            await line.say("502 5.5.1 not known here")
        return True

    def _offer(self, line: Line) -> list[str]:
        faults = self.faults
        offers = ["mail.example", "ENHANCEDSTATUSCODES", "8BITMIME"]
        offers += [] if faults.no_size else [f"SIZE {faults.size_limit}"]
        offers += [] if faults.no_reports else ["DSN"]
        if line.encrypted:
            offers.append("AUTH PLAIN")
        elif not faults.no_tls:
            offers.append("STARTTLS")
        return [f"250-{offer}" for offer in offers[:-1]] + [f"250 {offers[-1]}"]

    def _login(self, talk: _Talk, said: str) -> str:
        words = said.split()
        if not talk.line.encrypted or len(words) != 3 or words[1].upper() != "PLAIN":  # noqa: PLR2004 -- AUTH PLAIN initial-response
            return "504 5.5.4 only PLAIN, under TLS"
        try:
            _, user, password = base64.b64decode(words[2], validate=True).decode().split("\0")
        except (binascii.Error, ValueError):
            return "501 5.5.2 not readable"
        if self._boxes.login(user, password) is None:
            return "535 5.7.8 no"
        talk.user = user
        return "235 2.7.0 welcome"

    def _path(self, talk: _Talk, verb: str, said: str) -> str:
        match = _PATH.fullmatch(said[5:].strip())
        if match is None:
            return "501 5.5.2 not readable"
        if not talk.user:
            return "530 5.7.0 log in first"
        wishes = dict(one.partition("=")[::2] for one in match[2].split())
        if verb == "MAIL":
            return self._sender(talk, match[1], wishes)
        return self._recipient(talk, match[1], wishes)

    def _sender(self, talk: _Talk, address: str, wishes: dict[str, str]) -> str:
        if int(wishes.get("SIZE", "0")) > self.faults.size_limit:
            return "552 5.3.4 too large"
        talk.passage = {"sender": address, "envid": wishes.get("ENVID", "")}
        return self.faults.sender or "250 2.1.0 fine"

    def _recipient(self, talk: _Talk, address: str, wishes: dict[str, str]) -> str:
        if self.faults.recipient or "sender" not in talk.passage:
            return self.faults.recipient or "503 5.5.1 MAIL first"
        talk.passage |= {
            "recipient": address,
            "notify": wishes.get("NOTIFY", "").upper(),
            "orcpt": wishes.get("ORCPT", ""),
        }
        return "250 2.1.5 fine"

    async def _data(self, talk: _Talk) -> bool:
        line, faults, told = talk.line, self.faults, talk.passage
        if faults.data or "recipient" not in told:
            await line.say(faults.data or "503 5.5.1 RCPT first")
            return True
        if faults.cut_before_data:
            line.cut()
            return False
        await line.say("354 go on")
        content = await self._content(line)
        if content is None:
            line.cut()
            return False
        if faults.slow_seconds:
            await self._clock.sleep(faults.slow_seconds)
        passage = Passage(
            sender=told["sender"],
            recipient=told["recipient"],
            content=content,
            envelope_id=told["envid"],
            original_recipient=told["orcpt"],
            notify=frozenset(told["notify"].split(",")) - {""},
        )
        too_large = "552 5.3.4 too large" if len(content) > faults.size_limit else ""
        refusal = faults.final or too_large
        if not refusal and not faults.lost_untaken:
            for _ in range(2 if faults.doubled else 1):
                await self._deliver(passage)
        if faults.lost_after_dot or faults.lost_untaken:
            line.cut()
            return False
        talk.passage = {}
        await line.say(refusal or "250 2.0.0 taken")
        return True

    async def _content(self, line: Line) -> bytes | None:
        """Read up to the final dot; None where a switch or the hard limit ends it before."""
        content = bytearray()
        while (piece := await line.read()) != b".":
            content += piece.removeprefix(b".") + b"\r\n"
            if 0 <= self.faults.cut_in_content < len(content) or len(content) > _HARD_LIMIT:
                return None
        return bytes(content)
