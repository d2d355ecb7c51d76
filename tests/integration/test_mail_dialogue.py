"""Letters over real sockets with TLS: every way a hand-over can end, and the mailbox."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from depesha.adapters.email.delivery_status import (
    Action,
    AutoReply,
    DeliveryReport,
    Report,
    UnclearBounce,
)
from depesha.adapters.email.mailbox import Account, Cursor, Mailbox
from depesha.adapters.email.smtp import Dispatch, Server, Submitter
from depesha.adapters.system import SystemClock, WorkerThreads
from depesha.errors import Blame, BrokenOffError, PeerError, TooLargeError, UnreachableError
from depesha.schemas.outcome import Deferred, Delivered, Refused, Unclear
from depesha.simulators.authority import Authority
from depesha.simulators.mail_domain import MailDomain
from tests.support.mail import OURS, THEIRS, client_tls, read, rule, signed, written

PASSWORD = 'ours "and\\ours'


@dataclass(kw_only=True)
class Stand:
    domain: MailDomain
    tls: ssl.SSLContext
    threads: WorkerThreads

    def server(self) -> Server:
        return Server(
            host="localhost",
            port=self.domain.smtp_port,
            implicit_tls=False,
            user=OURS,
            password=PASSWORD,
            connect_seconds=3,
            command_seconds=3,
            final_seconds=1,
        )

    def submitter(self, server: Server | None = None) -> Submitter:
        return Submitter(server=server or self.server(), tls=self.tls, threads=self.threads)

    def mailbox(self, **changes: int) -> Mailbox:
        account = Account(
            host="localhost",
            port=self.domain.imap_port,
            user=OURS,
            password=PASSWORD,
            command_seconds=3,
        )
        return Mailbox(
            account=replace(account, **changes),  # type: ignore[arg-type] # only numbers change
            tls=self.tls,
            clock=SystemClock(),
            threads=self.threads,
        )


def dispatch() -> Dispatch:
    ready = written()
    return Dispatch(sender=OURS, recipient=THEIRS, content=signed(), envelope_id=ready.envelope_id)


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    authority = Authority.create("Примерен издател", at=SystemClock().now())
    domain = MailDomain(authority=authority, folder=tmp_path, clock=SystemClock())
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(authority.certificate_pem)
    domain.box(OURS, PASSWORD)
    domain.box(THEIRS, "theirs")
    await domain.start()
    threads = WorkerThreads(2)
    yield Stand(domain=domain, tls=client_tls(trusted), threads=threads)
    await domain.stop()
    await threads.close()


async def test_a_letter_arrives_whole_and_its_delivery_is_reported(stand: Stand) -> None:
    outcome = await stand.submitter().send(dispatch())
    assert outcome == Delivered(receipt=b"250 2.0.0 taken", proven=False)
    (arrived,) = stand.domain.box(THEIRS).mails
    mail = read(arrived.content)
    assert rule(mail) == ""
    assert mail.recipients == (THEIRS,)
    assert mail.machine is not None
    (back,) = stand.domain.box(OURS).mails
    report = read(back.content).report
    assert isinstance(report, DeliveryReport)
    assert (report.envelope_id, report.message_id) == (written().envelope_id, mail.message_id)
    assert [(r.recipient, r.action) for r in report.recipients] == [(THEIRS, Action.DELIVERED)]
    said = " ".join(stand.domain.smtp.commands)
    assert "RET=HDRS ENVID=dddddddd-4444-4444-8444-dddddddddddd.1" in said
    assert f"NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;{THEIRS}" in said


@pytest.mark.parametrize(
    ("switch", "value", "kind", "code"),
    [
        ("closed", True, Deferred, "UNREACHABLE"),
        ("greeting", "421 4.3.2 later", Deferred, "4.3.2"),
        ("greeting", "554 5.3.2 not today", Deferred, "5.3.2"),
        ("no_tls", True, Deferred, "TLS_MISSING"),
        ("sender", "451 4.3.0 later", Deferred, "4.3.0"),
        ("sender", "550 5.1.8 who are you", Refused, "5.1.8"),
        ("sender", "530 5.7.0 log in", Deferred, "5.7.0"),
        ("recipient", "450 4.2.1 later", Deferred, "4.2.1"),
        ("recipient", "550 5.1.1 nobody", Refused, "5.1.1"),
        ("recipient", "550 nobody", Refused, "SMTP_550"),
        ("data", "452 4.3.1 full", Deferred, "4.3.1"),
        ("size_limit", 5_000, Refused, "5.3.4"),
        ("final", "452 4.3.1 full", Deferred, "4.3.1"),
        ("final", "554 5.6.0 no", Refused, "5.6.0"),
        ("final", "300 what", Unclear, "SMTP_300"),
        ("final", "nonsense", Unclear, "BROKEN_OFF"),
        ("lost_after_dot", True, Unclear, "BROKEN_OFF"),
        ("lost_untaken", True, Unclear, "BROKEN_OFF"),
        ("slow_seconds", 2.0, Unclear, "BROKEN_OFF"),
    ],
)
async def test_the_outcome_says_what_the_recipient_has(
    stand: Stand, switch: str, value: object, kind: type, code: str
) -> None:
    setattr(stand.domain.smtp.faults, switch, value)
    outcome = await stand.submitter().send(dispatch())
    assert isinstance(outcome, kind), outcome
    assert not isinstance(outcome, Delivered)
    assert outcome.code == code
    has = len(stand.domain.box(THEIRS).mails)
    assert has == 0 or isinstance(outcome, Unclear)


async def test_a_cut_in_a_large_content_is_surely_not_taken(stand: Stand) -> None:
    """Large, so that the sockets' buffers cannot hold it all and hide the cut."""
    stand.domain.smtp.faults.cut_in_content = 200_000
    large = signed() + (b"y" * 70 + b"\r\n") * 150_000
    outcome = await stand.submitter().send(replace(dispatch(), content=large))
    assert isinstance(outcome, Deferred)
    assert outcome.code == "CUT_OFF"


