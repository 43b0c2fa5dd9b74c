"""`satchel auth`: tokens of sources, in a file that only its owner can read.

A token is read from the terminal or from stdin, never from an argument: those are in the list of
processes and in the shell's history. None is ever printed.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Mapping

from ..marketplaces.base import TokenState
from ..settings import WITH_TOKENS
from ..tokens import forget_token, store_token, token_statuses
from ..workspace import Workspace
from .result import Command, Result
from .terminal import table

_STATE_TEXTS: Mapping[TokenState, str] = {
    "unset": "no token",
    "accepted": "the source accepts it",
    "refused": "the source does not accept it",
    "unknown": "the source did not say",
}


def auth(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    """Sets, shows or forgets tokens."""
    return _ACTIONS[arguments.action](arguments, workspace)


def _set(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    source: str = arguments.source
    if sys.stdin.isatty():
        text = getpass.getpass(f"Token for {source} (not shown): ")
    else:
        text = sys.stdin.readline(1 << 16)
    file = store_token(source, text)
    complaints = []
    known = workspace.settings.source(source)
    if known.token_from not in ("", "file"):
        complaints.append(f"{known.token_from} is set, too, and counts before the file.")
    text = f"Stored the token of {source} in {file.path}."
    return Result({"source": source, "set": True}, text, 0, tuple(complaints))


def _clear(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    source: str = arguments.source
    cleared = forget_token(source)
    known = workspace.settings.source(source)
    text = f"Forgot the token of {source}." if cleared else f"No token of {source} was stored."
    complaints = []
    if known.token_from not in ("", "file"):
        complaints.append(f"{known.token_from} is still set.")
    return Result({"source": source, "cleared": cleared}, text, 0, tuple(complaints))


def _status(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    wanted = [arguments.source] if arguments.source else WITH_TOKENS
    statuses = token_statuses(workspace, wanted, check=arguments.check)
    rows = []
    for status in statuses:
        told = "set" if status.is_set else "not set"
        if status.is_set and status.state is not None:
            told = f"{told}; {_STATE_TEXTS[status.state]}"
        rows.append((status.source, told, f"from {status.origin}" if status.is_set else ""))
    refused = any(status.state == "refused" for status in statuses)
    return Result([status.to_json() for status in statuses], table(rows), int(refused))


_ACTIONS: Mapping[str, Command] = {"set": _set, "status": _status, "clear": _clear}


COMMANDS: Mapping[str, Command] = {"auth": auth}
