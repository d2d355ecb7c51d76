"""The administrations of the simulated country. All names are plainly fictional."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid
from depesha.simulators.seos_quirks import Quirks

SEOS: Final = "seos"
SSEV: Final = "ssev"
ISDS: Final = "isds"
EMAIL: Final = "email"
NETWORKS: Final = (SEOS, SSEV, EMAIL)
"""Those of the Bulgarian administrations."""
ALL_NETWORKS: Final = (SEOS, SSEV, ISDS, EMAIL)
"""In the order of choice."""


def _party(letter: str, identifier: str, name: str) -> Party:
    guid = f"{letter * 8}-1111-4111-8111-{letter * 12}"
    return Party(identifier=identifier, name=name, guid=Guid(guid))


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """One administration of the country; `folder` is a plain word for its files."""

    folder: str
    party: Party
    quirks: Quirks | None = None
    networks: tuple[str, ...] = (SEOS,)
    """Where it can be reached, of those that the country has."""

    @property
    def address(self) -> str:
        """Its mail address."""
        return f"delo@{self.folder}.example"


PRIMER: Final = Body(
    folder="primer", party=_party("a", "000000001", "Община Пример"), networks=NETWORKS
)
OBRAZETS: Final = Body(
    folder="obrazets", party=_party("b", "0000000020001", "Агенция Образец"), networks=NETWORKS
)
GATEWAYS: Final = (PRIMER, OBRAZETS)

VZOROV: Final = Body(
    folder="vzorov",
    party=Party(identifier="00000101", name="Obec Vzorov"),
    networks=(ISDS, EMAIL),
)
PRIKLAD: Final = Body(
    folder="priklad",
    party=Party(identifier="00000102", name="Úřad Příklad"),
    networks=(ISDS, EMAIL),
)
OFFICES: Final = (VZOROV, PRIKLAD)
"""Czech ones with gateways, named by their IČO; SEOS does not know them."""

IZVOR: Final = Body(
    folder="izvor", party=_party("c", "000000003", "Община Извор"), networks=NETWORKS
)
DOLINA: Final = Body(
    folder="dolina",
    party=_party("d", "000000004", "Община Долина"),
    quirks=Quirks(php=True, certificates=1, no_action=True, path="/submitmsg.php"),
    networks=(SEOS, EMAIL),
)
VRAH: Final = Body(
    folder="vrah",
    party=_party("e", "0000000050001", "Министерство на примерите"),
    quirks=Quirks(algorithm="rsa-sha256", bom=True, path="/DocExchangeService/"),
    networks=(SEOS, SSEV),
)
ACTING: Final = (IZVOR, DOLINA, VRAH)
"""Participants that the country itself plays."""

STRANGER: Final = Body(folder="stranger", party=_party("9", "000000009", "Непознат подател"))
"""Has a certificate of the authority and no place in the register."""

BRYAG: Final = Body(folder="bryag", party=_party("f", "000000006", "Община Бряг"), networks=(SSEV,))
POLYANA: Final = Body(
    folder="polyana", party=_party("7", "000000007", "Училище Поляна"), networks=(EMAIL,)
)
APART: Final = (BRYAG, POLYANA)
"""Not in SEOS: one has a profile in SSEV, the other a mailbox and nothing else."""

BARE: Final = (
    Body(folder="bare-1", party=_party("1", "000000011", "Агенция Свободна")),
    Body(folder="bare-2", party=_party("2", "000000012", "Община Свободна")),
)
"""In the register, with keys, and nobody listens: for whoever wants to act as them."""
