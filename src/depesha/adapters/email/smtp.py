"""Hands a letter to the mail server and says exactly what became of it (RFC 5321, 3461).

The one thing that matters: on which side of the final dot did a connection break? Before it, no
server can have taken the letter. After it, nobody can tell. It never repeats anything by itself.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import aiosmtplib
from aiosmtplib.errors import SMTPException, SMTPResponseException
from aiosmtplib.response import SMTPResponse

from depesha.adapters.email.addresses import address
from depesha.errors import Blame, DepeshaError, UnreachableError, WireError
from depesha.ports import Threads
from depesha.schemas.outcome import Deferred, Delivered, Outcome, Refused, Unclear

_ENHANCED: Final = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})(?=\s|$)")
_DOTS: Final = re.compile(rb"(?m)^\.")
_BARE: Final = re.compile(rb"\r(?!\n)|(?<!\r)\n")
_XTEXT: Final = re.compile(r"[^!-*,-<>-~]")
_PIECE: Final = 64 * 1024
_LINE: Final = 998
_START: Final = 354
_TRANSIENT: Final = range(400, 500)
_PERMANENT: Final = range(500, 600)
_SUCCESS: Final = range(200, 300)
_TOO_LARGE: Final = "5.3.4"
_BROKEN: Final = (SMTPException, OSError, TimeoutError)
_OUR_OWN: Final = frozenset({502, 503, 504, 530, 534, 535, 538})
"""Answers that speak of our way of talking or of our login, not of the letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """Where letters are handed in, and how long it may take."""

    host: str
    port: int
    implicit_tls: bool
    """True: TLS from the first byte; False: STARTTLS, which is then demanded."""
    user: str = ""
    password: str = field(default="", repr=False)
    hello_name: str = "localhost"
    connect_seconds: float = 30.0
    command_seconds: float = 300.0
    final_seconds: float = 600.0
    letter_bytes: int = 25 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What the server says it can do."""

    letter_bytes: int
    """The smaller of its limit and ours."""
    reports: bool
    """It takes requests for delivery status notifications (RFC 3461)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatch:
    """One mail for one recipient."""

    sender: str
    recipient: str
    content: bytes = field(repr=False)
    """Headers and body, CRLF line ends, seven bits: exactly what was stored."""
    envelope_id: str
    every_report: bool = True
    """False: only a failure is reported (words that nothing hangs on)."""


@dataclass(slots=True)
class _Progress:
    """How far a hand-over came."""

    step: str = "connect"
    final: bool = False
    """The final dot may have left: from now on silence is unclear."""
    writer: asyncio.StreamWriter | None = None
    """Kept to the end: a forgotten one would close the connection."""


class _Answer(Exception):  # noqa: N818 -- an answer that ends the dialogue, not a fault of ours
    def __init__(self, response: SMTPResponse) -> None:
        super().__init__(response.code)
        self.response = response


class _NoTlsError(UnreachableError):
    """The server would take the letter only in the clear: it gets none."""

    code = "TLS_MISSING"


