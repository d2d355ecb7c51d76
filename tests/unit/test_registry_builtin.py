"""The built-in registry: one number a message, for ever, whatever crashes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
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


def test_a_disk_that_fails_gives_no_number_until_a_fresh_start(tmp_path: Path) -> None:
    registry, ids = opened(tmp_path), CountingIds()
    one, two = ids.message_id(), ids.message_id()
    first = registry.number_for(one)
    whole, registry._file = registry._file, os.open(tmp_path / "numbers", os.O_RDONLY)
    with pytest.raises(StorageError):
        registry.number_for(two)
    os.close(registry._file)
    registry._file = whole
    with pytest.raises(StorageError):
        registry.number_for(two)
    assert registry.number_for(one) == first
    registry.close()
    assert opened(tmp_path).number_for(two).number.startswith("ВХ-2/")


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
