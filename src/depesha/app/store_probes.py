"""The doctor's look at a store on PostgreSQL: the servers, their settings, and who shares them.

Each line names who has to act. Nothing is stored; a file that is tried out is removed at once.
"""

from __future__ import annotations

import os
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from depesha.adapters.doctor import Diagnosis, Probe, State, probe
from depesha.app.memory import shared
from depesha.config.secret import secret
from depesha.errors import DepeshaError
from depesha.queue.postgres.connecting import Connector
from depesha.queue.postgres.examining import Facts, Host, Role, Worker, facts, hosts
from depesha.queue.postgres.marks import strangers
from depesha.queue.postgres.server import DURABLE, FIRST, STANDBY_WAITED_FOR

if TYPE_CHECKING:
    from collections.abc import Callable

    from depesha.config import Settings
    from depesha.ports import Clock, Threads

CONNECTIONS = 4
"""What a gateway takes: one that writes, two that read, one that listens. A command as many."""
SLOTS = 1000
_DRIFT_WARN = 2.0
_DRIFT_BAD = 30.0
_SETTLED = 2.0
"""Seconds after which a gateway has left its mark in the shared folder."""
_ADMINISTRATOR = "PostgreSQL's administrator: "
_OPERATOR = "the gateway's operator: "


async def store_probes(
    settings: Settings, threads: Threads, clock: Clock
) -> list[tuple[str, Probe]]:
    """Return a probe for each line; none where the store is in a folder of its own."""
    if not shared(settings):
        return []
    run = partial(probe, threads)
    death, folder = settings.store.death_seconds, settings.store.folder
    try:
        found, facts_, error = await threads.run(_ask, settings, clock)
    except DepeshaError as unreadable:
        return [("postgres", run("postgres", _unreadable, unreadable))]
    lines: list[tuple[str, Callable[..., Diagnosis], tuple[object, ...]]] = [
        ("postgres", reach, (found, error)),
        ("folder", shared_folder, (folder, facts_, death)),
    ]
    if facts_ is not None:
        lines += [
            ("schema", schema, (facts_,)),
            ("durable", durable, (facts_, settings.store.careless)),
            ("standby", standby, (facts_, found)),
            ("connections", connections, (facts_, settings.store.gateway)),
            ("time", time_of, (facts_,)),
            ("gateways", gateways, (facts_, death)),
        ]
    return [(name, run(name, function, *given)) for name, function, given in lines]


def _ask(
    settings: Settings, clock: Clock
) -> tuple[tuple[Host, ...], Facts | None, DepeshaError | None]:
    store = settings.store
    url = secret(env=store.postgres_env, file=store.postgres_file) or ""
    connector = Connector(url=url, gateway=f"{store.gateway}-doctor")
    found = hosts(connector)
    try:
        return found, facts(connector, clock.now), None
    except DepeshaError as error:
        return found, None, error


def _unreadable(error: DepeshaError) -> Diagnosis:
    raise error


def _line(name: str, state: State, sentence: str, remedy: str = "") -> Diagnosis:
    return Diagnosis(name=name, state=state, sentence=sentence, remedy=remedy)


def reach(found: tuple[Host, ...], error: DepeshaError | None) -> Diagnosis:
    """Does each server that the address names answer, and is exactly one of them the primary?"""
    line = partial(_line, "postgres")
    words = ", ".join(f"{host.name} {host.role}" for host in found)
    primaries = [host for host in found if host.role is Role.PRIMARY]
    if len(primaries) != 1:
        return line("bad", *_no_one_primary(found, primaries, words))
    version = primaries[0].version
    words += f"; version {version // 10_000}.{version % 10_000}"
    if version < FIRST:
        return line("bad", words, f"{_ADMINISTRATOR}the store needs PostgreSQL 15 or newer")
    if error is not None:
        return line("bad", f"{words}; {error.public}", _ADMINISTRATOR + error.remedy)
    if any(host.role in {Role.SILENT, Role.REFUSING} for host in found):
        remedy = f"{_ADMINISTRATOR}bring the other server back: nothing can take over meanwhile"
        return line("warn", words, remedy)
    return line("ok", words)


