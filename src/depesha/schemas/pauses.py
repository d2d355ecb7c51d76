"""Networks that a person paused: what rests, since when, who said so and why. Values only.

They stand in the notebook's area `pauses`, so that they outlast a restart and hold for every
gateway over the same store. The reason is a person's words: it never goes into evidence or a plan.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pydantic import TypeAdapter, ValidationError

from depesha.errors import StorageError

REASON_CHARACTERS = 1000


class Way(StrEnum):
    """Which way rests."""

    SENDING = "sending"
    RECEIVING = "receiving"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """One way of one network that rests until a person resumes it."""

    network: str
    way: Way
    since: datetime
    login: str
    name: str
    """Of the person, as colleagues know him."""
    reason: str
    onward: bool = False
    """Of sending: documents take the next network meanwhile; otherwise they wait."""

    @property
    def key(self) -> str:
        """Under which it stands in the notebook."""
        return key_of(self.network, self.way)


_PAUSE: TypeAdapter[Pause] = TypeAdapter(Pause)


def key_of(network: str, way: Way) -> str:
    """Return the notebook's key of one way of a network."""
    return f"{network}:{way}"


def pause_bytes(pause: Pause) -> bytes:
    """Return the stored form."""
    return _PAUSE.dump_json(pause)


def load_pauses(notes: Mapping[str, bytes]) -> tuple[Pause, ...]:
    """Read an area of the notebook; raises `StorageError`: a pause must not be guessed."""
    try:
        return tuple(_PAUSE.validate_json(value) for value in notes.values())
    except ValidationError:
        raise StorageError("a note about a paused network cannot be read") from None


def paused(pauses: Iterable[Pause], network: str, way: Way) -> Pause | None:
    """Return the pause of one way of a network; None: it does not rest."""
    return next((one for one in pauses if one.network == network and one.way is way), None)
