"""What the commands' arguments have in common."""

from __future__ import annotations

import argparse
from pathlib import Path

REFERENCE = "SHA256, address of a page or a file, or AIR such as civitai:1@2 (docs/references.md)"
GRAPH = "workflow: .json (saved, or exported for the API), image that carries one, bundle"


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    about: str,
    *examples: str,
) -> argparse.ArgumentParser:
    """Adds a command that knows `--json` and `--models`; its help ends with the examples."""
    command = commands.add_parser(
        name, help=about, description=sentence(about),
        epilog="\n  ".join(["examples:", *examples]) if examples else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.add_argument("--json", action="store_true", help="print JSON instead of text")
    command.add_argument(
        "--models", type=Path, metavar="DIR",
        help="ComfyUI folder, models folder or extra_model_paths.yaml (default: SATCHEL_MODELS, or"
        " the ComfyUI that satchel is installed in or started from)",
    )  # fmt: skip
    return command


def whole_number(text: str) -> int:
    """For `type=`: an integer that a database can hold.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text[:40]!r} is no whole number") from None
    if abs(number) >= 1 << 63:
        raise argparse.ArgumentTypeError("the number is too large")
    return number


def sentence(about: str) -> str:
    """What a command does, as its help begins."""
    return about[0].upper() + about[1:] + "."


def add_lock(command: argparse.ArgumentParser) -> None:
    """Adds `--lock`."""
    command.add_argument(
        "--lock", type=Path, metavar="FILE",
        help="lock of a GRAPH that carries none (default: NAME.lock.json beside it, if there)",
    )  # fmt: skip
