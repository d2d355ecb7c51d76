"""Looks whether a PostgreSQL server is fit to keep messages. Only looks."""

from __future__ import annotations

from typing import Any

import psycopg

from depesha.errors import ConfigurationError

_FIRST = 150000
_DURABLE = {
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "remote_apply", "remote_write", "local"},
}
"""Without these, what was said to be stored may be gone after a power cut."""


def check_server(connection: psycopg.Connection[Any], *, careless: bool = False) -> None:
    """Raise `ConfigurationError` where the server does not fit.

    `careless`: let pass a server that may lose what it said it stored; for trials alone.
    """
    if connection.info.server_version < _FIRST:
        raise ConfigurationError(
            "this PostgreSQL is too old", remedy="the store needs PostgreSQL 15 or newer"
        )
    if _shown(connection, "server_encoding") != "UTF8":
        raise ConfigurationError(
            "the database does not keep Unicode",
            remedy="create it with ENCODING 'UTF8' TEMPLATE template0",
        )
    for name, fit in _DURABLE.items():
        if not careless and _shown(connection, name) not in fit:
            raise ConfigurationError(
                f"the PostgreSQL server may lose what it stored ({name})",
                remedy=f"set {name} = on for this server, database and user",
            )


def _shown(connection: psycopg.Connection[Any], name: str) -> str:
    row = connection.execute("SELECT current_setting($1)", (name,)).fetchone()
    return "" if row is None else str(row[0])
