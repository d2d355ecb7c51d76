"""What the machine and its processes tell about themselves (/proc), and words about progress."""

from __future__ import annotations

import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

KIB = 1024
_TICKS = os.sysconf("SC_CLK_TCK")


def forget_peak(*pids: int) -> None:
    """Start the peak of processes' memory anew."""
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def memory(pid: int, field: str) -> int:
    """Bytes of a field of /proc/PID/status."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * KIB
    return 0


def cpu_seconds(pid: int) -> float:
    """CPU seconds a process has used, in and out of the kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def family(pid: int) -> list[int]:
    """A process and those it started, which read messages for it."""
    started = [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text(encoding="ascii").split()
    ]
    return [pid, *started]


def children_seconds() -> float:
    """CPU seconds of children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass(frozen=True, slots=True, kw_only=True)
class Processors:
    """CPU seconds of the whole machine, all cores together, since it started."""

    busy: float
    idle: float
    stolen: float
    """Taken by other machines on the same hardware."""

    @classmethod
    def now(cls) -> Processors:
        """Read them."""
        line = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0]
        user, nice, system, idle, wait, irq, soft, stolen = (
            int(part) / _TICKS for part in line.split()[1:9]
        )
        return cls(busy=user + nice + system + irq + soft, idle=idle + wait, stolen=stolen)

    def taken_by_others(self, since: Processors, ours: float) -> float:
        """Share of the machine that was not ours and not idle between two moments."""
        busy, stolen = self.busy - since.busy, self.stolen - since.stolen
        whole = busy + stolen + self.idle - since.idle
        return max(0.0, busy + stolen - ours) / whole if whole else 0.0


def machine() -> str:
    """The machine in one line."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return f"{os.cpu_count()} cores ({model}), {total:.0f} GiB, Python {sys.version.split()[0]}"


def percentile(seconds: list[float], share: float) -> float:
    """Milliseconds within which this share of all was done."""
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000 if ordered else 0.0


def say(text: str) -> None:
    """Tell the progress."""
    print(f"… {text}", file=sys.stderr, flush=True)
