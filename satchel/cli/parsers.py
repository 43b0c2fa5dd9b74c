"""What the commands' arguments have in common."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str
) -> argparse.ArgumentParser:
    """Adds a command that knows `--json` and `--models`."""
    command = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
    command.add_argument("--json", action="store_true", help="print JSON instead of text")
    command.add_argument(
        "--models", type=Path, metavar="DIR",
        help="models folder, ComfyUI folder or extra_model_paths.yaml",
    )  # fmt: skip
    return command
