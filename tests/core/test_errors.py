"""The error tree: stable codes, HTTP statuses, and no class that nobody raises."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from satchel import errors
from satchel.errors import HashMismatchError, SatchelError

ROOT = Path(__file__).resolve().parents[2]


def all_classes(base: type[SatchelError] = SatchelError) -> Iterator[type[SatchelError]]:
    yield base
    for child in base.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from all_classes(child)


CLASSES = sorted(set(all_classes()), key=lambda error: error.__name__)


def constructed_names() -> set[str]:
    """Names that some source file of the pack calls, which for an error class is raising it."""
    names = set()
    for folder in ("satchel", "nodes"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    names.add(node.func.id)
    return names


def test_codes_are_unique_and_snake_case():
    codes = [error.__dict__.get("code") for error in CLASSES]

    assert None not in codes  # inherited codes could not be told apart
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(_[a-z]+)*", code) for code in codes)


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_has_an_http_status_of_a_failure(error):
    assert 400 <= error.http_status < 600


def test_every_error_is_raised_somewhere_or_is_a_base():
    bases = {error.__name__ for error in CLASSES if error.__subclasses__()}

    unused = {error.__name__ for error in CLASSES} - bases - constructed_names()

    assert unused == set()


def test_an_error_is_one_json_object():
    error = HashMismatchError("It differs.", hint="Ask the author.", expected="a", actual="b")

    assert json.loads(json.dumps(error.to_json())) == {
        "code": "hash_mismatch",
        "message": "It differs.",
        "hint": "Ask the author.",
        "details": {"expected": "a", "actual": "b"},
    }
