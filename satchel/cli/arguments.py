"""What the `satchel` command accepts."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import __version__
from ..folders import KINDS
from .queue_arguments import add_queue_arguments

_EPILOG = """\
exit status: 0 fine, 1 something is missing or differs, 2 bad usage or input

environment: CIVITAI_API_TOKEN (for files that need a login), SATCHEL_MODELS (default of --models),
SATCHEL_CATALOG (where digests are remembered), SATCHEL_CIVITAI_URL, SATCHEL_TRUSTED_ORIGINS,
SATCHEL_ALLOW_PICKLE
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
    _add_file_commands(commands)
    return root


def _add_graph_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    lock = _graphs(commands, "lock", "pin every model of a workflow by its SHA256")
    lock.add_argument("--write", action="store_true", help="write NAME.lock.json beside each graph")
    lock.add_argument(
        "--embed", action="store_true", help="write NAME.portable.json or .png beside each graph"
    )
    _graphs(commands, "plan", "show what a workflow needs and where it would come from")
    install = _graphs(commands, "install", "fetch what is missing, verified by SHA256")
    install.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="write the graph with the names that the models have here (one GRAPH only)",
    )  # fmt: skip
    _graphs(commands, "verify", "hash the models of a workflow again and compare")


def _add_file_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    scan = _command(commands, "scan", "list the model files of this machine")
    scan.add_argument("kinds", nargs="*", metavar="KIND", help="such as loras; default: all")
    scan.add_argument("--hash", action="store_true", help="hash the files that are not known yet")
    scan.add_argument(
        "--look-up", action="store_true", help="and ask marketplaces what they are, by digest"
    )
    identify = _command(commands, "identify", "tell what a model file is, from its own bytes")
    identify.add_argument("files", nargs="+", type=Path, metavar="FILE")
    identify.add_argument(
        "--all-digests", action="store_true", help="AutoV1, BLAKE3 and CRC32, too"
    )
    _add_search_commands(commands)
    get = _command(commands, "get", "fetch one model by SHA256, Civitai URL or AIR")
    get.add_argument("reference", metavar="REF")
    get.add_argument("--to", metavar="KIND", choices=KINDS, help="folder, when REF does not tell")
    add_queue_arguments(_command(commands, "queue", "look at the download queue, and work on it"))


def _add_search_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    find = _command(
        commands, "find", "find files that are here by digest, AIR, name, size or words"
    )
    find.add_argument("query", metavar="QUERY")
    find.add_argument("--kind", action="append", metavar="KIND", help="look only there; repeatable")
    find.add_argument("--limit", type=int, default=50, metavar="N", help="50 if not given")
    updates = _command(commands, "updates", "ask which files have a newer published version")
    updates.add_argument("kinds", nargs="*", metavar="KIND", help="such as loras; default: all")
    updates.add_argument(
        "--known-only", action="store_true", help="send no digests: only models that are known"
    )


def _graphs(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str
) -> argparse.ArgumentParser:
    command = _command(commands, name, about)
    command.add_argument(
        "graphs", nargs="+", type=Path, metavar="GRAPH",
        help="workflow: UI or API JSON, PNG, or a lock",
    )  # fmt: skip
    command.add_argument("--lock", type=Path, metavar="FILE", help="lock for a graph without one")
    return command


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=about, description=about[0].upper() + about[1:] + ".")
    command.add_argument("--json", action="store_true", help="print JSON instead of text")
    command.add_argument(
        "--models", type=Path, metavar="DIR",
        help="models folder, ComfyUI folder or extra_model_paths.yaml",
    )  # fmt: skip
    return command
