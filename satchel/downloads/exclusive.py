"""One writer per unfinished file, across threads and processes; the others wait and watch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

WATCH_S = 0.25


@contextmanager
def exclusive(part: Path, watch: Callable[[], None]) -> Iterator[None]:
    """Holds the lock of a part; the lock of a process that was killed is free.

    Args:
        watch: called while another one holds it; ends the wait by raising.
    """
    path = part.with_suffix(".lock")
    lock = FileLock(path)
    while True:
        try:
            lock.acquire(timeout=WATCH_S, poll_interval=0.05)
            break
        except Timeout:
            watch()
    try:
        yield
    finally:
        if os.name == "nt":  # an open file cannot be deleted there
            lock.release()
        # Deleted while it is held: who opened it meanwhile finds it gone, and does not hold it too.
        with suppress(OSError):
            path.unlink()
        lock.release()


def is_held(part: Path) -> bool:
    """Whether somebody is writing an unfinished file right now."""
    path = part.with_suffix(".lock")
    if not path.exists():
        return False
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False
