"""Letters left in a mailbox, in a test's hands: an honest body of `ports.LeftLetters`."""

from __future__ import annotations

from collections.abc import Sequence

from depesha.schemas.letters import LeftLetter


class MemoryLetters:
    """`ports.LeftLetters` over what `put` was told."""

    def __init__(self, *letters: LeftLetter) -> None:
        self._letters = {letter.key: letter for letter in letters}

    def put(self, letter: LeftLetter) -> None:
        """Leave a letter to a person."""
        self._letters[letter.key] = letter

    async def left(self) -> tuple[LeftLetter, ...]:
        """See `LeftLetters.left`."""
        return tuple(sorted(self._letters.values(), key=lambda one: one.at))

    async def clear(self, keys: Sequence[str]) -> int:
        """See `LeftLetters.clear`."""
        return sum(self._letters.pop(key, None) is not None for key in set(keys))
