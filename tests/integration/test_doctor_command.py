"""`depesha doctor` over a fresh instance: one line a thing, nothing changed, quick."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

NAMES = [
    *("certificate", "trust", "tls", "secrets", "xml", "sqlite", "clock", "disk", "ports"),
    *("listeners", "scanner", "detection", "register"),
]


def depesha(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "depesha", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("doctor") / "gateway"
    assert depesha("init", str(folder)).returncode == 0
    settings = folder / "depesha.toml"
    table = '[scanner]\naddresses = ["unix:/nowhere/clamd.sock"]\n'
    table += '[networks.seos]\nregister_url = "http://127.0.0.1:1/register"\n'
    ports = (
        '[listen]\npartners = "127.0.0.1:0"\nregistry = "127.0.0.1:0"\noperators = "127.0.0.1:0"\n'
    )
    text = settings.read_text(encoding="utf-8")
    text = text.replace("[listen]\n", ports).replace("[scanner]\n", "")
    settings.write_text(text + table, encoding="utf-8")
    return settings


def test_everything_is_said_on_one_screen(instance: Path) -> None:
    done = depesha("doctor", "-c", str(instance))
    lines = done.stdout.splitlines()
    assert [line.split()[1] for line in lines if not line.startswith(" ")] == NAMES
    assert len(lines) <= 24
    assert done.returncode == 1, "no scanner and no register: bad"
    assert "\x1b" not in done.stdout, "no colour when piped"


def test_machines_read_the_same(instance: Path) -> None:
    done = depesha("doctor", "-c", str(instance), "--json")
    told = json.loads(done.stdout)
    found = {one["name"]: one["state"] for one in told["findings"]}
    assert list(found) == NAMES
    assert told["well"] is False
    assert found["certificate"] == found["xml"] == found["disk"] == "ok"
    assert found["scanner"] == found["detection"] == found["register"] == "bad"


def test_nothing_is_left_behind(instance: Path) -> None:
    before = sorted(instance.parent.rglob("*"))
    depesha("doctor", "-c", str(instance))
    assert sorted(instance.parent.rglob("*")) == before


def test_serve_without_a_network_says_so_in_one_line(tmp_path: Path) -> None:
    assert depesha("init", str(tmp_path / "g")).returncode == 0
    done = depesha("serve", "-c", str(tmp_path / "g" / "depesha.toml"))
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "[networks.seos]" in done.stderr
