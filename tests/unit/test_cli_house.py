"""The command line as a whole: quick help, one line of error, exit status by who has to act."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from depesha import __version__
from depesha.cli import OURS, TEMPORARY, USAGE, _ending, depesha, run
from depesha.errors import ConfigurationError, PeerError, StorageError, UnreachableError

CONTRACT = {
    *("init", "serve", "demo", "simulate", "doctor", "inbox", "show", "held", "parked"),
    *("token", "evidence"),
}
HEAVY = ("aiohttp", "lxml", "xmlsec", "cryptography", "pydantic", "rich", "apsw", "structlog")


def all_commands() -> list[list[str]]:
    found = []
    for name, command in depesha.commands.items():
        found.append([name])
        if isinstance(command, click.Group):
            found += [[name, inner] for inner in command.commands]
    return found


def test_the_contract_of_commands_is_kept() -> None:
    assert set(depesha.commands) >= CONTRACT


@pytest.mark.parametrize("words", all_commands(), ids=" ".join)
def test_every_command_explains_itself(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*words, "--help"]) == 0
    text = capsys.readouterr().out
    assert text.startswith(f"Usage: depesha {' '.join(words)}")
    assert len(text.splitlines()) > 4


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize(
    "words", [["nothing"], ["show"], ["token", "create", "x"], ["inbox", "--x"]]
)
def test_wrong_usage_is_one_line_and_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == USAGE
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert told.err.startswith("depesha: ")
    assert "--help)" in told.err


@pytest.mark.parametrize(
    ("error", "line", "status"),
    [
        (ConfigurationError("wrong", remedy="mend it"), "wrong; mend it", OURS),
        (UnreachableError("nobody there"), "nobody there", TEMPORARY),
        (StorageError("disk full"), "disk full", TEMPORARY),
        (PeerError("failed"), "failed", TEMPORARY),
        (KeyboardInterrupt(), "interrupted", 130),
        (RuntimeError("hunter2"), "internal error: RuntimeError (DEPESHA_TRACE=1 shows where)", 1),
    ],
)
def test_errors_end_by_who_has_to_act(error: BaseException, line: str, status: int) -> None:
    assert _ending(error) == (line, status)


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from depesha.cli import run; run(['--help'])\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_a_closed_pipe_is_no_crash() -> None:
    command = f"{sys.executable} -m depesha --help | true"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr
