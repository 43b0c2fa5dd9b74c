"""What `satchel queue` accepts."""

from __future__ import annotations

import argparse

from ..folders import KINDS
from .parsers import REFERENCE, add_command, sentence, whole_number

_ID = "number of a download, as `satchel queue` lists it"


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `queue` and its actions to the command line."""
    command = add_command(
        commands, "queue", "show the download queue, add to it, work through it",
        "satchel queue add https://civitai.com/models/1?modelVersionId=2",
        "satchel queue run",
    )  # fmt: skip
    actions = command.add_subparsers(dest="action", metavar="ACTION")
    _action(actions, "list", "show the queue (the default)")
    add = _action(actions, "add", "append a model by SHA256, address or AIR")
    add.add_argument("reference", metavar="REF", help=REFERENCE)
    add.add_argument(
        "--to", metavar="KIND", choices=KINDS,
        help="model folder such as loras, when REF does not tell",
    )  # fmt: skip
    add.add_argument(
        "--priority", type=whole_number, default=0, metavar="N",
        help="higher ones are fetched first (default: %(default)s)",
    )  # fmt: skip
    _action(actions, "run", "fetch until nothing is left to fetch")
    for name, about in (
        ("pause", "stop a download, and keep what has arrived"),
        ("resume", "let a paused or failed download go on"),
        ("cancel", "end a download, and delete what has arrived"),
    ):
        _action(actions, name, about).add_argument(
            "ids", nargs="+", type=whole_number, metavar="ID", help=_ID
        )
    move = _action(actions, "move", "put a download before another one, or at the end")
    move.add_argument("id", type=whole_number, metavar="ID", help=_ID)
    move.add_argument("--before", type=whole_number, metavar="ID", help="default: at the end")
    priority = _action(actions, "priority", "change the priority of a download")
    priority.add_argument("id", type=whole_number, metavar="ID", help=_ID)
    priority.add_argument(
        "priority", type=whole_number, metavar="N", help="higher ones are fetched first"
    )
    limits = _action(actions, "limits", "show or change how much is fetched at once")
    limits.add_argument("--total", type=whole_number, metavar="N", help="files at once")
    limits.add_argument(
        "--per-host", type=whole_number, metavar="N", help="files at once from one host"
    )
    limits.add_argument(
        "--connections", type=whole_number, metavar="N", help="connections for one file"
    )
    limits.add_argument(
        "--bandwidth", metavar="RATE", help="bytes per second, such as 2M or 500k; none: no limit"
    )
    _action(actions, "clear", "take what is done or cancelled off the list; files stay")
    _action(actions, "clean", "delete unfinished files that nothing has wanted for 14 days")
    for action in actions.choices.values():  # wherever it stands; the command's own is the default
        action.add_argument(
            "--json",
            action="store_true",
            default=argparse.SUPPRESS,
            help="print JSON instead of text",
        )


def _action(
    actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str
) -> argparse.ArgumentParser:
    return actions.add_parser(name, help=about, description=sentence(about))
