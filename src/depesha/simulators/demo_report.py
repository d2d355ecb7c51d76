"""Telling the demo's steps, one line each, for people or for machines. It judges nothing."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

from depesha.errors import DepeshaError
from depesha.ports import Clock

_SEEN: Final = 2_000
"""Most characters of what was seen that a failure shows."""


class DemoFailedError(DepeshaError):
    """A step of the demo did not happen; the text says what was seen instead."""

    code = "DEMO"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a step has to say: a sentence, more lines under it, and facts for machines."""

    sentence: str
    lines: tuple[str, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


Action = Callable[[], Awaitable[Told]]


class Report:
    """Counts steps and seconds, and prints."""

    def __init__(self, *, clock: Clock, say: Callable[[str], None], as_json: bool) -> None:
        self._clock = clock
        self._say = say
        self._json = as_json
        self._begun = clock.monotonic()
        self._steps = 0

    @property
    def seconds(self) -> float:
        """Since the report began."""
        return self._clock.monotonic() - self._begun

    def progress(self, text: str) -> None:
        """Tell what is going on between steps; machines are not told."""
        if not self._json:
            self._say(f"{self.seconds:7.2f} s   … {text}")

    async def step(self, name: str, action: Action) -> bool:
        """Do one step and tell it; False where it failed."""
        self._steps += 1
        begun = self._clock.monotonic()
        try:
            told = await action()
        except DepeshaError as error:
            hint = f" ({error.remedy})" if error.remedy else ""
            told, done = Told(sentence=error.public[:_SEEN] + hint), False
        except (LookupError, ValueError, TypeError, OSError, TimeoutError) as error:
            told = Told(sentence=f"an answer had not the expected shape: {error!r}"[:_SEEN])
            done = False
        else:
            done = True
        self._tell(name, told, self._clock.monotonic() - begun, done=done)
        return done

    def _tell(self, name: str, told: Told, seconds: float, *, done: bool) -> None:
        if self._json:
            row = {
                "step": self._steps,
                "name": name,
                "ok": done,
                "seconds": round(seconds, 3),
                "said": told.sentence,
                **told.facts,
            }
            self._say(json.dumps(row, ensure_ascii=False))
            return
        sign = "✔" if done else "✘ FAILED:"
        said = told.sentence if done else f"seen: {told.sentence}"
        self._say(
            f"{self.seconds:7.2f} s {sign} {self._steps:2}. {name} — {said}  [{seconds:.2f} s]"
        )
        for line in told.lines:
            self._say(f"{'':13}{line}")


def expect(condition: bool, seen: str) -> None:  # noqa: FBT001 - reads like an assertion
    """Raise `DemoFailedError` with what was seen, unless the condition holds."""
    if not condition:
        raise DemoFailedError(seen)
