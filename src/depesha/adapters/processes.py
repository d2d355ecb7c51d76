"""Processes of our own that answer calls, each over a socket nobody else knows.

For work that keeps the interpreter's one lock busy: a process has a lock of its own. What a call
means is not known here. A call may be lost with its process, so only work that may be repeated is
given to one; and what comes back is believed as our own code's word, for it is.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, TypeVar

from depesha.errors import ConfigurationError, DepeshaError, ReadingError, StorageError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence
    from io import BufferedReader

    from depesha.ports import Clock, Observer

    Answer = Callable[[bytes, bytes], bytes]

T = TypeVar("T")

START_SECONDS: Final = 60.0
"""A process that is not ready by then is given up."""
STARTS: Final = 5
"""So often one that ends without a word while the gateway starts is started again."""
CALL_SECONDS: Final = 300.0
"""The longest a call may last, and the longest one may wait for a process."""
AGAIN_SECONDS: Final = 1.0
"""Pause before a process is started in the place of one that ended; doubled while that fails."""
AGAIN_LONGEST_SECONDS: Final = 30.0
_LENGTHS: Final = struct.Struct("!QQ")
_BUFFER: Final = 1024 * 1024
_NETWORK_TROUBLE: Final = (OSError, TimeoutError, EOFError)


def serve(channel: socket.socket, opened: Callable[[bytes], Answer]) -> None:
    """Be such a process: answer until the other end closes or breaks. Blocking.

    `opened` makes of the greeting what answers calls, each of which is a head and a body; where it
    raises `DepeshaError`, the owner is told why.
    """
    with channel, channel.makefile("rb") as incoming, suppress(ConnectionError):
        greeting = _received(incoming)
        if greeting is None:
            return
        try:
            answer = opened(greeting[0])
        except DepeshaError as error:
            channel.sendall(_framed(f"{error.code} {error.public}".encode()))
            return
        channel.sendall(_framed(b""))
        while (call := _received(incoming)) is not None:
            channel.sendall(_framed(answer(*call)))


def _received(incoming: BufferedReader) -> tuple[bytes, bytes] | None:
    lengths = incoming.read(_LENGTHS.size)
    if len(lengths) < _LENGTHS.size:
        return None
    head, body = _LENGTHS.unpack(lengths)
    content = incoming.read(head), incoming.read(body)
    return content if len(content[0]) + len(content[1]) == head + body else None


def _framed(head: bytes) -> bytes:
    return _LENGTHS.pack(len(head), 0) + head


class Worker:
    """One process as its owner sees it; it does one thing at a time."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.told = 0
        """For the owner's use: what this very process was told before; 0 for a fresh one."""
        self.life = 0
        """Grows with each start: so a word about an earlier process is known as such."""
        self.ready = False
        """It has started and nobody has found it dead."""
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    @property
    def alive(self) -> bool:
        """Tell whether it is not known to have ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int | None:
        """Its number, while it lives."""
        return None if self._process is None else self._process.pid

    async def start(self, command: Sequence[str], greeting: bytes) -> None:
        """Start the process and wait until it is ready.

        Raises `StorageError` or `ConfigurationError` where it says why it cannot work, `OSError`
        or `EOFError` where it ends without a word.
        """
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = await asyncio.create_subprocess_exec(
                    *command, str(self.number), stdin=theirs.fileno()
                )
            self._reader, self._writer = await asyncio.open_unix_connection(
                sock=ours, limit=_BUFFER
            )
        except BaseException:
            ours.close()
            raise
        self.told = 0
        code, _, why = (await self.ask(greeting, b"")).decode().partition(" ")
        if code:
            raise StorageError(why) if code == StorageError.code else ConfigurationError(why)
        self.life += 1
        self.ready = True

    async def ended(self) -> None:
        """Wait until the process has ended, however it does."""
        if self._process is not None:
            await self._process.wait()

    async def ask(self, head: bytes, body: bytes) -> bytes:
        """Have one call answered; raise `OSError` or `EOFError` where the process ended."""
        reader, writer = self._reader, self._writer
        if reader is None or writer is None:
            raise EOFError
        writer.writelines((_LENGTHS.pack(len(head), len(body)), head, body))
        await writer.drain()
        length, _ = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        return await reader.readexactly(length)

    async def end(self) -> None:
        """Kill the process, whatever it is doing. Ending twice is safe."""
        self.ready = False
        if self._writer is not None:
            self._writer.close()
        process, self._process, self._reader, self._writer = self._process, None, None, None
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class WorkerProcesses:
    """A fixed number of such processes. One that ends is replaced, and its call is lost."""

    def __init__(
        self,
        *,
        command: Sequence[str],
        greeting: bytes,
        size: int,
        clock: Clock,
        observer: Observer,
        seconds: float = CALL_SECONDS,
    ) -> None:
        """Take the command of one; it is given its number, and the socket for `serve` as stdin."""
        self._command = tuple(command)
        self._greeting = greeting
        self._clock = clock
        self._observer = observer
        self._seconds = seconds
        self.workers = tuple(Worker(number) for number in range(1, size + 1))
        # The one that was free last is asked first: what it needs is still in the caches.
        self._free: asyncio.LifoQueue[tuple[Worker, int]] = asyncio.LifoQueue()
        """Who is free, and in which life it was when it was."""
        self._under_way: set[asyncio.Task[Any]] = set()
        self._closed = False
        self.problem = ""
        """Why the last one could not start, in public words; empty after one that could."""

    @property
    def working(self) -> int:
        """How many answer calls, or are at one."""
        return sum(worker.ready and worker.alive for worker in self.workers)

    async def open(self) -> None:
        """Start all of them; raise `ConfigurationError` or `StorageError` where one does not."""
        starts = [self._begin(self._surely_started(worker)) for worker in self.workers]
        try:
            async with asyncio.timeout(START_SECONDS):
                await asyncio.gather(*starts)
        except DepeshaError:
            await self.close()
            raise
        except Exception as error:
            await self.close()
            raise ConfigurationError(
                "a process that reads messages did not start",
                remedy="look above for what it wrote; `reading_processes = 0` does without",
            ) from error

    async def close(self) -> None:
        """End all of them; calls under way are lost. Closing twice is safe."""
        self._closed = True
        under_way = tuple(self._under_way)
        for task in under_way:
            task.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)
        for worker in self.workers:
            await worker.end()

    async def call(self, head: Callable[[Worker], bytes], body: bytes) -> bytes:
        """Have a call answered by a process that is free; `head` is told which.

        A caller that is cancelled leaves its call running. Raises `ReadingError` where the
        process ended or took too long: then nothing is known of the call.
        """
        return await asyncio.shield(self._begin(self._called(head, body)))

    async def _called(self, head: Callable[[Worker], bytes], body: bytes) -> bytes:
        worker, life = await self._next()
        try:
            async with asyncio.timeout(self._seconds):
                answer = await worker.ask(head(worker), body)
        except BaseException as error:
            self._replace(worker, life)
            if not isinstance(error, _NETWORK_TROUBLE):
                raise
            raise ReadingError("a process that reads messages ended in the middle") from error
        self._free.put_nowait((worker, life))
        return answer

    async def _next(self) -> tuple[Worker, int]:
        if self._closed:
            raise ReadingError("the gateway is stopping")
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    worker, life = await self._free.get()
                    if worker.life == life and worker.ready and worker.alive:
                        return worker, life
        except TimeoutError as error:
            raise ReadingError("no process that reads messages became free") from error

    async def _surely_started(self, worker: Worker) -> None:
        """Start one, and another in its place where it is killed meanwhile."""
        for left in reversed(range(STARTS)):
            try:
                await self._started(worker)
            except DepeshaError:
                raise
            except Exception:  # whatever the machine lacks at the moment
                self._observer.trouble("processes.start", ReadingError.code)
                await worker.end()
                if not left:
                    raise
            else:
                return

    async def _started(self, worker: Worker) -> None:
        await worker.start(self._command, self._greeting)
        self.problem = ""
        self._free.put_nowait((worker, worker.life))
        self._begin(self._watched(worker, worker.life))

    async def _watched(self, worker: Worker, life: int) -> None:
        """Replace one that ends while nobody calls it, so that it is there when somebody does."""
        await worker.ended()
        self._replace(worker, life)

    def _replace(self, worker: Worker, life: int) -> None:
        """Have another one started in the place of this one; once for each life."""
        if not self._closed and worker.ready and worker.life == life:
            worker.ready = False
            self._observer.trouble("processes", ReadingError.code)
            self._begin(self._replaced(worker))

    async def _replaced(self, worker: Worker) -> None:
        """Start one in the place of another, as often as it takes."""
        pause = AGAIN_SECONDS
        while True:
            await worker.end()
            try:
                async with asyncio.timeout(START_SECONDS):
                    return await self._started(worker)
            except DepeshaError as error:
                self.problem = error.public
                self._observer.trouble("processes.start", error.code)
            except Exception:  # noqa: BLE001 -- else nobody would ever try again
                self._observer.trouble("processes.start", ReadingError.code)
            await self._clock.sleep(pause)
            pause = min(AGAIN_LONGEST_SECONDS, pause * 2)

    def _begin(self, work: Coroutine[object, object, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task
