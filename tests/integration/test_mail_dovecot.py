"""Our mailbox reader against a real Dovecot, started by the test on loopback as a user process."""

from __future__ import annotations

import asyncio
import getpass
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from depesha.adapters.email.mailbox import Account, Cursor, Mailbox
from depesha.adapters.email.settings import MailboxSettings
from depesha.adapters.system import SystemClock, WorkerThreads
from depesha.simulators.authority import Authority
from tests.support.mail import client_tls, read, rule, signed
from tests.support.mail_house import post

DOVECOT = shutil.which("dovecot", path="/usr/sbin:/usr/bin")
SETTINGS = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <{folder}/mail.cert.pem
ssl_key = <{folder}/mail.key.pem
ssl_dh =
mail_location = maildir:{folder}/maildir
first_valid_uid = 0
default_login_user = {login}
default_internal_user = {user}
default_internal_group = {group}
passdb {{
  driver = static
  args = password=ours
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    port = {port}
    ssl = yes
  }}
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
"""


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def write_settings(folder: Path, port: int) -> Path:
    authority = Authority.create("Примерен издател", at=SystemClock().now())
    authority.issue("mail", eik="000000000", at=SystemClock().now()).write(folder, "mail")
    (folder / "ca.pem").write_bytes(authority.certificate_pem)
    maildir = folder / "maildir"
    for name in ("new", "cur", "tmp"):
        (maildir / name).mkdir(parents=True)
    user = login = getpass.getuser()
    if os.geteuid() == 0:  # Dovecot refuses to serve as root: its package brought users of its own
        user, login = "dovecot", "dovenull"
        for path in (folder, maildir, *maildir.iterdir()):
            shutil.chown(path, user)
    group = subprocess.run(
        ["id", "-gn", user], capture_output=True, text=True, check=True
    ).stdout.strip()
    settings = folder / "dovecot.conf"
    settings.write_text(
        SETTINGS.format(folder=folder, port=port, user=user, login=login, group=group)
    )
    return settings


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that other users may enter: the server's processes give up their rights."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield Path(made)


@pytest.fixture
async def port(folder: Path) -> AsyncIterator[int]:
    """Where a Dovecot of our own listens."""
    assert DOVECOT, "install dovecot-imapd: scripts/setup does"
    free = free_port()
    settings = write_settings(folder, free)
    process = await asyncio.create_subprocess_exec(DOVECOT, "-F", "-c", str(settings))
    try:
        for _ in range(50):
            if await listening(free):
                break
            await asyncio.sleep(0.1)
        yield free
    finally:
        process.terminate()
        await process.wait()


@pytest.fixture
async def mailbox(folder: Path, port: int) -> AsyncIterator[Mailbox]:
    threads = WorkerThreads(1)
    made = Mailbox(
        account=Account(host="localhost", port=port, user="ours", password="ours"),
        tls=client_tls(folder / "ca.pem"),
        clock=SystemClock(),
        threads=threads,
    )
    try:
        yield made
    finally:
        await made.close()
        await threads.close()


async def listening(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def put(folder: Path, name: str, content: bytes) -> None:
    (folder / "maildir/tmp" / name).write_bytes(content)
    (folder / "maildir/tmp" / name).rename(folder / "maildir/new" / name)


def marked(folder: Path) -> list[str]:
    """Names of mails with the flag "seen"."""
    names = (path.name for path in (folder / "maildir/cur").iterdir())
    return [name for name in names if "S" in name.rpartition(":2,")[2]]


async def test_a_real_server_gives_back_what_lies_in_it(mailbox: Mailbox, folder: Path) -> None:
    put(folder, "1.a.b", signed())
    put(folder, "2.a.b", b"Subject: large\r\n\r\n" + b"z" * 70 + b"\r\n" * 200_000)
    await mailbox.open()
    listing = await mailbox.new(Cursor())
    assert [one.uid for one in listing.mails] == [1, 2]
    target = folder / "got"
    assert await mailbox.fetch(1, target) == len(signed())
    assert rule(read(target.read_bytes())) == ""
    assert await mailbox.fetch(2, target) == listing.mails[1].size
    assert marked(folder) == []
    await mailbox.seen(1)
    assert [name[0] for name in marked(folder)] == ["1"]
    waiting = asyncio.ensure_future(mailbox.wait(10.0))
    await asyncio.sleep(0.5)
    put(folder, "3.a.b", b"Subject: new\r\n\r\n")
    await asyncio.wait_for(waiting, 9.0)
    cursor = Cursor(validity=listing.validity, uid=2)
    assert [one.uid for one in (await mailbox.new(cursor)).mails] == [3]


async def test_the_receiver_takes_documents_out_of_a_real_mailbox(
    folder: Path, port: int, tmp_path: Path
) -> None:
    """A letter goes by the simulated server, lies in Dovecot, and is taken in once."""
    real = MailboxSettings(
        host="localhost",
        port=port,
        authorities=(str(folder / "ca.pem"),),
        user="ours",
        password_env="DOVECOT",
    )
    async with post(tmp_path, mailbox=real) as stand:
        document = stand.document(b"%PDF-1.4 " + b"x" * 400_000)
        channel = stand.a.channel.outbound
        prepared = await channel.prepare(document, ())
        letter = stand.a.blobs.path(prepared.payload)
        assert letter is not None
        put(folder, "1.a.b", letter.read_bytes())
        put(folder, "2.a.b", b"Subject: noise\r\n\r\nwords\r\n")
        assert await stand.b.poll() == 2
        assert await stand.b.poll() == 0
        (arrival,) = stand.b.heard.arrivals
        assert arrival.envelope is not None
        assert arrival.envelope.document == document.document
        assert arrival.envelope.attachments == document.files
        assert await stand.b.left() == ["UNSIGNED"]
    assert [name[0] for name in marked(folder)] == ["1"]
