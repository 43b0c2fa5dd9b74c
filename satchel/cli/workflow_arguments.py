"""Arguments of `diff` and `bundle`; light, as help needs no other package."""

from __future__ import annotations

import argparse
from pathlib import Path

from .parsers import add_command


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the commands to the command line."""
    _add_diff(commands)
    _add_bundle(commands)


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
