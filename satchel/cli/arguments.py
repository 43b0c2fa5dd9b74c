"""What the `satchel` command accepts."""

from __future__ import annotations

import argparse
from pathlib import Path

from .. import __version__
from . import file_arguments, marketplace_arguments, queue_arguments, workflow_arguments
from .parsers import GRAPH, add_command, add_lock

_EPILOG = """\
examples:
  satchel lock portrait.json --embed                    pins its models: portrait.portable.json
  satchel plan portrait.portable.json                   elsewhere: what is missing there
  satchel install portrait.portable.json -o here.json   gets it; here.json names the files as here
  satchel run portrait.zip --server http://127.0.0.1:8188 --yes -o results
  satchel COMMAND --help                                tells more about each command

exit status: 0 fine, 1 something is missing or differs, 2 bad usage or input, 3 not agreed to (run)

environment (docs/settings.md has them all):
  SATCHEL_MODELS               default of --models
  CIVITAI_API_TOKEN, HF_TOKEN  for files that need a login; or use `satchel auth set`
  SATCHEL_CREDENTIALS          where `satchel auth` keeps tokens
  SATCHEL_CATALOG              where the hashes of files are remembered
  SATCHEL_POLICY               what may be installed here (docs/policy.md)
  SATCHEL_OPERATOR_TOKEN       for `satchel run` on somebody else's server
  SATCHEL_ALLOW_PICKLE         1 allows .ckpt, .pt and the like, which can hold programs
  SATCHEL_TRUSTED_ORIGINS      more hosts that models may come from
  SATCHEL_CIVITAI_URL          another address of Civitai
"""


def parser() -> argparse.ArgumentParser:
    """The whole command line; each command's `command` default names it."""
    root = argparse.ArgumentParser(
        prog="satchel",
        description="ComfyUI workflows that carry their models: pin them here, get them there.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    root.add_argument("--version", action="version", version=f"satchel {__version__}")
    commands = root.add_subparsers(
        dest="command", required=True, metavar="COMMAND", title="commands"
    )
    _add_graph_commands(commands)
    file_arguments.add_arguments(commands)
    workflow_arguments.add_arguments(commands)
    marketplace_arguments.add_arguments(commands)
    queue_arguments.add_arguments(commands)
    return root


def _add_graph_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    lock = _graphs(
        commands, "lock", "name every model of a workflow by its SHA256 and where it is published",
        "satchel lock portrait.json            only show it",
        "satchel lock portrait.json --embed    portrait.portable.json, to give to others",
    )  # fmt: skip
    lock.add_argument("--write", action="store_true", help="write NAME.lock.json beside each graph")
    lock.add_argument(
        "--embed",
        action="store_true",
        help="write a copy that carries its lock: NAME.portable.json, .png or .webp",
    )
    plan = _graphs(
        commands, "plan", "show what a workflow needs, what is here, and where to get the rest",
        "satchel plan portrait.png --models /path/to/ComfyUI",
    )  # fmt: skip
    _add_all(plan)
    install = _graphs(
        commands, "install", "fetch the models that a workflow needs and that are not here",
        "satchel install portrait.json -o here.json",
    )  # fmt: skip
    install.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="write the graph with the names that the models have here (one GRAPH only)",
    )  # fmt: skip
    _add_all(install)
    convert = add_command(
        commands, "convert", "replace other packs' LoRA nodes by Satchel's LoRA Stack",
        "satchel convert old.json                only show what would become of each node",
        "satchel convert old.json -o new.json",
    )  # fmt: skip
    convert.add_argument("graph", type=Path, metavar="GRAPH", help=GRAPH)
    convert.add_argument(
        "-o", "--output", type=Path, metavar="FILE",
        help="write the converted graph; without it, only tell what would become of each node",
    )  # fmt: skip
    _graphs(
        commands, "verify", "hash the models of a workflow anew and compare them with its lock",
        "satchel verify portrait.png",
    )  # fmt: skip


def _add_all(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--all", action="store_true", help="also models that only muted or bypassed nodes use"
    )


def _graphs(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    about: str,
    *examples: str,
) -> argparse.ArgumentParser:
    command = add_command(commands, name, about, *examples)
    command.add_argument("graphs", nargs="+", type=Path, metavar="GRAPH", help=f"{GRAPH}, lock")
    add_lock(command)
    return command
