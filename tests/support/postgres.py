"""A private PostgreSQL server, started when a test first asks for one and stopped with the session.

Each test gets a database of its own, copied from one that is migrated already.
"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import IO

import psycopg

from depesha.queue.postgres.connecting import Connector
from depesha.queue.postgres.migrate import migrate

_USERS = ("postgres", "nobody")
"""PostgreSQL refuses to run as root: then as one of these."""
_QUICK = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "on"}
_SMALL = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "autovacuum": "off",
    "log_min_messages": "fatal",
    "deadlock_timeout": "200ms",
    "dynamic_shared_memory_type": "mmap",  # in its folder, so that a kill leaves nothing behind
}
_TEMPLATE = "depesha_template"
_MIGRATED = datetime(2026, 3, 2, tzinfo=UTC)


def _program(name: str) -> str:
    found = shutil.which(name)
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True)
    if found is None and not places:
        raise RuntimeError(f"{name} is not installed: run scripts/setup")
    return found or str(places[0])


class Server:
    """One server in a folder of its own, reached by a socket there."""

    def __init__(self, **settings: str) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="depesha-pg-"))
        self._user = next((_user(name) for name in _USERS), None) if os.geteuid() == 0 else None
        self._settings = {**_SMALL, **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self._names = count(1)
        self._templated = False
        self._orders: psycopg.Connection | None = None
        if self._user is not None:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self._make()
        atexit.register(self.remove)

    def _make(self) -> None:
        self._run(
            _program("initdb"),
            "-D",
            self._data,
            "-U",
            "depesha",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
            "--no-locale",
        )

    @property
    def _data(self) -> str:
        return str(self.folder / "data")

    def _run(self, *command: str) -> None:
        process = self._popen(command, subprocess.DEVNULL)
        if process.wait(60):
            raise RuntimeError(f"{command[0]} failed")

    def _popen(self, command: Sequence[str], output: int | IO[bytes]) -> subprocess.Popen[bytes]:
        user = self._user
        return subprocess.Popen(
            command,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            user=None if user is None else user.pw_uid,
            group=None if user is None else user.pw_gid,
            extra_groups=None if user is None else [],
        )

    def url(self, database: str) -> str:
        return f"postgresql://depesha@/{database}?host={self.folder}"

    def start(self) -> None:
        # It ends with us, however we end.
        command = [_program("setpriv"), "--pdeathsig", "QUIT", "--"]
        command += [_program("postgres"), "-D", self._data, "-k", str(self.folder)]
        for name, value in self._settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "log").open("ab") as log:
            self._process = self._popen(command, log)
        self._wait()

    def _wait(self) -> None:
        for _ in range(600):
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
            except psycopg.OperationalError:
                if self._process is None or self._process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.05)
            else:
                return
        raise RuntimeError("PostgreSQL did not start")

    @property
    def pids(self) -> tuple[int, ...]:
        """The processes of the server, the first one first; none while it does not run."""
        pid = None if self._process is None else self._process.pid
        return () if pid is None else (pid, *_children(pid))

    def kill(self) -> None:
        """End every process of the server at once, as a power cut would."""
        self._hang_up()
        process = self._process
        if process is None:
            return
        family = [process.pid, *_children(process.pid)]
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.wait()
        while any(Path(f"/proc/{pid}").exists() for pid in family[1:]):
            time.sleep(0.01)
        self._process = None

    def stop(self) -> None:
        self._hang_up()
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGINT)
            process.wait(30)

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def _order(self, statement: str) -> None:
        """Carry out a statement about databases; two a test, so over one lasting connection."""
        if self._orders is None or self._orders.closed:
            self._orders = psycopg.connect(self.url("postgres"), autocommit=True)
        self._orders.execute(statement.encode())

    def _hang_up(self) -> None:
        orders, self._orders = self._orders, None
        if orders is not None:
            orders.close()

    @contextmanager
    def database(self) -> Iterator[str]:
        """Make a migrated database; yield its address; remove it."""
        name = f"t{next(self._names)}"
        self._order(f"CREATE DATABASE {name} TEMPLATE {self._template()} STRATEGY file_copy")
        try:
            yield self.url(name)
        finally:
            if self._process is not None:
                self._order(f"DROP DATABASE {name} WITH (FORCE)")

    def _template(self) -> str:
        if not self._templated:
            self.execute(f"CREATE DATABASE {_TEMPLATE}")
            with Connector(url=self.url(_TEMPLATE), gateway="template").open("test") as connection:
                migrate(connection, _MIGRATED)
            self._templated = True
        return _TEMPLATE


def _user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        return [int(child) for child in path.read_text().split()]
    except OSError:
        return []  # it has ended by itself


@lru_cache(maxsize=1)
def quick_server() -> Server:
    """The session's server; it would not survive a power cut, so it is quick."""
    server = Server(**_QUICK)
    server.start()
    return server