class Submitter:
    """Hands in letters. One connection for each: a letter's fate never hangs on another's."""

    def __init__(self, *, server: Server, tls: ssl.SSLContext, threads: Threads) -> None:
        """`tls` must verify certificates and host names; a laxer context is refused."""
        if tls.verify_mode is not ssl.CERT_REQUIRED or not tls.check_hostname:
            raise WireError("the TLS context for mail does not verify the server")
        self._server = server
        self._tls = tls
        self._threads = threads
        self.last_offer: Offer | None = None
        """What the server said when it was last greeted."""

    async def offer(self) -> Offer:
        """Connect, log in and ask what the server takes. Safe to repeat.

        Raises `UnreachableError`, or `WireError` where the server refuses us or has no TLS.
        """
        client = self._client()
        try:
            return await self._greet(client, _Progress())
        except _Answer as error:
            raise WireError("the mail server refuses us", status=error.response.code) from error
        except _BROKEN as error:
            raise UnreachableError("the mail server could not be reached") from error
        finally:
            await self._leave(client)

    async def send(self, dispatch: Dispatch) -> Outcome:
        """Try once. Never raises for the network's faults: they are outcomes.

        `Delivered`, not proven: the server took it over and answers for it; what becomes of it
        is told by delivery reports. `Unclear`: the connection broke after the final dot. Raises
        `WireError` for content that cannot travel: bare line ends, lines too long, eight bits.
        """
        stuffed = await self._threads.run(_stuffed, dispatch.content)
        client, progress = self._client(), _Progress()
        try:
            return _outcome(await self._hand_in(client, dispatch, stuffed, progress), progress)
        except _Answer as error:
            return _outcome(error.response, progress)
        except DepeshaError as error:
            return Deferred(code=error.code, public=error.public, blame=error.blame)
        except ssl.SSLError:
            return _deferred("TLS_FAILED", "the mail server's certificate is not to be trusted")
        except _BROKEN as error:
            if progress.final:
                told = "the connection broke after the letter had left"
                return Unclear(code="BROKEN_OFF", public=told)
            return _broken(error, progress)
        finally:
            await self._leave(client)

    # --- the dialogue -----------------------------------------------------------------------

    def _client(self) -> aiosmtplib.SMTP:
        server = self._server
        return aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            timeout=server.command_seconds,
            use_tls=server.implicit_tls,
            start_tls=False,  # ours to demand, after the greeting
            tls_context=self._tls,
            local_hostname=server.hello_name,
        )

    async def _greet(self, client: aiosmtplib.SMTP, progress: _Progress) -> Offer:
        server = self._server
        await client.connect(timeout=server.connect_seconds)
        progress.step = "greeting"
        await client.ehlo(timeout=server.command_seconds)
        if not server.implicit_tls:
            if not client.supports_extension("starttls"):
                raise _NoTlsError("the mail server offers no TLS")
            await client.starttls(timeout=server.connect_seconds)
            await client.ehlo(timeout=server.command_seconds)
        if server.user:
            progress.step = "login"
            await client.login(server.user, server.password, timeout=server.command_seconds)
        size = client.esmtp_extensions.get("size", "").strip()
        limit = int(size) if size.isdecimal() and int(size) else server.letter_bytes
        self.last_offer = Offer(
            letter_bytes=min(limit, server.letter_bytes),
            reports=client.supports_extension("dsn"),
        )
        return self.last_offer

    async def _hand_in(
        self, client: aiosmtplib.SMTP, dispatch: Dispatch, stuffed: bytes, progress: _Progress
    ) -> SMTPResponse:
        sender, recipient = address(dispatch.sender), address(dispatch.recipient)
        offer = await self._greet(client, progress)
        size = len(dispatch.content)
        if size > offer.letter_bytes:
            raise _Answer(SMTPResponse(552, f"{_TOO_LARGE} larger than the server takes"))
        progress.step = "sender"
        mail = [f"MAIL FROM:<{sender}>"]
        rcpt = [f"RCPT TO:<{recipient}>"]
        if client.supports_extension("size"):
            mail.append(f"SIZE={size}")
        if offer.reports:
            mail += ["RET=HDRS", f"ENVID={xtext(dispatch.envelope_id)}"]
            wishes = "SUCCESS,FAILURE,DELAY" if dispatch.every_report else "FAILURE"
            rcpt += [f"NOTIFY={wishes}", f"ORCPT=rfc822;{xtext(recipient)}"]
        await self._say(client, " ".join(mail))
        progress.step = "recipient"
        await self._say(client, " ".join(rcpt))
        progress.step = "content"
        await self._say(client, "DATA", wanted=range(_START, _START + 1))
        await self._content(client, stuffed, progress)
        progress.step, progress.final = "final", True
        # "." alone: the only bytes after which a server may call the letter its own.
        return await client.execute_command(b".", timeout=self._server.final_seconds)

    async def _say(
        self, client: aiosmtplib.SMTP, line: str, wanted: range = _SUCCESS
    ) -> SMTPResponse:
        response = await client.execute_command(
            line.encode("ascii"), timeout=self._server.command_seconds
        )
        if response.code not in wanted:
            raise _Answer(response)
        return response

    async def _content(self, client: aiosmtplib.SMTP, stuffed: bytes, progress: _Progress) -> None:
        """Write all but the final dot, and return only when the kernel has taken every byte."""
        transport, protocol = client.transport, client.protocol
        if not isinstance(transport, asyncio.WriteTransport) or protocol is None:
            raise ConnectionResetError("the connection is gone")
        # Not 0: asyncio's TLS pauses at "as much as" the mark, and so with nothing to send.
        transport.set_write_buffer_limits(high=1, low=0)
        writer = asyncio.StreamWriter(transport, protocol, None, asyncio.get_running_loop())
        progress.writer = writer
        for start in range(0, len(stuffed), _PIECE):
            writer.write(stuffed[start : start + _PIECE])
            async with asyncio.timeout(self._server.command_seconds):
                await writer.drain()
            if not client.is_connected:
                raise ConnectionResetError("the connection is gone")

    async def _leave(self, client: aiosmtplib.SMTP) -> None:
        """Say goodbye where somebody listens; the letter's fate is known already."""
        try:
            if client.is_connected:
                with suppress(*_BROKEN):
                    await client.quit(timeout=min(5.0, self._server.command_seconds))
        finally:
            client.close()


