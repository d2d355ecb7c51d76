"""Commands about people's accounts. Passwords are asked for without echo, or come by stdin."""

from __future__ import annotations

import asyncio
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from depesha.cli import output
from depesha.cli.client import config_option

ROLES = ("clerk", "operator", "auditor", "security-administrator", "data-administrator")
_WHY = ("left", "breach", "request")
_LONGEST = 1024

_json = click.option("--json", "machine", is_flag=True, help="Print JSON.")
_login = click.argument("login")
_ground = click.option("--ground", required=True, help="Number of the memo, order or letter.")
_role = click.option(
    "--role", "roles", multiple=True, required=True, type=click.Choice(ROLES), help="May repeat."
)
_stdin = click.option("--password-stdin", is_flag=True, help="Take the password from stdin.")
_DAY = click.DateTime(["%Y-%m-%d"])


@click.group()
def user() -> None:
    """People of the console: add, block, unblock, role, undertaking, reset, deputy, list.

    They work while the gateway runs, too. Nobody gets in before the date of his undertaking.
    """


@user.command()
@config_option
@_login
@click.option("--name", required=True, help="Full name.")
@_role
@_ground
@click.option("--undertaking", type=_DAY, help="Date of the signed undertaking: no access before.")
@click.option("--position", default="")
@click.option("--unit", default="")
@click.option("--contact", default="", help="Telephone or address.")
@click.option("--language", type=click.Choice(["bg", "cs", "uk", "en"]), help="Of pages.")
@click.option("--subject", default="", help="The person's `sub` at the OpenID provider.")
@click.option("--no-password", is_flag=True, help="Only the OpenID provider's way in.")
@_stdin
@_json
def add(
    *,
    config: Path,
    undertaking: datetime | None,
    roles: tuple[str, ...],
    no_password: bool,
    password_stdin: bool,
    machine: bool,
    **facts: str | None,
) -> None:
    """Make an account with a first password, which its owner must change."""
    password = "" if no_password else _password(stdin=password_stdin)
    told = {**facts, "roles": list(roles), "undertaking": _iso(undertaking), "password": password}
    _do(config, "add", told, "{login} is made.", machine=machine)
    if undertaking is None and not machine:
        click.echo("Without an undertaking there is no access: depesha user undertaking.", err=True)


@user.command()
@config_option
@_login
@click.option("--why", required=True, type=click.Choice(_WHY))
@_ground
@_json
def block(*, config: Path, login: str, why: str, ground: str, machine: bool) -> None:
    """Close an account at once; it is never deleted."""
    told = {"login": login, "why": why, "ground": ground}
    _do(config, "block", told, "{login} is blocked.", machine=machine)


@user.command()
@config_option
@_login
@_ground
@_json
def unblock(*, config: Path, login: str, ground: str, machine: bool) -> None:
    """Open a blocked account again, on a letter."""
    told = {"login": login, "ground": ground}
    _do(config, "unblock", told, "{login} is open again.", machine=machine)


@user.command()
@config_option
@_login
@_role
@_json
def role(*, config: Path, login: str, roles: tuple[str, ...], machine: bool) -> None:
    """Give a person these roles in place of the former ones."""
    told = {"login": login, "roles": list(roles)}
    _do(config, "role", told, "{login} is now {roles}.", machine=machine)


@user.command()
@config_option
@_login
@click.argument("date", type=_DAY, required=False)
@_json
def undertaking(*, config: Path, login: str, date: datetime | None, machine: bool) -> None:
    """Note the DATE of the signed undertaking; without one it is taken back."""
    told = {"login": login, "date": _iso(date)}
    _do(config, "undertaking", told, "{login}: undertaking {undertaking}.", machine=machine)


@user.command()
@config_option
@_login
@_stdin
@_json
def reset(*, config: Path, login: str, password_stdin: bool, machine: bool) -> None:
    """Give a new first password; the second factor is enrolled anew."""
    told = {"login": login, "password": _password(stdin=password_stdin)}
    _do(config, "reset", told, "{login} has a new first password.", machine=machine)


@user.command()
@config_option
@_login
@click.argument("deputy", required=False)
@click.option("--since", type=_DAY, help="First day.")
@click.option("--until", type=_DAY, help="Last day; without it, until taken back.")
@_json
def deputy(
    *,
    config: Path,
    login: str,
    deputy: str | None,
    since: datetime | None,
    until: datetime | None,
    machine: bool,
) -> None:
    """Name the DEPUTY who receives a person's tasks; without one, nobody does."""
    if deputy and since is None:
        raise click.UsageError("a deputy needs --since")
    told = {"login": login, "deputy": deputy or "", "since": _iso(since), "until": _iso(until)}
    _do(config, "deputy", told, "{login}: done.", machine=machine)


@user.command("list")
@config_option
@_json
def list_users(*, config: Path, machine: bool) -> None:
    """List all accounts, blocked ones too."""
    views = _ordered(config, "list", {})
    if machine:
        output.as_json(views)
        return
    heads = ("login", "name", "roles", "undertaking", "blocked", "deputy")
    rows = [
        [
            *(one["login"], one["name"], " ".join(one["roles"]), one["undertaking"]),
            one["blocked"] and f"{one['blocked']['why']} {one['blocked']['since'][:10]}",
            one["deputy"] and one["deputy"]["login"],
        ]
        for one in views
    ]
    output.table(heads, rows, empty="No accounts.")


def _do(config: Path, act: str, facts: dict[str, Any], words: str, *, machine: bool) -> None:
    (shown,) = _ordered(config, act, facts)
    if machine:
        output.as_json(shown)
    else:
        click.echo(words.format(**{**shown, "roles": ", ".join(shown["roles"])}))


def _ordered(config: Path, act: str, facts: dict[str, Any]) -> list[dict[str, Any]]:
    from depesha.app import people
    from depesha.config import load

    return asyncio.run(people.do(load(config), act, facts))


def _password(*, stdin: bool) -> str:
    """Ask twice without echo, or take the one line of stdin."""
    if not stdin:
        if not sys.stdin.isatty():
            raise click.UsageError("no terminal to ask for a password; use --password-stdin")
        asked: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
        return asked
    given = sys.stdin.read(_LONGEST).rstrip("\r\n")
    if "\n" in given or not given:
        raise click.UsageError("stdin must hold one line: the password")
    return given


def _iso(day: datetime | None) -> str:
    return day.date().isoformat() if day else ""
