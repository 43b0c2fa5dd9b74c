"""Text for people: tables, sizes, a progress bar."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from typing import TextIO

from ..progress import Progress

_QUIET_SECONDS = 1.0
_REDRAW_SECONDS = 0.1


def size_text(count: int | None) -> str:
    """Bytes as people read them: `89.2 MB`; `?` when unknown."""
    if count is None:
        return "?"
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def table(rows: Iterable[Sequence[str]]) -> str:
    """Left-aligned columns, two spaces apart."""
    lines = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def plain(text: str) -> str:
    """One line of untrusted text without what could drive a terminal."""
    return "".join(char if char.isprintable() else "?" for char in text)


class ProgressBar:
    """One line on a terminal, for work that takes longer than a second; silent elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._started = time.monotonic()
        self._drawn = 0.0
        self._visible = False

    def report(self, progress: Progress) -> None:
        now = time.monotonic()
        early = now - self._started < _QUIET_SECONDS or now - self._drawn < _REDRAW_SECONDS
        if early or not self._stream.isatty():
            return
        self._drawn, self._visible = now, True
        width = shutil.get_terminal_size().columns - 1
        self._stream.write("\r" + _line(progress)[:width].ljust(width))
        self._stream.flush()

    def clear(self) -> None:
        if self._visible:
            self._stream.write("\r" + " " * (shutil.get_terminal_size().columns - 1) + "\r")
            self._visible = False


def _line(progress: Progress) -> str:
    files = f"[{progress.files_done + 1}/{progress.files_total}] " if progress.files_total else ""
    name = plain(progress.name)
    if not progress.total:
        return f"{files}{progress.state} {name}"
    share = progress.done / progress.total
    bar = "#" * int(share * 20)
    return (
        f"{files}{progress.state} {name} [{bar:<20}] {share:4.0%}"
        f" {size_text(progress.done)} of {size_text(progress.total)}"
    )
