"""Processes that answer calls: replaced when they end, and never heard with another's answer."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from depesha.adapters import processes as module
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.processes import Worker, WorkerProcesses
from depesha.adapters.system import SystemClock
from depesha.app.greeting import program
from depesha.app.seos import READ
from depesha.errors import ConfigurationError, ReadingError, StorageError
from depesha.monitoring.health import NotReadyError, readers_part

CODE = """
import os, socket, sys, time
from depesha.adapters.processes import serve
from depesha.errors import ConfigurationError, StorageError

def opened(greeting):
    if greeting == b"ends":
        os._exit(3)
    if greeting.startswith(b"/") and not os.path.exists(greeting):
        os.mkdir(greeting)
        os._exit(9)
    if greeting == b"full":
        raise StorageError("the disk is full")
    if greeting == b"wrong":
        raise ConfigurationError("the key is missing")
    def answer(head, body):
        if head == b"die":
            os._exit(9)
        if head == b"hang":
            time.sleep(60)
        if head == b"slow":
            time.sleep(0.3)
        return b"|".join((greeting, sys.argv[1].encode(), str(os.getpid()).encode(), head, body))
    return answer

serve(socket.socket(fileno=0), opened)
"""


@asynccontextmanager
async def processes(
    size: int = 1, *, seconds: float = 20.0, greeting: bytes = b"hello"
) -> AsyncIterator[tuple[WorkerProcesses, RecordingObserver]]:
    observer = RecordingObserver()
    made = WorkerProcesses(
        command=(sys.executable, "-P", "-c", CODE),
        greeting=greeting,
        size=size,
        clock=SystemClock(),
        observer=observer,
        seconds=seconds,
    )
    try:
        await made.open()
        yield made, observer
    finally:
        await made.close()


async def asked(made: WorkerProcesses, head: bytes = b"head", body: bytes = b"body") -> list[bytes]:
    return (await made.call(lambda _worker: head, body)).split(b"|")


async def until(reached: Callable[[], bool]) -> None:
    for _ in range(1000):
        if reached():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come to that")


async def test_a_call_is_answered_by_a_process_of_its_own() -> None:
    async with processes() as (made, _):
        greeting, number, pid, *rest = await asked(made)
        assert (greeting, number, rest) == (b"hello", b"1", [b"head", b"body"])
        assert int(pid) == made.workers[0].pid != os.getpid()


async def test_large_bodies_come_whole_and_calls_are_not_mixed_up() -> None:
    async with processes(2) as (made, _):
        heads = [str(number).encode() for number in range(30)]
        bodies = [head * 200_000 for head in heads]
        answers = await asyncio.gather(*map(asked, [made] * 30, heads, bodies))
        assert [answer[3:] for answer in answers] == [
            list(pair) for pair in zip(heads, bodies, strict=True)
        ]
        assert {answer[1] for answer in answers} == {b"1", b"2"}


async def test_one_that_dies_loses_its_call_alone_and_is_replaced() -> None:
    async with processes() as (made, observer):
        first = made.workers[0].pid
        assert first is not None
        made.workers[0].told = 7
        with pytest.raises(ReadingError):
            await asked(made, b"die")
        assert int((await asked(made))[2]) not in {first, os.getpid()}
        assert made.workers[0].told == 0, "a fresh one was told nothing"
        assert observer.named("trouble") == [("processes", "READING")]


async def test_one_that_was_killed_while_nobody_called_costs_no_call() -> None:
    async with processes() as (made, _):
        pid = made.workers[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: made.workers[0].pid not in {None, pid} and made.working == 1)
        assert int((await asked(made))[2]) == made.workers[0].pid != pid


async def test_one_that_takes_too_long_is_ended() -> None:
    async with processes(seconds=0.5) as (made, _):
        pid = made.workers[0].pid
        assert pid is not None
        with pytest.raises(ReadingError):
            await asked(made, b"hang")
        await until(lambda: made.workers[0].pid not in {None, pid})
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_nobody_waits_for_ever_for_one_that_is_free() -> None:
    async with processes() as (made, _):
        first = asyncio.create_task(asked(made, b"hang"))
        await until(made._free.empty)
        made._seconds = 0.3
        with pytest.raises(ReadingError, match="became free"):
            await asked(made)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first


async def test_a_caller_that_goes_leaves_no_answer_to_the_next() -> None:
    async with processes() as (made, _):
        gone = asyncio.create_task(asked(made, b"slow", b"of the one that went"))
        await asyncio.sleep(0.05)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        assert (await asked(made, b"head", b"mine"))[3:] == [b"head", b"mine"]


async def test_a_head_that_cannot_be_written_is_the_callers_trouble() -> None:
    def broken(_worker: Worker) -> bytes:
        raise ZeroDivisionError

    async with processes() as (made, _):
        with pytest.raises(ZeroDivisionError):
            await made.call(broken, b"")
        assert (await asked(made))[3:] == [b"head", b"body"]


async def test_one_that_does_not_start_stops_the_start() -> None:
    with pytest.raises(ConfigurationError, match="did not start"):
        async with processes(2, greeting=b"ends"):
            pass


async def test_one_that_is_killed_while_it_starts_is_started_again(tmp_path: Path) -> None:
    async with processes(greeting=str(tmp_path / "began").encode()) as (made, observer):
        assert (await asked(made))[3:] == [b"head", b"body"]
        assert observer.named("trouble") == [("processes.start", "READING")]


@pytest.mark.parametrize(
    ("greeting", "kind"), [(b"full", StorageError), (b"wrong", ConfigurationError)]
)
async def test_one_that_cannot_work_says_why(greeting: bytes, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"the disk is full|the key is missing"):
        async with processes(2, greeting=greeting):
            pass


async def test_one_that_cannot_be_replaced_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    async with processes() as (made, observer):
        made._greeting = b"ends"
        with pytest.raises(ReadingError):
            await asked(made, b"die")
        await until(lambda: len(observer.named("trouble")) >= 3)
        made._greeting = b"again"
        assert (await asked(made))[0] == b"again"
        assert observer.named("trouble")[1] == ("processes.start", "READING")


async def test_whatever_hinders_a_replacement_it_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A machine that is out of threads says so with an error of no kind that is expected."""
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    begin, left = Worker.start, [1, 1]

    async def start(worker: Worker, command: Sequence[str], greeting: bytes) -> None:
        if left:
            left.pop()
            raise RuntimeError("can't start new thread")
        await begin(worker, command, greeting)

    async with processes() as (made, observer):
        monkeypatch.setattr(Worker, "start", start)
        with pytest.raises(ReadingError):
            await asked(made, b"die")
        assert (await asked(made))[3:] == [b"head", b"body"]
        assert observer.named("trouble")[1:] == [("processes.start", "READING")] * 2


