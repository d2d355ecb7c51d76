"""The chain: order, laziness, what ends it, and that it never raises (law 1, CHK-13)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from depesha.adapters.memory.blobs import MemoryBlobs
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.scanner import MemoryScanner
from depesha.adapters.memory.state import MemoryState
from depesha.adapters.memory.store import MemoryStore
from depesha.adapters.memory.system import HandClock
from depesha.errors import StorageError
from depesha.gateway.checks.chain import CHECKS, TABLE, Chain, Need, Result, Row
from depesha.schemas.answer import Inquiry
from depesha.schemas.envelope import DocumentReference
from depesha.schemas.facts import Arrival, Case, Known, ScanResult
from depesha.schemas.ids import Guid, MessageId
from depesha.schemas.participant import DirectoryState, Participant
from depesha.schemas.policy import Policy
from depesha.schemas.verdict import Held, Hold, Passed, Rejection, Verdict, finding
from tests.support import contents as make


class OneParticipant:
    """A register with one entry."""

    def __init__(self) -> None:
        self.asked = 0
        self.entry: Participant | None = make.participant()
        self.hours = 1.0

    def find(self, guid: Guid) -> Participant | None:
        self.asked += 1
        return self.entry if self.entry and guid == self.entry.guid else None

    def by_identifier(self, identifier: str) -> Participant | None:
        return self.entry if self.entry and identifier == self.entry.identifier else None

    def search(self, words: str, limit: int) -> tuple[Participant, ...]:
        return (self.entry,) if self.entry and words in self.entry.name and limit else ()

    def state(self) -> DirectoryState:
        return make.directory_state(self.hours)

    async def refresh(self) -> DirectoryState:
        return self.state()


class KnowingStore(MemoryStore):
    """A store with earlier messages to tell of, or with a fault."""

    def __init__(self) -> None:
        clock = HandClock()
        super().__init__(MemoryState(), clock)
        self.earlier: tuple[Known, ...] = ()
        self.broken = False
        self.stuck = False
        self.asked = 0

    async def known(self, arrival: Arrival) -> tuple[Known, ...]:
        self.asked += 1
        if self.broken:
            raise StorageError("the store does not answer")
        if self.stuck:
            await asyncio.Event().wait()
        return self.earlier if arrival.envelope else ()


class House:
    """A chain with doubles for every port."""

    def __init__(self, folder: Path, table: Sequence[Row] = TABLE) -> None:
        clock = HandClock(make.NOW)
        self.directory = OneParticipant()
        self.store = KnowingStore()
        self.blobs = MemoryBlobs(folder, clock)
        self.scanner = MemoryScanner()
        self.observer = RecordingObserver()
        self.chain = Chain(
            directories={"seos": self.directory},
            store=self.store,
            blobs=self.blobs,
            scanner=self.scanner,
            clock=clock,
            observer=self.observer,
            policy=make.POLICY,
            table=table,
            store_seconds=0.05,
        )

    def arrival(self, content: bytes = b"%PDF-1.4") -> Arrival:
        self.blobs.put(content)
        return make.arrival(make.attachment(content=content))


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def names_of(checks: Sequence[object]) -> tuple[str, ...]:
    return tuple(str(getattr(record, "check", "")) for record in checks)


async def test_a_good_message_passes_every_check_in_order(house: House) -> None:
    """RCV-05: a fixed order of intake."""
    got = await house.chain.examine(house.arrival(), make.NOW)
    assert got.outcome is Result.PASSED
    assert names_of(got.checks) == CHECKS
    assert not got.retry
    assert house.scanner.scanned == 1


async def test_a_refusal_ends_the_chain_and_asks_nobody_else(house: House) -> None:
    """CHK-13: further steps are not carried out."""
    house.directory.entry = None
    got = await house.chain.examine(house.arrival(), make.NOW)
    assert got.outcome is Result.REJECTED
    assert names_of(got.checks) == ("structure", "participant")
    assert got.rejection is not None
    assert got.rejection.reason is Rejection.SENDER_UNKNOWN
    assert house.store.asked == house.scanner.scanned == 0


async def test_an_unreadable_arrival_asks_nobody_at_all(house: House) -> None:
    arrival = replace(make.arrival(), envelope=None, unreadable=finding(Rejection.NOT_XML))
    got = await house.chain.examine(arrival, make.NOW)
    assert got.outcome is Result.REJECTED
    assert names_of(got.checks) == ("structure",)
    assert house.directory.asked == 0


async def test_malware_is_refused_and_named(house: House) -> None:
    """CHK-05, AVM-01, AVM-04."""
    got = await house.chain.examine(house.arrival(b"%PDF-1.4 " + make.EICAR), make.NOW)
    assert got.outcome is Result.REJECTED
    assert got.rejection is not None
    assert got.rejection.reason is Rejection.MALWARE_FOUND


async def test_a_repeat_ends_the_chain_and_names_the_first(house: House) -> None:
    """DUP-01, DUP-06."""
    house.store.earlier = (earlier("document"),)
    got = await house.chain.examine(house.arrival(), make.NOW)
    assert got.outcome is Result.REPEATED
    assert got.repeat is not None
    assert got.repeat.by == "document"
    assert names_of(got.checks)[-1] == "duplicate"
    assert house.scanner.scanned == 0


def earlier(by: str) -> Known:
    return Known(
        message_id="1" * 32, by=by, original=make.digest_of(b"x"), document="x", numbered=True
    )


async def test_a_recheck_is_no_repeat_of_itself(house: House) -> None:
    house.store.earlier = (earlier("transport"), earlier("document"), earlier("content"))
    got = await house.chain.examine(house.arrival(), make.NOW, own=MessageId("1" * 32))
    assert got.outcome is Result.PASSED


async def test_a_hold_is_remembered_and_a_later_refusal_wins(house: House) -> None:
    house.store.broken = True
    got = await house.chain.examine(house.arrival(), make.NOW)
    assert got.outcome is Result.HELD
    assert got.retry
    assert names_of(got.checks) == CHECKS
    assert house.observer.named("trouble") == [("check.duplicate", "StorageError")]
    got = await house.chain.examine(house.arrival(b"%PDF-1.4 " + make.EICAR), make.NOW)
    assert got.outcome is Result.REJECTED


async def test_a_store_that_keeps_silent_holds(house: House) -> None:
    house.store.stuck = True
    got = await house.chain.examine(house.arrival(), make.NOW)
    assert got.outcome is Result.HELD
    assert house.observer.named("trouble") == [("check.duplicate", "TimeoutError")]


@pytest.mark.parametrize(
    ("failure", "retry"),
    [("unavailable", True), ("cut off", True), ("time", True), ("limits", False)],
)
async def test_a_scanner_without_a_verdict_holds(house: House, failure: str, retry: bool) -> None:  # noqa: FBT001 - a table of cases
    """Law 1, CHK-05: a scanner that does not answer lets nothing through."""
    house.scanner.failure = failure
    got = await house.chain.examine(house.arrival(), make.NOW)
    assert got.outcome is Result.HELD
    assert got.retry is retry


async def test_bytes_that_are_gone_are_held_and_looked_for_again(house: House) -> None:
    got = await house.chain.examine(make.arrival(), make.NOW)
    assert got.outcome is Result.HELD
    assert got.retry


async def test_what_was_scanned_while_it_was_read_is_not_scanned_again(house: House) -> None:
    two = (make.attachment(content=b"1"), make.attachment(content=b"2", index=2))
    house.blobs.put(b"2")
    seen = replace(make.arrival(*two), scans=(ScanResult(index=1),))
    assert (await house.chain.examine(seen, make.NOW)).outcome is Result.PASSED
    assert house.scanner.scanned == 1
    found = replace(seen, scans=(ScanResult(index=1, malware="a worm"), ScanResult(index=2)))
    assert (await house.chain.examine(found, make.NOW)).outcome is Result.REJECTED
    assert house.scanner.scanned == 1


async def test_a_message_without_files_does_not_need_a_scanner(house: House) -> None:
    house.scanner.failure = "unavailable"
    got = await house.chain.examine(make.arrival(message=make.envelope()), make.NOW)
    assert got.outcome is Result.PASSED


async def test_a_cancelled_look_stays_cancelled(house: House) -> None:
    house.store.stuck = True
    task = asyncio.create_task(house.chain.examine(house.arrival(), make.NOW))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def silent(case: Case, policy: Policy) -> Verdict:
    return None  # type: ignore[return-value] # the very fault that is tested


async def test_a_check_that_says_nothing_is_held(tmp_path: Path) -> None:
    house = House(tmp_path, (*TABLE[:-1], Row("malware", Need.NOTHING, silent)))
    got = await house.chain.examine(house.arrival(), make.NOW)
    assert got.outcome is Result.HELD
    last = got.checks[-1].verdict
    assert isinstance(last, Held)
    assert last.finding.reason is Hold.CHECK_FAILED_TO_RUN


async def test_a_table_that_lacks_a_check_admits_nothing(tmp_path: Path) -> None:
    house = House(tmp_path, TABLE[:-1])
    got = await house.chain.examine(house.arrival(), make.NOW)
    assert all(isinstance(record.verdict, Passed) for record in got.checks)
    assert got.outcome is Result.HELD


def inquiry(at: datetime = make.NOW) -> Inquiry:
    return Inquiry(
        network="seos",
        received_at=at,
        original=make.digest_of(b"inquiry"),
        transport_id=make.DOCUMENT_GUID,
        sender=make.SENDER,
        recipient=make.RECIPIENT,
        signature=make.good_signature(),
        document=DocumentReference(guid=make.DOCUMENT_GUID),
    )


async def test_a_smaller_message_is_judged_by_sender_signature_and_recipient(house: House) -> None:
    assert await house.chain.examine_word(inquiry(), make.NOW) is None
    unsigned = replace(inquiry(), signature=replace(make.good_signature(), certificate=None))
    found = await house.chain.examine_word(unsigned, make.NOW)
    assert found is not None
    assert found.reason is Hold.CHECK_FAILED_TO_RUN
    elsewhere = replace(inquiry(), recipient=make.SENDER)
    found = await house.chain.examine_word(elsewhere, make.NOW)
    assert found is not None
    assert found.reason is Rejection.RECIPIENT_NOT_OURS
    house.directory.entry = None
    found = await house.chain.examine_word(inquiry(), make.NOW)
    assert found is not None
    assert found.reason is Rejection.SENDER_UNKNOWN