@pytest.mark.parametrize("lines", [1_000, 100_000])
async def test_a_large_letter_arrives_whole(stand: Stand, lines: int) -> None:
    """Larger than what is written at once, and than the sockets' buffers."""
    large = signed() + (b"y" * 70 + b"\r\n") * lines
    outcome = await stand.submitter().send(replace(dispatch(), content=large))
    assert isinstance(outcome, Delivered), outcome
    (arrived,) = stand.domain.box(THEIRS).mails
    assert arrived.content.endswith(large)


async def test_a_size_known_before_spares_the_sending(stand: Stand) -> None:
    stand.domain.smtp.faults.size_limit = 5_000
    assert (await stand.submitter().offer()).letter_bytes == 5_000
    await stand.submitter().send(dispatch())
    assert not any(line.startswith("MAIL") for line in stand.domain.smtp.commands)


async def test_a_server_without_reports_is_not_asked_for_them(stand: Stand) -> None:
    stand.domain.smtp.faults.no_reports = True
    assert isinstance(await stand.submitter().send(dispatch()), Delivered)
    assert "ENVID" not in " ".join(stand.domain.smtp.commands)


async def test_a_wrong_password_is_ours_to_mend(stand: Stand) -> None:
    submitter = stand.submitter(replace(stand.server(), password="wrong"))
    outcome = await submitter.send(dispatch())
    assert isinstance(outcome, Deferred)
    assert (outcome.code, outcome.blame) == ("5.7.8", Blame.OURS)
    assert "wrong" not in repr(stand.server())


async def test_a_server_nobody_vouches_for_gets_nothing(stand: Stand) -> None:
    strange = replace(stand, tls=ssl.create_default_context())
    outcome = await strange.submitter().send(dispatch())
    assert isinstance(outcome, Deferred)
    assert outcome.code == "TLS_FAILED"
    assert not any(line.startswith("MAIL") for line in stand.domain.smtp.commands)


async def test_dots_arrive_as_they_left(stand: Stand) -> None:
    content = written().headers + b"\r\n.\r\n..x\r\n.y\r\n"
    await stand.submitter().send(replace(dispatch(), content=content))
    assert stand.domain.box(THEIRS).mails[0].content.endswith(b"\r\n\r\n.\r\n..x\r\n.y\r\n")


