"""Counts failures by network address, in bounded memory. In memory only: a restart forgets."""

from __future__ import annotations

from collections import OrderedDict
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from depesha.ports import Clock
    from depesha.schemas.people import LockRules

_V6_SITE = 64


class Addresses:
    """Failures of the last while; the least recently failing address is forgotten first."""

    def __init__(self, clock: Clock, rules: LockRules) -> None:
        self._clock = clock
        self._rules = rules
        self._seen: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def wait(self, address: str) -> float:
        """Return the seconds for which nothing is tried for this address; zero: try."""
        since, count = self._seen.get(_site(address), (0.0, 0))
        if count < self._rules.address_failures:
            return 0.0
        return max(0.0, self._rules.seconds - (self._clock.monotonic() - since))

    def failed(self, address: str) -> None:
        """Count one failure."""
        site, now = _site(address), self._clock.monotonic()
        since, count = self._seen.pop(site, (now, 0))
        if now - since >= self._rules.seconds:
            since, count = now, 0
        self._seen[site] = (since, count + 1)
        while len(self._seen) > self._rules.addresses:
            self._seen.popitem(last=False)

    def __len__(self) -> int:
        """Return how many are remembered."""
        return len(self._seen)


def _site(address: str) -> str:
    """An IPv6 site has 2^64 addresses of its own: it counts as one."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if parsed.version == 4:  # noqa: PLR2004 -- IPv4
        return str(parsed)
    return str(ip_network((parsed, _V6_SITE), strict=False))
