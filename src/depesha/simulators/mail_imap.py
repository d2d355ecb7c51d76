"""A mailbox server (RFC 3501 with IDLE), well enough for programs that read new mail.

One folder, INBOX. Knows LOGIN, SELECT, UID SEARCH, UID FETCH, UID STORE, NOOP, IDLE, LOGOUT.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from depesha.simulators.mail_boxes import Box, Boxes, StoredMail
from depesha.simulators.mail_lines import Line

_LOGIN: Final = re.compile(r'("(?:[^"\\]|\\.)*"|\S+) ("(?:[^"\\]|\\.)*"|\S+)')
_PIECE: Final = re.compile(r"BODY(?:\.PEEK)?\[\](?:<(\d+)\.(\d+)>)?", re.IGNORECASE)
_SET: Final = re.compile(r"(\d+|\*)(?::(\d+|\*))?")
_CAPABILITIES: Final = "IMAP4rev1 IDLE"


@dataclass(slots=True, kw_only=True)
class ImapFaults:
    """What goes wrong."""

    closed: bool = False
    no_idle: bool = False
    cut_in_fetch: bool = False
    """The connection breaks in the middle of a mail."""


@dataclass(slots=True)
class _Session:
    line: Line
    box: Box | None = None
    selected: bool = False


class ImapServer:
    """The dialogue over the boxes."""

    def __init__(self, *, boxes: Boxes) -> None:
        self._boxes = boxes
        self.faults = ImapFaults()

    async def handle(self, line: Line) -> None:
        """Serve one connection."""
        if self.faults.closed:
            line.cut()
            return
        await line.say("* OK simulator ready")
        session = _Session(line)
        while True:
            said = (await line.read()).decode("utf-8", "replace")
            tag, _, rest = said.partition(" ")
            verb, _, told = rest.partition(" ")
            if verb.upper() == "LOGOUT":
                await line.say("* BYE", f"{tag} OK done")
                return
            await line.say(f"{tag} {await self._command(session, verb.upper(), told)}")

    async def _command(self, session: _Session, verb: str, told: str) -> str:
        line = session.line
        if verb == "CAPABILITY":
            await line.say(f"* CAPABILITY {'IMAP4rev1' if self.faults.no_idle else _CAPABILITIES}")
            return "OK done"
        if verb == "LOGIN":
            return self._login(session, told)
        if session.box is None or not (session.selected or verb == "SELECT"):
            return "NO log in and select first"
        return await self._selected(session, session.box, verb, told)

    async def _selected(self, session: _Session, box: Box, verb: str, told: str) -> str:
        line = session.line
        if verb == "SELECT":
            return await self._select(session, box, told)
        if verb == "NOOP":
            return "OK done"
        if verb == "IDLE" and not self.faults.no_idle:
            return await self._idle(line, box)
        if verb == "UID":
            kind, _, rest = told.partition(" ")
            return await self._by_uid(line, box, kind.upper(), rest)
        return "BAD not known here"

    def _login(self, session: _Session, told: str) -> str:
        match = _LOGIN.fullmatch(told)
        if match is None:
            return "BAD not readable"
        session.box = self._boxes.login(_plain(match[1]), _plain(match[2]))
        return "OK welcome" if session.box else "NO no"

    async def _select(self, session: _Session, box: Box, told: str) -> str:
        if _plain(told).upper() != "INBOX":
            return "NO no such folder"
        session.selected = True
        await session.line.say(
            f"* {len(box.mails)} EXISTS",
            "* 0 RECENT",
            "* FLAGS (\\Seen \\Deleted)",
            f"* OK [UIDVALIDITY {box.validity}] valid",
            f"* OK [UIDNEXT {box.next_uid}] next",
        )
        return "OK [READ-WRITE] done"

    async def _idle(self, line: Line, box: Box) -> str:
        await line.say("+ idling")
        done = asyncio.ensure_future(line.read())
        try:
            while not done.done():
                changed = asyncio.ensure_future(box.changed())
                await asyncio.wait({done, changed}, return_when=asyncio.FIRST_COMPLETED)
                if changed.done():
                    await line.say(f"* {len(box.mails)} EXISTS")
                changed.cancel()
            return "OK done" if (await done).upper() == b"DONE" else "BAD not DONE"
        finally:
            done.cancel()

    async def _by_uid(self, line: Line, box: Box, kind: str, rest: str) -> str:
        if kind == "SEARCH":
            words = rest.upper().removeprefix("UID ").split()
            found = [mail.uid for _, mail in _chosen(box, words[0])]
            await line.say("* SEARCH " + " ".join(map(str, found)) if found else "* SEARCH")
            return "OK done"
        names, _, wanted = rest.partition(" ")
        if kind == "STORE":
            for _, mail in _chosen(box, names):
                mail.flags |= set(re.findall(r"\\\w+", wanted))
            return "OK done"
        if kind != "FETCH":
            return "BAD not known here"
        for place, mail in _chosen(box, names):
            await self._fetched(line, place, mail, wanted)
        return "OK done"

    async def _fetched(self, line: Line, place: int, mail: StoredMail, wanted: str) -> None:
        told = f"* {place} FETCH (UID {mail.uid}"
        if "RFC822.SIZE" in wanted.upper():
            told += f" RFC822.SIZE {len(mail.content)}"
        match = _PIECE.search(wanted)
        if match is None:
            await line.say(told + ")")
            return
        start, count = int(match[1] or 0), int(match[2] or len(mail.content))
        piece = mail.content[start : start + count]
        origin = f"<{start}>" if match[1] else ""
        await line.say(f"{told} BODY[]{origin} {{{len(piece)}}}")
        if self.faults.cut_in_fetch:
            await line.say(piece[: len(piece) // 2])
            line.cut()
            return
        await line.say(piece + b")")


def _plain(word: str) -> str:
    quoted = word.startswith('"') and word.endswith('"')
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if quoted else word


def _chosen(box: Box, names: str) -> Iterator[tuple[int, StoredMail]]:
    """Return the mails of a set such as `3,7:9,12:*`, with their places from 1."""
    last = max((mail.uid for mail in box.mails), default=0)
    spans = []
    for one in names.split(","):
        match = _SET.fullmatch(one)
        if match:
            ends = [last if end == "*" else int(end) for end in (match[1], match[2] or match[1])]
            spans.append((min(ends), max(ends)))
    for place, mail in enumerate(box.mails, 1):
        if any(first <= mail.uid <= final for first, final in spans):
            yield place, mail
