"""Whose box it is: partners by the identifier that all networks use, others by their box id. Pure.

ISDS vouches for its senders with each seal (facts 9), so there is no register to be fetched: a
party's GUID holds its box id, and whoever sends has a box.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from depesha.adapters.isds.settings import Acknowledgement
from depesha.schemas.envelope import Party
from depesha.schemas.ids import Guid

_BOX: Final = re.compile(r"[a-z0-9]{7}")
_ICO: Final = re.compile(r"[0-9]{8}")
_WHERE: Final = 6
"""Bytes of a GUID that name the environment."""


def is_box(text: str) -> bool:
    """Tell whether a text has the form of a box id; its check character is not known (facts 13)."""
    return _BOX.fullmatch(text) is not None


def is_ico(text: str) -> bool:
    """Tell whether a text has the form of an IČO, the business identifier."""
    return _ICO.fullmatch(text) is not None


def party_guid(environment: str, box_id: str) -> Guid:
    """Return the GUID of a box's holder: version 8 (RFC 9562, 5.8), the box id inside."""
    where = hashlib.sha256(f"depesha:isds:party:{environment}".encode()).digest()[:_WHERE]
    text = (where + b"\x80\x00\x80" + box_id.encode("ascii")).hex()
    return Guid("-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:])))


def box_of_guid(environment: str, guid: Guid) -> str | None:
    """Return the box whose holder has this GUID; None for any other GUID."""
    inside = bytes.fromhex(guid.replace("-", ""))[-7:]
    box_id = inside.decode("ascii", errors="replace")
    return box_id if is_box(box_id) and party_guid(environment, box_id) == guid else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Partner:
    """A body that the settings name."""

    identifier: str
    name: str
    box_id: str
    acknowledgement: Acknowledgement = Acknowledgement.NONE


class PartnerBook:
    """Identifiers and boxes of partners. For any thread."""

    def __init__(self, partners: Iterable[Partner], environment: str) -> None:
        self.environment = environment
        self.partners = tuple(partners)
        self._by_identifier = {each.identifier.strip(): each for each in self.partners}
        self._by_box = {each.box_id: each for each in self.partners}

    def box_of(self, identifier: str) -> str | None:
        """Return the box that an identifier names; None where only ISDS could tell."""
        identifier = identifier.strip()
        partner = self._by_identifier.get(identifier)
        if partner is not None:
            return partner.box_id
        return identifier if is_box(identifier) else None

    def by_box(self, box_id: str) -> Partner | None:
        """Return the partner with this box."""
        return self._by_box.get(box_id)

    def party(self, box_id: str, name: str) -> Party:
        """Return a box's holder as the gateway names it."""
        partner = self._by_box.get(box_id)
        return Party(
            identifier=box_id if partner is None else partner.identifier.strip(),
            name=name or ("" if partner is None else partner.name),
            guid=party_guid(self.environment, box_id),
        )

    def acknowledged(self, box_id: str) -> bool:
        """Tell whether a box's holder wants to hear the state of what it sent."""
        partner = self._by_box.get(box_id)
        return partner is not None and partner.acknowledgement is Acknowledgement.REPLY
