"""The built-in registry: one number a message, for ever, whatever crashes."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from depesha.adapters.memory.system import CountingIds, HandClock
from depesha.adapters.registry.builtin import BuiltinRegistry, NumberTemplate
from depesha.adapters.system import SystemIds
from depesha.errors import ConfigurationError, StorageError
from depesha.schemas.ids import MessageId

SOFIA = timezone(timedelta(hours=2))


def opened(path: Path, template: NumberTemplate | None = None) -> BuiltinRegistry:
    return BuiltinRegistry(path / "numbers", template or NumberTemplate(), HandClock())


def failing(*_: int) -> None:
    raise OSError(errno.EIO, "input/output error")


@contextmanager
def at_most(folder: Path, more: int) -> Iterator[None]:
    """Let the file of numbers grow by so many bytes and no more, as a full disk would."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = (folder / "numbers").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def received(moment: datetime) -> MessageId:
    """An id as it is made at that moment."""
    return SystemIds(HandClock(moment)).message_id()


def test_a_number_is_index_serial_and_date_of_receipt(tmp_path: Path) -> None:
    template = NumberTemplate(first=567)
    number = opened(tmp_path, template).number_for(received(datetime(2026, 3, 3, 8, tzinfo=UTC)))
    assert number.number == "ВХ-567/03.03.2026"
    assert number.date == date(2026, 3, 3)


def test_the_same_message_has_the_same_number_for_ever(tmp_path: Path) -> None:
    ids = CountingIds()
    one, two = ids.message_id(), ids.message_id()
    registry = opened(tmp_path)
    first = [registry.number_for(i) for i in (one, two, one)]
    assert first[0] == first[2] != first[1]
    registry.close()
    changed = opened(tmp_path, NumberTemplate(text="{serial}/{year}"))
    assert [changed.number_for(i) for i in (one, two, one)] == first
    assert changed.number_for(ids.message_id()).number == "3/2026"


def test_serials_begin_anew_with_the_year_of_receipt(tmp_path: Path) -> None:
    registry = opened(tmp_path, NumberTemplate(zone=SOFIA))
    eve = received(datetime(2026, 12, 31, 21, 59, tzinfo=UTC))
    night = received(datetime(2026, 12, 31, 22, 1, tzinfo=UTC))
    late = received(datetime(2026, 12, 31, 10, 0, tzinfo=UTC))
    numbers = [registry.number_for(i).number for i in (eve, night, late)]
    assert numbers == ["ВХ-1/31.12.2026", "ВХ-1/01.01.2027", "ВХ-2/31.12.2026"]


def test_serials_are_skipped_in_every_year_of_the_gap(tmp_path: Path) -> None:
    """What came on New Year's Eve and was numbered later stands in the old year's series."""
    since = datetime(2026, 12, 31, 21, 59, tzinfo=UTC)
    clock = HandClock(since + timedelta(hours=2))
    registry = BuiltinRegistry(tmp_path / "numbers", NumberTemplate(zone=SOFIA), clock)
    ids = CountingIds()
    skipped = [one.number for one in registry.skip(ids, 1_000, since=since)]
    assert skipped == ["ВХ-1000/31.12.2026", "ВХ-1000/01.01.2027"]
    told = [registry.number_for(received(one)).number for one in (since, clock.now())]
    assert told == ["ВХ-1001/31.12.2026", "ВХ-1001/01.01.2027"]


def test_serials_that_go_on_through_the_years_are_skipped_once(tmp_path: Path) -> None:
    registry = opened(tmp_path, NumberTemplate(text="{serial}", yearly=False))
    since = datetime(2020, 12, 31, tzinfo=UTC)
    assert [one.number for one in registry.skip(CountingIds(), 10, since=since)] == ["10"]


def test_serials_may_go_on_through_the_years(tmp_path: Path) -> None:
    registry = opened(tmp_path, NumberTemplate(text="{serial:06}", yearly=False))
    ids = [received(datetime(year, 5, 5, tzinfo=UTC)) for year in (2026, 2027)]
    assert [registry.number_for(i).number for i in ids] == ["000001", "000002"]


@pytest.mark.parametrize(
    "text",
    [
        "{index}",
        "{serial}",
        "{serial}/{other}/{date}",
        "{serial.__class__}{date}",
        "{0}{serial}{date}",
        "{serial:zz}{date}",
        "{serial",
        "{serial}{date!x}",
    ],
)
def test_templates_that_could_repeat_or_fail_are_refused(text: str) -> None:
    with pytest.raises(ConfigurationError):
        NumberTemplate(text=text)


def test_threads_get_one_number_each_without_gaps(tmp_path: Path) -> None:
    registry, source = opened(tmp_path), CountingIds()
    ids = [source.message_id() for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(registry.number_for, ids * 3))
    serials = {int(n.number.split("-")[1].split("/")[0]) for n in given}
    assert serials == set(range(1, 41))
    assert given[:40] == given[40:80] == given[80:]


