"""Commands for trying things out: the demo country, and a stand-in for a single network."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import click

from depesha.errors import UnreachableError


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help="Where everything is made; demo.json in it tells addresses and tokens.",
)
@click.option("--once", is_flag=True, help="Run the main job once, step by step, and end.")
@click.option("--no-traffic", is_flag=True, help="Start everything, send nothing.")
@click.option(
    "--week/--no-week",
    default=None,
    help="Begin with the traffic of a busy week; the default wherever there is traffic.",
)
@click.option("--json", "machine", is_flag=True, help="Print one JSON object a step.")
def demo(*, folder: Path, once: bool, no_traffic: bool, week: bool | None, machine: bool) -> int:
    """Start a small country on this machine.

    A CA, a participants' register, SSEV, ISDS, a mail server, peers, four gateways (two of them
    Czech, with data boxes) and a malware scanner, all on loopback.
    """
    from depesha import app

    return asyncio.run(
        app.demo(
            folder.absolute(),
            once=once,
            traffic=not no_traffic,
            week=not no_traffic if week is None else week,
            as_json=machine,
        )
    )


@click.command("demo-week", hidden=True)
@click.option("-c", "config", type=click.Path(dir_okay=False, path_type=Path), required=True)
@click.option("--busy", is_flag=True)
def demo_week(*, config: Path, busy: bool) -> None:
    """Fill a new gateway's store with a week that never was, for the demo."""
    from depesha import app
    from depesha.config import load

    documents = asyncio.run(app.live_a_week(load(config), busy=busy))
    click.echo(f"{documents} documents")


@click.command()
@click.argument("network", type=click.Choice(["seos", "ssev", "isds", "email"]))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0: the system chooses.")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("simulator"),
    show_default=True,
    help="Keys and certificates of the stand-in.",
)
def simulate(*, network: str, port: int, folder: Path) -> int:
    """Stand in for a network, so that partners can try their own software."""
    from depesha import app

    try:
        return asyncio.run(app.simulate(network, folder=folder.absolute(), port=port))
    except OSError as error:
        raise UnreachableError(f"the simulator cannot listen: {error.strerror}") from None


@click.group()
def drill() -> None:
    """Emergencies to be practised, in a country of their own on this machine."""


@drill.command("restore")
@click.option(
    "--dir",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="A new folder to keep everything in; left out: removed at the end.",
)
@click.option(
    "--documents",
    type=click.IntRange(1, 50),
    default=2,
    show_default=True,
    help="Of each sort, at each stage.",
)
@click.option("--json", "machine", is_flag=True, help="Print one JSON object a step.")
def restore_drill(*, folder: Path | None, documents: int, machine: bool) -> int:
    """Lose a gateway's store amid traffic, put it back, and compare the books of every side.

    Exit status 0 where nothing was lost and nothing sent twice.
    """
    from depesha import app

    with tempfile.TemporaryDirectory(prefix="depesha-drill-") as made:
        place = Path(made) if folder is None else folder.absolute()
        return asyncio.run(app.drill(place, documents=documents, as_json=machine))
