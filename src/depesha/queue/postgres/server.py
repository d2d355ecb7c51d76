"""Looks whether a PostgreSQL server is fit to keep messages. Only looks."""

from __future__ import annotations

from typing import Any

import psycopg

from depesha.errors import ConfigurationError

FIRST = 150000
DURABLE = {
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "remote_apply", "remote_write", "local"},
}
"""Without these, what was said to be stored may be gone after a power cut."""
STANDBY_WAITED_FOR = frozenset({"on", "remote_apply", "remote_write"})
"""`synchronous_commit`, where a standby is to know what was answered."""
NO_STANDBY = "NO_SYNCHRONOUS_STANDBY"
"""Told of as trouble where the address names several servers and commits wait for one alone."""


def check_server(connection: psycopg.Connection[Any], *, careless: bool = False) -> None:
    """Raise `ConfigurationError` where the server does not fit.

    `careless`: let pass a server that may lose what it said it stored; for trials alone.
    """
    if connection.info.server_version < FIRST:
        raise ConfigurationError(
            "this PostgreSQL is too old", remedy="the store needs PostgreSQL 15 or newer"
        )
    if shown(connection, "server_encoding") != "UTF8":
        raise ConfigurationError(
            "the database does not keep Unicode",
            remedy="create it with ENCODING 'UTF8' TEMPLATE template0",
        )
    for name, fit in DURABLE.items():
        if not careless and shown(connection, name) not in fit:
            raise ConfigurationError(
                f"the PostgreSQL server may lose what it stored ({name})",
                remedy=f"set {name} = on for this server, database and user",
            )


def waits_for_standby(connection: psycopg.Connection[Any]) -> bool:
    """Tell whether a commit on this connection waits until a standby has it, too."""
    return bool(shown(connection, "synchronous_standby_names")) and (
        shown(connection, "synchronous_commit") in STANDBY_WAITED_FOR
    )


def shown(connection: psycopg.Connection[Any], name: str) -> str:
    """Return a setting as it holds for this connection; empty where there is none."""
    row = connection.execute("SELECT current_setting($1, true)", (name,)).fetchone()
    return "" if row is None or row[0] is None else str(row[0])
