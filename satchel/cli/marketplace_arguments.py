"""Arguments of `get`, `resolve`, `search` and `auth`; light, as help needs no other package."""

from __future__ import annotations

import argparse

from ..folders import KINDS
from ..settings import SOURCES, WITH_TOKENS
from .parsers import REFERENCE, add_command, sentence, whole_number

_SORTS = ("relevance", "downloads", "newest", "rating")


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `get`, `resolve`, `search` and `auth` to the command line."""
    get = add_command(
        commands, "get", "fetch one model by SHA256, address or AIR",
        "satchel get https://civitai.com/models/1?modelVersionId=2",
        "satchel get hf://owner/name@main/ink.safetensors --to loras",
    )  # fmt: skip
    _add_reference(get)
    resolve = add_command(
        commands, "resolve", "tell which file a reference means, and where it can be fetched",
        "satchel resolve civitai:1@2",
    )  # fmt: skip
    _add_reference(resolve)
    find = add_command(
        commands, "search", "look for models on marketplaces",
        'satchel search "ink wash" --kind loras --base Illustrious',
    )  # fmt: skip
    find.add_argument("query", nargs="*", metavar="QUERY", help="words")
    find.add_argument(
        "--source", choices=tuple(SOURCES), metavar="SOURCE",
        help=f"only there: {', '.join(SOURCES)} (default: all that can be searched)",
    )  # fmt: skip
    find.add_argument(
        "--kind",
        action="append",
        default=[],
        choices=KINDS,
        metavar="KIND",
        help="only of this folder, such as loras; repeatable",
    )
    find.add_argument(
        "--base",
        action="append",
        default=[],
        metavar="MODEL",
        help='only for this base model, such as "SDXL 1.0"; repeatable',
    )
    find.add_argument(
        "--tag", action="append", default=[], metavar="TAG", help="only with it; repeatable"
    )
    find.add_argument("--author", default="", metavar="NAME", help="only by this user")
    find.add_argument("--nsfw", action="store_true", help="also results that are not safe for work")
    find.add_argument("--sort", choices=_SORTS, default="relevance", help="default: %(default)s")
    find.add_argument(
        "--limit",
        type=whole_number,
        default=20,
        metavar="N",
        help="models per source (default: %(default)s)",
    )
    find.add_argument(
        "--cursor", default="", metavar="TEXT", help="go on after the page that ended with it"
    )
    _add_auth(commands)


def _add_reference(command: argparse.ArgumentParser) -> None:
    command.add_argument("reference", metavar="REF", help=REFERENCE)
    command.add_argument(
        "--to",
        metavar="KIND",
        choices=KINDS,
        help="model folder such as loras, when REF does not tell",
    )


def _add_auth(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    about = "set, show or forget the tokens with which marketplaces know you"
    command = commands.add_parser("auth", help=about, description=sentence(about))
    actions = command.add_subparsers(dest="action", required=True, metavar="ACTION")
    for action, told in (
        ("set", "store a token, read from the terminal or from stdin"),
        ("status", "say which tokens are set, and where they come from"),
        ("clear", "forget a stored token"),
    ):
        one = actions.add_parser(action, help=told, description=sentence(told))
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