@pytest.mark.parametrize("torn", [b'{"check":"', b"\0" * 40, b"\0" * 40 + b"\n", b"{" * 900])
def test_a_line_torn_by_a_crash_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    ids = CountingIds()
    one, two = ids.message_id(), ids.message_id()
    registry = opened(tmp_path)
    first = registry.number_for(one)
    registry.close()
    with (tmp_path / "numbers").open("ab") as file:
        file.write(torn)
    again = opened(tmp_path)
    assert again.number_for(one) == first
    assert again.number_for(two).number.startswith("ВХ-2/")
    lines = (tmp_path / "numbers").read_text().splitlines()
    assert [json.loads(line)["serial"] for line in lines] == [1, 2]


@pytest.mark.parametrize("line", [0, 1, 2])
def test_a_line_damaged_later_stops_the_start(tmp_path: Path, line: int) -> None:
    registry, ids = opened(tmp_path), CountingIds()
    for _ in range(3):
        registry.number_for(ids.message_id())
    registry.close()
    lines = (tmp_path / "numbers").read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"serial":', b'"seriaI":')
    (tmp_path / "numbers").write_bytes(b"".join(lines))
    with pytest.raises(ConfigurationError):
        opened(tmp_path)


def test_two_processes_cannot_count_in_one_file(tmp_path: Path) -> None:
    registry = opened(tmp_path)
    with pytest.raises(ConfigurationError):
        opened(tmp_path)
    registry.close()
    registry.close()
    opened(tmp_path)


def test_what_a_full_disk_took_in_part_is_cut_off_and_counting_goes_on(tmp_path: Path) -> None:
    registry, ids = opened(tmp_path), CountingIds()
    one, two, three = (ids.message_id() for _ in range(3))
    first = registry.number_for(one)
    for room in (0, 1, 90):
        with at_most(tmp_path, room), pytest.raises(StorageError):
            registry.number_for(two)
        assert len((tmp_path / "numbers").read_bytes().splitlines()) == 1
    numbers = [registry.number_for(i) for i in (three, two, one)]
    assert [n.number[:5] for n in numbers] == ["ВХ-2/", "ВХ-3/", "ВХ-1/"]
    assert numbers[2] == first
    registry.close()
    again = opened(tmp_path)
    assert [again.number_for(i) for i in (three, two, one)] == numbers


def test_nothing_is_written_over_a_torn_line_that_cannot_be_cut_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, ids = opened(tmp_path), CountingIds()
    one, two = ids.message_id(), ids.message_id()
    registry.number_for(one)
    with monkeypatch.context() as broken:
        broken.setattr(os, "ftruncate", failing)
        with at_most(tmp_path, 90), pytest.raises(StorageError):
            registry.number_for(two)
        torn = (tmp_path / "numbers").read_bytes()
        with pytest.raises(StorageError):
            registry.number_for(two)
        assert (tmp_path / "numbers").read_bytes() == torn
    assert not torn.endswith(b"\n")
    registry.close()  # as kill -9 would
    registry = opened(tmp_path)
    assert registry.number_for(two).number.startswith("ВХ-2/")


def test_after_a_failed_fsync_only_a_restart_gives_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, ids = opened(tmp_path), CountingIds()
    one, two, three = (ids.message_id() for _ in range(3))
    first = registry.number_for(one)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", failing)
        with pytest.raises(StorageError) as refusal:
            registry.number_for(two)
    assert "restart" in refusal.value.remedy
    for identity in (two, three):
        with pytest.raises(StorageError) as refusal:
            registry.number_for(identity)
        assert "restart" in refusal.value.remedy
    assert registry.number_for(one) == first
    registry.close()
    again = opened(tmp_path)
    assert again.number_for(two).number.startswith("ВХ-2/")
    assert again.number_for(three).number.startswith("ВХ-3/")


def test_a_closed_registry_says_so(tmp_path: Path) -> None:
    registry, one = opened(tmp_path), CountingIds().message_id()
    registry.number_for(one)
    registry.close()
    with pytest.raises(StorageError, match="closed"):
        registry.number_for(one)


_COUNTER = """
import sys
from pathlib import Path
from depesha.adapters.memory.system import CountingIds
from depesha.adapters.registry.builtin import BuiltinRegistry, NumberTemplate
from depesha.adapters.system import SystemClock
registry = BuiltinRegistry(Path(sys.argv[1]), NumberTemplate(), SystemClock())
ids = CountingIds()
while True:
    identity = ids.message_id()
    print(identity, registry.number_for(identity).number, flush=True)
"""


@pytest.mark.parametrize("pause", [0.0, 0.003, 0.011])
def test_a_number_told_survives_kill_9(tmp_path: Path, pause: float) -> None:
    path = tmp_path / "numbers"
    told: dict[MessageId, str] = {}
    for _ in range(2):
        with subprocess.Popen(
            [sys.executable, "-c", _COUNTER, str(path)], stdout=subprocess.PIPE, text=True
        ) as counter:
            assert counter.stdout is not None
            for _ in range(15):
                identity, number = counter.stdout.readline().split()
                assert told.setdefault(MessageId(identity), number) == number
            time.sleep(pause)
            os.kill(counter.pid, signal.SIGKILL)
    registry = BuiltinRegistry(path, NumberTemplate(), HandClock())
    assert {i: registry.number_for(i).number for i in told} == told
    serials = [json.loads(line)["serial"] for line in path.read_text().splitlines()]
    assert serials == list(range(1, len(serials) + 1))
