"""Commands about evidence: a message's pack, its printable proof, verifying a pack offline."""

from __future__ import annotations

import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from depesha.cli import output
from depesha.cli.client import Api, api_options, language_option, segment

if TYPE_CHECKING:
    from depesha.schemas.pack import PackReport

_KEY = re.compile(r"[0-9a-f]{64}")
_json = click.option("--json", "machine", is_flag=True, help="Print JSON.")


@click.group()
def evidence() -> None:
    """What proves a message's journey: export, verify."""


@evidence.command()
@api_options
@click.argument("message_id", metavar="ID")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
def export(*, api: Api, message_id: str, out: Path | None) -> None:
    """Export the evidence pack of a message, to a file or to standard output."""
    _written(api.raw(f"/messages/{segment(message_id)}/evidence"), out)


@evidence.command()
@click.argument("file", type=click.File("rb"))
@click.option(
    "--key",
    multiple=True,
    metavar="HEX|FILE",
    help="Public seal key of the gateway (64 hex digits), got by another road; may repeat.",
)
@_json
def verify(*, file: BinaryIO, key: tuple[str, ...], machine: bool) -> None:
    """Verify a pack offline. `-` reads standard input. Exit status 1 where it does not hold."""
    from depesha.schemas.pack import verify_pack

    keys = [_key(one) for one in key]
    report = verify_pack(file.read(), keys[0] if keys else None, *keys[1:])
    if machine:
        output.as_json(_view(report))
        return
    rows = [(row.sequence, row.at, row.kind, row.actor, row.seal) for row in report.rows]
    output.table(("row", "at", "kind", "by", "seal"), rows, empty="No rows.")
    count, seals = len(report.rows), len(report.seals)
    click.echo(f"Message {report.message_id}: {count} rows under {seals} seals hold.")
    if report.destroyed:
        click.echo(f"Its content was destroyed when its time was over: {report.destroyed}")
    if not report.trusted:
        click.echo("The pack agrees with itself; --key names whose it must be.")
        output.pairs(("sealed by", one) for one in report.keys)


@click.command()
@api_options
@click.argument("message_id", metavar="ID")
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write.")
@language_option
def proof(*, api: Api, message_id: str, out: Path | None, language: str | None) -> None:
    """Print the proof that a document was sent, or received, as one HTML page to be printed."""
    _written(api.raw(f"/messages/{segment(message_id)}/proof", language), out)


def _written(data: bytes, out: Path | None) -> None:
    """Write to a file, or to standard output."""
    if out is None:
        sys.stdout.buffer.write(data)
        return
    try:
        out.write_bytes(data)
    except OSError as error:
        raise click.FileError(str(out), hint=error.strerror) from None
    click.echo(f"{out}: {len(data)} bytes", err=True)


def _key(text: str) -> str:
    if _KEY.fullmatch(text):
        return text
    try:
        found = Path(text).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError, ValueError):
        found = ""
    if _KEY.fullmatch(found) is None:
        raise click.UsageError("--key needs 64 hex digits, or a file that holds them")
    return found


def _view(report: PackReport) -> dict[str, object]:
    rows = [asdict(row) | {"wire": len(row.wire)} for row in report.rows]
    return asdict(report) | {"rows": rows}
