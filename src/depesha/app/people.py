"""Acts of the command `user`: in a running gateway by its socket, otherwise on the store itself."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from depesha.adapters.keys import load_or_create_seal_key
from depesha.adapters.system import SystemClock, SystemIds, WorkerThreads
from depesha.app.console import account_keeper, password_rules
from depesha.app.memory import open_store, sockets_of
from depesha.app.sockets import short_name
from depesha.errors import BrokenOffError, ConfigurationError, PeerError, RuleError
from depesha.monitoring.console.access.door import ORDERS, Order, carry_out, door, machine_doer
from depesha.monitoring.console.access.passwords import Passwords
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


@asynccontextmanager
async def open_door(keeper: AccountKeeper, folder: Path) -> AsyncIterator[None]:
    """Listen on the socket in the store's folder, which must be held by this process."""
    path = folder / SOCKET
    path.unlink(missing_ok=True)  # of a process that died; the folder's lock is ours
    runner = web.AppRunner(door(keeper), access_log=None, handle_signals=False)
    await runner.setup()
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with short_name(folder, SOCKET) as name:
            end.bind(name)
        path.chmod(0o600)
        await web.SockSite(runner, end).start()
        yield
    except OSError as error:
        raise ConfigurationError(f"the socket {path} cannot be made: {error.strerror}") from None
    finally:
        await runner.cleanup()
        end.close()
        path.unlink(missing_ok=True)


async def _ask(folder: Path, order: Order) -> list[dict[str, Any]] | None:
    """Ask the running gateway; None where none runs."""
    if not (folder / SOCKET).exists():
        return None
    with short_name(folder, SOCKET) as name:
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        connector = aiohttp.UnixConnector(path=name)
        body = {"act": order.act, "facts": dict(order.facts)}
        try:
            async with (
                aiohttp.ClientSession(connector=connector, timeout=timeout) as session,
                session.post(f"http://gateway{ORDERS}", json=body) as answer,
            ):
                status, told = answer.status, await answer.json()
        except aiohttp.ClientConnectorError:
            return None
        except (aiohttp.ClientError, TimeoutError, ValueError):
            raise BrokenOffError("the running gateway broke off; look with `user list`") from None
    if status == HTTPStatus.OK:
        accounts: list[dict[str, Any]] = told["accounts"]
        return accounts
    if told.get("temporary"):
        raise PeerError(told["public"], remedy=told["remedy"])
    raise RuleError(told["public"], rule="told", remedy=told["remedy"])


async def _directly(settings: Settings, order: Order) -> list[dict[str, Any]]:
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
