"""The command that moves a store from SQLite to PostgreSQL, or back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from depesha.cli import output

if TYPE_CHECKING:
    from collections.abc import Callable

_EVERY = 10_000
"""Rows between two lines of progress."""


@click.command("migrate-store")
@click.option("--from", "origin", metavar="FOLDER|URL", help="Where the store is.")
@click.option("--to", "target", metavar="URL|FOLDER", help="Where it is to be.")
@click.option(
    "--files",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the files beside the PostgreSQL database; otherwise the SQLite folder.",
)
@click.option(
    "--release",
    metavar="FOLDER|URL",
    help="Let gateways use a store again that was moved away: its target must not be used then.",
)
@click.option("--json", "machine", is_flag=True, help="Print JSON.")
def migrate_store(
    *,
    origin: str | None,
    target: str | None,
    files: Path | None,
    release: str | None,
    machine: bool,
) -> None:
    """Move the whole store from SQLite to PostgreSQL, or back.

    One of the two is the folder of [store], the other an address such as
    postgresql://depesha@db.example/depesha (its password is best kept in ~/.pgpass). All gateways
    must be stopped, and the target empty. Every row, digest and seal is read back at the target
    before it becomes a store; after an interruption the target is empty still: run it again.

    The origin is kept, and refuses to be used by a gateway from then on: two stores with the same
    work would send it twice. Destroy it when the gateway runs on the new one.
    """
    from depesha.adapters.system import SystemClock
    from depesha.queue import migrate_store as moving

    if release is not None:
        moving.release(release)
        click.echo("Gateways may use it again.")
        return
    if origin is None or target is None:
        raise click.UsageError("--from says where the store is, --to where it is to be")
    moved = moving.migrate_store(origin, target, SystemClock().now(), _progress(), files=files)
    if machine:
        output.as_json(asdict(moved))
        return
    rows = [(name, f"{count:,}") for name, count in moved.tables.items() if count]
    output.table(("table", "rows"), rows, empty="The store is empty.")
    click.echo(f"{moved.evidence:,} rows of evidence under {moved.seals:,} seals hold.")
    found = moved.files
    counts = {"verified": found.verified, "copied": found.copied, "encrypted": found.encrypted}
    counts["held by their originals alone"] = found.contained
    counts["destroyed in their time"] = found.destroyed
    click.echo("Files: " + ", ".join(f"{count:,} {word}" for word, count in counts.items()) + ".")


def _progress() -> Callable[[str, int, int], None]:
    """Return what prints, on standard error, what is being done: not more than people can read."""
    told = ("", 0)

    def progress(what: str, done: int, whole: int) -> None:
        nonlocal told
        if what == told[0] and done - told[1] < _EVERY:
            return
        told = (what, done)
        end = f" of {whole:,}" if whole else ""
        click.echo(f"… {what}: {done:,}{end}" if done else f"… {what}", err=True)

    return progress
