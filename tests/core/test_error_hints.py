"""Whoever gets an error is told what to do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from satchel import errors

ROOT = Path(__file__).parents[2]
# A reason why one node is kept as it is: the summary of the conversion says what can be done.
WITHOUT = {"ConversionError"}
TYPED = {
    name
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, errors.SatchelError)
} - WITHOUT
# Never seen by a person: a preview that went away between two looks is no preview.
UNSEEN = {"nodes/thumbnails.py"}


def without_hint(source: str) -> list[int]:
    """Lines that raise one of our errors with a sentence of their own, but no hint."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id in TYPED
        and node.exc.args
        and not any(keyword.arg in ("hint", None) for keyword in node.exc.keywords)
    ]


@pytest.mark.parametrize("folder", ["satchel", "nodes"])
def test_every_error_has_a_hint(folder: str):
    found = {
        path.relative_to(ROOT).as_posix(): lines
        for path in sorted((ROOT / folder).rglob("*.py"))
        if (lines := without_hint(path.read_text(encoding="utf-8")))
    }

    assert {path: lines for path, lines in found.items() if path not in UNSEEN} == {}


def test_an_error_without_a_hint_would_be_noticed():
    assert "InvalidInputError" in TYPED
    assert without_hint('raise InvalidInputError("It is wrong.")') == [1]
    assert without_hint('raise InvalidInputError("It is wrong.", hint="Mend it.")') == []
    assert without_hint("raise InvalidInputError(*known, **more)") == []
