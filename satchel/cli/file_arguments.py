"""What the commands about local files accept."""

from __future__ import annotations

import argparse
from pathlib import Path

from .parsers import add_command


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`scan`, `identify`, `find`, `updates` and `trained`."""
    scan = add_command(commands, "scan", "list the model files of this machine")
    scan.add_argument("kinds", nargs="*", metavar="KIND", help="such as loras; default: all")
    scan.add_argument("--hash", action="store_true", help="hash the files that are not known yet")
    scan.add_argument(
        "--look-up", action="store_true", help="and ask marketplaces what they are, by digest"
    )
    identify = add_command(commands, "identify", "tell what a model file is, from its own bytes")
    identify.add_argument("files", nargs="+", type=Path, metavar="FILE")
    identify.add_argument(
        "--all-digests", action="store_true", help="AutoV1, BLAKE3 and CRC32, too"
    )
    identify.add_argument(
        "--explain", action="store_true",
        help="say why a LoRA is of no other architecture, and in no other dialect",
    )  # fmt: skip
    find = add_command(
        commands, "find", "find files that are here by digest, AIR, name, size or words"
    )
    find.add_argument("query", metavar="QUERY")
    find.add_argument("--kind", action="append", metavar="KIND", help="look only there; repeatable")
    find.add_argument("--limit", type=int, default=50, metavar="N", help="50 if not given")
    updates = add_command(commands, "updates", "ask which files have a newer published version")
    updates.add_argument("kinds", nargs="*", metavar="KIND", help="such as loras; default: all")
    updates.add_argument(
        "--known-only", action="store_true", help="send no digests: only models that are known"
    )
    trained = add_command(commands, "trained", "find the newest weights of local trainings")
    trained.add_argument("folder", type=Path, metavar="FOLDER")
