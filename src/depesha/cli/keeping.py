"""Commands about keeping: back-up, verify, restore, reconcile; retention and its acts."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from depesha.cli import output
from depesha.cli.client import config_option

if TYPE_CHECKING:
    from depesha.queue.backup_reading import Verified

_PLACE = click.Path(path_type=Path)
_json = click.option("--json", "machine", is_flag=True, help="Print JSON.")
_name = click.option("--name", default="", help="Which back-up; left out: the newest.")
_DAMAGED = 1


def _passphrase_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option(
        "--passphrase-env", metavar="NAME", help="Environment variable with the passphrase."
    )(command)
    return click.option(
        "--passphrase-file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="File with the passphrase in its first line.",
    )(command)


@click.group(invoke_without_command=True)
@config_option
@click.option("--to", type=_PLACE, help="Folder of back-ups, or a new file called *.tar.")
@click.option("--keep", type=click.IntRange(0), default=0, help="Latest to keep; 0: all.")
@click.option("--keep-weekly", type=click.IntRange(0), default=0, help="Besides: one a week.")
@click.option("--keep-monthly", type=click.IntRange(0), default=0, help="Besides: one a month.")
@click.option("--with-keys", is_flag=True, help="Private keys, too, encrypted by a passphrase.")
@_passphrase_options
@_json
@click.pass_context
def backup(
    context: click.Context,
    *,
    config: Path,
    to: Path | None,
    keep: int,
    keep_weekly: int,
    keep_monthly: int,
    with_keys: bool,
    passphrase_env: str | None,
    passphrase_file: Path | None,
    machine: bool,
) -> int | None:
    """Make a back-up while the gateway runs, or `backup verify` one.

    A later one into the same folder copies only what is new. Exit status 1 where anything in the
    store was found damaged: what is whole was saved all the same.
    """
    if context.invoked_subcommand is not None:
        return None
    if to is None:
        raise click.UsageError("--to says where the back-up goes")
    if with_keys and not (passphrase_env or passphrase_file):
        raise click.UsageError("--with-keys needs --passphrase-env or --passphrase-file")
    from depesha.app import backing_up
    from depesha.config import load
    from depesha.schemas.backup import Keeping

    made = backing_up.make(
        load(config),
        to.absolute(),
        keeping=Keeping(latest=keep, weekly=keep_weekly, monthly=keep_monthly),
        passphrase=_passphrase(passphrase_env, passphrase_file) if with_keys else None,
        progress=_progress(machine=machine),
    )
    told = made.manifest
    if machine:
        facts = asdict(backing_up.without(told)) | {"bytes": told.size, "gone": made.gone}
        output.as_json(facts | {"blobs": len(told.blobs), "files": len(told.parts)})
        return _DAMAGED if told.damaged else None
    output.pairs(
        (
            ("back-up", told.name),
            ("knows until", told.at.isoformat()),
            ("blobs", len(told.blobs)),
            ("bytes", told.size),
            ("evidence rows", told.sequence),
            ("not there", len(told.missing)),
            ("damaged", len(told.damaged)),
            ("taken away", ", ".join(made.gone)),
        )
    )
    return _DAMAGED if told.damaged else None


@backup.command()
@click.argument("place", metavar="FOLDER|FILE", type=_PLACE)
@click.option("-c", "--config", type=_PLACE, help="Settings whose seal key must have signed it.")
@_name
@_json
def verify(*, place: Path, config: Path | None, name: str, machine: bool) -> int:
    """Look at every byte of a back-up, the evidence chain and all seals. Status 1 if not whole."""
    from depesha.app import backing_up
    from depesha.config import load

    settings = None if config is None else load(config)
    found = backing_up.verify(settings, place.absolute(), name, _progress(machine=machine))
    if machine:
        output.as_json(_verified(found))
    else:
        output.pairs(_verified(found).items())
    return 0 if found.whole else _DAMAGED


def _verified(found: Verified) -> dict[str, object]:
    return {
        "backup": found.manifest.name,
        "whole": found.whole,
        "files": found.files,
        "evidence_rows": found.rows,
        "lost": list(found.lost),
        "changed": list(found.changed),
        "fault": found.fault,
        "sealed_by": found.manifest.seal,
        "damaged_at_the_source": list(found.manifest.damaged),
    }


@click.command()
@config_option
@click.option("--from", "place", type=_PLACE, required=True, help="Folder of back-ups, or a file.")
@_name
@click.option(
    "--skip-numbers",
    type=click.IntRange(0),
    default=1_000,
    show_default=True,
    help="Serials the built-in registry never gives, for it may have given them before the loss.",
)
@click.option(
    "--keys-to",
    type=_PLACE,
    help="Write the private keys of the back-up into this empty folder, and do no more.",
)
@_passphrase_options
@_json
def restore(
    *,
    config: Path,
    place: Path,
    name: str,
    skip_numbers: int,
    keys_to: Path | None,
    passphrase_env: str | None,
    passphrase_file: Path | None,
    machine: bool,
) -> None:
    """Put a back-up into the empty store folder; the gateway must not run.

    Everything is verified first. The gateway then asks about whatever may have been sent since
    the back-up, and sends nothing of it twice; `depesha reconcile` tells how that goes.
    """
    from depesha.app import restoring
    from depesha.config import load

    if keys_to is not None:
        passphrase = _passphrase(passphrase_env, passphrase_file)
        written = restoring.keys_out(place.absolute(), name, passphrase, keys_to.absolute())
        output.as_json(written) if machine else click.echo("\n".join(written))
        return
    done = restoring.restore(
        load(config),
        place.absolute(),
        name,
        skip=skip_numbers,
        progress=_progress(machine=machine),
    )
    told = {
        "backup": done.manifest.name,
        "knows_until": done.restoration.knows_until.isoformat(),
        "restored_at": done.restoration.restored_at.isoformat(),
        "evidence_rows": done.manifest.sequence,
        "blobs": len(done.manifest.blobs),
        "read_again": list(done.restoration.rewound),
        "skipped_numbers": list(done.restoration.skipped),
        "asked_after_at_once": done.waiting.followed,
        "numbers_for_a_person": done.waiting.numbers,
    }
    if machine:
        output.as_json(told)
        return
    output.pairs(told.items())
    click.echo("Start the gateway; then: depesha reconcile")


@click.command()
@config_option
@click.option("--approve", "ground", metavar="GROUND", help="Users approved it; by which paper.")
@click.option("--letter", is_flag=True, help="Print the letter to peers that cannot be asked.")
@_json
def reconcile(*, config: Path, ground: str | None, letter: bool, machine: bool) -> None:
    """Tell what was asked and answered since the restore and what stays open; or approve it.

    Until it is approved, each document is asked about before it is sent, the registry's repeats
    included, and peers' words about unknown documents are answered later.
    """
    from depesha.app import reconciling
    from depesha.config import load

    settings = load(config)
    if ground is None:
        report = asyncio.run(reconciling.ask(settings, "reconcile-report"))
    else:
        report = asyncio.run(reconciling.ask(settings, "reconcile-approve", ground=ground))
    if machine:
        output.as_json(report)
    elif report["restored"] is None:
        click.echo("This store was never put back from a back-up.")
    elif letter:
        click.echo(report["letter"])
    else:
        _print(report)


def _print(report: dict[str, Any]) -> None:
    documents = report["documents"]
    output.pairs(report["restored"].items())
    output.pairs(
        (
            ("asked about", documents["asked_about"]),
            ("were there", documents["were_there"]),
            ("were not there", documents["were_not_there"]),
            ("followed", documents["followed"]),
            ("received since", report["received_since"]),
            ("repeats", report["repeats_answered"]),
            ("numbers since", report["numbers_given_since"]),
            ("want a number", report["waiting_for_a_number"]),
        )
    )
    click.echo("\nStill open:")
    rows = [
        (one["id"], one["state"], ", ".join(f"{n} {a or '…'}" for n, a in one["answers"]))
        for one in documents["open"]
    ]
    output.table(("document", "state", "asked"), rows, empty="Nothing.")
    click.echo("Peers speak of documents that the store forgot; the registry submits them again:")
    unknown = report["unknown_documents"]
    words = [(one["document"], one["network"], one["peer"], one["status"]) for one in unknown]
    output.table(("document", "network", "peer", "status"), words, empty="None.")
    click.echo("Peers to be written to (depesha reconcile --letter):")
    rows = [(one["peer"], one["received"], one["sent"]) for one in report["peers"]]
    output.table(("peer", "received", "sent"), rows, empty="None.")


@click.group()
def retention() -> None:
    """Content whose time is over: acts of destruction, listed and approved by two people."""


@retention.command("list")
@config_option
@_json
def list_acts(*, config: Path, machine: bool) -> None:
    """List acts: proposed, approved, carried out."""
    from depesha.app import retaining
    from depesha.config import load

    acts = asyncio.run(retaining.ask(load(config), "retention-list"))["acts"]
    if machine:
        output.as_json(acts)
        return
    rows = [
        (
            one["act"],
            one["rule"],
            len(one["items"]),
            ", ".join(a["actor"] for a in one["approvals"]),
            one["done_at"] or "",
            one["list"][:12],
        )
        for one in acts
    ]
    heads = ("act", "rule", "documents", "approved by", "carried out", "list")
    output.table(heads, rows, empty="There are no acts.")


@retention.command("show")
@config_option
@click.argument("act")
def show_act(*, config: Path, act: str) -> None:
    """Print one act as JSON: every document in it, and the digest that an approval names."""
    from depesha.app import retaining
    from depesha.config import load

    acts = asyncio.run(retaining.ask(load(config), "retention-list"))["acts"]
    found = next((one for one in acts if one["act"] == act), None)
    if found is None:
        raise click.UsageError(f"there is no act called {act}")
    output.as_json(found)


@retention.command()
@config_option
@click.argument("act")
@click.option("--list", "digest", required=True, help="Digest of the list as you saw it.")
@click.option("--ground", required=True, help="The archive's permission or the memo: its number.")
@_json
def approve(*, config: Path, act: str, digest: str, ground: str, machine: bool) -> None:
    """Approve an act. Two different people must; the gateway then carries it out by itself."""
    from depesha.app import retaining
    from depesha.config import load

    done = retaining.ask(load(config), "retention-approve", name=act, list=digest, ground=ground)
    told = asyncio.run(done)["acts"][0]
    if machine:
        output.as_json(told)
        return
    output.pairs((("act", told["act"]), ("approvals", len(told["approvals"]))))


_ground = click.option(
    "--ground", required=True, help="Why: the inquiry's file number. Stays in the notebook."
)


@retention.command()
@config_option
@click.argument("document", metavar="DOCUMENT")
@_ground
def hold(*, config: Path, document: str, ground: str) -> None:
    """Keep one document beyond its term, until it is released (a legal hold)."""
    _hold(config, "hold-set", document, ground)


@retention.command()
@config_option
@click.argument("document", metavar="DOCUMENT")
@_ground
def release(*, config: Path, document: str, ground: str) -> None:
    """End a hold: the document's own term counts again."""
    _hold(config, "hold-lift", document, ground)


