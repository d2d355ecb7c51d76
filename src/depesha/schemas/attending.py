"""Who took which need, and which refusals somebody has seen: small notes of people. Values only.

They stand in the notebook's areas `taken` and `seen`. The words of a note are a person's and never
go into evidence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import TypeAdapter, ValidationError

from depesha.errors import StorageError

NOTE_CHARACTERS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """One person's note: he took a need, or has seen a refusal."""

    login: str
    name: str
    """As colleagues know him."""
    at: datetime
    note: str = ""


_ATTENTION: TypeAdapter[Attention] = TypeAdapter(Attention)


def attention_bytes(attention: Attention) -> bytes:
    """Return the stored form."""
    return _ATTENTION.dump_json(attention)


def load_attention(value: bytes) -> Attention:
    """Read one note; raises `StorageError`."""
    try:
        return _ATTENTION.validate_json(value)
    except ValidationError:
        raise StorageError("a note about who took what cannot be read") from None


def load_attentions(notes: Mapping[str, bytes]) -> dict[str, Attention]:
    """Read an area of the notebook; raises `StorageError`."""
    return {key: load_attention(value) for key, value in notes.items()}
