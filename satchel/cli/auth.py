"""`satchel auth`: tokens of sources, in a file that only its owner can read.

A token is read from the terminal or from stdin, never from an argument: those are in the list of
processes and in the shell's history. None is ever printed.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Mapping

from ..credentials import CredentialFile, checked_token, credentials_path
from ..errors import InvalidInputError
from ..marketplaces.base import TokenState
from ..settings import WITH_TOKENS
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
    token = checked_token("The token", text)
    if not token:
        raise InvalidInputError(
            "No token was given.",
            hint=f"Type it when asked, or pipe it: satchel auth set {source} < file-with-the-token",
        )
    file = _file()
    file.set(source, token)
    complaints = []
    known = workspace.settings.source(source)
    if known.token_from not in ("", "file"):
        complaints.append(f"{known.token_from} is set, too, and counts before the file.")
    text = f"Stored the token of {source} in {file.path}."
    return Result({"source": source, "set": True}, text, 0, tuple(complaints))


def _clear(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    source: str = arguments.source
    cleared = _file().clear(source)
    known = workspace.settings.source(source)
    text = f"Forgot the token of {source}." if cleared else f"No token of {source} was stored."
    complaints = []
    if known.token_from not in ("", "file"):
        complaints.append(f"{known.token_from} is still set.")
    return Result({"source": source, "cleared": cleared}, text, 0, tuple(complaints))


def _status(arguments: argparse.Namespace, workspace: Workspace) -> Result:
    wanted = [arguments.source] if arguments.source else list(WITH_TOKENS)
    resolver = workspace.resolver()
    made = {market.kind: market for market in resolver.marketplaces}
    values, rows = [], []
    for source in wanted:
        known = workspace.settings.source(source)
        value = {"source": source, "set": known.token is not None, "from": known.token_from or None}
        told = "set" if known.token else "not set"
        if arguments.check:
            state: TokenState = made[source].check_token() if source in made else "unknown"
            value["state"] = state if known.token else "unset"
            told = f"{told}; {_STATE_TEXTS[state]}" if known.token else told
        values.append(value)
        rows.append((source, told, f"from {known.token_from}" if known.token else ""))
    refused = any(value.get("state") == "refused" for value in values)
    return Result(values, table(rows), 1 if refused else 0)


_ACTIONS: Mapping[str, Command] = {"set": _set, "status": _status, "clear": _clear}


def _file() -> CredentialFile:
    path = credentials_path(os.environ)
    if path is None:
        raise InvalidInputError(
            "There is no place for a file of tokens.",
            hint="Name one with SATCHEL_CREDENTIALS, or set the token in the environment.",
        )
    return CredentialFile(path)


COMMANDS: Mapping[str, Command] = {"auth": auth}
