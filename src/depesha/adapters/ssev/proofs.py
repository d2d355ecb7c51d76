"""What SSEV tells of a message of ours: opened or not, and the proofs of it (facts 5.4).

The answer is kept as one JSON text, proofs inside, so that it can stand in the evidence as it is.
"""

from __future__ import annotations

import asyncio
import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from depesha.adapters.spooling import spool_folder
from depesha.errors import DepeshaError, StorageError, UnreachableError
from depesha.schemas.evidence import canonical

if TYPE_CHECKING:
    from pathlib import Path

    from depesha.adapters.ssev.network import SsevNetwork
    from depesha.adapters.ssev.values import Row, SentMessage
    from depesha.ports import BlobStore, Observer, Threads

PROOF: Final = 1024 * 1024
"""Largest proof kept within the answer: real ones have a few kilobytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SentState:
    """A message of ours as SSEV keeps it."""

    message_id: int
    opened: bool
    """Every recipient opened it: delivered (facts 5.1)."""
    receipt: bytes
    """Canonical JSON; holds no address of a person."""


class SentStates:
    """Asks after messages of ours. Safe to repeat."""

    def __init__(
        self,
        *,
        net: SsevNetwork,
        blobs: BlobStore,
        threads: Threads,
        observer: Observer,
        seconds: float,
    ) -> None:
        """`seconds` bound each question."""
        self._net = net
        self._blobs = blobs
        self._threads = threads
        self._observer = observer
        self._seconds = seconds

    async def state(self, message_id: int) -> SentState:
        """Return the state of a message that we sent; raises `DepeshaError`."""
        async with spool_folder(self._blobs, self._threads) as folder:
            try:
                async with asyncio.timeout(self._seconds):
                    sent = await self._net.sent(message_id, folder)
            except TimeoutError as error:
                raise UnreachableError("SSEV takes too long over a message's state") from error
            receipt = await self._threads.run(_receipt, sent)
        return SentState(message_id=message_id, opened=sent.delivered, receipt=receipt)

    async def of_row(self, row: Row) -> SentState:
        """Return the state of a message that a list shows; what the list says is enough."""
        try:
            return await self.state(row.message_id)
        except DepeshaError as error:
            self._observer.trouble("ssev.state", error.code)
        return SentState(
            message_id=row.message_id,
            opened=row.received_at is not None,
            receipt=canonical({"message_id": row.message_id, "sent_at": row.sent_at.isoformat()}),
        )

    async def receipt(self, message_id: int) -> bytes:
        """Return what SSEV keeps of a message just sent; the bare id where it does not say."""
        try:
            return (await self.state(message_id)).receipt
        except DepeshaError as error:
            self._observer.trouble("ssev.state", error.code)
            return canonical({"message_id": message_id})


def _receipt(sent: SentMessage) -> bytes:
    told: dict[str, Any] = {
        "message_id": sent.message_id,
        "sent_at": sent.sent_at.isoformat(),
        "rnu": sent.rnu,
        "recipients": [
            {
                "profile_id": each.profile_id,
                "received_at": each.received_at.isoformat() if each.received_at else None,
            }
            for each in sent.receipts
        ],
        "proofs": {
            proof.kind.value: base64.b64encode(_bytes(proof.stored.path)).decode()
            for proof in sent.evidence
            if proof.stored.size <= PROOF
        },
    }
    return canonical(told)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise StorageError("a proof cannot be read") from error
