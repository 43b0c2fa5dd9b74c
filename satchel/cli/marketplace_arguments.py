"""Arguments of `get`, `resolve`, `search` and `auth`; light, as help needs no other package."""

from __future__ import annotations

import argparse

from ..folders import KINDS
from ..settings import SOURCES, WITH_TOKENS
from .parsers import add_command

_SORTS = ("relevance", "downloads", "newest", "rating")


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `get`, `resolve`, `search` and `auth` to the command line."""
    get = add_command(commands, "get", "fetch one model by SHA256, URL or AIR")
    _add_reference(get)
    about = "tell which file a reference means, and where it can be fetched"
    _add_reference(add_command(commands, "resolve", about))
    find = add_command(commands, "search", "look for models by name")
    find.add_argument("query", nargs="*", metavar="QUERY")
    find.add_argument("--source", choices=tuple(SOURCES), metavar="SOURCE", help="default: all")
    find.add_argument(
        "--kind", action="append", default=[], choices=KINDS, metavar="KIND", help="such as loras"
    )
    find.add_argument(
        "--base", action="append", default=[], metavar="MODEL", help='such as "SDXL 1.0"'
    )
    find.add_argument("--tag", action="append", default=[], metavar="TAG")
    find.add_argument("--author", default="", metavar="NAME")
    find.add_argument("--nsfw", action="store_true", help="also what is not for everybody")
    find.add_argument("--sort", choices=_SORTS, default="relevance")
    find.add_argument("--limit", type=int, default=20, metavar="N", help="models per source")
    find.add_argument("--cursor", default="", help="of the page before")
    _add_auth(commands)


def _add_reference(command: argparse.ArgumentParser) -> None:
    command.add_argument("reference", metavar="REF")
    command.add_argument(
        "--to", metavar="KIND", choices=KINDS, help="folder, when REF does not tell"
    )


def _add_auth(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "set, show or forget the tokens of sources"
    command = commands.add_parser("auth", help=about, description=f"{about.capitalize()}.")
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, told in (
        ("set", "store a token, read from the terminal or from stdin"),
        ("status", "say which tokens are set, and where they come from"),
        ("clear", "forget a stored token"),
    ):
        one = actions.add_parser(action, help=told, description=f"{told.capitalize()}.")
        one.add_argument(
            "source", nargs="?" if action == "status" else None, choices=WITH_TOKENS,
            metavar="SOURCE", help=", ".join(WITH_TOKENS),
        )  # fmt: skip
        one.add_argument("--json", action="store_true", help="print JSON instead of text")
        one.set_defaults(models=None)
        if action == "status":
            one.add_argument(
                "--check", action="store_true", help="ask each source whether it accepts its token"
            )
