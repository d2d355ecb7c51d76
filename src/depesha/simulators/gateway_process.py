"""One gateway as a process of its own: settings written, started, watched, killed, started again.

It knows the product only from outside: its command line, its settings file and its listeners.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import aiohttp
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from depesha.errors import PeerError
from depesha.ports import Clock
from depesha.simulators.console_people import Post, order
from depesha.simulators.gateway_plan import Plan, toml, write_private

START_SECONDS: Final = 60.0
STOP_SECONDS: Final = 20.0
STEP_SECONDS: Final = 0.05
COMMAND_SECONDS: Final = 60.0
WEEK_SECONDS: Final = 240.0
"""A busy week costs a few thousand commits to disk."""
TAIL_LINES: Final = 4
TAIL: Final = 1500
"""Characters of a log shown when its process fails."""
SERVE: Final = (sys.executable, "-m", "depesha", "serve")
SCOPES: Final = (
    "inbox:read",
    "messages:register",
    "messages:clerk",
    "participants:read",
    "evidence:read",
    "send",
    "decide",
)


class GatewayProcess:
    """Starts, watches and ends `python -m depesha serve`."""

    def __init__(
        self,
        plan: Plan,
        *,
        clock: Clock,
        environment: Mapping[str, str] | None = None,
        program: Sequence[str] = SERVE,
    ) -> None:
        """`program` takes `-c SETTINGS`, as `python -m depesha serve` does."""
        self.plan = plan
        self._clock = clock
        self._environment = dict(environment or {})
        self._program = tuple(program)
        self._process: asyncio.subprocess.Process | None = None
        self._log_start = 0

    @property
    def environment(self) -> Mapping[str, str]:
        """What its process is given beside ours; secrets stand in it."""
        return self._environment

    @property
    def settings(self) -> Path:
        """Its settings file."""
        return self.plan.folder / "depesha.toml"

    @property
    def log(self) -> Path:
        """What it wrote to its standard outputs, all starts together."""
        return self.plan.folder / "gateway.log"

    @property
    def seos_url(self) -> str:
        """Where peers find it; stands in the participants' register. Empty without SEOS."""
        return (self.plan.announced_url or self.direct_url) if self.plan.seos else ""

    @property
    def direct_url(self) -> str:
        """Where it listens for peers, without the wire that may lead there."""
        return f"https://{self.plan.host}:{self.plan.partners_port}/seos"

    @property
    def registry_api(self) -> str:
        """Base of the registry API, without `/api/v1`."""
        return f"http://{self.plan.host}:{self.plan.registry_port}"

    @property
    def operators(self) -> str:
        """Base of health, metrics and console."""
        return f"http://{self.plan.host}:{self.plan.operators_port}"

    @property
    def pid(self) -> int:
        """Its process id; raises `PeerError` while it does not run."""
        if self._process is None:
            raise PeerError("the gateway does not run")
        return self._process.pid

    @property
    def seal_key(self) -> Path:
        """The public half of its seal key, as an auditor would have it."""
        return self.plan.folder / "keys" / "seal.pub"

    def write(self) -> None:
        """Write its folder, settings and, where there is none yet, its seal key; blocking."""
        folder = self.plan.folder / "keys"
        folder.mkdir(parents=True, exist_ok=True)
        self.settings.write_text(toml(self.plan.sections()), encoding="utf-8")
        secret = folder / "seal.pem"
        if secret.exists():
            return
        key = Ed25519PrivateKey.generate()
        pem = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(secret, pem)
        self.seal_key.write_text(key.public_key().public_bytes_raw().hex() + "\n", "ascii")

    async def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it; does not wait until it is ready."""
        log = await asyncio.to_thread(self.log.open, "ab")
        with log:
            self._log_start = log.tell()
            self._process = await asyncio.create_subprocess_exec(
                *(*self._program, "-c", str(self.settings)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self._environment, **(environment or {})},
                start_new_session=True,  # Ctrl-C is for us: we stop it in order
            )

    async def ready(self, seconds: float = START_SECONDS) -> None:
        """Wait until `/readyz` says so; raise `PeerError` with the log's end if it does not."""
        until = self._clock.monotonic() + seconds
        said = "nothing"
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2.0)) as session:
            while self._clock.monotonic() < until:
                if self._process is not None and self._process.returncode is not None:
                    raise PeerError(
                        f"the gateway ended with status {self._process.returncode}: "
                        f"{await asyncio.to_thread(self.tail)}"
                    )
                try:
                    async with session.get(self.operators + "/readyz") as response:
                        said = f"{response.status} {(await response.text())[:500]}"
                        if response.ok:
                            return
                except (aiohttp.ClientError, TimeoutError):
                    pass
                await self._clock.sleep(STEP_SECONDS)
        raise PeerError(
            f"the gateway was not ready in {seconds:g} s; it said {said}; "
            f"its log ends: {await asyncio.to_thread(self.tail)}"
        )

    def tail(self) -> str:
        """The last lines it wrote since its last start; blocking."""
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_start)
                lines = log.read().decode("utf-8", "replace").strip().splitlines()
        except OSError:
            return "(none)"
        return "\n".join(lines[-TAIL_LINES:])[-TAIL:] or "(empty)"

    async def kill(self) -> None:
        """End it without warning (SIGKILL) and wait until it is gone."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask it to end (SIGTERM), by force if it does not; stopping twice is safe."""
        await self._end(signal.SIGTERM)

    async def wait(self) -> int:
        """Wait until it ends by itself; return its status."""
        if self._process is None:
            raise PeerError("the gateway does not run")
        return await self._process.wait()

    async def restart(self, environment: Mapping[str, str] | None = None) -> None:
        """Start it again with the same folder and ports, and wait until it is ready."""
        await self.stop()
        await self.start(environment)
        await self.ready()

    async def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(how)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def token(self, name: str, scopes: Sequence[str] = SCOPES) -> str:
        """Make a token for the registry API through the command line."""
        wanted = [part for scope in scopes for part in ("--scope", scope)]
        settings = ("-c", str(self.settings))
        made = await command("token", "create", *settings, name, *wanted, "--json")
        token: str = json.loads(made)["token"]
        return token

    async def admit(self, post: Post, given: str) -> None:
        """Make an account in its console through the command line, with a first password."""
        day = self._clock.now().date().isoformat()
        verb, *rest = order(post, day)
        await command("user", verb, "-c", str(self.settings), *rest, typed=given + "\n")

    async def live_a_week(self, *, busy: bool) -> None:
        """Fill its empty store with a week that never was; before its first start."""
        more = ("--busy",) if busy else ()
        await command("demo-week", "-c", str(self.settings), *more, seconds=WEEK_SECONDS)

    async def let_commands_ask(self, name: str) -> None:
        """Give the commands on this machine (`depesha inbox -c …`) a token of their own."""
        token = await self.token(name, ("admin",))
        path = self.plan.folder / "keys" / "cli.token"
        await asyncio.to_thread(write_private, path, f"{token}\n".encode())

    def described(self, token: str) -> dict[str, Any]:
        """Its row in demo.json (design, section 4)."""
        party, keys = self.plan.party, self.plan.keys
        return {
            "name": party.name,
            "eik": party.identifier,
            "guid": self.plan.guid,
            "seos_url": self.seos_url,
            "registry_api": self.registry_api,
            "console": self.operators,
            "token": token,
            "key": str(keys.key),
            "certificate": str(keys.certificate),
        }


async def command(*arguments: str, typed: str = "", seconds: float = COMMAND_SECONDS) -> str:
    """Run `python -m depesha …` and return what it printed; raise `PeerError` where it failed.

    `typed` goes to its standard input.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "depesha", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(seconds):
            out, err = await process.communicate(typed.encode())
    except BaseException as error:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if isinstance(error, TimeoutError):
            raise PeerError(f"depesha {arguments[0]} did not end in time") from None
        raise
    if process.returncode != 0:
        said = (err or out).decode("utf-8", "replace").strip()[-TAIL:]
        raise PeerError(f"depesha {' '.join(arguments[:2])} failed: {said}")
    return out.decode("utf-8")
