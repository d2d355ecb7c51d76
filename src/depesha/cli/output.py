"""How commands print: JSON for machines, plain tables for people, never a control character."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click


def as_json(data: object) -> None:
    """Print one JSON document."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2, default=str))


def clean(value: object) -> str:
    """Text from outside for a terminal: control and direction characters become `?`."""
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else " " if c in "\r\n\t" else "?" for c in text)


def table(heads: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print a table; `empty` where there are no rows. No colour and full width when piped."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for head in heads:
        made.add_column(head, overflow="fold")
    for row in rows:
        made.add_row(*(Text(clean(value)) for value in row))
    if not made.row_count:
        click.echo(empty)
        return
    piped = not sys.stdout.isatty()
    Console(width=200 if piped else None, no_color=piped, highlight=False).print(made)


def pairs(rows: Iterable[tuple[str, object]]) -> None:
    """Print names and values, one a line; empty values are left out."""
    for name, value in rows:
        if value not in (None, "", [], ()):
            click.echo(f"{name + ':':<16} {clean(value)}")
