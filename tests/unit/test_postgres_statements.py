"""Every statement of the store is understood by a real PostgreSQL, and answered by an index."""

from __future__ import annotations

import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import psycopg
import pytest

from depesha.queue import (
    audit_statements,
    outbound_statements,
    overview_statements,
    people_statements,
    statements,
)
from depesha.queue.postgres import statements as own
from depesha.queue.postgres.connecting import Connector
from depesha.queue.postgres.dialect import translate
from tests.support.postgres import quick_server

MODULES = (
    statements,
    outbound_statements,
    overview_statements,
    people_statements,
    audit_statements,
    own,
)
WHOLE = {
    "ALL_KEYS": "read at the start of a gateway",
    "ALL_HEALTH": "a row for each peer",
    "TALLIES": "a row for each state and gateway",
    "OUTBOUND_TALLIES": "the same",
    "FORGET_LANES": "a row for each start of a gateway",
    "FORGET_ENDED": "the same",
    "HELD_BY_ENDED": "the same; tasks by their index",
    "NAMESAKES": "the same",
    "STAND_DOWN": "a row for each thing that one gateway does for all",
}
"""Statements that read a whole table, which is small."""
UNPREPARED = {"EMPTY_LOG", "ENTER"}


def all_of(module: ModuleType) -> dict[str, str]:
    return {
        name: value
        for name, value in vars(module).items()
        if name.isupper() and not name.startswith("_") and isinstance(value, str)
    }


STATEMENTS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": text
    for module in MODULES
    for name, text in all_of(module).items()
    if name not in UNPREPARED
}


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection[Any]]:
    with (
        quick_server().database() as url,
        Connector(url=url, gateway="test").open("test") as connection,
    ):
        connection.execute(b"SET plan_cache_mode = force_generic_plan")
        connection.execute(b"SET enable_seqscan = off")
        connection.execute(b"SET depesha.slot = '1'")
        connection.execute(b"SET depesha.gateway = '1'")
        yield connection


@pytest.mark.parametrize("writing", [False, True])
@pytest.mark.parametrize("name", STATEMENTS)
def test_it_is_understood_and_looked_up(
    connection: psycopg.Connection[Any], name: str, *, writing: bool
) -> None:
    text = translate(STATEMENTS[name], writing=writing)
    places = {int(place) for place in re.findall(r"\$(\d+)", text)}
    assert places == set(range(1, len(places) + 1))
    connection.execute(f"PREPARE one AS {text}".encode(), prepare=False)
    try:
        values = f"({', '.join('NULL' for _ in places)})" if places else ""
        plan = connection.execute(f"EXPLAIN EXECUTE one{values}".encode(), prepare=False).fetchall()
    finally:
        connection.execute(b"DEALLOCATE one", prepare=False)
    read = [row[0] for row in plan if "Seq Scan on" in row[0]]
    assert not read or name.rpartition(".")[2] in WHOLE, read


def test_places_are_numbered_and_forms_turned() -> None:
    text = translate("INSERT OR IGNORE INTO a VALUES (unhex(?), max(b, ?), ?1)")
    assert text == (
        "INSERT INTO a VALUES (decode($1, 'hex'), greatest(b, $2), $1) ON CONFLICT DO NOTHING"
    )


def test_what_is_read_to_be_changed_is_locked_when_writing() -> None:
    assert "FOR" not in translate(statements.MESSAGE)
    assert translate(statements.MESSAGE, writing=True).endswith("FOR NO KEY UPDATE")
    assert translate(statements.DUE_TASKS, writing=True).endswith("FOR UPDATE SKIP LOCKED")