def _no_one_primary(found: tuple[Host, ...], primaries: list[Host], words: str) -> tuple[str, str]:
    """Say in a sentence and a remedy why there is none that takes writes, or more than one."""
    if primaries:
        latest = max(host.timeline for host in primaries)
        earlier = [host.name for host in primaries if host.timeline < latest]
        who = " and ".join(earlier) or "one of them"
        remedy = f"shut {who} down at once, then make a standby of it (pg_rewind)"
        return f"two servers take writes: {words}", _ADMINISTRATOR + remedy
    if any(host.role is Role.STANDBY for host in found):
        return f"no server takes writes: {words}", f"{_ADMINISTRATOR}promote a standby"
    if any(host.role is Role.REFUSING for host in found):
        remedy = "see user, password, database, TLS and pg_hba.conf; the server's log says which"
        return f"we are not let in: {words}", _ADMINISTRATOR + remedy
    remedy = f"{_ADMINISTRATOR}start it; {_OPERATOR}see the address and the way there"
    return f"no answer: {words}", remedy


def schema(told: Facts) -> Diagnosis:
    """Does the schema fit this version, and may the gateway's user do all that it must?"""
    line = partial(_line, "schema")
    encoding = told.settings["server_encoding"]
    if encoding != "UTF8":
        remedy = f"{_ADMINISTRATOR}create the database with ENCODING 'UTF8' TEMPLATE template0"
        return line("bad", f"the database keeps {encoding}, not Unicode", remedy)
    version = f"version {max(told.applied, default=0)} of {max(told.shipped)}"
    if told.applied - told.shipped:
        remedy = f"{_OPERATOR}install the newer version here, too"
        return line("bad", f"{version}: a newer Depesha wrote this database", remedy)
    if told.foreign_tables or not told.may_create:
        why = f"{told.foreign_tables} tables belong to others" if told.foreign_tables else ""
        why = why or "no new table can be made"
        remedy = f"{_ADMINISTRATOR}ALTER DATABASE … OWNER TO, ALTER TABLE … OWNER TO {told.user}"
        return line("bad", f"{version}; as {told.user}: {why}", remedy)
    if told.superuser:
        remedy = f"{_ADMINISTRATOR}give the gateway a user that owns its database alone"
        return line("warn", f"{version}; {told.user} is a superuser", remedy)
    if told.shipped - told.applied:
        return line("ok", f"{version}: the next gateway that starts brings it up to date")
    return line("ok", f"{version}, owned by {told.user}")


def durable(told: Facts, careless: bool) -> Diagnosis:  # noqa: FBT001 -- one word of the settings
    """May the server lose what it said it stored?"""
    line = partial(_line, "durable")
    unfit = [name for name, fit in DURABLE.items() if told.settings[name] not in fit]
    words = ", ".join(f"{name} {told.settings[name]}" for name in DURABLE)
    if unfit:
        remedy = f"{_ADMINISTRATOR}set {' and '.join(unfit)} on for server, database and user"
        return line("warn" if careless else "bad", f"may lose what it stored: {words}", remedy)
    if careless:
        return line("warn", words, f"{_OPERATOR}take `careless` out of [store]")
    return line("ok", words)


def standby(told: Facts, found: tuple[Host, ...]) -> Diagnosis:
    """Does a standby know what was answered, and does no commit wait for one that is away?"""
    line = partial(_line, "standby")
    names = told.settings["synchronous_standby_names"]
    waits = bool(names) and told.settings["synchronous_commit"] in STANDBY_WAITED_FOR
    if told.waiting or (waits and not told.standbys):
        remedy = f"{_ADMINISTRATOR}bring it back, or take it out of synchronous_standby_names"
        return line("bad", f"commits wait for {names}: {told.standbys} standbys follow", remedy)
    if waits and told.sees_standbys and not told.synchronous:
        remedy = f"{_ADMINISTRATOR}its application_name must stand in synchronous_standby_names"
        return line("bad", f"commits wait for {names}, and none that follows is it", remedy)
    if waits:
        seen = f"{told.synchronous or told.standbys} follow"
        return line("ok", f"commits wait for {names}: {seen}")
    remedy = (
        f"{_ADMINISTRATOR}set synchronous_standby_names, and synchronous_commit to on; "
        "until then a promoted standby may not know what was answered"
    )
    if len(found) > 1 or told.standbys:
        return line("warn", f"{told.standbys} standbys follow, and no commit waits", remedy)
    return line("ok", "none; the server's disk alone holds what was answered")


