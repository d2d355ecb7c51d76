"""The plan of a run: documents, faults and deaths, all drawn from one seed before anything begins.

Values and chance only. The same seed and number make the same plan, and its digest tells so.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass
from enum import StrEnum
from random import Random
from typing import Final
from uuid import UUID

from depesha.simulators.bodies import EMAIL, POLYANA, Body
from tests.chaos.faults import Event, draw_death, draw_fault
from tests.chaos.lands import BULGARIA, LANDS, Land
from tests.crash.office import CUTS

SENDERS: Final = tuple(body for land in LANDS.values() for body in land.pair)
BODIES: Final = {body.folder: body for land in LANDS.values() for body in land.bodies}
SMALLEST, LARGEST = 1_000, 2_000_000
FILES: Final = 4
PER_FAULT: Final = 9
"""Documents for one fault."""
PER_DEATH: Final = 25
PER_DEFECT: Final = 40


class Lot(StrEnum):
    """What must become of a document."""

    GOOD = "good"
    DECLINED = "declined"
    """The recipient's registry refuses it."""
    BARRED = "barred"
    """Personal data for a body that has nothing but mail: taken, and never sent."""
    INFECTED = "infected"
    """Taken, and returned once it was scanned."""
    NO_FILES = "no files"
    WRONG_KIND = "wrong kind"
    RESTRICTED = "restricted"
    NO_NUMBER = "no number"
    UNSIGNED = "unsigned"
    TO_NOBODY = "to nobody"


REFUSED: Final = (
    Lot.NO_FILES,
    Lot.WRONG_KIND,
    Lot.RESTRICTED,
    Lot.NO_NUMBER,
    Lot.UNSIGNED,
    Lot.TO_NOBODY,
)
"""Not even taken."""
LATE: Final = (Lot.BARRED, Lot.INFECTED)
"""Taken, and never sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """One file; its content follows from `seed`."""

    name: str
    size: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One document and how it is handed in."""

    number: int
    guid: str
    lot: Lot
    sender: str
    """Folder of a body with a gateway."""
    recipient: str
    files: tuple[File, ...]
    personal: bool
    floor: str
    channels: tuple[str, ...]
    """Networks its author allows; empty: all."""
    repeats: int
    """How often it is handed in once more under the same key."""
    together: bool
    """The repeats come at the same time."""
    broken_after: float | None
    """Seconds after which the registry's first call breaks off."""
    cut: str
    """Where the connection of the recipient's registry breaks; empty: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that will be done."""

    seed: int
    land: str
    documents: tuple[Document, ...]
    events: tuple[Event, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        text = json.dumps(asdict(self), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def make_plan(number: int, seed: int, land: Land = BULGARIA, *, deaths: bool = True) -> Plan:
    """Draw the plan of a run with so many documents, all in one land."""
    chance = Random(seed)  # noqa: S311 - chance that can be had again
    documents = tuple(_document(chance, n, land) for n in range(1, number + 1))
    events = [draw_fault(chance, number, land) for _ in range(max(6, number // PER_FAULT))]
    if deaths:
        events += [draw_death(chance, number, land) for _ in range(max(3, number // PER_DEATH))]
    events.sort(key=lambda one: (one.after, one.wait))
    return Plan(seed=seed, land=land.name, documents=documents, events=tuple(events))


# --- documents ------------------------------------------------------------------------------


def _document(chance: Random, number: int, land: Land) -> Document:
    sender = chance.choice(land.pair)
    lot = _lot(chance)
    if lot is Lot.BARRED and land.mail_alone is None:
        lot = Lot.GOOD
    recipient = _recipient(chance, sender, lot, land)
    may_be = recipient is not POLYANA and chance.random() < land.personal
    personal = lot is Lot.BARRED or may_be
    to_gateway = recipient in SENDERS
    return Document(
        number=number,
        guid=str(UUID(int=chance.getrandbits(128), version=4)),
        lot=Lot.GOOD if lot is Lot.DECLINED and not to_gateway else lot,
        sender=sender.folder,
        recipient=recipient.folder,
        files=_files(chance),
        personal=personal,
        floor=_floor(chance, recipient),
        channels=_channels(chance, recipient, personal=personal),
        repeats=chance.choice((0, 0, 0, 0, 0, 0, 1, 2)),
        together=chance.random() < 0.5,
        broken_after=chance.uniform(0.0, 0.08) if chance.random() < 0.04 else None,
        cut=chance.choice(CUTS) if to_gateway and chance.random() < 0.05 else "",
    )


def _lot(chance: Random) -> Lot:
    if chance.random() < 1 / PER_DEFECT:
        return chance.choice(REFUSED)
    if chance.random() < 1 / PER_DEFECT:
        return chance.choice(LATE)
    return Lot.DECLINED if chance.random() < 0.05 else Lot.GOOD


def _recipient(chance: Random, sender: Body, lot: Lot, land: Land) -> Body:
    if lot is Lot.BARRED and land.mail_alone is not None:
        return land.mail_alone
    first, second = land.pair
    other = second if sender is first else first
    choices = ((other, land.to_pair), *land.recipients)
    return chance.choices([body for body, _ in choices], [weight for _, weight in choices])[0]


def _files(chance: Random) -> tuple[File, ...]:
    """All files together are as large as drawn: small ones as likely as large ones."""
    total = math.exp(chance.uniform(math.log(SMALLEST), math.log(LARGEST)))
    count = chance.randint(1, FILES)
    shares = [chance.uniform(0.2, 1.0) for _ in range(count)]
    return tuple(
        File(
            name=f"файл-{place}.{chance.choice(('pdf', 'pdf', 'docx'))}",
            size=round(total * share / sum(shares)),
            seed=chance.getrandbits(64),
        )
        for place, share in enumerate(shares, 1)
    )


def _floor(chance: Random, recipient: Body) -> str:
    registered = recipient is not POLYANA and chance.random() < 0.1
    return "REGISTERED_DELIVERY" if registered else "SIGNED_MAIL"


def _channels(chance: Random, recipient: Body, *, personal: bool) -> tuple[str, ...]:
    """Few authors restrict the networks; each leaves one that the document may take."""
    if chance.random() > 0.12:
        return ()
    may = [n for n in recipient.networks if not (personal and n == EMAIL)]
    if not may:
        return ()
    registered = [n for n in may if n != EMAIL]
    kept = chance.sample(may, chance.randint(1, len(may)))
    # A mail that broke off leaves it to a person: the more doors, the fewer of those.
    return tuple(sorted({*kept, *(registered[-1:])}))
