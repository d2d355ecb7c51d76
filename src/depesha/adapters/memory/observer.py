"""The eyes in a test's hands: everything told is kept, in order. Never raises, writes nothing."""

from __future__ import annotations

from depesha.schemas.verdict import CheckRecord


class RecordingObserver:
    """`ports.Observer` that remembers: each event is its name followed by what was told."""

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []

    def named(self, name: str) -> list[tuple[object, ...]]:
        """What was told under one name, without the name."""
        return [event[1:] for event in self.events if event[0] == name]

    def arrived(self, network: str, size: int) -> None:
        """Remember."""
        self.events.append(("arrived", network, size))

    def examined(self, network: str, checks: tuple[CheckRecord, ...]) -> None:
        """Remember."""
        self.events.append(("examined", network, checks))

    def stored(self, message: str, network: str, state: str, seconds: float) -> None:
        """Remember."""
        self.events.append(("stored", message, network, state, seconds))

    def repeated(self, message: str, network: str, by: str) -> None:
        """Remember."""
        self.events.append(("repeated", message, network, by))

    def changed(self, message: str, network: str, state: str) -> None:
        """Remember."""
        self.events.append(("changed", message, network, state))

    def notice(self, message: str, network: str, outcome: str, attempts: int) -> None:
        """Remember."""
        self.events.append(("notice", message, network, outcome, attempts))

    def word(self, network: str, kind: str) -> None:
        """Remember."""
        self.events.append(("word", network, kind))

    def task(self, kind: str, outcome: str, seconds: float) -> None:
        """Remember."""
        self.events.append(("task", kind, outcome, seconds))

    def trouble(self, where: str, code: str) -> None:
        """Remember."""
        self.events.append(("trouble", where, code))

    def tried(self, message: str, network: str, outcome: str, seconds: float) -> None:
        """Remember."""
        self.events.append(("tried", message, network, outcome, seconds))

    def moved(self, message: str, network: str, state: str) -> None:
        """Remember."""
        self.events.append(("moved", message, network, state))

    def circuit(self, network: str, state: str) -> None:
        """Remember."""
        self.events.append(("circuit", network, state))

    def failed(self, network: str, direction: str, blame: str) -> None:
        """Remember."""
        self.events.append(("failed", network, direction, blame))

    def lasted(self, network: str, stage: str, seconds: float) -> None:
        """Remember."""
        self.events.append(("lasted", network, stage, seconds))

    def committed(self, callers: int, seconds: float) -> None:
        """Remember."""
        self.events.append(("committed", callers, seconds))

    def request(self, listener: str, status: int, seconds: float) -> None:
        """Remember."""
        self.events.append(("request", listener, status, seconds))
