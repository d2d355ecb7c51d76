"""Commands about tokens of the registry API. They work on the instance's own token file."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from depesha.cli import output
from depesha.cli.client import config_option

if TYPE_CHECKING:
    from depesha.adapters.registry.tokens import Token, TokenStore

_json = click.option("--json", "machine", is_flag=True, help="Print JSON.")


@click.group()
def token() -> None:
    """Tokens of the registry API: create, list, revoke."""


@token.command()
@config_option
@click.argument("name")
@click.option("--scope", multiple=True, required=True, help="May repeat; see below.")
@click.option("--days", type=click.IntRange(1, 3650), help="Life; without it, until revoked.")
@_json
def create(
    *, config: Path, name: str, scope: tuple[str, ...], days: int | None, machine: bool
) -> None:
    """Make a token; it is shown this once only.

    \b
    Scopes: inbox:read  messages:register  messages:clerk  participants:read
            evidence:read  send (submit documents, follow them)
            decide (about documents that wait for a person)  admin (everything)
    """  # noqa: D301 -- click's own mark for lines to be left as they are
    from depesha.adapters.registry.tokens import Scope
    from depesha.adapters.system import SystemClock

    known = [one.value for one in Scope]
    if wrong := [one for one in scope if one not in known]:
        raise click.UsageError(f"no scope {wrong[0]}; there are {', '.join(known)}")
    until = SystemClock().now() + timedelta(days=days) if days else None
    made, secret = _store(config).create(name, [Scope(one) for one in scope], until)
    if machine:
        output.as_json({**_view(made), "token": secret})
        return
    click.echo(secret)
    click.echo("Keep it safe: it is not shown again.", err=True)


@token.command("list")
@config_option
@_json
def list_tokens(*, config: Path, machine: bool) -> None:
    """List all tokens, revoked and expired ones too; never their secrets."""
    views = [_view(one) for one in _store(config).tokens()]
    if machine:
        output.as_json(views)
        return
    views = [view | {"scopes": " ".join(map(str, view["scopes"]))} for view in views]
    keys = ("name", "scopes", "created_at", "expires_at", "revoked_at", "last_used")
    rows = [[v[key] for key in keys] for v in views]
    heads = [key.removesuffix("_at").replace("_", " ") for key in keys]
    output.table(heads, rows, empty="No tokens.")


@token.command()
@config_option
@click.argument("name")
@_json
def revoke(*, config: Path, name: str, machine: bool) -> None:
    """Make a token useless from now on."""
    gone = _store(config).revoke(name)
    if machine:
        output.as_json(_view(gone))
    else:
        click.echo(f"{gone.name} is revoked.")


def _store(config: Path) -> TokenStore:
    from depesha.adapters.registry.tokens import TokenStore
    from depesha.adapters.system import SystemClock, SystemIds
    from depesha.config import load

    return TokenStore(load(config).registry.tokens, SystemClock(), SystemIds())


def _view(one: Token) -> dict[str, Any]:
    moments = {key: getattr(one, key) for key in ("created_at", "expires_at", "revoked_at")}
    return {
        "id": one.id,
        "name": one.name,
        "scopes": sorted(one.scopes),
        **{key: at and at.isoformat(timespec="seconds") for key, at in moments.items()},
        "last_used": one.last_used and one.last_used.isoformat(),
    }
