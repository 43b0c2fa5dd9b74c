"""The shape of the command: its help, its arguments, what is no usage."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Iterator

import pytest
from support.command_line import Run

from satchel import __version__
from satchel.cli.arguments import parser

COMMANDS = (
    "lock", "plan", "install", "diff", "bundle", "run", "convert", "verify", "scan", "identify",
    "find", "updates", "get",
)  # fmt: skip


def test_help_names_every_command(run: Run):
    outcome = run("--help")

    assert outcome.status == 0
    assert all(command in outcome.out for command in COMMANDS)
    assert "exit status: 0 fine" in outcome.out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_and_the_common_options(run: Run, command: str):
    outcome = run(command, "--help")

    assert outcome.status == 0
    assert "--json" in outcome.out
    assert ("--models" in outcome.out) is (command != "run")  # whose models are the server's


def parsers(found: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield found
    for action in found._actions:
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                yield from parsers(below)


def test_every_argument_of_every_command_says_what_it_is():
    silent = [
        f"{found.prog} {action.metavar or action.dest}"
        for found in parsers(parser())
        for action in found._actions
        if not action.help and not isinstance(action, argparse._SubParsersAction)
    ]

    assert silent == []


def test_the_examples_in_the_help_are_commands_that_are_accepted():
    examples = [
        line.strip().partition("   ")[0]
        for found in parsers(parser())
        for line in (found.epilog or "").splitlines()
        if line.startswith("  satchel ") and "COMMAND" not in line
    ]

    assert len(examples) > 20
    for example in examples:
        parser().parse_args(shlex.split(example)[1:])  # exits where it is none


def test_the_version_is_printed(run: Run):
    assert run("--version").out == f"satchel {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [[], ["fly"], ["plan"], ["lock"], ["identify"], ["get"], ["plan", "--fast", "x.json"],
     ["get", "x", "--to", "custom_nodes"]],
)  # fmt: skip
def test_bad_usage_is_status_2(run: Run, arguments: list[str]):
    outcome = run(*arguments)

    assert outcome.status == 2
    assert outcome.out == ""
    assert "usage: satchel" in outcome.err