async def test_nobody_who_works_is_told_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0.01)
    async with processes(2) as (made, observer):
        part = readers_part(made)
        assert await part.ping() == "2 of 2 processes read"
        made._greeting = b"wrong"
        with pytest.raises(ReadingError):
            await asked(made, b"die")
        assert await part.ping() == "1 of 2 processes read"
        with pytest.raises(ReadingError):
            await asked(made, b"die")
        await until(lambda: made.problem != "")
        with pytest.raises(NotReadyError, match=r"none of the 2 .*: the key is missing"):
            await part.ping()
        assert ("processes.start", "CONFIGURATION") in observer.named("trouble")
        made._greeting = b"again"
        await until(lambda: made.working == 2)
        assert await part.ping() == "2 of 2 processes read"


async def test_one_of_another_program_is_not_believed() -> None:
    """After an upgrade the disk has other code than the gateway that still runs."""
    made = WorkerProcesses(
        command=(*READ, "another program"),
        greeting=b"no pickle at all",
        size=1,
        clock=SystemClock(),
        observer=RecordingObserver(),
    )
    with pytest.raises(ConfigurationError, match="restart the gateway"):
        await made.open()


def test_the_mark_of_a_program_stays_while_nothing_changes() -> None:
    assert program() == program() != ""


async def test_after_the_end_nothing_runs_and_nothing_is_called() -> None:
    async with processes(2) as (made, _):
        pids = [worker.pid for worker in made.workers]
        waiting = asyncio.create_task(asked(made, b"hang"))
        await asyncio.sleep(0.05)
        await made.close()
        with pytest.raises((ReadingError, asyncio.CancelledError)):
            await waiting
        with pytest.raises(ReadingError):
            await asked(made)
        for pid in pids:
            assert pid is not None
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
