"""A gateway's settings with real keys in a folder, for a week to be lived over them."""

from __future__ import annotations

from pathlib import Path

from depesha.adapters.system import SystemClock
from depesha.app.week import Lived, live_a_week
from depesha.config import Settings, load
from depesha.simulators.authority import Authority
from depesha.simulators.bodies import PRIMER, VZOROV, Body
from depesha.simulators.gateway_plan import Plan, free_ports
from depesha.simulators.gateway_process import GatewayProcess
from depesha.simulators.tls import write_keys


def gateway(folder: Path, body: Body = PRIMER, *, port: int | None = None) -> GatewayProcess:
    """Write keys and settings of a gateway with all its body's networks; starts nothing."""
    clock = SystemClock()
    authority = Authority.create("Depesha Example Exchange CA", at=clock.now())
    authority.write(folder / "ca", at=clock.now())
    identity = authority.issue("primer.example", eik=body.party.identifier, at=clock.now())
    files = write_keys(identity, folder / "keys", "primer", folder / "ca" / "ca.cert.pem")
    partners, registry, operators = free_ports(3)
    seos = "seos" in body.networks
    plan = Plan(
        folder=folder / "gateway",
        party=body.party,
        keys=files,
        scanner="unix:/nowhere/clamd.sock",
        register_url="https://127.0.0.1:9/register",
        revocation_list=folder / "ca" / "ca.crl.pem",
        partners_port=partners,
        registry_port=registry,
        operators_port=port or operators,
        seos=seos,
        networks={f"networks.{name}": {} for name in body.networks if name != "seos"},
    )
    process = GatewayProcess(plan, clock=clock)
    process.write()
    return process


async def lived(folder: Path, body: Body = PRIMER, *, busy: bool = False) -> tuple[Settings, Lived]:
    """Live a week; return the settings of its store, and what it left."""
    settings = load(gateway(folder, body).settings)
    return settings, await live_a_week(settings, busy=busy)


__all__ = ["PRIMER", "VZOROV", "gateway", "lived"]
