"""The console is shown to a network without TLS only where somebody asked for that by name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from depesha.config import Settings, load
from depesha.errors import ConfigurationError
from tests.support.console import BASE

COMPOSE = Path(__file__).parents[2] / "docker" / "compose.yaml"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in os.environ if n.upper().startswith("DEPESHA_")]:
        monkeypatch.delenv(name)


def loaded(folder: Path, text: str) -> Settings:
    file = folder / "depesha.toml"
    file.write_text(BASE + text, encoding="utf-8")
    return load(file)


@pytest.mark.parametrize(
    "text",
    [
        "",
        '[listen]\noperators = "127.0.0.1:9442"\n',
        '[listen]\noperators = "127.8.8.8:9442"\n',
        '[listen]\noperators = "[::1]:9442"\n',
        '[listen]\noperators = "LocalHost:9442"\n',
        '[listen]\noperators = "0.0.0.0:9442"\noperators_tls = true\n',
        '[listen]\noperators = "0.0.0.0:9442"\noperators_plain = true\n',
        '[listen]\noperators = "0.0.0.0:9442"\n[console]\norigin = "https://console.example"\n',
    ],
)
def test_what_stays_here_or_is_protected_or_is_meant_is_taken(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, text).listen.operators.port in {8442, 9442}


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0:9442",
        "[::]:9442",
        "192.0.2.7:9442",
        "[2001:db8::1]:9442",
        "127.0.0.1.example:9442",
        "localhost.example:9442",
        "console.example:9442",
    ],
)
def test_a_console_in_clear_beyond_this_machine_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, f'[listen]\noperators = "{address}"\n')
    assert caught.value.public.startswith(f"depesha.toml:10: listen.operators: {address}")
    for way in ("operators_tls", "console.origin", "operators_plain"):
        assert way in caught.value.remedy
    with pytest.raises(ConfigurationError):
        loaded(
            tmp_path,
            f'[listen]\noperators = "{address}"\n[console]\norigin = "http://console.example"\n',
        )


def test_the_variable_is_named_where_it_is_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPESHA_LISTEN__OPERATORS", "0.0.0.0:8442")
    with pytest.raises(ConfigurationError, match=r"^DEPESHA_LISTEN__OPERATORS: listen\.operators"):
        loaded(tmp_path, "")


def test_the_container_says_so_and_is_published_to_its_machine_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway = yaml.safe_load(COMPOSE.read_text("utf-8"))["services"]["gateway"]
    for name, value in gateway["environment"].items():
        monkeypatch.setenv(name, value)
    assert loaded(tmp_path, "").listen.operators_plain
    (published,) = [one for one in gateway["ports"] if one.endswith(":8442")]
    assert published.startswith("127.0.0.1:")
