"""The `satchel` command."""

from __future__ import annotations

from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0 fine, 1 missing or differing, 2 bad."""
    from .run import run

    return run(argv)
