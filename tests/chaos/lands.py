"""The two lands of a run: whose gateways, which networks, what may break. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from depesha.simulators.bodies import (
    ACTING,
    BRYAG,
    DOLINA,
    EMAIL,
    GATEWAYS,
    ISDS,
    IZVOR,
    NETWORKS,
    OFFICES,
    POLYANA,
    SEOS,
    SSEV,
    VRAH,
    Body,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Land:
    """A pair of gateways, their networks, and who else is written to."""

    name: str
    pair: tuple[Body, Body]
    networks: tuple[str, ...]
    acting: tuple[Body, ...] = ()
    """Participants that the country itself plays."""
    recipients: tuple[tuple[Body, int], ...] = ()
    """Bodies without a gateway, and how likely each is; `to_pair` is for the other gateway."""
    to_pair: int = 1
    mail_alone: Body | None = None
    """A body that has nothing but mail."""
    personal: float = 0.0
    """Share of documents with personal data, which never go by mail."""
    wires: tuple[str, ...] = ()
    """Single ones, and networks as wholes, as often as likely."""
    faults: tuple[tuple[str, int], ...] = ()
    """Kinds of faults and how likely each is."""

    @property
    def bodies(self) -> tuple[Body, ...]:
        """Everybody who is written to."""
        return (*self.pair, *(body for body, _ in self.recipients))


BULGARIA: Final = Land(
    name="bulgaria",
    pair=GATEWAYS,
    networks=NETWORKS,
    acting=ACTING,
    recipients=((IZVOR, 9), (DOLINA, 7), (VRAH, 8), (BRYAG, 7), (POLYANA, 7)),
    to_pair=62,
    mail_alone=POLYANA,
    personal=0.15,
    wires=(
        *(f"{SEOS}.{b.folder}" for b in (*GATEWAYS, *GATEWAYS, *ACTING)),
        *(f"{SSEV}.oauth", f"{SSEV}.api", f"{SSEV}.soap", f"{SSEV}.soap"),
        *(f"{EMAIL}.smtp", f"{EMAIL}.smtp"),
        *(SEOS, SEOS, SSEV, EMAIL),
    ),
    faults=(
        *(("wire", 40), ("peer", 16), ("ssev", 18), ("smtp", 12)),
        *(("imap", 3), ("scanner", 4), ("register", 7)),
    ),
)
CZECHIA: Final = Land(
    name="czechia",
    pair=OFFICES,
    networks=(ISDS, EMAIL),
    personal=0.5,
    wires=(
        *(f"{ISDS}.ws1", f"{ISDS}.ws1", f"{ISDS}.ws1", f"{ISDS}.ws2", f"{ISDS}.ws2"),
        *(ISDS, f"{EMAIL}.smtp"),
    ),
    faults=(("wire", 35), ("isds", 50), ("smtp", 6), ("imap", 3), ("scanner", 6)),
)
LANDS: Final = {land.name: land for land in (BULGARIA, CZECHIA)}
CZECH_SHARE: Final = 0.35
"""Of the documents of a run."""
