"""What the `satchel` command accepts."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import __version__
from . import file_arguments, marketplace_arguments, queue_arguments, workflow_arguments
from .parsers import add_command

_EPILOG = """\
exit status: 0 fine, 1 something is missing or differs, 2 bad usage or input, 3 not agreed to (run)

environment: CIVITAI_API_TOKEN, HF_TOKEN and others (for files that need a login; or satchel auth),
SATCHEL_MODELS (default of --models), SATCHEL_CATALOG (where digests are remembered),
SATCHEL_CREDENTIALS (where tokens are), SATCHEL_CIVITAI_URL, SATCHEL_TRUSTED_ORIGINS,
SATCHEL_ALLOW_PICKLE, SATCHEL_POLICY (the operator's rules), SATCHEL_OPERATOR_TOKEN (run)
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line; each command's `command` default names it."""
    root = argparse.ArgumentParser(
        prog="satchel",
        description="Workflows that carry their models.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"satchel {__version__}")
    commands = root.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_graph_commands(commands)
    file_arguments.add_arguments(commands)
    workflow_arguments.add_arguments(commands)
    marketplace_arguments.add_arguments(commands)
    queue_arguments.add_arguments(commands)
    return root


def _add_graph_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    lock = _graphs(commands, "lock", "pin every model of a workflow by its SHA256")
    lock.add_argument("--write", action="store_true", help="write NAME.lock.json beside each graph")
    lock.add_argument(
        "--embed",
        action="store_true",
        help="write NAME.portable.json, .png or .webp beside each graph",
    )
    plan = _graphs(commands, "plan", "show what a workflow needs and where it would come from")
    _add_all(plan)
    install = _graphs(commands, "install", "fetch what is missing, verified by SHA256")
    install.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="write the graph with the names that the models have here (one GRAPH only)",
    )  # fmt: skip
    _add_all(install)
    convert = add_command(commands, "convert", "put LoRA Stacks in the place of other LoRA nodes")
    convert.add_argument("graph", type=Path, metavar="GRAPH", help="workflow: UI or API JSON, PNG")
    convert.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="write the converted graph; without it, only tell what would become of each node",
    )  # fmt: skip
    _graphs(commands, "verify", "hash the models of a workflow again and compare")


def _add_all(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--all", action="store_true", help="also models that only muted or bypassed nodes name"
    )


def _graphs(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str
) -> argparse.ArgumentParser:
    command = add_command(commands, name, about)
    command.add_argument(
        "graphs", nargs="+", type=Path, metavar="GRAPH",
        help="workflow: UI or API JSON, image, bundle, or a lock",
    )  # fmt: skip
    command.add_argument("--lock", type=Path, metavar="FILE", help="lock for a graph without one")
    return command
