"""What the commands about local files accept."""

from __future__ import annotations

import argparse
from pathlib import Path

from .parsers import add_command, whole_number


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`scan`, `identify`, `find`, `updates` and `trained`."""
    _add_reading(commands)
    _add_asking(commands)


def _add_reading(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`scan` and `identify`, which read files."""
    scan = add_command(
        commands, "scan", "list the model files of this machine",
        "satchel scan loras",
        "satchel scan --look-up      hash all files, and ask marketplaces what they are",
    )  # fmt: skip
    scan.add_argument(
        "kinds", nargs="*", metavar="KIND", help="folder below models, such as loras (default: all)"
    )
    scan.add_argument("--hash", action="store_true", help="hash the files that are not known yet")
    scan.add_argument(
        "--look-up", action="store_true", help="hash them, and ask marketplaces for them by hash"
    )
    scan.add_argument(
        "--previews", action="store_true",
        help="fetch published pictures of models that are known and have none",
    )  # fmt: skip
    identify = add_command(
        commands, "identify", "tell what a model file is, from its own bytes",
        "satchel identify models/loras/ink.safetensors",
    )  # fmt: skip
    identify.add_argument("files", nargs="+", type=Path, metavar="FILE", help="model file")
    identify.add_argument(
        "--all-digests", action="store_true", help="also the hashes AutoV1, BLAKE3 and CRC32"
    )
    identify.add_argument(
        "--explain", action="store_true",
        help="say how the architecture and the key format of a LoRA were told",
    )  # fmt: skip


def _add_asking(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """`find`, `updates` and `trained`, which tell of files by what is known."""
    find = add_command(
        commands, "find", "find model files that are here by hash, AIR, name, size or words",
        'satchel find "ink wash" --kind loras',
        "satchel find 80c7770bd7c0",
    )  # fmt: skip
    find.add_argument(
        "query",
        metavar="QUERY",
        help="hash or its beginning, AIR such as civitai:1@2, file name, bytes, or words",
    )
    find.add_argument(
        "--kind",
        action="append",
        metavar="KIND",
        help="only this folder, such as loras; repeatable",
    )
    find.add_argument(
        "--limit",
        type=whole_number,
        default=50,
        metavar="N",
        help="at most so many (default: %(default)s)",
    )
    updates = add_command(
        commands, "updates", "ask marketplaces which files here have a newer version",
        "satchel updates loras",
    )  # fmt: skip
    updates.add_argument(
        "kinds", nargs="*", metavar="KIND", help="folder below models, such as loras (default: all)"
    )
    updates.add_argument(
        "--known-only", action="store_true", help="only files whose page is known: sends no hashes"
    )
    trained = add_command(
        commands, "trained", "list the LoRAs that local trainings made, the newest first",
        "satchel trained ~/ai-toolkit/output",
    )  # fmt: skip
    trained.add_argument(
        "folder",
        type=Path,
        metavar="FOLDER",
        help="where a trainer (kohya, ai-toolkit, ...) writes",
    )
