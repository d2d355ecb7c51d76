"""The machine's own door to accounts: a socket that only the store's owner can open.

A running gateway holds the store alone, so commands ask it. Whoever reaches the socket could read
the store as well; who it is, the kernel says, and so does the evidence.
"""

from __future__ import annotations

import pwd
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from aiohttp import web

from depesha.errors import DepeshaError, ForbiddenError, RuleError
from depesha.monitoring.console.access.managing import NewPerson
from depesha.schemas.people import Account, Closing, Deputy, Doer, Role

if TYPE_CHECKING:
    from depesha.monitoring.console.access.managing import AccountKeeper

ORDERS = "/orders"
_BYTES = 64 * 1024
_CREDENTIALS = struct.Struct("3i")


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One act of the command `user`, as it travels: a word and its plain facts."""

    act: str
    facts: Mapping[str, Any]


async def carry_out(keeper: AccountKeeper, doer: Doer, order: Order) -> list[dict[str, Any]]:
    """Do one act; return the accounts it shows. Raises what `AccountKeeper` raises."""
    facts = order.facts
    login = str(facts.get("login", ""))
    match order.act:
        case "list":
            found = await keeper.all()
            return [view(one) for one in found]
        case "add":
            done = await keeper.add(doer, _new(facts), str(facts.get("password", "")))
        case "block":
            done = await keeper.block(doer, login, Closing(facts["why"]), str(facts["ground"]))
        case "unblock":
            done = await keeper.unblock(doer, login, str(facts["ground"]))
        case "role":
            done = await keeper.give_roles(doer, login, _roles(facts))
        case "undertaking":
            done = await keeper.undertake(doer, login, _day(facts, "date"))
        case "reset":
            done = await keeper.reset(doer, login, str(facts["password"]))
        case "deputy":
            done = await keeper.depute(doer, login, _deputy(facts))
        case _:
            raise RuleError("there is no such order", rule="form")
    return [view(done)]


def machine_doer(user_id: int) -> Doer:
    """Return the user of this machine as a doer; one without a name goes by number."""
    try:
        name = pwd.getpwuid(user_id).pw_name
    except KeyError:
        name = str(user_id)
    return Doer(actor=f"machine:{name}", machine=True)


def view(account: Account) -> dict[str, Any]:
    """Return what commands show of an account."""
    deputy, block = account.deputy, account.blocked
    return {
        "login": account.login,
        "name": account.name,
        "roles": sorted(account.roles),
        "undertaking": account.undertaking and account.undertaking.isoformat(),
        "position": account.position,
        "unit": account.unit,
        "contact": account.contact,
        "blocked": block and {"since": block.at.isoformat(timespec="seconds"), "why": block.why},
        "deputy": deputy
        and {
            "login": deputy.login,
            "since": deputy.since.isoformat(),
            "until": deputy.until and deputy.until.isoformat(),
        },
        "created_at": account.created_at.isoformat(timespec="seconds"),
    }


def door(keeper: AccountKeeper) -> web.Application:
    """Return the application for the socket; it must never listen on a network."""

    async def serve(request: web.Request) -> web.Response:
        try:
            told = await request.json()
            order = Order(act=str(told["act"]), facts=dict(told["facts"]))
            shown = await carry_out(keeper, _caller(request), order)
        except DepeshaError as error:
            return web.json_response(_told(error), status=HTTPStatus.CONFLICT)
        except (ValueError, KeyError, TypeError):
            return web.json_response(
                _told(RuleError("the order cannot be read", rule="form")),
                status=HTTPStatus.BAD_REQUEST,
            )
        return web.json_response({"accounts": shown})

    application = web.Application(client_max_size=_BYTES)
    application.router.add_post(ORDERS, serve)
    return application


def _caller(request: web.Request) -> Doer:
    """Ask the kernel who is at the other end."""
    end = None if request.transport is None else request.transport.get_extra_info("socket")
    if end is None or end.family != socket.AF_UNIX:
        raise ForbiddenError("accounts are managed from this machine only")
    raw = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return machine_doer(_CREDENTIALS.unpack(raw)[1])


def _told(error: DepeshaError) -> dict[str, Any]:
    return {
        "code": error.code,
        "public": error.public,
        "remedy": error.remedy,
        "temporary": error.temporary,
    }


def _new(facts: Mapping[str, Any]) -> NewPerson:
    texts = ("login", "name", "ground", "position", "unit", "contact", "language", "subject")
    return NewPerson(
        **{name: str(facts.get(name) or "") for name in texts},
        roles=_roles(facts),
        undertaking=_day(facts, "undertaking"),
    )


def _roles(facts: Mapping[str, Any]) -> frozenset[Role]:
    return frozenset(Role(name) for name in facts["roles"])


def _day(facts: Mapping[str, Any], name: str) -> date | None:
    return date.fromisoformat(str(facts[name])) if facts.get(name) else None


def _deputy(facts: Mapping[str, Any]) -> Deputy | None:
    since = _day(facts, "since")
    if not facts.get("deputy") or since is None:
        return None
    return Deputy(login=str(facts["deputy"]), since=since, until=_day(facts, "until"))
