"""The schema on PostgreSQL: once, in order, from every version, by one gateway at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from depesha.errors import ConfigurationError
from depesha.queue.migrate import Migration, shipped
from depesha.queue.postgres.connecting import Connector
from depesha.queue.postgres.migrate import migrate
from tests.support.memory import START
from tests.support.postgres import quick_server

SHIPPED = shipped("depesha.queue.postgres")
FIRST = Migration(number=1, name="0001.sql", sql="CREATE TABLE a (x TEXT); CREATE TABLE b (y TEXT)")
SECOND = Migration(number=2, name="0002.sql", sql="ALTER TABLE a ADD COLUMN z TEXT")
BROKEN = Migration(number=2, name="0002.sql", sql="CREATE TABLE c (x TEXT); SELECT nothing()")
_COLUMNS = """SELECT table_name, column_name, data_type, is_nullable, column_default
  FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2"""
_INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1"
_TRIGGERS = "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"


@contextmanager
def empty(name: str = "empty") -> Iterator[str]:
    server = quick_server()
    server.execute(f"CREATE DATABASE {name}")
    try:
        yield server.url(name)
    finally:
        server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def connected(url: str) -> psycopg.Connection[Any]:
    return Connector(url=url, gateway="test").open("test")


def schema(connection: psycopg.Connection[Any]) -> list[list[tuple[Any, ...]]]:
    return [
        connection.execute(question.encode()).fetchall()
        for question in (_COLUMNS, _INDEXES, _TRIGGERS)
    ]


@pytest.fixture
def connection() -> Iterator[psycopg.Connection[Any]]:
    with empty() as url, connected(url) as connection:
        yield connection


def test_what_is_shipped_has_no_gap() -> None:
    assert [one.number for one in SHIPPED] == list(range(1, len(SHIPPED) + 1))


def test_a_second_run_does_nothing(connection: psycopg.Connection[Any]) -> None:
    assert migrate(connection, START) == len(SHIPPED)
    before = schema(connection)
    assert migrate(connection, START) == 0
    assert schema(connection) == before


def test_one_by_one_or_at_once_the_schema_is_the_same(connection: psycopg.Connection[Any]) -> None:
    migrate(connection, START)
    with empty("stepwise") as url, connected(url) as stepwise:
        for count in range(1, len(SHIPPED) + 1):
            assert migrate(stepwise, START, SHIPPED[:count]) == 1
        assert schema(stepwise) == schema(connection)


def test_a_migration_that_fails_leaves_nothing(connection: psycopg.Connection[Any]) -> None:
    migrate(connection, START, (FIRST,))
    before = schema(connection)
    with pytest.raises(psycopg.Error):
        migrate(connection, START, (FIRST, BROKEN))
    assert schema(connection) == before
    assert migrate(connection, START, (FIRST, SECOND)) == 1


def test_a_changed_migration_is_refused(connection: psycopg.Connection[Any]) -> None:
    migrate(connection, START, (FIRST,))
    with pytest.raises(ConfigurationError):
        migrate(connection, START, (replace(FIRST, sql=FIRST.sql + " "),))


def test_a_newer_database_is_refused(connection: psycopg.Connection[Any]) -> None:
    migrate(connection, START, (FIRST, SECOND))
    with pytest.raises(ConfigurationError):
        migrate(connection, START, (FIRST,))


def test_gateways_that_start_together_migrate_once() -> None:
    def start(url: str) -> int:
        with connected(url) as connection:
            return migrate(connection, START)

    with empty("together") as url, ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(start, [url] * 4)) == len(SHIPPED)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE evidence SET body = ''",
        "DELETE FROM evidence",
        "TRUNCATE evidence",
        "UPDATE seals SET root = ''",
        "DELETE FROM seals",
        "TRUNCATE seals",
    ],
)
def test_evidence_and_seals_stay(connection: psycopg.Connection[Any], statement: str) -> None:
    migrate(connection, START)
    connection.execute(b"INSERT INTO evidence VALUES (1, '', 'a', 'b', '{}', NULL)")
    connection.execute(b"INSERT INTO seals VALUES (1, 1, 1, 'a', 'b', 'c', 'd', 'e', 'f')")
    with pytest.raises(psycopg.errors.RaiseException):
        connection.execute(statement.encode())
