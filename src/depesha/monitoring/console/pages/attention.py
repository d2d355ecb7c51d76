"""What people noted for each other: who looks after what, what was seen, which networks rest.

Read for the pages that show it to everybody; nothing is changed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from depesha.schemas.attending import Attention, load_attention, load_attentions
from depesha.schemas.notes import Area
from depesha.schemas.pauses import Pause, load_pauses

if TYPE_CHECKING:
    from depesha.ports import Notebook
    from depesha.schemas.ids import MessageId
    from depesha.schemas.overview import NeedItem


@dataclass(frozen=True, slots=True, kw_only=True)
class Notes:
    """What the home page shows of the notebook."""

    taken: Mapping[str, Attention] = field(default_factory=dict)
    """By `key_of` a need."""
    pauses: tuple[Pause, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentNotes:
    """What is noted about one document."""

    taken: Attention | None = None
    seen: Attention | None = None


def key_of(item: NeedItem) -> str:
    """Return under which a need is taken: its document's id, its task, or the need itself."""
    if item.document is not None:
        return item.document.id
    return str(item.need) if item.task_id is None else f"task-{item.task_id}"


async def notes_of(notebook: Notebook | None) -> Notes:
    """Return what stands in the notebook; None: there is none."""
    if notebook is None:
        return Notes()
    return Notes(
        taken=load_attentions(await notebook.read(Area.TAKEN)),
        pauses=load_pauses(await notebook.read(Area.PAUSES)),
    )


async def document_notes(notebook: Notebook | None, name: MessageId) -> DocumentNotes:
    """Return what stands in the notebook about a document."""
    if notebook is None:
        return DocumentNotes()
    taken = (await notebook.read(Area.TAKEN)).get(name)
    seen = (await notebook.read(Area.SEEN)).get(name)
    return DocumentNotes(
        taken=None if taken is None else load_attention(taken),
        seen=None if seen is None else load_attention(seen),
    )
