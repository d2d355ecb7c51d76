"""What the demo finds in mailboxes: signals to networks' operators, and letters openssl accepts.

Boxes are read over IMAP with TLS, as any mail program does.
"""

from __future__ import annotations

import asyncio
import hashlib
import imaplib
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Final

from depesha.errors import PeerError
from depesha.ports import Clock
from depesha.schemas.outbound import SignalKind
from depesha.schemas.outbound_sentences import say
from depesha.simulators.bodies import PRIMER, Body
from depesha.simulators.country import Country
from depesha.simulators.demo_report import DemoFailedError, expect
from depesha.simulators.demo_witness import PATIENCE
from depesha.simulators.mail_boxes import Box

LANGUAGE: Final = "bg"
"""In which the gateways of a country write to operators."""
OPENSSL_SECONDS: Final = 20.0
_STEP: Final = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedLetter:
    """A mail that openssl accepted."""

    said: str
    """openssl's own words."""
    digests: tuple[str, ...]
    """SHA-256 of every file in what was signed."""


class Operators:
    """Watches the mailboxes of the networks' operators."""

    def __init__(self, country: Country, clock: Clock, sender: Body = PRIMER) -> None:
        """`sender` is the body whose gateway they hear from."""
        self._country = country
        self._clock = clock
        self._sender = sender

    def mark(self, network: str) -> int:
        """Return how many mails the operator has now."""
        return len(self._country.mail.operators[network].mails)

    async def signalled(
        self, network: str, since: int, kind: SignalKind, *, about: str = ""
    ) -> str:
        """Wait for a word of this kind after the mark, naming `about`; return its subject."""
        box = self._country.mail.operators[network]
        words = say(f"signal.{kind}", LANGUAGE).partition(" (")[0].rstrip(".")
        until = self._clock.monotonic() + PATIENCE
        while True:
            for content in (await read_box(self._country, box))[since:]:
                mail = message_from_bytes(content, policy=policy.default)
                subject = str(mail["Subject"])
                ours = self._sender.address in str(mail["From"]) and words in subject
                if ours and isinstance(mail, EmailMessage) and about in mail.get_content():
                    return subject
            expect(self._clock.monotonic() < until, f"{network}'s operator did not hear: {words}")
            await self._clock.sleep(_STEP)


class Letterbox:
    """Fetches a letter and has it verified by openssl, with the authority's certificate only."""

    def __init__(self, country: Country, clock: Clock) -> None:
        self._country = country
        self._clock = clock

    async def verified(self, recipient: Body, document: str) -> VerifiedLetter:
        """Wait for the one letter about a document in the recipient's box, and verify it."""
        box = self._country.mail.bodies[recipient.folder].box
        until = self._clock.monotonic() + PATIENCE
        while True:
            mails = await read_box(self._country, box)
            found = [one for one in mails if document in str(_headers(one)["Message-ID"])]
            if found:
                expect(len(found) == 1, f"the box holds the letter {len(found)} times")
                return await self._verify(found[0])
            expect(self._clock.monotonic() < until, "the letter is not in the recipient's box")
            await self._clock.sleep(_STEP)

    async def _verify(self, mail: bytes) -> VerifiedLetter:
        folder = self._country.folder
        letter, content = folder / "letter.eml", folder / "letter.signed"
        await asyncio.to_thread(letter.write_bytes, mail)
        said = await openssl(
            *("cms", "-verify", "-in", str(letter), "-out", str(content)),
            *("-CAfile", str(folder / "ca" / "ca.cert.pem"), "-purpose", "smimesign"),
        )
        signed = await asyncio.to_thread(content.read_bytes)
        return VerifiedLetter(said=said, digests=tuple(await asyncio.to_thread(_digests, signed)))


async def read_box(country: Country, box: Box) -> list[bytes]:
    """Return every mail of a box, oldest first."""
    port = country.mail.domain.imap_port
    context = ssl.create_default_context(cafile=str(country.folder / "ca" / "ca.cert.pem"))
    try:
        return await asyncio.to_thread(_read_box, port, context, box)
    except (imaplib.IMAP4.error, OSError) as error:
        raise PeerError("the mailbox cannot be read") from error


def _read_box(port: int, context: ssl.SSLContext, box: Box) -> list[bytes]:
    with imaplib.IMAP4_SSL("127.0.0.1", port, ssl_context=context, timeout=10) as imap:
        imap.login(box.address, box.password)
        imap.select("INBOX")
        _, listed = imap.uid("SEARCH", "UID 1:*")
        mails = []
        for uid in (listed[0] or b"").split():
            _, answered = imap.uid("FETCH", uid.decode(), "(BODY.PEEK[])")
            mails += [bytes(one[1]) for one in answered if isinstance(one, tuple)]
        return mails


def _headers(mail: bytes) -> EmailMessage:
    """Only the headers: large mails are looked through quickly."""
    found = message_from_bytes(mail.partition(b"\r\n\r\n")[0], policy=policy.default)
    if not isinstance(found, EmailMessage):
        raise DemoFailedError("a mail cannot be read")
    return found


def _digests(signed: bytes) -> Iterator[str]:
    for part in message_from_bytes(signed, policy=policy.default).walk():
        content = part.get_payload(decode=True)
        if isinstance(content, bytes):
            yield hashlib.sha256(content).hexdigest()


async def openssl(*arguments: str) -> str:
    """Run openssl; return what it said, or fail with it."""
    process = await asyncio.create_subprocess_exec(
        *("openssl", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(OPENSSL_SECONDS):
            out, _ = await process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    said = " ".join(out.decode("utf-8", "replace").split())
    if process.returncode != 0:
        raise DemoFailedError(f"openssl refuses it: {said}")
    return said
