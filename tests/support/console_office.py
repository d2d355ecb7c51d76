"""The console with its office pages over doubles, beside the content pages."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from depesha.adapters.memory.audit import MemoryAudit
from depesha.adapters.memory.notebook import MemoryNotebook
from depesha.adapters.registry.tokens import TokenStore
from depesha.app.console import lock_rules
from depesha.monitoring.console.access.attempts import Addresses
from depesha.monitoring.console.access.routes import Route
from depesha.monitoring.console.office.parts import OfficeParts
from depesha.monitoring.console.office.routes import routes
from depesha.monitoring.health import PartState, Readiness
from depesha.schemas.certificates import OwnCertificate, Use
from depesha.schemas.facts import CertificateFacts
from depesha.schemas.ids import Digest, SerialNumber
from tests.support.console_pages import House, Inside, house
from tests.support.memory import START

READY = Readiness(
    ready=False,
    parts=(
        PartState(name="scanner", ok=False, words="gave no answer", seconds=3.0),
        PartState(name="store", ok=True, words="5 messages", seconds=0.1),
    ),
)


def certificate(
    use: Use = Use.SIGNING, days: int = 300, number: int = 1, *, readable: bool = True
) -> OwnCertificate:
    facts = CertificateFacts(
        serial=SerialNumber(f"{number:x}a"),
        subject="CN=Община Пример,C=BG",
        issuer="CN=Примерен издател,O=Доверие Пример,C=BG",
        not_before=START - timedelta(days=365),
        not_after=START + timedelta(days=days),
        fingerprint=Digest(f"{number:064x}"),
    )
    return OwnCertificate(
        use=use, setting=f"keys.certificate{number}", facts=facts if readable else None
    )


@dataclass
class Desk:
    """The office pages, and what stands behind them."""

    house: House
    parts: OfficeParts
    tokens: TokenStore
    certificates: list[OwnCertificate]
    readiness: list[Readiness]
    """The last one is told."""


@asynccontextmanager
async def office(folder: Path, *, port: int | None = None) -> AsyncIterator[Desk]:
    """Open the console; the office's routes are added to those of the content pages."""
    made: list[tuple[OfficeParts, TokenStore]] = []
    certificates, readiness = [certificate()], [READY]

    def more(inside: Inside) -> Sequence[Route]:
        world, settings, console = inside.world, inside.settings, inside.console
        tokens = TokenStore(folder / "tokens.json", world.clock, world.ids)

        async def ready() -> Readiness:
            return readiness[-1]

        parts = OfficeParts(
            pages=console.pages,
            reasons=console.reasons,
            cookies=console.cookies,
            addresses=Addresses(world.clock, lock_rules(settings.console)),
            keeper=console.keeper,
            passwords=console.passwords,
            accounts=inside.kept.accounts,
            sessions=inside.kept.sessions,
            audit=MemoryAudit(inside.state),
            tokens=tokens,
            notebook=MemoryNotebook(inside.state),
            journal=inside.kept.journal,
            overview=inside.parts.overview,
            ready=ready,
            certificates=lambda: tuple(certificates),
            settings=settings.sources,
            settings_file=settings.file.name,
            clock=world.clock,
            ids=world.ids,
            threads=world.threads,
            zone=inside.parts.zone,
        )
        made.append((parts, tokens))
        return routes(parts)

    async with house(folder, port=port, more=more) as here:
        parts, tokens = made[0]
        yield Desk(
            house=here,
            parts=parts,
            tokens=tokens,
            certificates=certificates,
            readiness=readiness,
        )
