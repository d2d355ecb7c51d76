"""A mail domain on loopback: a server for handing in, one for reading, and what happens between.

Accepted mail lands in the recipient's box, or its sender hears why not, as the switches say.
"""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric import rsa

from depesha.ports import Clock
from depesha.simulators.authority import Authority
from depesha.simulators.mail_boxes import Box, Boxes
from depesha.simulators.mail_imap import ImapServer
from depesha.simulators.mail_lines import LineServer
from depesha.simulators.mail_notices import Passage, automatic_reply, odd_bounce, report
from depesha.simulators.mail_smtp import SmtpServer

_MESSAGE_ID: Final = re.compile(rb"(?im)^Message-ID:\s*(<[^<>\s]+>)")


@dataclass(slots=True, kw_only=True)
class Fates:
    """What becomes of mail for an address after it was taken (status codes by address)."""

    failed: dict[str, str] = field(default_factory=dict)
    """Bounced with this status."""
    oddly_failed: set[str] = field(default_factory=set)
    """Bounced in nobody's standard form."""
    delayed: dict[str, str] = field(default_factory=dict)
    """Delivered, and a delay was reported before."""
    relayed: set[str] = field(default_factory=set)
    """Passed on to where no reports come from."""
    away: set[str] = field(default_factory=set)
    """Delivered, and answered by a program."""


class MailDomain:
    """Both servers and the boxes. `smtp.faults`, `imap.faults` and `fates` are the switches."""

    def __init__(
        self,
        *,
        authority: Authority,
        folder: Path,
        clock: Clock,
        implicit_tls: bool = False,
        key: rsa.RSAPrivateKey | None = None,
    ) -> None:
        """Issue the servers' certificate for `localhost` into `folder`; a `key` saves 0.1 s."""
        tls = _context(authority, folder, clock, key)
        self.boxes = Boxes()
        self.fates = Fates()
        self.smtp = SmtpServer(boxes=self.boxes, deliver=self.deliver, tls=tls, clock=clock)
        self.imap = ImapServer(boxes=self.boxes)
        self._clock = clock
        self._submission = LineServer(self.smtp.handle, tls if implicit_tls else None)
        self._reading = LineServer(self.imap.handle, tls)

    @property
    def smtp_port(self) -> int:
        """Where letters are handed in: STARTTLS, or TLS at once."""
        return self._submission.port

    @property
    def imap_port(self) -> int:
        """Where boxes are read, by TLS at once."""
        return self._reading.port

    async def start(self, smtp_port: int = 0, imap_port: int = 0) -> None:
        """Listen on loopback."""
        await self._submission.start(smtp_port)
        await self._reading.start(imap_port)

    async def stop(self) -> None:
        """Stop both servers; the boxes stay. Stopping twice is safe."""
        await self._submission.stop()
        await self._reading.stop()

    def box(self, address: str, password: str = "") -> Box:
        """Return the box of an address, made where there is none yet."""
        return self.boxes.open(address, password)

    async def deliver(self, passage: Passage) -> None:
        """Do with an accepted mail what its recipient's fate says, and tell its sender."""
        fates, whom = self.fates, passage.recipient.lower()
        box = self.boxes.find(whom)
        if whom in fates.oddly_failed:
            self._back(passage, odd_bounce(passage, self._clock.now()))
        elif whom in fates.failed or (box is None and whom not in fates.relayed):
            status = fates.failed.get(whom, "5.1.1")
            self._tell(passage, "FAILURE", "failed", status)
        elif box is None:
            self._tell(passage, "SUCCESS", "relayed", "2.1.9")
        else:
            if whom in fates.delayed:
                self._tell(passage, "DELAY", "delayed", fates.delayed[whom])
            box.deposit(self._traced(passage, whom, box.next_uid))
            self._tell(passage, "SUCCESS", "delivered", "2.1.5")
            if whom in fates.away:
                found = _MESSAGE_ID.search(passage.content)
                about = found[1].decode("ascii", "replace") if found else ""
                self._back(passage, automatic_reply(passage, about, self._clock.now()))

    def _traced(self, passage: Passage, whom: str, number: int) -> bytes:
        """Return a mail with the lines that servers put before it, other ones for each copy."""
        lines = (
            f"Return-Path: <{passage.sender}>",
            f"Delivered-To: {whom}",
            f"Received: from client.example by mail.example with ESMTPSA id {number}",
        )
        return "".join(f"{line}\r\n" for line in lines).encode() + passage.content

    def _tell(self, passage: Passage, wish: str, action: str, status: str) -> None:
        # Without a wish a failure is told, and nothing else (RFC 3461, 5.2).
        if wish in (passage.notify or {"FAILURE"}):
            words = f"550 {status} so it is" if action == "failed" else f"250 {status} so it is"
            self._back(passage, report(passage, action, status, words, self._clock.now()))

    def _back(self, passage: Passage, content: bytes) -> None:
        box = self.boxes.find(passage.sender)
        if box is not None:
            box.deposit(content)


def _context(
    authority: Authority, folder: Path, clock: Clock, key_of_ours: rsa.RSAPrivateKey | None
) -> ssl.SSLContext:
    identity = authority.issue("mail.example", eik="000000000", at=clock.now(), key=key_of_ours)
    key, certificate = identity.write(folder, "mail")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
