"""The demo's proof: the evidence pack, verified offline by the command line, true and forged."""

from __future__ import annotations

import asyncio
import hashlib
import json
from pathlib import Path

from depesha.errors import PeerError
from depesha.simulators.demo_report import DemoFailedError, Told, expect
from depesha.simulators.demo_witness import Witness
from depesha.simulators.gateway_process import command


class Proof:
    """Fetches one message's pack and has it verified, with the public seal key only."""

    def __init__(self, witness: Witness, folder: Path) -> None:
        self._witness = witness
        self._pack = folder / "evidence.json"
        self._forged = folder / "evidence.forged.json"

    async def holds(self, message_id: str, wire: bytes) -> Told:
        """The pack verifies, and it attests the very bytes that were sent."""
        pack = await self._witness.registry.evidence(message_id)
        await asyncio.to_thread(self._pack.write_bytes, pack)
        key = str(self._witness.gateway.seal_key)
        said = await command("evidence", "verify", str(self._pack), "--key", key, "--json")
        report = json.loads(said)
        expect(report["message_id"] == message_id, "the pack is of another message")
        expect(report["trusted"] is True, "the seals are not of the expected key")
        digest = hashlib.sha256(wire).hexdigest()
        originals = [b for b in report["blobs"] if b["role"] == "original"]
        expect(
            [(b["digest"], b["attested"]) for b in originals] == [(digest, True)],
            f"the pack attests {originals} instead of {digest}",
        )
        kinds = [row["kind"] for row in report["rows"]]
        for needed in ("RECEIVED", "REGISTERED", "NOTICE_TAKEN"):
            expect(needed in kinds, f"no row {needed} among {', '.join(kinds)}")
        return Told(
            sentence=f"{len(kinds)} rows under {len(report['seals'])} seals hold "
            f"({', '.join(kinds)}); it attests the bytes that were sent",
            facts={"rows": kinds, "pack": str(self._pack)},
        )

    async def forged_fails(self) -> Told:
        """Change one digit in the first row: verification must fail."""
        await asyncio.to_thread(_forge, self._pack, self._forged)
        key = str(self._witness.gateway.seal_key)
        try:
            await command("evidence", "verify", str(self._forged), "--key", key)
        except PeerError as error:
            said = error.public.partition("failed: ")[2] or error.public
            return Told(sentence=f"refused: {said}", facts={"refused": said})
        raise DemoFailedError("the forged pack was taken for true")


def _forge(path: Path, forged: Path) -> None:
    """Turn one digit inside the first row's hashed body into another one; blocking."""
    pack = json.loads(path.read_bytes())
    body: str = pack["rows"][0]["body"]
    place = next(i for i, c in enumerate(body) if c.isdigit())
    digit = str((int(body[place]) + 1) % 10)
    pack["rows"][0]["body"] = body[:place] + digit + body[place + 1 :]
    forged.write_text(json.dumps(pack, ensure_ascii=False), "utf-8")
