"""B's registry: numbers whatever waits, but for documents that it was asked to leave lying.

So that it can be seen what the sender believes before the recipient's own word comes.
"""

from __future__ import annotations

import asyncio

from depesha.simulators.demo_witness import document_of
from tests.crash.office import PAUSE, Office


class Registry(Office):
    """`held` may be changed at any time."""

    def __init__(self, *place: object) -> None:
        super().__init__(*place)  # type: ignore[arg-type]  # as the base class takes them
        self.held: set[str] = set()
        """Document GUIDs."""

    async def _register(self, message_id: str) -> None:
        if self.held and document_of(await self.client.message(message_id)) in self.held:
            await asyncio.sleep(PAUSE)
            return
        await super()._register(message_id)
