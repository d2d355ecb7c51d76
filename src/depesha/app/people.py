"""Acts of the command `user`: in a running gateway by its socket, otherwise on the store itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

from depesha.adapters.system import SystemClock, SystemIds, WorkerThreads
from depesha.app.memory import open_store, sockets_of
from depesha.app.sockets import listening, told_by
from depesha.errors import PeerError, RuleError
from depesha.monitoring.console.access.door import ORDERS, Order, carry_out, door, machine_doer
from depesha.schemas.journal import SealKey

if TYPE_CHECKING:
    from depesha.config import Settings
    from depesha.monitoring.console.access.managing import AccountKeeper

SOCKET = "people.sock"
_SECONDS = 60.0


async def do(settings: Settings, act: str, facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Carry an act out and return the accounts it shows; raises `DepeshaError`."""
    order = Order(act=act, facts=facts)
    asked = await _ask(sockets_of(settings), order)
    return await _directly(settings, order) if asked is None else asked


def open_door(keeper: AccountKeeper, folder: Path) -> AbstractAsyncContextManager[None]:
    """Listen on the socket in `folder`, which must belong to this process."""
    return listening(door(keeper), folder, SOCKET)


async def _ask(folder: Path, order: Order) -> list[dict[str, Any]] | None:
    """Ask the running gateway; None where none runs."""
    body = {"act": order.act, "facts": dict(order.facts)}
    answer = await told_by(
        *(folder, SOCKET, ORDERS, body), seconds=_SECONDS, look="look with `user list`"
    )
    if answer is None:
        return None
    status, told = answer
    if status == HTTPStatus.OK:
        accounts: list[dict[str, Any]] = told["accounts"]
        return accounts
    if told.get("temporary"):
        raise PeerError(told["public"], remedy=told["remedy"])
    raise RuleError(told["public"], rule="told", remedy=told["remedy"])


async def _directly(settings: Settings, order: Order) -> list[dict[str, Any]]:
    # A command that asks a running gateway needs none of these: half a second.
    from depesha.adapters.keys import load_or_create_seal_key  # noqa: PLC0415 - as said
    from depesha.app.console import account_keeper, password_rules  # noqa: PLC0415 - as said
    from depesha.monitoring.console.access.passwords import Passwords  # noqa: PLC0415 - as said

    clock = SystemClock()
    seed = await asyncio.to_thread(load_or_create_seal_key, settings.seal.key)
    threads = WorkerThreads(1)
    memory = await open_store(
        settings, clock=clock, ids=SystemIds(clock), seal_key=SealKey(seed), purpose="user"
    )
    try:
        passwords = await threads.run(Passwords, password_rules(settings.console), threads)
        keeper = account_keeper(memory.accounts, passwords, clock)
        return await carry_out(keeper, machine_doer(os.getuid()), order)
    except (ValueError, KeyError) as error:
        raise RuleError("the order cannot be read", rule="form") from error
    finally:
        await memory.close()
        await threads.close()