def connections(told: Facts, ours: str) -> Diagnosis:
    """Is there room for the gateways' connections?"""
    line = partial(_line, "connections")
    most = int(told.settings["max_connections"])
    reserved = 0 if told.superuser else int(told.settings["superuser_reserved_connections"])
    free = most - reserved - told.used
    if told.user_limit >= 0:
        free = min(free, told.user_limit - told.used_by_user)
    if told.database_limit >= 0:
        free = min(free, told.database_limit - told.used_in_database)
    free += 1  # our own, which ends with this look
    running = any(one.name == ours and not one.ended for one in told.gateways)
    wanted = CONNECTIONS if running else 2 * CONNECTIONS
    words = f"{told.used} of {most} taken, {max(free, 0)} free; a gateway or command takes 4"
    remedy = f"{_ADMINISTRATOR}raise max_connections, or the limit of the user or the database"
    if free < wanted - CONNECTIONS or free < 1:
        return line("bad", words, remedy)
    return line("warn", words, remedy) if free < wanted else line("ok", words)


def time_of(told: Facts) -> Diagnosis:
    """Do the server's clock and ours agree? Heartbeats go by the server's, terms by ours."""
    line = partial(_line, "time")
    off = max(0.0, abs(told.ahead) - told.unsure / 2)
    where = "ahead of" if told.ahead > 0 else "behind"
    words = f"the server's clock is {off:.1f} s {where} ours"
    remedy = f"{_ADMINISTRATOR}and {_OPERATOR}set up a time service on both machines"
    if off > _DRIFT_BAD:
        return line("bad", words, remedy)
    if off > _DRIFT_WARN:
        return line("warn", words, remedy)
    return line("ok", f"agrees with the server's within {max(off, told.unsure, 0.1):.1f} s")


def gateways(told: Facts, death_seconds: float) -> Diagnosis:
    """Who works here, has anybody fallen silent, and is work left in the hands of the dead?"""
    line = partial(_line, "gateways")
    living = [one for one in told.gateways if not one.ended]
    silent = [one for one in living if one.silent > death_seconds]
    left = sum(one.in_hand for one in (*silent, *(g for g in told.gateways if g.ended)))
    names = [one.name for one in living if one not in silent]
    words = f"{len(names)} at work" + (f" ({', '.join(names)})" if names else "")
    words += f", {SLOTS - len(living)} places free"
    if twice := {name for name in names if names.count(name) > 1}:
        remedy = f"{_OPERATOR}give each gateway its own [store] gateway; stop one of them"
        return line("bad", f"two gateways are called {' and '.join(sorted(twice))}", remedy)
    if len(living) >= SLOTS:
        return line("bad", words, f"{_OPERATOR}stop some")
    if silent:
        who = ", ".join(f"{one.name} {one.silent:.0f} s" for one in silent)
        remedy = f"{_OPERATOR}look at its machine; a gateway that runs takes over what it had"
        return line("warn", f"{words}; silent: {who}, {left} tasks in hand", remedy)
    if left:
        remedy = f"{_OPERATOR}start a gateway: it takes them over at its next heartbeat"
        return line("warn", f"{words}; {left} tasks in the hands of gateways that ended", remedy)
    return line("ok", words)


def shared_folder(folder: Path, told: Facts | None, death_seconds: float) -> Diagnosis:
    """Can files be made durable here, and do all living gateways use this very folder?"""
    line = partial(_line, "folder")
    try:
        _try_out(folder)
    except OSError as error:
        remedy = f"{_OPERATOR}mount the shared folder; make it the gateway's user's own"
        return line("bad", f"files cannot be put there: {error.strerror}", remedy)
    others = [] if told is None else [one for one in told.gateways if _at_work(one, death_seconds)]
    apart = strangers(folder, [(one.number, one.name) for one in others])
    if apart:
        remedy = f"{_OPERATOR}give all gateways of this database the same [store] folder"
        return line("bad", f"not used by {' and '.join(apart)}: the files are apart", remedy)
    if others:
        return line("ok", f"written, renamed, synced; used by {', '.join(g.name for g in others)}")
    return line("ok", "written, renamed, synced; no gateway is at work to compare with")


def _at_work(one: Worker, death_seconds: float) -> bool:
    return not one.ended and one.silent <= death_seconds and one.age > _SETTLED


def _try_out(folder: Path) -> None:
    """Do with a small file what the store does with blobs; raises `OSError`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="doctor-", dir=folder) as scratch:
        first, second = Path(scratch, "first"), Path(scratch, "second")
        with first.open("wb") as file:
            file.write(b"doctor")
            file.flush()
            os.fsync(file.fileno())
        first.replace(second)
        place = os.open(scratch, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)
        if second.read_bytes() != b"doctor":
            raise OSError(0, "what was written does not come back")
