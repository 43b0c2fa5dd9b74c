"""Whether a file fits on the disk."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import InsufficientSpaceError

SPARE_BYTES = 64 * 1024 * 1024
"""Left free on the disk, for the catalog and the images."""


def check_space(folder: Path, needed: int) -> None:
    """Raises InsufficientSpaceError when `needed` bytes more would fill the disk."""
    if needed + SPARE_BYTES > shutil.disk_usage(folder).free:
        raise no_space(folder, needed)


def no_space(folder: Path, needed: int) -> InsufficientSpaceError:
    free = shutil.disk_usage(folder).free
    return InsufficientSpaceError(
        f"The disk has {free:,} bytes free, and {needed + SPARE_BYTES:,} are needed.",
        hint="Free some space, or install into another folder.",
        needed=needed + SPARE_BYTES,
        free=free,
    )
