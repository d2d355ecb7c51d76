"""What the recipient really has of a document, wherever it may lie. Judges nothing.

Nothing here is asked of the sender: its word is what is judged by this.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from depesha.adapters.isds.mapping import referenced
from depesha.adapters.ssev.mapping import marker
from depesha.simulators.bodies import EMAIL, ISDS, SEOS, SSEV, Body

if TYPE_CHECKING:
    from depesha.schemas.ids import Guid
    from depesha.simulators.country import Country
    from depesha.simulators.ssev_values import Message
    from tests.crash.audit import Ledger

NEVER_THERE = frozenset({3, 8})
"""States of a message of ISDS: malware found, undeliverable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """Copies of one document, by place."""

    gateway: int = 0
    """Messages in the recipient's own gateway; 0 where it has none."""
    states: tuple[str, ...] = ()
    """Theirs."""
    roads: tuple[str, ...] = ()
    """Networks by which its gateway got it, repeats included, in order."""
    numbers: tuple[str, ...] = ()
    """Numbers that its registry gave, one for each copy that it took for a document."""
    peer: int = 0
    """In the books of an acting SEOS participant."""
    peer_number: str = ""
    """That it gave."""
    ssev: int = 0
    """Messages about it in SSEV, opened or not."""
    opened: int = 0
    isds: int = 0
    """Messages that carry it in ISDS, but for those that will never lie in the box."""
    letters: int = 0
    """In the recipient's mailbox."""
    has_gateway: bool = False

    @property
    def registry(self) -> int:
        """Documents in the recipient's registry; without one, where it really lies."""
        if self.has_gateway:
            return len(self.numbers)
        return max(self.peer, self.ssev, self.isds, self.letters)

    @property
    def given(self) -> set[str]:
        """The numbers that the recipient gave."""
        return {*self.numbers, self.peer_number} - {""}

    @property
    def there(self) -> bool:
        """Tell whether anything of it lies at the recipient, or with a network for it."""
        return bool(self.gateway or self.peer or self.ssev or self.isds or self.letters)

    def shown(self) -> str:
        """Tell it shortly: registry, gateway with its roads, then the networks."""
        ways = "+".join(self.roads)
        parts = [f"registry {len(self.numbers)}", f"gateway {self.gateway}({ways})"]
        parts = parts if self.has_gateway else []
        kept = {"peer": self.peer, "ssev": self.ssev, "isds": self.isds, "letters": self.letters}
        for name, count in kept.items():
            if count or not (self.has_gateway or name == ISDS):
                parts.append(f"{name} {count}")
        return " ".join(parts)


class Reader:
    """Reads them; one country."""

    def __init__(
        self, country: Country, ledgers: dict[str, Ledger], given: dict[str, dict[str, str]]
    ) -> None:
        """`ledgers` by the recipient's folder; `given`: document → message → number."""
        self._country = country
        self._ledgers = ledgers
        self._given = given

    async def read(self, guid: Guid, recipient: Body) -> Books:
        """Look everywhere."""
        ledger = self._ledgers.get(recipient.folder)
        found: list[tuple[str, str]] = []
        roads: tuple[str, ...] = ()
        if ledger is not None:
            found, roads = await asyncio.to_thread(_in_gateway, ledger, guid)
        peer = self._country.peers.get(recipient.folder)
        kept = None if peer is None else peer.books.received.get(guid)
        messages, copies = self._messages(guid, recipient), []
        if messages:
            profile = self._country.ssev.profiles[recipient.folder]
            copies = [message.copy_for(profile.profile_id) for message in messages]
        return Books(
            gateway=len(found),
            states=tuple(state for _, state in found),
            roads=roads,
            numbers=tuple(self._given.get(guid, {}).values()) if ledger is not None else (),
            peer=int(kept is not None),
            peer_number=kept.number.number if kept is not None and kept.number else "",
            ssev=len(messages),
            opened=sum(copy is not None and copy.opened_at is not None for copy in copies),
            isds=self._in_isds(guid, recipient),
            letters=self._letters(guid, recipient),
            has_gateway=ledger is not None,
        )

    def _messages(self, guid: Guid, recipient: Body) -> list[Message]:
        if SSEV not in recipient.networks:
            return []
        profile = self._country.ssev.profiles[recipient.folder]
        mark = marker(guid)
        inbox = self._country.ssev.simulator.state.inbox(profile)
        return [message for message, _ in inbox if mark in message.subject]

    def _in_isds(self, guid: Guid, recipient: Body) -> int:
        """Count by our mark in the sender's reference number."""
        if ISDS not in recipient.networks:
            return 0
        box = self._country.isds.box(recipient)
        return sum(
            message.recipient == box
            and message.status not in NEVER_THERE
            and referenced(message.draft.texts.get("dmSenderRefNumber", "")) == guid
            for message in tuple(self._country.isds.simulator.state.messages.values())
        )

    def _letters(self, guid: Guid, recipient: Body) -> int:
        """Count by the Message-ID of a document's letter; words about it have other ones."""
        if EMAIL not in recipient.networks:
            return 0
        sign = f"Message-ID: <{guid}.".encode()
        box = self._country.mail.bodies[recipient.folder].box
        return sum(sign in one.content.partition(b"\r\n\r\n")[0] for one in box.mails)


def _in_gateway(ledger: Ledger, guid: Guid) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    rows = ledger.rows("SELECT id, state, network FROM messages WHERE document = ?", guid)
    roads: list[str] = []
    for message_id, _, network in rows:
        again = ledger.rows(
            "SELECT body FROM evidence WHERE message_id = ? "
            "AND body ->> '$.kind' = 'REPEATED' ORDER BY sequence",
            message_id,
        )
        roads += [network, *(json.loads(body)["facts"].get("network", SEOS) for (body,) in again)]
    return [(row[0], row[1]) for row in rows], tuple(roads)
