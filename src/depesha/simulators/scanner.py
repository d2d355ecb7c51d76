"""A private clamd with one signature, the harmless test file's: for demo, tests and bench.

It is the real program of the distribution, started as a child on a socket of its own, without
network and without the makers' databases. It must never be used to guard real documents.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Self

from depesha.errors import ConfigurationError, ScannerError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from depesha.ports import Clock

SIGNATURE_NAME = "Depesha.Test.EICAR"
_EICAR_HEX = (
    "58354f2150254041505b345c505a58353428505e2937434329377d2445494341522d5354414e44"
    "4152442d414e544956495255532d544553542d46494c452124482b482a"
)
PROGRAMS = ("clamd", "/usr/sbin/clamd", "/usr/local/sbin/clamd")
_STOP_SECONDS = 10.0
_STEP_SECONDS = 0.05
_TAIL = 400


class PrivateClamd:
    """Starts and stops one clamd: `async with PrivateClamd(folder, clock=clock) as clamd`."""

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock,
        file_megabytes: int = 200,
        start_seconds: float = 30.0,
        programs: Sequence[str] = PROGRAMS,
    ) -> None:
        """`folder` must be short enough for a socket's address; it is made where absent.

        `programs` are tried in order; `file_megabytes` is the largest file it looks at
        (MaxFileSize, StreamMaxLength).
        """
        self._folder = folder
        self._clock = clock
        self._megabytes = file_megabytes
        self._start_seconds = start_seconds
        self._programs = tuple(programs)
        self._process: asyncio.subprocess.Process | None = None

    @property
    def socket(self) -> Path:
        """Where it listens."""
        return self._folder / "clamd.sock"

    @property
    def address(self) -> str:
        """The address as the gateway's settings write it."""
        return f"unix:{self.socket}"

    @property
    def pid(self) -> int:
        """Its process id; raises `ScannerError` while it does not run."""
        if self._process is None:
            raise ScannerError("the private clamd does not run")
        return self._process.pid

    async def start(self) -> None:
        """Start it and wait until it answers; raise `ConfigurationError` or `ScannerError`."""
        program = next((found for name in self._programs if (found := shutil.which(name))), None)
        if program is None:
            raise ConfigurationError(
                "clamd is not installed", remedy="apt-get install clamav-daemon"
            )
        configuration = await asyncio.to_thread(self._prepare)
        log = await asyncio.to_thread((self._folder / "clamd.log").open, "wb")
        with log:
            self._process = await asyncio.create_subprocess_exec(
                program,
                f"--config-file={configuration}",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            await self._wait()
        except BaseException:
            await self.stop()
            raise

    def _prepare(self) -> Path:
        """Write database and configuration; forget what an earlier run left."""
        database = self._folder / "database"
        database.mkdir(parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        self.socket.unlink(missing_ok=True)
        signature = f"{SIGNATURE_NAME}:0:*:{_EICAR_HEX}\n"
        (database / "test.ndb").write_text(signature, encoding="ascii")
        shared = Path("/dev/shm")  # noqa: S108 - clamd makes its own private folder in it
        temporary = shared if shared.is_dir() else self._folder
        lines = (
            f"LocalSocket {self.socket}",
            "LocalSocketMode 600",
            "FixStaleSocket yes",
            "Foreground yes",
            f"DatabaseDirectory {database}",
            f"TemporaryDirectory {temporary}",
            "OfficialDatabaseOnly no",
            "SelfCheck 0",
            "MaxThreads 8",
            # Each scan is one: what was seen before is not taken from memory, also for the bench.
            "DisableCache yes",
            f"StreamMaxLength {self._megabytes}M",
            f"MaxFileSize {self._megabytes}M",
            f"MaxScanSize {self._megabytes * 2}M",
            "AlertExceedsMax yes",
            "AlertEncrypted yes",
        )
        configuration = self._folder / "clamd.conf"
        configuration.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return configuration

    async def _wait(self) -> None:
        until = self._clock.monotonic() + self._start_seconds
        while not await self._answers():
            process = self._process
            ended = process is None or process.returncode is not None
            if ended or self._clock.monotonic() > until:
                log = await asyncio.to_thread((self._folder / "clamd.log").read_text, "utf-8")
                raise ScannerError("the private clamd does not start", log=log[-_TAIL:])
            await self._clock.sleep(_STEP_SECONDS)

    async def _answers(self) -> bool:
        """Ask for its pong."""
        try:
            async with asyncio.timeout(1.0):
                reader, writer = await asyncio.open_unix_connection(str(self.socket))
                try:
                    writer.write(b"zPING\0")
                    return await reader.read(16) == b"PONG\0"
                finally:
                    writer.close()
                    await writer.wait_closed()
        except (OSError, TimeoutError):
            return False

    async def stop(self) -> None:
        """End it, by force where asking does not help; stopping twice is safe."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def kill(self) -> None:
        """End it without warning; it may be started again."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            await process.wait()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        await self.stop()
