"""Destroyed content on PostgreSQL: no row holds it any more, not even a dead one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from depesha.adapters.memory.system import HandClock
from depesha.errors import StorageError
from depesha.queue.postgres.db import HOLDING
from depesha.queue.retention import Retention
from depesha.schemas.retention import Sort
from tests.integration.test_retention_store import LATER, SECRET, TERMS, act, closed
from tests.support.gateways import open_gateway
from tests.support.memory import START, id_of
from tests.support.postgres import quick_server

DEAD = """SELECT count(*)
  FROM generate_series(0, pg_relation_size($1::text::regclass) / 8192 - 1) AS page,
    LATERAL heap_page_items(get_raw_page($1::text, page::int))
  WHERE position($2::bytea IN t_data) > 0"""


@contextmanager
def looking(url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.RawCursor) as link:
        yield link


def uncompressed(url: str) -> None:
    """Let the server keep values as they are, so that they can be found."""
    with looking(url) as link:
        link.execute("CREATE EXTENSION pageinspect")
        columns = link.execute(
            "SELECT attrelid::regclass::text, quote_ident(attname) FROM pg_attribute"
            " JOIN pg_class c ON c.oid = attrelid WHERE c.relkind = 'r' AND attnum > 0"
            " AND c.relnamespace = 'public'::regnamespace AND attstorage = 'x'"
        ).fetchall()
        for table, column in columns:
            link.execute(f"ALTER TABLE {table} ALTER {column} SET STORAGE external".encode())


def rows_with(url: str, words: bytes) -> dict[str, int]:
    """Count the rows, living and dead, whose bytes hold these words; by table, none left out."""
    with looking(url) as link:
        tables = link.execute(
            "SELECT c.relname, p.place::regclass::text FROM pg_class c,"
            " LATERAL (VALUES (c.oid), (c.reltoastrelid)) AS p (place) WHERE c.relkind = 'r'"
            " AND p.place <> 0 AND c.relnamespace = 'public'::regnamespace"
        ).fetchall()
        found: dict[str, int] = {}
        for name, place in tables:
            row = link.execute(DEAD, (place, words)).fetchone()
            if row is not None and row[0]:
                found[name] = found.get(name, 0) + int(row[0])
        return found


async def test_destroyed_content_stays_in_no_dead_row(tmp_path: Path) -> None:
    clock = HandClock(START)
    with quick_server().database() as url:
        memory = await open_gateway(url, tmp_path, "one", clock=clock, beat_seconds=3600.0)
        try:
            await asyncio.to_thread(uncompressed, url)
            for number in (1, 2):
                await closed(memory, number, b"<original>" * number)
            await memory.overview.catch_up()
            mine, other = f"{SECRET} 1".encode(), f"{SECRET} 2".encode()
            before = await asyncio.to_thread(rows_with, url, mine)
            assert "messages" in before
            assert set(before) <= set(HOLDING)
            clock.advance(LATER.total_seconds())
            retention = Retention(memory.db, memory.blobs, clock)
            assert await retention.due(TERMS, Sort.RECEIVED, 10) == (id_of(1), id_of(2))
            assert (await retention.destroy(act(id_of(1)), TERMS)).count == 1
            assert await asyncio.to_thread(rows_with, url, mine) == {}
            assert "messages" in await asyncio.to_thread(rows_with, url, other)
            assert await memory.journal.verify() > 0
        finally:
            await memory.close()


async def test_an_act_is_not_ended_while_dead_rows_cannot_be_cleared(tmp_path: Path) -> None:
    clock = HandClock(START)
    with quick_server().database() as url:
        memory = await open_gateway(url, tmp_path, "one", clock=clock, beat_seconds=3600.0)
        try:
            await closed(memory, 1, b"<original>")
            clock.advance(LATER.total_seconds())
            retention = Retention(memory.db, memory.blobs, clock)
            with looking(url) as link:
                link.execute("ALTER ROLE depesha SET default_transaction_read_only = on")
                try:
                    with pytest.raises(StorageError):
                        await retention.destroy(act(id_of(1)), TERMS)
                finally:
                    link.execute("ALTER ROLE depesha RESET default_transaction_read_only")
            again = await retention.destroy(act(id_of(1)), TERMS)
            assert (again.count, again.kept) == (1, ())
        finally:
            await memory.close()
