"""`Notebook` in memory, over the same tables as the other doubles."""

from __future__ import annotations

from collections.abc import Mapping

from depesha.adapters.memory.state import MemoryState
from depesha.schemas.message import NewEvidence
from depesha.schemas.notes import checked


class MemoryNotebook:
    """`Notebook` over a `MemoryState`."""

    def __init__(self, state: MemoryState) -> None:
        self._state = state

    async def read(self, area: str) -> Mapping[str, bytes]:
        """See `Notebook.read`."""
        found = {key: value for (of, key), value in self._state.notes.items() if of == area}
        return dict(sorted(found.items()))

    async def write(self, area: str, key: str, value: bytes | None, evidence: NewEvidence) -> None:
        """See `Notebook.write`."""
        if value is None:
            self._state.notes.pop((area, key), None)
        else:
            self._state.notes[area, key] = checked(value)
        self._state.append(evidence)

    async def add(self, area: str, key: str, value: bytes, evidence: NewEvidence) -> bool:
        """See `Notebook.add`."""
        if (area, key) in self._state.notes:
            return False
        self._state.notes[area, key] = checked(value)
        self._state.append(evidence)
        return True
