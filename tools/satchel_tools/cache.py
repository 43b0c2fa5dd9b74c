"""The cache folder outside the checkout: environments that are complete, or not there at all.

    <cache>/<name>-<key>/            one environment; the key is a digest of all its pins
    <cache>/<name>-<key>/complete.json   written last: without it the folder is rubbish
    <cache>/locks/  <cache>/logs/

Virtual environments cannot be moved after they are made, so "make beside, then rename" is no
option: the marker takes its place.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .problems import DiskSpaceError, ToolError, readable_bytes
from .running import say

MARKER = "complete.json"


def cache_root(environ: Mapping[str, str] = os.environ) -> Path:
    """`$SATCHEL_CACHE`, else `satchel-dev` in the user's cache folder of this system."""
    if environ.get("SATCHEL_CACHE"):
        return Path(environ["SATCHEL_CACHE"]).expanduser().absolute()
    if sys.platform == "win32":
        base = Path(environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "satchel-dev"


def interpreter_pins() -> dict[str, str]:
    """What binary packages depend on beside their versions."""
    return {
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "platform": f"{sys.platform}-{platform.machine().lower()}",
    }


def file_pin(path: Path) -> str:
    """A pin for a text file: the digest of its lines, so that line endings do not count."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class Environment:
    """A folder in the cache, named for its pins."""

    root: Path
    name: str
    pins: Mapping[str, str]

    @property
    def key(self) -> str:
        return hashlib.sha256(json.dumps(dict(self.pins), sort_keys=True).encode()).hexdigest()[:12]

    @property
    def directory(self) -> Path:
        return self.root / f"{self.name}-{self.key}"

    @property
    def log(self) -> Path:
        return self.root / "logs" / f"{self.name}-{self.key}.log"

    def is_complete(self) -> bool:
        """Whether the marker is there, whole, and speaks of exactly these pins."""
        try:
            marker = json.loads((self.directory / MARKER).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return False
        return isinstance(marker, dict) and marker.get("pins") == dict(self.pins)

    def provide(
        self,
        build: Callable[[Path], None],
        *,
        needed_bytes: int,
        free_bytes: int | None = None,
    ) -> Path:
        """The finished folder; builds it when it is not there.

        Several processes may ask at once: one builds, the others wait for it.

        Args:
            build: fills the empty folder that it gets; whatever it raises leaves no marker.
            free_bytes: what to take for the free space instead of asking the system.

        Raises:
            DiskSpaceError: before anything was written.
        """
        if self.is_complete():
            return self.directory
        try:
            with locked(self.root / "locks" / f"{self.name}-{self.key}.lock", self.name):
                if not self.is_complete():
                    self._build(build, needed_bytes, free_bytes)
        except PermissionError as error:
            raise ToolError(
                f"The cache folder {self.root} cannot be written to ({error.strerror}); "
                "set SATCHEL_CACHE to another one."
            ) from error
        return self.directory

    def _build(
        self, build: Callable[[Path], None], needed_bytes: int, free_bytes: int | None
    ) -> None:
        started = time.monotonic()
        if self.directory.exists():
            say(f"  {self.name}: removing an unfinished one")
            shutil.rmtree(self.directory)
        require_space(self.root, needed_bytes, f"the {self.name} environment", free_bytes)
        self.log.unlink(missing_ok=True)
        self.directory.mkdir(parents=True)
        build(self.directory)
        seconds = time.monotonic() - started
        size = tree_bytes(self.directory)
        marker = {"pins": dict(self.pins), "seconds": round(seconds, 1), "bytes": size}
        unfinished = self.directory / (MARKER + ".part")
        unfinished.write_text(json.dumps(marker, indent=2), encoding="utf-8")
        unfinished.replace(self.directory / MARKER)
        say(f"  {self.name}: ready in {seconds:.0f} s, {readable_bytes(size)} in {self.directory}")


def require_space(where: Path, needed: int, what: str, free: int | None = None) -> None:
    """Checks the file system of a folder that need not be there yet; sizes in bytes.

    Raises:
        DiskSpaceError: less than `needed` is free.
    """
    existing = where.absolute()
    while not existing.exists():
        existing = existing.parent
    if free is None:
        free = shutil.disk_usage(existing).free
    if free < needed:
        raise DiskSpaceError(what, str(existing), needed, free)


def tree_bytes(directory: Path) -> int:
    """The summed size of all files below a folder, links not followed."""
    return sum(
        os.lstat(os.path.join(parent, name)).st_size
        for parent, _, names in os.walk(directory)
        for name in names
    )


@contextlib.contextmanager
def locked(path: Path, what: str) -> Iterator[None]:
    """Holds an exclusive lock of the operating system, waiting for it when need be.

    The system frees it when the holder dies, so a stale lock cannot exist; the empty file stays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as handle:
        waiting = False
        while not _try_lock(handle.fileno()):
            if not waiting:
                say(f"  {what}: waiting for another process that is making it")
                waiting = True
            time.sleep(0.5)
        try:
            yield
        finally:
            _unlock(handle.fileno())


if sys.platform == "win32":
    import msvcrt

    def _try_lock(descriptor: int) -> bool:
        os.lseek(descriptor, 0, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _try_lock(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _unlock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_UN)
