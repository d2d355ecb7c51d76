"""Puts the console's pages about the machine together over a running gateway. Decides nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from depesha.adapters.email.leaving import MailLeft
from depesha.adapters.isds import rules
from depesha.adapters.ssev.network import SsevNetwork
from depesha.monitoring.console.machine.parts import ChannelSetup, MachineParts, Receives

if TYPE_CHECKING:
    from collections.abc import Iterator

    from depesha.app.base import Base
    from depesha.app.departing import Departing
    from depesha.app.networks import Networks
    from depesha.monitoring.console.pages.parts import PageParts


def machine_parts(
    base: Base, networks: Networks, departing: Departing, pages: PageParts
) -> MachineParts:
    """Return the parts; `pages` are those of the content pages."""
    mailbox = None if networks.mail is None else networks.mail.receiver
    return MachineParts(
        pages=pages,
        notebook=pages.notebook or base.memory.notebook,
        directories=networks.directories,
        channels=networks.outbound,
        setups=tuple(_setups(base, networks)),
        health=departing.breakers.all,
        look_again=timedelta(seconds=base.settings.outbound.look_again_seconds),
        letters=None if mailbox is None else MailLeft(mailbox),
    )


def _setups(base: Base, networks: Networks) -> Iterator[ChannelSetup]:
    """Every network, those that send first, in the order of choice."""
    outbound = base.settings.outbound
    retry, breaker = outbound.retry, outbound.breaker
    waits = {"seos": retry.seos, "ssev": retry.ssev, "isds": retry.isds, "email": retry.email}
    used = list(networks.outbound)
    for network in (*used, *(one for one in networks.directories if one not in used)):
        receives, seconds = _receiving(networks, network)
        message_bytes, file_bytes, files = _limits(networks, network)
        yield ChannelSetup(
            network=network,
            rank=used.index(network) + 1 if network in used else 0,
            waits=waits[network],
            faults=retry.faults,
            patience=timedelta(seconds=outbound.patience_seconds),
            failures=breaker.failures,
            rest=timedelta(seconds=breaker.rest_seconds),
            rest_longest=timedelta(seconds=max(breaker.rest_seconds, breaker.rest_longest_seconds)),
            message_bytes=message_bytes,
            file_bytes=file_bytes,
            files=files,
            receives=receives,
            poll_seconds=seconds,
        )


def _receiving(networks: Networks, network: str) -> tuple[Receives, float]:
    """How messages come, and how often an inbox is looked into."""
    if network == "ssev" and networks.ssev_settings is not None:
        return Receives.POLLED, networks.ssev_settings.poll_seconds
    if network == "isds" and networks.isds_settings is not None:
        return Receives.POLLED, networks.isds_settings.tick_seconds
    if network == "email" and networks.mail_settings is not None:
        mailbox = networks.mail_settings.mailbox
        if mailbox is None:
            return Receives.NOT, 0.0
        return Receives.POLLED, mailbox.poll_seconds
    return Receives.PUSHED, 0.0


def _limits(networks: Networks, network: str) -> tuple[int | None, int | None, int | None]:
    """Most bytes of a message, of a file, and files, as the channels themselves tell them."""
    if network == "seos" and networks.seos is not None:
        return networks.seos.settings.send_limit(None), None, None
    if network == "ssev" and networks.ssev_settings is not None:
        sizes = SsevNetwork(soap=None, rest=None, settings=networks.ssev_settings).sizes
        return sizes.message_bytes, sizes.file_bytes, None
    if network == "isds" and networks.isds_settings is not None:
        largest = min(networks.isds_settings.big_message_bytes, rules.BIG_BYTES)
        return largest, None, rules.COUNT
    if network == "email" and networks.mail_settings is not None:
        return networks.mail_settings.submission.letter_bytes, None, None
    return None, None, None
