"""What `satchel queue` accepts."""

from __future__ import annotations

import argparse

from ..folders import KINDS
from .parsers import add_command


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `queue` and its actions to the command line."""
    command = add_command(commands, "queue", "look at the download queue, and work on it")
    actions = command.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", help="show it (the default)")
    add = actions.add_parser("add", help="append a model by SHA256, URL or AIR")
    add.add_argument("reference", metavar="REF")
    add.add_argument("--to", metavar="KIND", choices=KINDS, help="folder, when REF does not tell")
    add.add_argument("--priority", type=int, default=0, metavar="N", help="higher ones first")
    actions.add_parser("run", help="fetch until nothing is left to fetch")
    for name, about in (
        ("pause", "keep what has arrived and start no more"),
        ("resume", "let it run again, also after a failure"),
        ("cancel", "end it and delete what has arrived"),
    ):
        actions.add_parser(name, help=about).add_argument("ids", nargs="+", type=int, metavar="ID")
    move = actions.add_parser("move", help="put it before another one, or at the end")
    move.add_argument("id", type=int, metavar="ID")
    move.add_argument("--before", type=int, metavar="ID")
    priority = actions.add_parser("priority", help="change its priority")
    priority.add_argument("id", type=int, metavar="ID")
    priority.add_argument("priority", type=int, metavar="N")
    limits = actions.add_parser("limits", help="show or change how much runs at once")
    limits.add_argument("--total", type=int, metavar="N", help="files at once")
    limits.add_argument("--per-host", type=int, metavar="N", help="files at once from one host")
    limits.add_argument("--connections", type=int, metavar="N", help="connections for one file")
    limits.add_argument("--bandwidth", metavar="RATE", help="bytes per second (2M, 500k), or none")
    actions.add_parser("clear", help="forget what is done or cancelled")
    actions.add_parser("clean", help="delete unfinished files that nothing has wanted for 14 days")
    for action in actions.choices.values():  # wherever it stands; the command's own is the default
        action.add_argument(
            "--json", action="store_true", default=argparse.SUPPRESS, help="print JSON"
        )
