"""What `depesha doctor` says of a store on PostgreSQL: each finding on a real server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import psycopg
import pytest

from depesha.adapters.doctor import Diagnosis
from depesha.adapters.system import SystemClock
from depesha.app import store_probes as told_by
from depesha.queue.postgres.connecting import Connector
from depesha.queue.postgres.examining import Facts, Role, facts, hosts
from depesha.queue.postgres.marks import leave_mark
from tests.support.gateways import open_gateway
from tests.support.memory import new_message, task
from tests.support.postgres import Server, quick_server
from tests.support.standby import NAME, pair

LINES = (
    *("postgres", "folder", "schema", "durable", "standby", "connections", "time", "gateways"),
)
SECRET = "nikomu-ne-kazvay"
CLOCK = SystemClock()


@pytest.fixture
def url() -> Iterator[str]:
    with quick_server().database() as address:
        yield address


def asked(url: str) -> Facts:
    return facts(Connector(url=url, gateway="doctor"), CLOCK.now)


def as_user(url: str, user: str) -> str:
    return url.replace("depesha@", f"{user}:{SECRET}@")


@contextmanager
def role(name: str, url: str, *, words: str = "") -> Iterator[None]:
    """A user that owns nothing; taken away with what it was given."""
    with psycopg.connect(url, autocommit=True) as link:
        link.execute(f"CREATE ROLE {name} LOGIN {words}".encode())
        try:
            yield
        finally:
            link.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


def test_all_is_well_with_a_good_server(tmp_path: Path, url: str) -> None:
    with role("owner", url), psycopg.connect(url, autocommit=True) as link:
        for (name,) in link.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = 'public'::regnamespace"
        ).fetchall():
            link.execute(f"ALTER TABLE {name} OWNER TO owner".encode())
        link.execute("GRANT CREATE ON SCHEMA public TO owner")
        found = asked(as_user(url, "owner"))
        servers = hosts(Connector(url=url, gateway="doctor"))
        assert [one.role for one in servers] == [Role.PRIMARY]
        lines = [
            told_by.reach(servers, None),
            told_by.shared_folder(tmp_path, found, 30),
            told_by.schema(found),
            told_by.standby(found, servers),
            told_by.connections(found, "one"),
            told_by.time_of(found),
            told_by.gateways(found, 30),
        ]
        assert {one.state for one in lines} == {"ok"}, lines
        link.execute("REASSIGN OWNED BY owner TO depesha")
    assert list(tmp_path.iterdir()) == [], "nothing is left behind"


def test_a_server_that_is_away_or_refuses_is_named_without_secrets(
    tmp_path: Path, url: str
) -> None:
    away = f"postgresql://u:{SECRET}@/x?host={tmp_path}"
    (silent,) = hosts(Connector(url=away, gateway="doctor"))
    assert silent.role is Role.SILENT
    line = told_by.reach((silent,), None)
    assert line.state == "bad"
    assert "no answer" in line.sentence
    assert SECRET not in repr(line)
    (refusing,) = hosts(Connector(url=as_user(url, "nobody_here"), gateway="doctor"))
    line = told_by.reach((refusing,), None)
    assert (line.state, "not let in" in line.sentence) == ("bad", True)
    assert SECRET not in repr(line)
    assert "administrator" in line.remedy


def test_a_user_that_owns_nothing_may_not_do_what_the_store_needs(url: str) -> None:
    with role("guest", url), psycopg.connect(url, autocommit=True) as link:
        link.execute("GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
        line = told_by.schema(asked(as_user(url, "guest")))
        assert line.state == "bad"
        assert "belong to others" in line.sentence
    assert "superuser" in told_by.schema(asked(url)).sentence


def test_a_newer_schema_and_an_empty_one(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as link:
        link.execute("INSERT INTO migrations VALUES (999, 'later', 'x', 'now')")
        assert told_by.schema(asked(url)).state == "bad"
        link.execute("DROP TABLE migrations CASCADE")
        empty = asked(url)
        assert (empty.applied, empty.gateways) == (frozenset(), ())
        assert told_by.schema(empty).state in {"ok", "warn"}


def test_a_database_without_unicode() -> None:
    server = quick_server()
    server.execute("CREATE DATABASE latin ENCODING 'SQL_ASCII' TEMPLATE template0")
    try:
        line = told_by.schema(asked(server.url("latin")))
        assert (line.state, "not Unicode" in line.sentence) == ("bad", True)
    finally:
        server.execute("DROP DATABASE latin")


def test_a_server_that_may_lose_what_it_stored(url: str) -> None:
    line = told_by.durable(asked(url), careless=False)
    assert line.state == "bad"
    assert "fsync" in line.remedy
    assert told_by.durable(asked(url), careless=True).state == "warn"
    with psycopg.connect(url, autocommit=True) as link:
        link.execute("ALTER ROLE depesha SET synchronous_commit = off")
        try:
            assert "synchronous_commit" in told_by.durable(asked(url), careless=False).remedy
        finally:
            link.execute("ALTER ROLE depesha RESET synchronous_commit")


def test_connections_that_do_not_suffice(url: str) -> None:
    with role("narrow", url, words="CONNECTION LIMIT 2"):
        line = told_by.connections(asked(as_user(url, "narrow")), "one")
        assert line.state == "bad"
        assert "max_connections" in line.remedy
    found = asked(url)
    tight = MappingProxyType({**found.settings, "max_connections": str(found.used + 6)})
    assert told_by.connections(replace(found, settings=dict(tight)), "one").state == "warn"
    assert told_by.connections(found, "one").state == "ok"


@pytest.mark.parametrize(("off", "state"), [(0, "ok"), (10, "warn"), (-90, "bad")])
def test_clocks_that_differ(url: str, off: float, state: str) -> None:
    off_by = timedelta(seconds=off)
    found = facts(Connector(url=url, gateway="doctor"), lambda: CLOCK.now() + off_by)
    line = told_by.time_of(found)
    assert line.state == state
    if off:
        assert ("behind" if off > 0 else "ahead") in line.sentence


async def test_who_is_at_work_who_is_silent_and_what_the_dead_hold(
    tmp_path: Path, url: str
) -> None:
    one = await open_gateway(url, tmp_path, "one", beat_seconds=3600.0)
    two = await open_gateway(url, tmp_path, "two", beat_seconds=3600.0)
    try:
        line = told_by.gateways(await asyncio.to_thread(asked, url), 30)
        assert (line.state, "2 at work (one, two)" in line.sentence) == ("ok", True)
        await one.store.admit(new_message(1, tasks=(task(),)))
        await one.tasks.claim((task().kind,), 1, 900)
        with psycopg.connect(url, autocommit=True) as link:
            link.execute(
                "UPDATE gateways SET heard_at = heard_at - interval '60 s' WHERE name = 'one'"
            )
            line = told_by.gateways(await asyncio.to_thread(asked, url), 30)
            assert line.state == "warn"
            assert "silent: one 6" in line.sentence
            assert "1 tasks in hand" in line.sentence
            link.execute("UPDATE gateways SET ended_at = clock_timestamp() WHERE name = 'one'")
            line = told_by.gateways(await asyncio.to_thread(asked, url), 30)
            assert "1 tasks in the hands of gateways that ended" in line.sentence
            link.execute("UPDATE gateways SET ended_at = NULL, name = 'two', heard_at = now()")
            line = told_by.gateways(await asyncio.to_thread(asked, url), 30)
            assert (line.state, "two gateways are called two" in line.sentence) == ("bad", True)
    finally:
        await two.close()
        await one.close()


async def test_a_gateway_with_another_folder_is_found(tmp_path: Path, url: str) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    one = await open_gateway(url, here, "one", beat_seconds=3600.0)
    two = await open_gateway(url, there, "two", beat_seconds=3600.0)
    try:
        await asyncio.sleep(2.1)
        found = await asyncio.to_thread(asked, url)
        line = told_by.shared_folder(here, found, 30)
        assert (line.state, "not used by two" in line.sentence) == ("bad", True)
        assert "same [store] folder" in line.remedy
        (second,) = [g.number for g in found.gateways if g.name == "two"]
        leave_mark(here, "two", second)
        assert told_by.shared_folder(here, found, 30).state == "ok"
    finally:
        await two.close()
        await one.close()


def test_a_folder_that_takes_no_files(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file in its place")
    line = told_by.shared_folder(tmp_path / "store", None, 30)
    assert (line.state, "cannot be put there" in line.sentence) == ("bad", True)


def test_standbys_and_two_primaries() -> None:
    with pair() as made:
        address = made.url("postgres")
        connector = Connector(url=address, gateway="doctor")
        found = hosts(connector)
        assert [one.role for one in found] == [Role.PRIMARY, Role.STANDBY]
        assert told_by.reach(found, None).state == "ok"
        assert told_by.standby(asked(address), found).state == "ok"
        made.wait_for_standby("")
        line = told_by.standby(asked(address), found)
        assert (line.state, "no commit waits" in line.sentence) == ("warn", True)
        made.primary.execute("ALTER SYSTEM SET synchronous_standby_names = 'another'")
        made.primary.execute("SELECT pg_reload_conf()")
        line = until_bad(address)
        assert "none that follows is it" in line.sentence
        made.wait_for_standby(NAME)
        made.standby.kill()
        found = hosts(connector)
        assert told_by.reach(found, None).state == "warn"
        line = until_bad(address)
        assert f"commits wait for {NAME}" in line.sentence
        made.standby.start()
        made.wait_for_standby(NAME)
        made.primary.kill()
        assert "promote" in told_by.reach(hosts(connector), None).remedy
        made.standby.promote()
        made.primary.start()
        line = told_by.reach(hosts(connector), None)
        assert (line.state, "two servers take writes" in line.sentence) == ("bad", True)
        assert str(made.primary.folder) in line.remedy
        assert str(made.standby.folder) not in line.remedy


def until_bad(address: str) -> Diagnosis:
    """A reload takes a moment."""
    for _ in range(50):
        line = told_by.standby(asked(address), ())
        if line.state == "bad":
            break
    return line


@pytest.fixture(scope="module")
def durable() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.remove()


def test_the_command_says_it_all_and_no_secret(tmp_path: Path, durable: Server) -> None:
    folder = tmp_path / "gateway"
    run("init", str(folder))
    settings, place = folder / "depesha.toml", folder / "postgres.url"
    with durable.database() as address:
        place.touch(0o600)
        place.write_text(as_user(address, "depesha"))
        text = settings.read_text("utf-8").replace(
            "[store]\n", f'[store]\npostgres_file = "{place}"\n'
        )
        settings.write_text(text, "utf-8")
        done = run("doctor", "-c", str(settings), "--json")
        found = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
        assert set(LINES) <= set(found)
        assert found["durable"]["state"] == "ok", found["durable"]
        assert SECRET not in done.stdout + done.stderr
        assert SECRET not in run("doctor", "-c", str(settings)).stdout
    durable.kill()
    try:
        done = run("doctor", "-c", str(settings), "--json")
        found = {one["name"]: one for one in json.loads(done.stdout)["findings"]}
        assert found["postgres"]["state"] == "bad"
        assert "schema" not in found
        assert SECRET not in done.stdout + done.stderr
    finally:
        durable.start()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "depesha", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
