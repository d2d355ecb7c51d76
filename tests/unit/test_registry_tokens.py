"""Tokens: made, judged, revoked, reloaded, and never torn by a crash."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest

from depesha.adapters.memory.system import HandClock
from depesha.adapters.registry.tokens import Attempts, Scope, TokenStore
from depesha.adapters.system import SystemIds
from depesha.errors import ConfigurationError, ConflictError, UnknownMessageError

READ = (Scope.INBOX_READ,)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def store(tmp_path: Path, clock: HandClock) -> TokenStore:
    return TokenStore(tmp_path / "tokens.json", clock, SystemIds())


def test_a_token_is_known_by_its_secret_and_by_nothing_else(store: TokenStore) -> None:
    token, secret = store.create("registry", READ)
    assert store.authenticate(secret) == token
    identity, _, rest = secret.partition(".")
    for wrong in ("", ".", identity, rest, f"{identity}.", f"x{secret}", secret[:-1], secret + "x"):
        assert store.authenticate(wrong) is None
    assert store.authenticate("\ud800") is None
    assert store.authenticate("x" * 100_000) is None


def test_the_file_holds_no_secret_and_is_the_owners(store: TokenStore, tmp_path: Path) -> None:
    _, secret = store.create("registry", READ)
    path = tmp_path / "tokens.json"
    assert secret.partition(".")[2] not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir() if "new" in p.name] == []


def test_a_token_ends_when_it_said_it_would(store: TokenStore, clock: HandClock) -> None:
    _, secret = store.create("short", READ, clock.now() + timedelta(hours=1))
    clock.advance(3599)
    assert store.authenticate(secret) is not None
    clock.advance(1)
    assert store.authenticate(secret) is None


def test_a_revoked_token_is_useless_and_its_name_is_not_given_again(store: TokenStore) -> None:
    token, secret = store.create("registry", READ)
    gone = store.revoke("registry")
    assert store.authenticate(secret) is None
    assert not store.still_valid(token)
    assert store.revoke("registry") == gone
    with pytest.raises(ConflictError):
        store.create("registry", READ)
    with pytest.raises(UnknownMessageError):
        store.revoke("nobody")


def test_another_process_sees_changes_and_loses_none(
    store: TokenStore, tmp_path: Path, clock: HandClock
) -> None:
    other = TokenStore(tmp_path / "tokens.json", clock, SystemIds())
    _, first = store.create("first", READ)
    _, second = other.create("second", READ)
    assert store.authenticate(second) is None
    store.reload()
    assert store.authenticate(second) is not None
    other.revoke("first")
    store.reload()
    assert store.authenticate(first) is None
    assert {t.name for t in store.tokens()} == {"first", "second"}


def test_uses_are_written_by_day_and_keep_what_others_wrote(
    store: TokenStore, tmp_path: Path, clock: HandClock
) -> None:
    _, secret = store.create("registry", READ)
    assert not store.has_unsaved_uses()
    store.authenticate(secret)
    assert store.has_unsaved_uses()
    TokenStore(tmp_path / "tokens.json", clock, SystemIds()).create("later", READ)
    store.save_uses()
    assert not store.has_unsaved_uses()
    used = {t.name: t.last_used for t in store.tokens()}
    assert used == {"registry": clock.now().date(), "later": None}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"tokens": [{}]}', '{"tokens": 1}', '{"tokens": [1]}', "\ufeff"]
)
def test_a_damaged_file_lets_nobody_in(store: TokenStore, tmp_path: Path, text: str) -> None:
    _, secret = store.create("registry", READ)
    (tmp_path / "tokens.json").write_text(text)
    with pytest.raises(ConfigurationError):
        store.reload()
    assert store.authenticate(secret) is None


def test_a_file_that_others_may_write_is_refused(store: TokenStore, tmp_path: Path) -> None:
    store.create("registry", READ)
    (tmp_path / "tokens.json").chmod(0o620)
    with pytest.raises(ConfigurationError):
        store.reload()


@pytest.mark.parametrize("name", ["", "a/b", "a b", "-a", "я", "a" * 64])
def test_bad_names_are_refused(store: TokenStore, name: str) -> None:
    with pytest.raises(ConfigurationError):
        store.create(name, READ)


def test_a_token_without_scopes_or_already_over_is_refused(
    store: TokenStore, clock: HandClock
) -> None:
    with pytest.raises(ConfigurationError):
        store.create("none", ())
    with pytest.raises(ConfigurationError):
        store.create("over", READ, clock.now())


def test_admin_may_everything_and_others_only_their_own(store: TokenStore) -> None:
    admin, _ = store.create("admin", (Scope.ADMIN,))
    reader, _ = store.create("reader", READ)
    assert all(admin.may((scope,)) for scope in Scope)
    assert [scope for scope in Scope if reader.may((scope,))] == [Scope.INBOX_READ]


_WRITER = """
import sys
from pathlib import Path
from depesha.adapters.registry.tokens import Scope, TokenStore
from depesha.adapters.system import SystemClock, SystemIds
store = TokenStore(Path(sys.argv[1]), SystemClock(), SystemIds())
for number in range(10_000):
    store.create(f"t{number}", (Scope.INBOX_READ,))
    print(number, flush=True)
"""


def test_a_killed_writer_leaves_a_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    with subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        for _ in range(20):
            told = int(writer.stdout.readline())
        time.sleep(0.005)
        os.kill(writer.pid, signal.SIGKILL)
    names = [item["name"] for item in json.loads(path.read_text())["tokens"]]
    assert names[: told + 1] == [f"t{n}" for n in range(told + 1)]
    fresh = TokenStore(path, HandClock(), SystemIds())
    fresh.create("after", READ)
    assert {t.name for t in fresh.tokens()} == {*names, "after"}


def test_attempts_are_counted_by_address_and_forgotten_in_time() -> None:
    clock = HandClock()
    attempts = Attempts(clock, limit=2, window=60, addresses=2)
    assert [attempts.failed("a") for _ in range(3)] == [0, 0, 60]
    assert attempts.failed("b") == 0
    clock.advance(59)
    assert attempts.failed("a") == 1
    clock.advance(1)
    assert attempts.failed("a") == 0
    for address in ("c", "d", "e"):
        attempts.failed(address)
    assert attempts.failed("a") == 0  # forgotten, not grown
