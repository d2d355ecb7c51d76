"""Two gateways and one state file: who was overtaken undoes nothing, and says nothing twice."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import TypeAdapter

from depesha.adapters.isds.answering import IsdsAnswers, StatusReply
from depesha.adapters.isds.ledger import LedgerFile as IsdsLedgerFile
from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.system import HandClock, InlineThreads
from depesha.adapters.ssev.answering import SsevAnswers
from depesha.adapters.ssev.ledger import LedgerFile as SsevLedgerFile
from depesha.adapters.ssev.values import Letter
from depesha.adapters.statefile import StateFile
from depesha.app.leading import ASKED_SECONDS, Leading
from depesha.errors import OvertakenError, StorageError
from depesha.schemas.ids import Guid
from depesha.schemas.outcome import Deferred, Delivered

DOCUMENT = Guid("{11111111-1111-4111-8111-111111111111}")
REPLY = StatusReply(
    name="1/DS_REGISTERED",
    recipient_box="abc",
    subject="s",
    number="1",
    reference="",
    mark="",
    content="<a/>",
)


async def never() -> None:
    """`ports.Restored`: this store was never put back."""


SHARED = {
    "threads": InlineThreads(),
    "observer": RecordingObserver(),
    "restored": never,
    "absence_seconds": 0.0,
}


class Network:
    """Takes whatever is sent, and counts."""

    def __init__(self) -> None:
        self.sent = 0

    async def reply(self, letter: Letter, **_: object) -> int:
        del letter
        self.sent += 1
        return self.sent

    async def create_message(self, *_: object) -> str:
        self.sent += 1
        return str(self.sent)


class Both:
    """The answers of one gateway over one of the two networks."""

    def __init__(self, kind: str, net: Network, folder: Path) -> None:
        self._kind = kind
        parts: dict[str, Any] = {**SHARED, "file": folder / "answers.json", "clock": HandClock()}
        self._ssev = SsevAnswers(net=cast("Any", net), **parts)
        self._isds = IsdsAnswers(
            client=cast("Any", net),
            sent=cast("Any", None),
            blobs=MemoryBlobs(folder, HandClock()),
            **parts,
        )
        (self._ssev if kind == "ssev" else self._isds).load()

    async def tell(self) -> object:
        if self._kind == "isds":
            return await self._isds.tell(REPLY)
        letter = Letter(subject="s", text="t")
        return await self._ssev.tell("1", letter, DOCUMENT, to_message=1, identifier="1")


@pytest.mark.parametrize("kind", ["ssev", "isds"])
async def test_what_another_gateway_told_is_not_told_again(kind: str, tmp_path: Path) -> None:
    """ADR 0012: one was frozen, another one took over, told, and went."""
    net = Network()
    frozen, other = (Both(kind, net, tmp_path) for _ in range(2))
    told = await other.tell()
    assert isinstance(told, Delivered)
    assert isinstance(await frozen.tell(), Deferred)
    assert await frozen.tell() == told
    assert net.sent == 1


@pytest.mark.parametrize("kind", [SsevLedgerFile, IsdsLedgerFile])
async def test_an_old_ledger_undoes_nothing(
    kind: type[SsevLedgerFile | IsdsLedgerFile], tmp_path: Path
) -> None:
    def opened() -> SsevLedgerFile | IsdsLedgerFile:
        return kind(file=tmp_path / "ledger.json", threads=InlineThreads(), clock=HandClock())

    frozen, other = opened(), opened()
    await frozen.open()
    (await other.open()).watched_at = datetime(2026, 3, 2)  # noqa: DTZ001 - any moment
    await other.write()
    with pytest.raises(OvertakenError):
        await frozen.write()
    assert (await frozen.open()).watched_at is not None
    await frozen.write()


def test_a_file_that_another_one_wrote_is_not_replaced(tmp_path: Path) -> None:
    one, two = (StateFile(tmp_path / "s.json", TypeAdapter(int)) for _ in range(2))
    assert one.read() is None
    two.write(2)
    with pytest.raises(OvertakenError):
        one.write(1)
    assert one.read() == 2
    one.write(3)
    one.write(4)
    with pytest.raises(OvertakenError):
        two.write(5)
    assert StateFile(tmp_path / "s.json", TypeAdapter(int)).read() == 4


class Terms:
    """`Leaders` that answer as they were told to."""

    def __init__(self, *terms: int) -> None:
        self._terms = list(terms)

    async def leading(self, name: str) -> int:
        assert name == "networks"
        return self._terms.pop(0)


async def test_a_leadership_that_came_back_unnoticed_is_taken_up_anew() -> None:
    clock, gained = HandClock(), list[float]()

    async def gain() -> None:
        gained.append(clock.monotonic())

    leading = Leading("networks", Terms(1, 1, 3, 0, 3), clock, gain)
    said = []
    for _ in range(5):
        clock.advance(2 * ASKED_SECONDS)
        said.append(await leading())
        assert await leading() == said[-1]
    assert said == [True, True, True, False, True]
    assert len(gained) == 3


async def test_a_leadership_that_could_not_be_taken_up_is_none() -> None:
    clock, tries = HandClock(), [0]

    async def fail_once() -> None:
        tries[0] += 1
        if tries[0] == 1:
            raise StorageError("the state files cannot be read")

    leading = Leading("networks", Terms(1, 1), clock, fail_once)
    with pytest.raises(StorageError):
        await leading()
    assert await leading()
    assert tries == [2]
