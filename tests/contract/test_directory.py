"""The contract of `ports.Directory`, on the double and on the real body over a real socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import web

from depesha.adapters.memory.directory import MemoryDirectory
from depesha.adapters.memory.observer import RecordingObserver
from depesha.adapters.memory.system import HandClock, InlineThreads
from depesha.adapters.seos.calling import Caller, CallLimits
from depesha.adapters.seos.register import SeosDirectory, SeosRegister
from depesha.ports import Directory
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid, SerialNumber
from depesha.schemas.participant import Participant, ParticipantStatus
from depesha.simulators.seos_entries import Entry, answer
from tests.support.seos import NOW, A, B, participant

C = Party(
    identifier="000000003",
    name="Район „Пример“",
    guid=Guid("cccccccc-3333-4333-8333-cccccccccccc"),
)


@dataclass(slots=True)
class Subject:
    """One directory, and a hand on the register behind it."""

    directory: Directory
    put: Callable[[Participant], None]
    fail: Callable[[str], None]
    clock: HandClock


def _entry(p: Participant) -> Entry:
    words = {ParticipantStatus.TEMPORARILY_INACTIVE: "TemporarilyInactive"}
    return Entry(
        party=Party(identifier=p.identifier, name=p.name, guid=p.guid),
        serial=p.serial or SerialNumber("0"),
        url=p.url,
        last_change=NOW,
        status=words.get(p.status, p.status.capitalize()),
    )


@pytest.fixture(params=["memory", "seos"])
async def subject(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Subject]:
    clock = HandClock(NOW)
    if request.param == "memory":
        memory = MemoryDirectory(clock=clock)

        def fail(why: str) -> None:
            memory.failure = why

        yield Subject(memory, memory.put, fail, clock)
        return
    entries: dict[Guid, Entry] = {}
    failing = [""]

    async def handle(_: web.Request) -> web.Response:
        if failing[0]:
            return web.Response(status=500)
        body = answer("GetAllRecords", tuple(entries.values()), NOW)
        return web.Response(body=body, content_type="text/xml")

    app = web.Application()
    app.router.add_post("/service/", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/service/"
    caller = Caller(tls=None, limits=CallLimits(), plain_http=True)
    directory = SeosDirectory(
        register=SeosRegister(url=url, caller=caller, threads=InlineThreads()),
        threads=InlineThreads(),
        clock=clock,
        observer=RecordingObserver(),
        file=tmp_path / "register.json",
        max_deactivated=1.0,
    )

    def put(p: Participant) -> None:
        entries[p.guid] = _entry(p)

    def fail_seos(why: str) -> None:
        failing[0] = why

    yield Subject(directory, put, fail_seos, clock)
    await caller.close()
    await runner.cleanup()


async def test_nothing_is_known_before_the_first_refresh(subject: Subject) -> None:
    subject.put(participant())
    state = subject.directory.state()
    assert (state.loaded_at, state.participants) == (None, 0)
    assert subject.directory.find(A.guid or Guid("")) is None
    assert subject.directory.by_identifier(A.identifier) is None
    assert subject.directory.search("", 10) == ()


async def test_a_refresh_brings_every_field_that_counts(subject: Subject) -> None:
    subject.put(participant())
    state = await subject.directory.refresh()
    assert (state.loaded_at, state.participants, state.last_error) == (NOW, 1, "")
    found = subject.directory.find(A.guid or Guid(""))
    assert found is not None
    assert (found.identifier, found.name, found.serial, found.url, found.status) == (
        A.identifier,
        A.name,
        participant().serial,
        participant().url,
        ParticipantStatus.ACTIVE,
    )
    assert subject.directory.by_identifier(f" {A.identifier} ") == found


async def test_statuses_arrive_as_they_are(subject: Subject) -> None:
    subject.put(participant(A, status=ParticipantStatus.INACTIVE))
    subject.put(participant(B, status=ParticipantStatus.TEMPORARILY_INACTIVE))
    await subject.directory.refresh()
    found = [subject.directory.by_identifier(p.identifier) for p in (A, B)]
    assert [p.status for p in found if p] == [
        ParticipantStatus.INACTIVE,
        ParticipantStatus.TEMPORARILY_INACTIVE,
    ]


async def test_a_failed_refresh_keeps_the_last_good_copy(subject: Subject) -> None:
    subject.put(participant())
    await subject.directory.refresh()
    subject.clock.advance(60)
    subject.fail("out of order")
    state = await subject.directory.refresh()
    assert state.last_error
    assert (state.loaded_at, state.participants) == (NOW, 1)
    assert subject.directory.by_identifier(A.identifier) is not None
    subject.fail("")
    again = await subject.directory.refresh()
    assert (again.last_error, again.loaded_at) == ("", NOW + timedelta(seconds=60))


async def test_search_wants_every_word_in_any_case_and_keeps_the_limit(subject: Subject) -> None:
    for party in (A, B, C):
        subject.put(participant(party))
    await subject.directory.refresh()
    search: Callable[[str, int], tuple[Participant, ...]] = subject.directory.search
    assert [p.name for p in search("ПРИМЕР", 10)] == [A.name, C.name]
    assert [p.name for p in search("пример район", 10)] == [C.name]
    assert [p.name for p in search("0000000020001", 10)] == [B.name]
    assert len(search("", 2)) == 2
    assert search("няма такъв", 10) == ()


async def test_active_ones_are_found_first(subject: Subject) -> None:
    subject.put(participant(A, status=ParticipantStatus.INACTIVE))
    subject.put(participant(C))
    await subject.directory.refresh()
    assert [p.name for p in subject.directory.search("пример", 5)] == [C.name, A.name]


async def test_a_change_is_seen_after_the_next_refresh(subject: Subject) -> None:
    subject.put(participant())
    await subject.directory.refresh()
    subject.put(replace(participant(), url="https://new.example/"))
    refresh: Callable[[], Awaitable[object]] = subject.directory.refresh
    before = subject.directory.by_identifier(A.identifier)
    await refresh()
    after = subject.directory.by_identifier(A.identifier)
    assert before is not None
    assert after is not None
    assert (before.url, after.url) == (participant().url, "https://new.example/")
