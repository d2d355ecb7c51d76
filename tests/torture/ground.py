"""A small disk of its own for each store, which may be filled and slowed down: an image in a file.

Needs root and loop devices; where there are none, `possible` says so and the run tells it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

MEGABYTES: Final = 900
"""Of an empty store: a gateway with less than half a gigabyte free is not ready."""
EACH: Final = 1
"""More megabytes for each document: both sides' files, originals, evidence and indexes."""
EACH_TURN: Final = 5
"""More for each pain: what a death leaves behind (a data box seals a message anew each time it is
asked for it) lies there for a day, longer than any run."""
SPARE: Final = 4096
"""Bytes left on a disk that counts as full."""
_CGROUP: Final = Path("/sys/fs/cgroup/blkio")
_TOOLS: Final = ("mkfs.ext4", "mount", "umount", "losetup")


def _tool(name: str) -> str | None:
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


class Ground:
    """One image, made and mounted at a folder; all of it blocks."""

    def __init__(self, image: Path, folder: Path, *, megabytes: int = MEGABYTES) -> None:
        self._image = image
        self.folder = folder
        self._megabytes = megabytes
        self._group = _CGROUP / f"depesha-{os.getpid()}-{image.stem}"
        self._device = ""

    def lay(self) -> None:
        """Make it and mount it; raises `OSError` or `CalledProcessError` where that is denied."""
        self.folder.mkdir(parents=True)
        with self._image.open("wb") as file:
            file.truncate(self._megabytes * 1024 * 1024)
        _run("mkfs.ext4", "-q", "-m", "0", str(self._image))
        _run("mount", "-o", "loop", str(self._image), str(self.folder))
        (self.folder / "lost+found").rmdir()
        self._device = _run("losetup", "-j", str(self._image)).partition(":")[0]

    def lift(self) -> None:
        """Take it away again; safe to repeat."""
        if self._device:
            self.free()
            _run("umount", "-l", str(self.folder))
            self._device = ""
        if self._group.is_dir():
            self._group.rmdir()

    def fill(self) -> None:
        """Leave next to no space."""
        space = os.statvfs(self.folder)
        with (self.folder / "filling").open("wb") as file, suppress(OSError):
            # What others write meanwhile, and the file's own blocks, may make it full sooner.
            os.posix_fallocate(file.fileno(), 0, max(1, space.f_bavail * space.f_frsize - SPARE))

    def free(self) -> None:
        """Give the space back."""
        (self.folder / "filling").unlink(missing_ok=True)

    def slow(self, pid: int, writes: int) -> None:
        """Let a process make no more than so many writes a second on this disk."""
        number = Path(self._device).stat().st_rdev
        self._group.mkdir(exist_ok=True)
        rule = f"{os.major(number)}:{os.minor(number)} {writes}"
        (self._group / "blkio.throttle.write_iops_device").write_text(rule)
        (self._group / "cgroup.procs").write_text(str(pid))

    def quicken(self) -> None:
        """Let everybody write as fast as the disk can."""
        number = Path(self._device).stat().st_rdev
        rule = f"{os.major(number)}:{os.minor(number)} 0"
        (self._group / "blkio.throttle.write_iops_device").write_text(rule)


def possible(folder: Path) -> str:
    """Return why there can be no such disks here; empty: there can."""
    if os.geteuid() != 0 or not all(map(_tool, _TOOLS)):
        return "not root, or no mkfs.ext4, mount, losetup"
    probe = Ground(folder / "probe.img", folder / "probe", megabytes=16)
    try:
        probe.lay()
        probe.lift()
    except (OSError, subprocess.CalledProcessError) as error:
        return f"loop devices cannot be mounted: {error}"
    return ""


def may_slow() -> bool:
    """Tell whether the kernel lets us slow a disk down (cgroup v1, blkio)."""
    return os.geteuid() == 0 and os.access(_CGROUP, os.W_OK)


def _run(name: str, *arguments: str) -> str:
    program = _tool(name) or name
    done = subprocess.run((program, *arguments), check=True, capture_output=True, text=True)
    return done.stdout
