"""The gateway after an attack: alive, ready, not grown, quiet in its log, and discreet."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from tests.attack.stand import MARKERS, Stand

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMORY: Final = 768 * 2**20
"""Bytes by which the peak may have grown: under four times the largest document taken in."""
_MEBIBYTE: Final = 2**20


async def aftermath(
    made: Stand, faults: list[str], figures: list[str], *, pid: int, before: int
) -> None:
    """Look at everything an attack may have spoilt; faults and figures are added to the lists."""
    await _alive(made, faults, pid)
    peak, now = made.memory("VmHWM"), made.memory("VmRSS")
    figures.append(
        f"memory: {before / _MEBIBYTE:.0f} MiB before, peak {peak / _MEBIBYTE:.0f} MiB "
        f"(grew by {(peak - before) / _MEBIBYTE:.0f} MiB), {now / _MEBIBYTE:.0f} MiB after"
    )
    if peak - before > MEMORY:
        faults.append(f"the peak of memory grew by {(peak - before) / _MEBIBYTE:.0f} MiB")
    log = made.log()
    faults += unhandled(log)
    figures.append(f"log: {len(log)} lines; troubles: {_troubles(log)}")
    faults += await leaks(made)


async def _alive(made: Stand, faults: list[str], pid: int) -> None:
    if made.gateway.pid != pid:
        faults.append("the gateway was started again")
    for path in ("/healthz", "/readyz"):
        status, said = await made.text(path)
        if status != 200:
            faults.append(f"{path} says {status}: {said[:300]}")


def unhandled(log: Sequence[dict[str, Any]]) -> list[str]:
    """Lines that tell of an exception nobody foresaw."""
    found: Counter[str] = Counter()
    for line in log:
        trouble = line.get("event") == "trouble"
        code = str(line.get("code", ""))
        foreign = trouble and not code.isupper()
        if line.get("level") == "error" or "error" in line or foreign:
            told = (line.get("event"), line.get("where"), code, line.get("error"))
            frames = line.get("frames", "")
            found[f"{' '.join(str(t) for t in told if t)} {frames}"] += 1
    return [f"log: {text} ({times} times)" for text, times in found.items()]


def _troubles(log: Sequence[dict[str, Any]]) -> str:
    found = Counter(
        f"{line.get('where')} {line.get('code')}" for line in log if line.get("event") == "trouble"
    )
    return ", ".join(f"{text} ×{times}" for text, times in found.most_common()) or "none"


async def leaks(made: Stand) -> list[str]:
    """Places where a marked name or number came out."""
    _, metrics = await made.text("/metrics")
    _, ready = await made.text("/readyz")
    places = {
        "log": made.gateway.log.read_text("utf-8", "replace"),
        "metrics": metrics,
        "readiness": ready,
        "answers": b"\n".join(made.answers).decode("utf-8", "replace"),
    }
    return [
        f"personal data in the {place}: {_around(text, marker)}"
        for place, text in places.items()
        for marker in MARKERS
        if marker in text or json.dumps(marker)[1:-1] in text
    ]


def _around(text: str, marker: str) -> str:
    """The place itself: nobody here is real."""
    at = max(text.find(marker), text.find(json.dumps(marker)[1:-1]))
    return repr(text[max(0, at - 80) : at + 80])