@pytest.mark.parametrize(
    ("fate", "kind", "words"),
    [
        ("failed", DeliveryReport, "failed 5.2.1"),
        ("delayed", DeliveryReport, "delayed 4.2.1"),
        ("oddly_failed", UnclearBounce, "5.1.1"),
        ("away", AutoReply, "auto-replied"),
    ],
)
async def test_what_comes_back_is_understood(
    stand: Stand, fate: str, kind: type, words: str
) -> None:
    fates = stand.domain.fates
    telling: dict[str, Callable[[], object]] = {
        "failed": lambda: fates.failed.update({THEIRS: "5.2.1"}),
        "delayed": lambda: fates.delayed.update({THEIRS: "4.2.1"}),
        "oddly_failed": lambda: fates.oddly_failed.add(THEIRS),
        "away": lambda: fates.away.add(THEIRS),
    }
    telling[fate]()
    assert isinstance(await stand.submitter().send(dispatch()), Delivered)
    reports = [read(mail.content).report for mail in stand.domain.box(OURS).mails]
    (report,) = [one for one in reports if _words(one) == words]
    assert report is not None
    assert isinstance(report, kind)
    assert report.message_id == written().message_id


def _words(report: Report | None) -> str:
    match report:
        case DeliveryReport():
            return f"{report.recipients[0].action} {report.recipients[0].status}"
        case UnclearBounce():
            return report.status
        case AutoReply():
            return report.kind
        case None:
            return ""


