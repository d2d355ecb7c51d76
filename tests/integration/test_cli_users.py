"""The command `user`: on a store that nobody holds, and through the door of a running gateway."""

from __future__ import annotations

import asyncio
import json
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from depesha.app.console import account_keeper
from depesha.app.people import SOCKET, open_door
from depesha.monitoring.console.access.door import Order, carry_out, machine_doer
from depesha.schemas.people import Role
from tests.support.console import BASE, FIRST, office
from tests.support.memory import opened

ME = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder too deep for a socket's plain name."""
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    (deep / "depesha.toml").write_text(
        BASE + '[store]\nfolder = "store"\n[seal]\nkey = "seal.pem"\n', encoding="utf-8"
    )
    return deep


def user(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "depesha", "user", *arguments, "-c", folder / "depesha.toml"],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


ADD = ("add", "ivanova", "--name", "Лице Примерно", "--role", "clerk", "--ground", "ДЗ-1")


def listed(folder: Path) -> list[dict[str, Any]]:
    done = user(folder, "list", "--json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def test_an_account_is_made_blocked_and_opened_again(folder: Path) -> None:
    done = user(folder, *ADD, "--password-stdin", stdin=FIRST + "\n")
    assert (done.returncode, done.stdout) == (0, "ivanova is made.\n"), done.stderr
    assert "Without an undertaking there is no access" in done.stderr
    assert user(folder, "undertaking", "ivanova", "2026-03-02").returncode == 0
    assert user(folder, "block", "ivanova", "--why", "breach", "--ground", "ЗАП-1").returncode == 0
    (one,) = listed(folder)
    assert (one["undertaking"], one["blocked"]["why"]) == ("2026-03-02", "breach")
    assert FIRST not in json.dumps(one, ensure_ascii=False)
    assert "argon2" not in json.dumps(one)
    assert user(folder, "unblock", "ivanova", "--ground", "писмо 3").returncode == 0
    (one,) = listed(folder)
    assert one["blocked"] is None


@pytest.mark.parametrize(
    ("arguments", "stdin", "status"),
    [
        ((*ADD, "--password-stdin"), "къса\n", 1),
        ((*ADD, "--password-stdin"), "", 2),
        ((*ADD, "--password-stdin"), "two\nlines\n", 2),
        (ADD, "", 2),
        ((*ADD, "--role", "auditor", "--password-stdin"), FIRST, 1),
        (("add", "Не", "--name", "x", "--role", "clerk", "--ground", "1", "--no-password"), "", 1),
        (("block", "nobody", "--why", "left", "--ground", "1"), "", 1),
        (("role", "nobody", "--role", "boss"), "", 2),
        (("deputy", "nobody", "other"), "", 2),
    ],
)
def test_errors_are_one_line(
    folder: Path, arguments: tuple[str, ...], stdin: str, status: int
) -> None:
    done = user(folder, *arguments, stdin=stdin)
    assert (done.returncode, done.stdout) == (status, ""), done.stderr
    assert done.stderr.startswith("depesha: ")
    assert done.stderr.count("\n") == 1


async def test_a_running_gateway_is_asked_by_its_door(folder: Path, tmp_path: Path) -> None:
    store = folder / "store"
    async with office(tmp_path) as here, opened(store) as memory:
        keeper = account_keeper(memory.accounts, here.parts.passwords, here.clock)
        async with open_door(keeper, store):
            assert (store / SOCKET).stat().st_mode & 0o777 == 0o600
            done = await asyncio.to_thread(user, folder, *ADD, "--password-stdin", stdin=FIRST)
            assert (done.returncode, done.stdout) == (0, "ivanova is made.\n"), done.stderr
            again = await asyncio.to_thread(user, folder, *ADD, "--password-stdin", stdin=FIRST)
            assert (again.returncode, again.stderr.count("\n")) == (1, 1)
            assert "exists or existed" in again.stderr
        assert not (store / SOCKET).exists()
        (row,) = await memory.journal.after(0, 10)
        assert json.loads(row.body)["actor"] == f"machine:{ME}"
        refused = await asyncio.to_thread(user, folder, "list")
        assert (refused.returncode, "another process" in refused.stderr) == (1, True)


async def test_a_socket_left_by_a_dead_process_is_no_hindrance(
    folder: Path, tmp_path: Path
) -> None:
    store = folder / "store"
    async with office(tmp_path) as here, opened(store) as memory:
        (store / SOCKET).write_bytes(b"")
        keeper = account_keeper(memory.accounts, here.parts.passwords, here.clock)
        async with open_door(keeper, store):
            doer = machine_doer(os.getuid())
            order = Order(
                act="add",
                facts={"login": "ivanova", "name": "Лице", "roles": [Role.CLERK], "ground": "1"},
            )
            await carry_out(keeper, doer, order)
            done = await asyncio.to_thread(user, folder, "list", "--json")
            assert [one["login"] for one in json.loads(done.stdout)] == ["ivanova"]
    (store / SOCKET).write_bytes(b"")
    done = await asyncio.to_thread(user, folder, "list", "--json")
    assert done.returncode == 0, done.stderr
