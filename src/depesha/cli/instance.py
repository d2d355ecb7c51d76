"""Commands about an instance: init makes one, doctor examines it, serve runs it."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from depesha.cli import output
from depesha.cli.client import config_option

if TYPE_CHECKING:
    from depesha.adapters.doctor import Diagnosis

_SIGNS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "bad": ("BAD ", "red")}


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--name", default="Администрация", show_default=True, help="Name in the register.")
@click.option("--identifier", default="000000000", show_default=True, help="EIK.")
@click.option("--guid", help="GUID in the register; without it a new one is drawn.")
@click.option("--host", default="localhost", show_default=True, help="Host name partners use.")
@click.option("--csr", is_flag=True, help="A request for the CA instead of a trial certificate.")
@click.option("--json", "machine", is_flag=True, help="Print JSON.")
def init(
    *,
    folder: Path,
    name: str,
    identifier: str,
    guid: str | None,
    host: str,
    csr: bool,
    machine: bool,
) -> None:
    """Make a new instance in DIR.

    Settings, keys, a certificate, folders and the first token. Refuses where DIR holds anything
    already. The token is printed once and kept nowhere in clear.
    """
    from depesha.adapters.instance import create_instance
    from depesha.adapters.system import SystemClock, SystemIds
    from depesha.config import render_default

    ids = SystemIds()
    made = create_instance(
        folder.absolute(),
        settings=render_default(
            name=name, identifier=identifier, guid=guid or "{" + ids.guid() + "}"
        ),
        host=host,
        identifier=identifier,
        request_only=csr,
        clock=SystemClock(),
        ids=ids,
    )
    if machine:
        output.as_json({"folder": made.folder, "settings": made.settings, "token": made.token})
        return
    click.echo(f"Made {made.folder}")
    for line in made.next_steps:
        click.echo(f"  {line}")
    click.echo("First token (admin), shown this once only:")
    click.echo(made.token)


@click.command()
@config_option
def serve(*, config: Path) -> None:
    """Run the gateway until it is told to stop (SIGTERM, Ctrl-C)."""
    from depesha import app
    from depesha.config import load

    asyncio.run(app.serve(load(config)))


@click.command()
@config_option
@click.option("--json", "machine", is_flag=True, help="Print JSON.")
def doctor(*, config: Path, machine: bool) -> int:
    """Examine keys, clock, scanner, disk, ports, register, and PostgreSQL where it is used.

    Exit status 1 where anything is bad; warnings leave it at 0.
    """
    from depesha import app
    from depesha.config import load

    found: list[Diagnosis] = asyncio.run(app.doctor(load(config)))
    bad = any(one.state == "bad" for one in found)
    if machine:
        output.as_json({"well": not bad, "findings": [asdict(one) for one in found]})
    else:
        _print(found)
    return int(bad)


def _print(found: list[Diagnosis]) -> None:
    width = max((len(one.name) for one in found), default=0)
    for one in found:
        sign, colour = _SIGNS[one.state]
        head = click.style(sign, fg=colour)
        click.echo(f"{head} {one.name:<{width}}  {output.clean(one.sentence)}")
        if one.remedy:
            click.echo(f"     {'':<{width}}  → {output.clean(one.remedy)}")