async def test_another_mail_server_takes_the_same(tmp_path: Path) -> None:
    """aiosmtpd, as a second opinion on our way of talking."""
    authority = Authority.create("Примерен издател", at=SystemClock().now())
    key, certificate = authority.issue("mail", eik="000000000", at=SystemClock().now()).write(
        tmp_path, "mail"
    )
    trusted = tmp_path / "ca.pem"
    trusted.write_bytes(authority.certificate_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    taken: list[bytes] = []

    class Handler:
        async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:  # noqa: N802 -- aiosmtpd's name
            taken.append(envelope.content)  # type: ignore[attr-defined] # aiosmtpd has no types
            return "250 2.0.0 OK"

    def login(_s: object, _session: object, _e: object, _m: str, data: LoginPassword) -> AuthResult:
        return AuthResult(success=data.password == PASSWORD.encode())

    def talk() -> SMTP:
        return SMTP(
            Handler(),
            tls_context=context,
            require_starttls=True,
            authenticator=login,
            auth_required=True,
            data_size_limit=1_000_000,
        )

    server = await asyncio.get_running_loop().create_server(talk, "127.0.0.1", 0)
    threads = WorkerThreads(1)
    try:
        port = server.sockets[0].getsockname()[1]
        submitter = Submitter(
            server=Server(
                host="localhost", port=port, implicit_tls=False, user="u", password=PASSWORD
            ),
            tls=client_tls(trusted),
            threads=threads,
        )
        assert (await submitter.offer()).letter_bytes == 1_000_000
        assert isinstance(await submitter.send(dispatch()), Delivered)
    finally:
        server.close()
        await threads.close()
    assert taken == [signed()]


# --- the mailbox ------------------------------------------------------------------------------


async def test_new_mail_is_listed_fetched_and_marked_only_when_told(
    stand: Stand, tmp_path: Path
) -> None:
    box = stand.domain.box(OURS)
    large = b"Subject: large\r\n\r\n" + b"z" * 700_000
    for content in (b"Subject: one\r\n\r\n)(\r\n", large):
        box.deposit(content)
    mailbox = stand.mailbox()
    await mailbox.open()
    listing = await mailbox.new(Cursor())
    assert [(one.uid, one.size) for one in listing.mails] == [(1, 20), (2, len(large))]
    target = tmp_path / "mail.eml"
    assert await mailbox.fetch(2, target) == len(large)
    assert target.read_bytes() == large
    assert await mailbox.fetch(1, target) == 20
    assert target.read_bytes() == b"Subject: one\r\n\r\n)(\r\n"
    assert box.mails[0].flags == set()
    await mailbox.seen(1)
    assert box.mails[0].flags == {"\\Seen"}
    cursor = Cursor(validity=listing.validity, uid=2)
    assert (await mailbox.new(cursor)).mails == ()
    await mailbox.close()
    await mailbox.close()


async def test_a_mail_of_exactly_one_piece_and_an_empty_box(stand: Stand, tmp_path: Path) -> None:
    mailbox = stand.mailbox()
    await mailbox.open()
    assert (await mailbox.new(Cursor())).mails == ()
    stand.domain.box(OURS).deposit(b"x" * 256 * 1024)
    assert await mailbox.fetch(1, tmp_path / "m") == 256 * 1024
    await mailbox.close()


async def test_a_renumbered_folder_makes_the_cursor_worthless(stand: Stand) -> None:
    box = stand.domain.box(OURS)
    box.deposit(b"a\r\n")
    box.deposit(b"b\r\n")
    box.remove(1)
    box.renumber()
    mailbox = stand.mailbox()
    await mailbox.open()
    listing = await mailbox.new(Cursor(validity=1, uid=2))
    assert (listing.renewed, [one.uid for one in listing.mails]) == (True, [1])
    await mailbox.close()


async def test_many_mails_are_listed_in_batches(stand: Stand) -> None:
    for _ in range(230):
        stand.domain.box(OURS).deposit(b"a\r\n")
    mailbox = stand.mailbox()
    await mailbox.open()
    listing = await mailbox.new(Cursor(), limit=200)
    assert [one.uid for one in listing.mails] == list(range(1, 201))
    await mailbox.close()


async def test_idle_wakes_and_the_poll_is_the_net(stand: Stand) -> None:
    mailbox = stand.mailbox()
    await mailbox.open()
    waiting = asyncio.ensure_future(mailbox.wait(3.0))
    await asyncio.sleep(0.2)
    stand.domain.box(OURS).deposit(b"a\r\n")
    await asyncio.wait_for(waiting, 1.0)
    await mailbox.wait(0.1)
    assert len((await mailbox.new(Cursor())).mails) == 1
    await mailbox.close()
    stand.domain.imap.faults.no_idle = True
    await mailbox.open()
    await mailbox.wait(0.05)
    await mailbox.close()


async def test_a_mail_past_the_limit_is_cut_while_reading(stand: Stand, tmp_path: Path) -> None:
    stand.domain.box(OURS).deposit(b"x" * 600_000)
    mailbox = stand.mailbox(mail_bytes=300_000)
    await mailbox.open()
    with pytest.raises(TooLargeError):
        await mailbox.fetch(1, tmp_path / "m")
    await mailbox.close()


async def test_a_broken_fetch_is_told_and_can_be_repeated(stand: Stand, tmp_path: Path) -> None:
    stand.domain.box(OURS).deposit(b"whole mail\r\n")
    stand.domain.imap.faults.cut_in_fetch = True
    mailbox = stand.mailbox(command_seconds=1)
    await mailbox.open()
    with pytest.raises(BrokenOffError):
        await mailbox.fetch(1, tmp_path / "m")
    stand.domain.imap.faults.cut_in_fetch = False
    await mailbox.open()
    assert await mailbox.fetch(1, tmp_path / "m") == 12
    await mailbox.close()


async def test_a_lost_connection_is_noticed_at_once(stand: Stand, tmp_path: Path) -> None:
    """And not when a command's time is over: nobody reads the mailbox meanwhile."""
    stand.domain.box(OURS).deposit(b"whole mail\r\n")
    stand.domain.imap.faults.cut_in_fetch = True
    mailbox = stand.mailbox(command_seconds=60)
    await mailbox.open()
    async with asyncio.timeout(3):
        with pytest.raises(BrokenOffError):
            await mailbox.fetch(1, tmp_path / "m")
        with pytest.raises(BrokenOffError):
            await mailbox.wait(60)
        await mailbox.close()


async def test_a_mailbox_that_cannot_be_opened(stand: Stand) -> None:
    stand.domain.box(OURS).password = "changed"
    with pytest.raises(PeerError):
        await stand.mailbox().open()
    await stand.domain.stop()
    with pytest.raises(UnreachableError):
        await stand.mailbox().open()
