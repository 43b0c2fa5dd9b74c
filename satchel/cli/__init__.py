"""The `satchel` command."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status: 0 fine, 1 missing or differing, 2 bad."""
    from .arguments import parser

    arguments = parser().parse_args(argv)
    try:
        from .run import run
    except ModuleNotFoundError as error:
        if (error.name or "").startswith(__name__.partition(".")[0]):
            raise
        print(
            f"satchel: this Python has no {error.name}.\n"
            "  Run it with ComfyUI's Python, which has all that is needed, or pip install Satchel.",
            file=sys.stderr,
        )
        return 2
    return run(arguments)
