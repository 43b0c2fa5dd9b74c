"""Arguments of `diff`, `bundle` and `run`; light, as help needs no other package."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from .parsers import add_command


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands to the command line."""
    _add_diff(commands)
    _add_bundle(commands)
    _add_run(commands)


def _add_diff(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    diff = add_command(commands, "diff", "compare two locks, or a lock with this machine")
    diff.description = (
        "Compare two locks, or a lock with this machine. Lines begin with + (added), - (missing)"
        " or ~ (changed); the exit status is 0 when nothing differs, else 1."
    )
    diff.add_argument("old", type=Path, metavar="LOCK", help="lock, or a graph that carries one")
    diff.add_argument("new", type=Path, nargs="?", metavar="OTHER", help="default: this machine")
    diff.add_argument("--lock", type=Path, metavar="FILE", help="lock for a LOCK without one")


def _add_bundle(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bundle = add_command(commands, "bundle", "pack a workflow into one .zip, or unpack one")
    bundle.description = (
        "Pack a workflow into one .zip: graph, lock, the images that it loads, and its models with"
        " --with-models. With --open, unpack such a .zip."
    )
    bundle.add_argument("graph", type=Path, metavar="GRAPH", help="workflow; with --open a bundle")
    bundle.add_argument(
        "-o", "--output", type=Path, metavar="PATH",
        help="the .zip to write; with --open the folder (default: beside GRAPH)",
    )  # fmt: skip
    bundle.add_argument("--with-models", action="store_true", help="put the models in, too")
    bundle.add_argument(
        "--inputs", type=Path, metavar="DIR", help="where the images are that the graph loads"
    )
    bundle.add_argument("--lock", type=Path, metavar="FILE", help="lock for a graph without one")
    bundle.add_argument("--open", action="store_true", help="unpack a bundle, never over a file")


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run", help="run a workflow on a server, which fetches its models first",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    run.set_defaults(models=None)  # they are the server's
    run.add_argument("--json", action="store_true", help="print JSON instead of text")
    run.description = (
        "Run a workflow on a ComfyUI server with Satchel: plan there, install there what is\n"
        "missing, queue it, wait, and save what it made."
    )
    run.epilog = (
        "exit status: 0 it ran, 1 a model is missing or the run failed, 2 bad usage or input,\n"
        "3 something would have to be fetched and was not agreed to (--yes, --max-bytes)\n\n"
        "environment: SATCHEL_OPERATOR_TOKEN, for servers on other machines (docs/policy.md)"
    )
    run.add_argument(
        "graph", type=Path, metavar="GRAPH",
        help="workflow with its API graph: API JSON, image or bundle",
    )  # fmt: skip
    run.add_argument(
        "--server", default="http://127.0.0.1:8188", metavar="URL", help="default: %(default)s"
    )
    run.add_argument("--lock", type=Path, metavar="FILE", help="lock for a graph without one")
    run.add_argument("--dry-run", action="store_true", help="only show what would be fetched")
    run.add_argument("--yes", action="store_true", help="fetch what is missing without asking")
    run.add_argument(
        "--max-bytes", type=_bytes, metavar="N", help="fetch no more than this, such as 20GB"
    )
    run.add_argument("--all", action="store_true",
                     help="also models that only muted or bypassed nodes name")  # fmt: skip
    run.add_argument("-o", "--output", type=Path, metavar="DIR", help="save the outputs there")


_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def _bytes(text: str) -> int:
    """Bytes as people write them."""
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?) ?([kmgt]b)?", text.strip().lower())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it like 20GB")
    return int(float(match[1]) * _UNITS[match[2] or ""])
