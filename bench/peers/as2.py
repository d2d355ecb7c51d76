"""django-pyas2 under gunicorn, installed from PyPI into a virtual environment of its own.

Over TLS, with a durable database, as its documentation advises: several workers behind one port.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives import serialization

from bench.processes import cpu_seconds, say

if TYPE_CHECKING:
    from depesha.simulators.authority import Identity

HERE: Final = Path(__file__).parent
VENV: Final = HERE.parents[1] / ".venv" / "peers-pyas2"
PASSPHRASE: Final = b"bench"
THREADS: Final = 8
"""Of each worker, so that callers keep their connections (gunicorn's `gthread`)."""
START_SECONDS: Final = 30.0


def install() -> Path:
    """Make its virtual environment, once; return its interpreter. Takes half a minute; blocking."""
    python = VENV / "bin" / "python"
    wanted = (HERE / "requirements.txt").read_text("utf-8")
    stamp = VENV / "requirements.txt"
    if stamp.exists() and stamp.read_text("utf-8") == wanted:
        return python
    say("installing django-pyas2 and gunicorn from PyPI")
    subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
    pip = (python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps")
    subprocess.run((*pip, "-r", HERE / "requirements.txt"), check=True)
    mend(VENV)
    stamp.write_text(wanted, "utf-8")
    return python


def mend(venv: Path) -> None:
    """Let oscrypto 1.3.0 read versions of OpenSSL with two digits, as its repository does since."""
    for file in venv.glob("lib/python*/site-packages/oscrypto/_openssl/_libcrypto_c*.py"):
        text = file.read_text("utf-8")
        file.write_text(text.replace(r"(\\d\\.\\d\\.\\d[a-z]*)", r"(\\d+\\.\\d+\\.\\d+[a-z]*)"))


class PyAs2:
    """One running peer: `requests` is the heap of ready calls."""

    def __init__(self, folder: Path, port: int, workers: int) -> None:
        self._folder = folder
        self._port = port
        self._workers = workers
        self._process: asyncio.subprocess.Process | None = None
        self.requests = folder / "requests"

    async def start(self, identity: Identity, count: int, size: int) -> None:
        """Install, write `count` signed messages of `size` bytes, and listen."""
        python = await asyncio.to_thread(install)
        self._folder.mkdir()
        key, certificate = await asyncio.to_thread(self._write_keys, identity)
        say(f"signing {count} AS2 messages of {size // 1000} kB")
        environment = {
            **os.environ,
            "PYAS2_FOLDER": str(self._folder),
            "PYTHONPATH": str(HERE),
            "DJANGO_SETTINGS_MODULE": "pyas2_site.settings",
        }
        prepared = await asyncio.create_subprocess_exec(
            *(python, "-m", "pyas2_site.prepare", self._folder, str(count), str(size)),
            *(self._folder / "both.pem", certificate),
            env=environment,
        )
        if await prepared.wait() != 0:
            raise RuntimeError("django-pyas2 cannot be prepared")
        log = (self._folder / "gunicorn.log").open("wb")
        with log:
            self._process = await asyncio.create_subprocess_exec(
                *(python, "-m", "gunicorn", "pyas2_site.wsgi:application"),
                *("--workers", str(self._workers), "--worker-class", "gthread"),
                *("--threads", str(THREADS), "--bind", f"127.0.0.1:{self._port}"),
                *("--certfile", certificate, "--keyfile", key, "--log-level", "warning"),
                stdout=log,
                stderr=log,
                env=environment,
            )
        await self._wait()

    def _write_keys(self, identity: Identity) -> tuple[Path, Path]:
        """Write key and certificate for TLS, and both together as AS2 takes them."""
        private = serialization.PrivateFormat.PKCS8
        pem = serialization.Encoding.PEM
        plain = identity.key.private_bytes(pem, private, serialization.NoEncryption())
        sealed = identity.key.private_bytes(
            pem, private, serialization.BestAvailableEncryption(PASSPHRASE)
        )
        public = identity.certificate.public_bytes(pem)
        key, certificate = self._folder / "key.pem", self._folder / "certificate.pem"
        key.write_bytes(plain)
        certificate.write_bytes(public)
        (self._folder / "both.pem").write_bytes(sealed + public)
        return key, certificate

    async def _wait(self) -> None:
        async with asyncio.timeout(START_SECONDS):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", self._port)
                except OSError:
                    await asyncio.sleep(0.1)
                else:
                    writer.close()
                    return

    def cpu_seconds(self) -> float:
        """CPU seconds of all its processes so far."""
        if self._process is None:
            return 0.0
        pids = [self._process.pid, *_children(self._process.pid)]
        return sum(map(cpu_seconds, pids))

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.terminate()
            await self._process.wait()


def _children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text(encoding="ascii", errors="replace")
        except OSError:
            continue
        if int(re.sub(r"^.*\) ", "", text).split()[1]) == pid:
            found.append(int(stat.parent.name))
    return found