# --- what answers mean ----------------------------------------------------------------------


def _outcome(response: SMTPResponse, progress: _Progress) -> Outcome:
    code = status_code(response)
    receipt = f"{response.code} {response.message}".encode("utf-8", "surrogateescape")
    if response.code in _OUR_OWN and not progress.final:
        return Deferred(
            code=code, public="the mail server refuses us", blame=Blame.OURS, receipt=receipt
        )
    if response.code in _TRANSIENT:
        told = "the mail server asks us to wait"
        return Deferred(code=code, public=told, blame=Blame.THEIRS, receipt=receipt)
    if response.code in _PERMANENT:
        return Refused(code=code, public="the mail server refused the letter", receipt=receipt)
    if progress.final:
        if response.code in _SUCCESS:
            return Delivered(receipt=receipt, proven=False)
        return Unclear(code=code, public="the mail server's answer says nothing", receipt=receipt)
    told = "the mail server's answer cannot be understood"
    return Deferred(code=code, public=told, blame=Blame.THEIRS, receipt=receipt)


def _broken(error: Exception, progress: _Progress) -> Deferred:
    """Judge a break before the final dot: surely not taken."""
    if isinstance(error, SMTPResponseException):
        response = SMTPResponse(error.code, error.message)
        receipt = f"{error.code} {error.message}".encode("utf-8", "surrogateescape")
        blame = Blame.OURS if progress.step == "login" else Blame.THEIRS
        told = "the mail server refuses us"
        return Deferred(code=status_code(response), public=told, blame=blame, receipt=receipt)
    if isinstance(error.__cause__, ssl.SSLError) or isinstance(error, ssl.SSLError):
        return _deferred("TLS_FAILED", "the mail server's certificate is not to be trusted")
    if progress.step == "connect":
        return _deferred("UNREACHABLE", "the mail server could not be reached")
    return _deferred("CUT_OFF", "the connection broke before the letter was whole")


def _deferred(code: str, public: str) -> Deferred:
    return Deferred(code=code, public=public, blame=Blame.NETWORK)


def status_code(response: SMTPResponse) -> str:
    """Return the enhanced status code (RFC 3463) of an answer, or `SMTP_` with the plain one."""
    match = _ENHANCED.match(response.message)
    if match is None or int(match[1]) != response.code // 100:
        return f"SMTP_{response.code}"
    return match[0]


def xtext(text: str) -> str:
    """Return text in the form of RFC 3461, 4: printable, `+` and `=` in hex."""
    return _XTEXT.sub(lambda match: f"+{ord(match[0]):02X}", text.encode().decode("latin-1"))


def _stuffed(content: bytes) -> bytes:
    """Double the dots that begin lines; raise `WireError` for what a server might read otherwise.

    A bare CR or LF reads as a line end to some servers only: so a second mail is smuggled in.
    """
    if not content.endswith(b"\r\n") or not content.isascii() or _BARE.search(content):
        raise WireError("a mail is not in the form in which it may travel")
    if max(map(len, content.split(b"\r\n"))) > _LINE:
        raise WireError("a mail has lines that are too long")
    return _DOTS.sub(b"..", content)
