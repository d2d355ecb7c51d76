"""Holds a process to a share of the cores, as a smaller machine of its own would.

By a control group of the kernel (version 1 or 2), so it takes root and a Linux whose groups may be
written. What more machines would bring can then be seen on one: as long as cores are left over.
"""

from __future__ import annotations

from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PERIOD: Final = 20_000
"""Microseconds within which the share is given: short, so that nobody stands still for long."""
_FIRST: Final = Path("/sys/fs/cgroup/cpu")
_SECOND: Final = Path("/sys/fs/cgroup")


@contextmanager
def held_to(cores: float, pid: int) -> Iterator[None]:
    """Give a process and its children so many cores at most; ends the bench where that fails."""
    root = _FIRST if _FIRST.is_dir() else _SECOND
    group = root / f"depesha-bench-{pid}"
    try:
        _limit(root, group, int(cores * PERIOD))
        (group / "cgroup.procs").write_text(str(pid), encoding="ascii")
    except OSError as error:
        raise SystemExit(
            f"no share of the cores can be given: {error.strerror}; be root"
        ) from error
    try:
        yield
    finally:
        for one in (group / "cgroup.procs").read_text(encoding="ascii").split():
            with suppress(ProcessLookupError):
                (root / "cgroup.procs").write_text(one, encoding="ascii")
        group.rmdir()


def _limit(root: Path, group: Path, quota: int) -> None:
    if root == _SECOND:
        (root / "cgroup.subtree_control").write_text("+cpu", encoding="ascii")
    group.mkdir()
    if root == _SECOND:
        (group / "cpu.max").write_text(f"{quota} {PERIOD}", encoding="ascii")
        return
    (group / "cpu.cfs_period_us").write_text(str(PERIOD), encoding="ascii")
    (group / "cpu.cfs_quota_us").write_text(str(quota), encoding="ascii")