@retention.command()
@config_option
@_json
def holds(*, config: Path, machine: bool) -> None:
    """List the documents that are held, by whom, since when and why."""
    from depesha.app import holding
    from depesha.config import load

    held = asyncio.run(holding.ask(load(config), "hold-list"))["holds"]
    if machine:
        output.as_json(held)
        return
    rows = [(one["document"], one["by"], one["at"], one["ground"]) for one in held]
    output.table(("document", "held by", "since", "ground"), rows, empty="Nothing is held.")


def _hold(config: Path, act: str, document: str, ground: str) -> None:
    from depesha.app import holding
    from depesha.config import load

    asyncio.run(holding.ask(load(config), act, document=document, ground=ground))


def _passphrase(variable: str | None, file: Path | None) -> str:
    if variable:
        found = os.environ.get(variable)
        if found is None:
            raise click.UsageError(f"the environment variable {variable} is not set")
        return found
    if file is None:
        raise click.UsageError("--passphrase-env or --passphrase-file is needed")
    lines = file.read_text("utf-8").splitlines()
    return lines[0] if lines else ""


def _progress(*, machine: bool) -> Callable[[str, int, int], None]:
    """Say on a terminal how far it is; nothing where a machine reads."""
    shown = sys.stderr.isatty() and not machine

    def say(what: str, done: int, total: int) -> None:
        if shown:
            end = "\n" if done >= total else ""
            click.echo(f"\r{what:<10} {done}/{total}   {end}", nl=False, err=True)

    return say
