"""★ THE TABLE of checks and the fold to one decision. Fails closed: silence is never a pass.

Read the table top to bottom: that is what happens to every message that comes in. A row is a
pure function of a `Case`; the chain fetches the facts a row needs, just before it, through the
ports, and nothing else. It never stores, answers or changes anything.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from depesha.gateway.checks import (
    annexes,
    duplicate,
    filesignatures,
    formats,
    limits,
    malware,
    names,
    participant,
    recipient,
    signature,
    structure,
)
from depesha.schemas.facts import Case, ScanResult
from depesha.schemas.verdict import (
    CheckRecord,
    Finding,
    Held,
    Hold,
    Passed,
    Rejected,
    Repeated,
    Verdict,
    finding,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from depesha.ports import BlobStore, Clock, Directory, MalwareScanner, MessageStore, Observer
    from depesha.schemas.answer import Word
    from depesha.schemas.envelope import Party
    from depesha.schemas.facts import Arrival
    from depesha.schemas.ids import MessageId
    from depesha.schemas.participant import DirectoryState, Participant
    from depesha.schemas.policy import Policy


class Need(StrEnum):
    """What must be asked of a port before a row can judge."""

    NOTHING = "nothing"
    PARTICIPANT = "participant"
    KNOWN = "known"
    SCAN = "scan"


@dataclass(frozen=True, slots=True)
class Row:
    """One check: its name, the facts it needs first, and its judgement."""

    name: str
    needs: Need
    judge: Callable[[Case, Policy], Verdict]


TABLE: tuple[Row, ...] = (
    # Who speaks, and to whom: nothing inside is looked at before this is known.
    Row("structure", Need.NOTHING, structure.judge),
    Row("participant", Need.PARTICIPANT, participant.judge),
    Row("signature", Need.NOTHING, signature.judge),
    Row("recipient", Need.NOTHING, recipient.judge),
    # Is it worth looking at: cheap refusals, and repeats that are answered as before.
    Row("limits", Need.NOTHING, limits.judge),
    Row("duplicate", Need.KNOWN, duplicate.judge),
    # What is in it. Names, annexes and signatures in files never refuse for form (RCV-21).
    Row("names", Need.NOTHING, names.judge),
    Row("formats", Need.NOTHING, formats.judge),
    Row("annexes", Need.NOTHING, annexes.judge),
    Row("file-signatures", Need.NOTHING, filesignatures.judge),
    # The dearest question last.
    Row("malware", Need.SCAN, malware.judge),
)

CHECKS: tuple[str, ...] = tuple(row.name for row in TABLE)
"""Every one of these must have passed in so many words, or nothing is admitted (law 1)."""


class Result(StrEnum):
    """What became of an arrival."""

    PASSED = "passed"
    HELD = "held"
    REJECTED = "rejected"
    REPEATED = "repeated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """One decision with everything it rests on."""

    outcome: Result
    checks: tuple[CheckRecord, ...]
    retry: bool
    """True where it is held and looking again later may decide it."""
    case: Case

    @property
    def rejection(self) -> Finding | None:
        """Why it was refused; None where it was not."""
        return next(
            (c.verdict.finding for c in self.checks if isinstance(c.verdict, Rejected)), None
        )

    @property
    def repeat(self) -> Repeated | None:
        """Which earlier message it repeats; None where it does not."""
        return next((c.verdict for c in self.checks if isinstance(c.verdict, Repeated)), None)


def conclude(checks: Sequence[CheckRecord]) -> tuple[Result, bool]:
    """Fold the records to one result and whether to look again. Starts from "undecided".

    A refusal wins over a repeat, which cannot both stand in one chain; anything less than an
    explicit pass of every check in `CHECKS` is held.
    """
    verdicts = [record.verdict for record in checks]
    if any(isinstance(verdict, Rejected) for verdict in verdicts):
        return Result.REJECTED, False
    if any(isinstance(verdict, Repeated) for verdict in verdicts):
        return Result.REPEATED, False
    passed = [record.check for record in checks if isinstance(record.verdict, Passed)]
    if len(passed) == len(checks) and tuple(passed) == CHECKS:
        return Result.PASSED, False
    holds = [verdict for verdict in verdicts if isinstance(verdict, Held)]
    return Result.HELD, not holds or any(hold.retry for hold in holds)


class Chain:
    """Runs the table over an arrival, asking the ports for facts as rows need them."""

    def __init__(
        self,
        *,
        directories: Mapping[str, Directory],
        store: MessageStore,
        blobs: BlobStore,
        scanner: MalwareScanner,
        clock: Clock,
        observer: Observer,
        policy: Policy,
        table: Sequence[Row] = TABLE,
        store_seconds: float = 30.0,
        scan_grace_seconds: float = 5.0,
    ) -> None:
        """`directories`: whom each network knows; a sender on another one is unknown for now.

        `table` is for tests; one that lacks a check of `CHECKS` can never admit anything.

        `store_seconds` bounds the look-up of earlier messages; `scan_grace_seconds` is added to
        the scan budget for a scanner that does not keep its own time.
        """
        self._directories = directories
        self._store = store
        self._blobs = blobs
        self._scanner = scanner
        self._clock = clock
        self._observer = observer
        self._policy = policy
        self._table = tuple(table)
        self._store_seconds = store_seconds
        self._scan_seconds = policy.limits.scan_seconds + scan_grace_seconds

    async def examine(
        self,
        arrival: Arrival,
        now: datetime,
        own: MessageId | None = None,
        *,
        claiming: bool = False,
    ) -> Examination:
        """Judge an arrival. Never raises for what a row or a port does: it is held instead.

        A refusal or a repeat ends the chain at once (CHK-13). `own` is given for a recheck: the
        message's own identities are then no repeat. Safe to repeat.

        `claiming`: earlier messages are not looked up, for whoever asks stores what passed under
        claims to its identities, and judges again where one is held. Only a pass counts then.
        """
        case = Case(arrival=arrival, now=now)
        records: list[CheckRecord] = []
        ended = self._clock.monotonic()
        for row in self._table:
            if row.needs is Need.NOTHING or (claiming and row.needs is Need.KNOWN):
                verdict = self._judge(row, case)
            else:
                case, verdict = await self._run(row, case, own)
            started, ended = ended, self._clock.monotonic()
            seconds = max(0.0, ended - started)
            records.append(CheckRecord(check=row.name, verdict=verdict, seconds=seconds))
            if isinstance(verdict, (Rejected, Repeated)) or arrival.envelope is None:
                break  # there is nothing, or nothing left, for the other rows to look at
        outcome, retry = conclude(records)
        return Examination(outcome=outcome, checks=tuple(records), retry=retry, case=case)

    async def examine_word(self, word: Word, now: datetime) -> Finding | None:
        """Judge a smaller message by sender, signature and recipient; None where all pass."""
        try:
            sender, state = self._sender(word.network, word.sender)
            verdicts = (
                participant.judge_sender(word.sender, sender, state, now, self._policy),
                signature.judge_signature(word.signature, word.transport_serial, sender),
                recipient.judge_recipient(word.recipient, self._policy),
            )
        except Exception as error:  # noqa: BLE001 - whatever fails, the word is not believed
            self._trouble("word", error)
            return finding(Hold.CHECK_FAILED_TO_RUN, check="word")
        for verdict in verdicts:
            if isinstance(verdict, (Held, Rejected)):
                return verdict.finding
        return None

    async def _run(self, row: Row, case: Case, own: MessageId | None) -> tuple[Case, Verdict]:
        try:
            case = await self._gather(row.needs, case, own)
        except Exception as error:  # noqa: BLE001 - whatever a port does wrong holds the message
            return case, self._failed(row, error)
        return case, self._judge(row, case)

    def _judge(self, row: Row, case: Case) -> Verdict:
        try:
            return _spoken(row.judge(case, self._policy))
        except Exception as error:  # noqa: BLE001 - whatever a check does wrong holds the message
            return self._failed(row, error)

    def _failed(self, row: Row, error: Exception) -> Held:
        self._trouble(row.name, error)
        return Held(finding=finding(Hold.CHECK_FAILED_TO_RUN, check=row.name), retry=True)

    async def _gather(self, need: Need, case: Case, own: MessageId | None) -> Case:
        arrival = case.arrival
        if need is Need.PARTICIPANT and arrival.envelope is not None:
            sender, state = self._sender(arrival.network, arrival.envelope.sender)
            return replace(case, sender=sender, directory=state)
        if need is Need.KNOWN:
            async with asyncio.timeout(self._store_seconds):
                known = await self._store.known(arrival)
            return replace(case, known=tuple(k for k in known if k.message_id != own))
        if need is Need.SCAN:
            return replace(case, scans=await self._scan(arrival))
        return case

    def _sender(
        self, network: str, party: Party
    ) -> tuple[Participant | None, DirectoryState | None]:
        directory = self._directories.get(network)
        if directory is None:
            return None, None
        found = (
            directory.by_identifier(party.identifier)
            if party.guid is None
            else directory.find(party.guid)
        )
        return found, directory.state()

    async def _scan(self, arrival: Arrival) -> tuple[ScanResult, ...]:
        """Have scanned what was not scanned while the message was read."""
        known = {scan.index: scan for scan in arrival.scans}
        files: list[tuple[int, Path]] = []
        for file in arrival.envelope.attachments if arrival.envelope else ():
            if file.index in known:
                continue
            path = self._blobs.path(file.digest)
            if path is None:  # lost in a power cut: a recheck takes it out of the original again
                known[file.index] = ScanResult(index=file.index, incomplete="cut off")
            else:
                files.append((file.index, path))
        if not files:
            return tuple(known.values())
        async with asyncio.timeout(self._scan_seconds):
            results = await self._scanner.scan(files, self._policy.limits.scan_seconds)
        return (*results, *known.values())

    def _trouble(self, where: str, error: Exception) -> None:
        self._observer.trouble(f"check.{where}", type(error).__name__)


def _spoken(answer: object) -> Verdict:
    """Return a verdict as it is; anything else, silence included, is an error."""
    if isinstance(answer, (Passed, Held, Rejected, Repeated)):
        return answer
    raise TypeError("the check did not say a verdict")
