"""A PostgreSQL primary with a streaming standby, which may take over from it.

Nothing here asserts.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.support.postgres import Server, _program

NAME: Final = "second"
"""What the standby calls itself to the primary."""
PATIENCE: Final = 30.0


class Standby(Server):
    """Copied from a running primary (`pg_basebackup`), then fed by it."""

    def __init__(self, primary: Server, **settings: str) -> None:
        self._primary = primary
        super().__init__(**settings)

    def _make(self) -> None:
        source = f"host={self._primary.folder} user=depesha application_name={NAME}"
        words = ("-X", "stream", "-c", "fast", "-R", "--no-sync")
        self._run(_program("pg_basebackup"), "-d", source, "-D", self._data, *words)

    def promote(self) -> None:
        """Let it take over: as `pg_ctl promote`, which returns when it takes writes."""
        self._run(_program("pg_ctl"), "promote", "-D", self._data, "-w")

    def freeze(self) -> None:
        """Stop it in its tracks, as a machine that hangs."""
        for pid in self.pids:
            os.kill(pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        for pid in self.pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A primary, its standby, and the address that names both."""

    primary: Server
    standby: Standby

    def url(self, database: str) -> str:
        """The address for a gateway."""
        hosts = f"{self.primary.folder},{self.standby.folder}"
        return (
            f"postgresql://depesha@/{database}?host={hosts}"
            "&target_session_attrs=read-write&connect_timeout=2"
        )

    def wait_for_standby(self, names: str) -> None:
        """Let commits wait for these standbys (none: for nobody)."""
        self.primary.execute(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.primary.execute("SELECT pg_reload_conf()")
        wanted = "sync" if names else "async"
        until = time.monotonic() + PATIENCE
        while self._states() != [(wanted,)]:
            if time.monotonic() > until:
                raise TimeoutError("the standby does not follow")
            time.sleep(0.05)

    def _states(self) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.primary.url("postgres"), autocommit=True) as connection:
            return connection.execute("SELECT sync_state FROM pg_stat_replication").fetchall()


@contextmanager
def pair(*, synchronous: bool = True) -> Iterator[Pair]:
    """Start both; commits on the primary wait for the standby if `synchronous`."""
    primary = Server()
    primary.start()
    try:
        standby = Standby(primary)
        try:
            standby.start()
            made = Pair(primary=primary, standby=standby)
            made.wait_for_standby(NAME if synchronous else "")
            yield made
        finally:
            with suppress(ProcessLookupError):
                standby.thaw()
            standby.remove()
    finally:
        primary.remove()


def log_of(server: Server) -> str:
    """What a server wrote into its log."""
    return Path(server.folder / "log").read_text("utf-8", "replace")
