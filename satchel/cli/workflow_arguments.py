"""Arguments of `diff`, `bundle` and `run`; light, as help needs no other package."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

from .parsers import add_command, add_lock


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands to the command line."""
    _add_diff(commands)
    _add_bundle(commands)
    _add_run(commands)


def _add_diff(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    diff = add_command(
        commands, "diff", "compare two locks, or a lock with this machine",
        "satchel diff portrait.png                with what is here",
        "satchel diff old.lock.json new.lock.json",
    )  # fmt: skip
    diff.description = (
        "Compare two locks, or a lock with this machine. Lines begin with\n+ (added), - (missing)"
        " or ~ (changed); the exit status is 0 when nothing\ndiffers, else 1."
    )
    diff.add_argument("old", type=Path, metavar="LOCK", help="lock, or a graph that carries one")
    diff.add_argument("new", type=Path, nargs="?", metavar="OTHER",
                      help="the same (default: this machine)")  # fmt: skip
    diff.add_argument("--lock", type=Path, metavar="FILE", help="lock for a graph without one")


def _add_bundle(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    bundle = add_command(
        commands, "bundle", "pack a workflow into one .zip, or unpack one",
        "satchel bundle portrait.json --with-models -o portrait.zip",
        "satchel bundle --open portrait.zip -o portrait",
    )  # fmt: skip
    bundle.description = (
        "Pack a workflow into one .zip: graph, lock, the images that it loads, and its\nmodels with"
        " --with-models. With --open, unpack such a .zip."
    )
    bundle.add_argument(
        "graph", type=Path, metavar="GRAPH", help="workflow, or with --open a bundle"
    )
    bundle.add_argument(
        "-o", "--output", type=Path, metavar="PATH",
        help="the .zip to write, with --open the folder (default: NAME.zip or NAME beside GRAPH)",
    )  # fmt: skip
    bundle.add_argument("--with-models", action="store_true", help="put the models in, too")
    bundle.add_argument(
        "--inputs",
        type=Path,
        metavar="DIR",
        help="folder of the images that the graph loads (default: ComfyUI's input)",
    )
    add_lock(bundle)
    bundle.add_argument(
        "--open",
        action="store_true",
        help="unpack a bundle; nothing is written over a file that exists",
    )


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser(
        "run", help="run a workflow on a ComfyUI server, which gets its models first",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    run.set_defaults(models=None)  # they are the server's
    run.add_argument("--json", action="store_true", help="print JSON instead of text")
    run.description = (
        "Run a workflow on a ComfyUI server with Satchel: bring it the models that it lacks,\n"
        "from a bundle or from where they are published, queue the workflow, wait, and save what\n"
        "it made."
    )
    run.epilog = (
        "examples:\n"
        "  satchel run portrait.png --dry-run\n"
        "  satchel run portrait.zip --server http://host:8188 --yes --max-bytes 20GB -o results\n\n"
        "exit status: 0 it ran, 1 a model is missing or the run failed, 2 bad usage or input,\n"
        "3 models would have to be fetched or uploaded, and that was not agreed to (--yes,\n"
        "--max-bytes)\n\n"
        "environment: SATCHEL_OPERATOR_TOKEN, for a server on another machine (docs/policy.md)"
    )
    run.add_argument(
        "graph", type=Path, metavar="GRAPH",
        help="workflow that was exported for the API: .json, an image that carries it, or a bundle",
    )  # fmt: skip
    run.add_argument(
        "--server",
        default="http://127.0.0.1:8188",
        metavar="URL",
        help="ComfyUI with Satchel (default: %(default)s)",
    )
    add_lock(run)
    run.add_argument(
        "--dry-run", action="store_true", help="only show what would be fetched and uploaded"
    )
    run.add_argument(
        "--yes", action="store_true", help="fetch and upload what is missing without asking"
    )
    run.add_argument(
        "--max-bytes",
        type=_bytes,
        metavar="N",
        help="fetch and upload no more than this altogether, such as 20GB (default: no limit)",
    )
    run.add_argument("--all", action="store_true",
                     help="also models that only muted or bypassed nodes use")  # fmt: skip
    run.add_argument("-o", "--output", type=Path, metavar="DIR",
                     help="save the outputs there (default: they stay on the server)")  # fmt: skip


_UNITS = {"": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}


def _bytes(text: str) -> int:
    """Bytes as people write them."""
    match = re.fullmatch(r"(\d{1,15}(?:\.\d{1,6})?) ?([kmgt]b)?", text.strip().lower())
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no size; write it like 20GB")
    return int(float(match[1]) * _UNITS[match[2] or ""])
