"""What must be true when all is over and the gateway has been stopped in order."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from depesha.adapters.keys import load_or_create_seal_key
from depesha.adapters.system import SystemClock, SystemIds
from depesha.errors import DepeshaError, StorageError
from depesha.queue.opening import open_memory
from depesha.schemas.ids import Digest
from depesha.schemas.journal import SealKey


async def judge_memory(folder: Path, documents: int) -> tuple[str, list[str]]:
    """Open the store as the next start would; verify the whole chain; count everything."""
    clock, faults, told = SystemClock(), [], ""
    key = SealKey(load_or_create_seal_key(folder / "keys" / "seal.pem"))
    store = folder / "store"
    memory = await open_memory(store, clock=clock, ids=SystemIds(clock), seal_key=key)
    try:
        told = f"the whole journal holds: {await memory.journal.verify()} rows"
        counts = await memory.store.counts()
        if sum(counts.by_state.values()) != documents:
            faults.append(f"{documents} documents were sent, and the store holds {counts.by_state}")
        kept = await memory.db.read(lambda t: t.all("SELECT digest FROM quarantine"))
        for (digest,) in kept:
            memory.quarantine.open(Digest(digest))
        left = await memory.db.read(lambda t: t.all("SELECT kind, due_at FROM tasks"))
        expected = [] if kept else ["QUARANTINE"] * counts.by_state.get("REJECTED", 0)
        if [row[0] for row in left] != expected:
            faults.append(f"tasks are left over: {left}")
        if spooled := list((store / "blobs" / "spool").iterdir()):
            faults.append(f"spooled files are left over: {spooled}")
    except DepeshaError as error:
        faults.append(f"the memory does not hold: {error}")
    finally:
        await memory.close()
    return told, faults


NO_STORE = "depesha: the store could not "
"""What the command says when it ends because the store cannot be opened."""


def judge_log(log: Path, *, may_end: bool = False) -> tuple[str, list[str]]:
    """Nothing but neighbours' trouble may stand in the log: no fault of our own.

    `may_end`: a full disk was inflicted, on which no store can be opened. That it ended at no other
    time is the keeper's to see.
    """
    troubles: Counter[tuple[str, str]] = Counter()
    faults = []
    for line in log.read_text("utf-8", "replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            if may_end and line.startswith(NO_STORE):
                troubles["start", StorageError.code] += 1
                continue
            faults.append(f"the gateway wrote: {line}")
            continue
        troubles[entry.get("where", entry.get("event", "")), entry.get("code", "")] += 1
    told = ", ".join(f"{where} {code} {n}x" for (where, code), n in sorted(troubles.items()))
    faults += [f"{where}: {code}" for where, code in troubles if code == "INTERNAL"]
    return f"troubles in the log: {told or 'none'}", faults
