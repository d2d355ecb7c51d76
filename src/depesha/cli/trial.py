"""Commands for trying things out: the demo country, and a stand-in for a single network."""

from __future__ import annotations

import asyncio
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
@click.option("--json", "machine", is_flag=True, help="Print one JSON object a step.")
def demo(*, folder: Path, once: bool, no_traffic: bool, machine: bool) -> int:
    """Start a small country on this machine.

    A CA, a participants' register, SSEV, ISDS, a mail server, peers, four gateways (two of them
    Czech, with data boxes) and a malware scanner, all on loopback.
    """
    from depesha import app

    return asyncio.run(
        app.demo(folder.absolute(), once=once, traffic=not no_traffic, as_json=machine)
    )


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
