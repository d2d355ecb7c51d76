"""What must be true of one document, looked up at every side: gateway, registry, sender, proof."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import apsw

from depesha.errors import DepeshaError
from depesha.schemas.ids import Guid
from depesha.schemas.pack import PackReport, verify_pack
from depesha.simulators.seos_books import Seen
from depesha.simulators.seos_documents import REGISTERED
from tests.crash.office import Office
from tests.crash.sender import Sender


class Ledger:
    """Reads the gateway's database from outside, as it stands on disk. Never writes."""

    def __init__(self, store: Path) -> None:
        self._file = store / "depesha.db"

    def rows(self, statement: str, *values: str) -> list[tuple[Any, ...]]:
        """Run one query on a connection of its own."""
        connection = apsw.Connection(str(self._file), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            connection.set_busy_timeout(5000)
            return list(connection.execute(statement, values))
        finally:
            connection.close()

    def messages(self, guid: Guid) -> list[tuple[str, str, str | None]]:
        """Id, state and number of every message with this document."""
        rows = self.rows("SELECT id, state, number FROM messages WHERE document = ?", guid)
        return [(row[0], row[1], row[2]) for row in rows]

    def tasks(self, message_id: str) -> list[str]:
        """Kinds of what is still to be done for a message."""
        return [
            row[0] for row in self.rows("SELECT kind FROM tasks WHERE message_id = ?", message_id)
        ]

    def settled(self, guid: Guid) -> bool:
        """Tell whether nothing more will happen to a registered document by itself."""
        found = self.messages(guid)
        return bool(found) and all(
            state == "ACKNOWLEDGED" and not self.tasks(one) for one, state, _ in found
        )


class Audit:
    """Looks at one document's end; what is wrong is said in `faults`."""

    def __init__(self, guid: Guid, ledger: Ledger, office: Office, sender: Sender) -> None:
        self.guid = guid
        self.faults: list[str] = []
        self.messages = 0
        self.registrations = 0
        self.numbers: set[str] = set()
        self.pack = b""
        self.note = ""
        self._ledger, self._office, self._sender = ledger, office, sender

    def _demand(self, holds: object, fault: str) -> None:
        if not holds:
            self.faults.append(fault)

    async def look(self, key: str) -> None:
        """Look everywhere; `key` is the public seal key, in hex."""
        found = await asyncio.to_thread(self._ledger.messages, self.guid)
        self.messages = len(found)
        self._demand(self.messages == 1, f"{self.messages} messages instead of one")
        given = self._office.book.get(self.guid, {})
        self._demand(len(given) == 1, f"the registry gave {len(given)} numbers")
        self._judge_sender()
        for message_id, state, number in found:
            self._demand(state == "ACKNOWLEDGED", f"the state is {state}")
            self._demand(number == given.get(message_id), f"{number} stands instead of {given}")
            self._demand({number} == self.numbers, f"the sender holds {self.numbers}")
            left = await asyncio.to_thread(self._ledger.tasks, message_id)
            self._demand(not left, f"tasks are left over: {left}")
            await self._judge_message(message_id, key)

    def _judge_sender(self) -> None:
        sent = self._sender.peer.books.sent[self.guid]
        seen = self._sender.seen(self.guid)
        self.numbers = {s.number.number if s.number else "none" for s in seen if _final(s.status)}
        self._demand(len(self.numbers) == 1, f"numbers at the sender: {self.numbers}")
        self._demand(any(s.pushed for s in seen), "no notice came")
        self._demand(not sent.failures, f"errors at the sender: {sent.failures}")
        self._demand(all(s.judgement.valid for s in seen), "a signature does not hold")
        self._judge_order(seen)

    def _judge_order(self, seen: list[Seen]) -> None:
        """States never go backward. An answer may be read after a notice that overtook it."""
        first = next((s.at for s in seen if _final(s.status)), None)
        if first is None:
            return
        for later in (s for s in seen if s.at > first and not _final(s.status)):
            if self._begun(later) <= first:
                self.note += "(a notice overtook the answer)"
            else:
                self.faults.append(f"states went backward: {[s.status for s in seen]}")

    def _begun(self, seen: Seen) -> datetime:
        """When the call began whose answer this was."""
        calls = self._sender.peer.books.exchanges
        seconds = next((c.seconds for c in calls if c.answer == seen.wire and not seen.pushed), 0.0)
        return seen.at - timedelta(seconds=seconds)

    async def _judge_message(self, message_id: str, key: str) -> None:
        client = self._office.client
        sent = self._sender.peer.books.sent[self.guid]
        wire = sent.wire.encode()
        self._demand(await client.original(message_id) == wire, "the original is not as sent")
        for index, file in enumerate(sent.request.enclosures, 1):
            kept = await client.attachment(message_id, index)
            self._demand(kept == file.content, f"attachment {index} is not as sent")
        self.pack = await client.evidence(message_id)
        try:
            report = await asyncio.to_thread(verify_pack, self.pack, key)
        except DepeshaError as error:
            self.faults.append(f"the evidence does not hold: {error}")
            return
        self._judge_evidence(report, hashlib.sha256(wire).hexdigest())

    def _judge_evidence(self, report: PackReport, digest: str) -> None:
        kinds = [row.kind for row in report.rows]
        self.registrations = kinds.count("REGISTERED")
        self._demand(kinds.count("RECEIVED") == 1, f"received {kinds.count('RECEIVED')} times")
        self._demand(self.registrations == 1, f"registered {self.registrations} times")
        self._demand("NOTICE_TAKEN" in kinds, "no notice was taken")
        attested = {blob.digest for blob in report.blobs if blob.attested}
        self._demand(digest in attested, "the evidence does not attest the original")


def _final(status: str) -> bool:
    return status == REGISTERED
