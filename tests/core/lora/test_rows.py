from __future__ import annotations

import math

import pytest

from satchel.errors import LoraRowError
from satchel.lora.rows import MAX_ROWS, LoraRow, parse_rows
from satchel.lora.window import Window


def test_rows_are_ordered_by_number_and_gaps_are_fine():
    rows = parse_rows({"lora_10": "c", "lora_2": "b", "strength_model_2": 0.5, "lora_1": "a"})

    assert [(row.number, row.name) for row in rows] == [(1, "a"), (2, "b"), (10, "c")]


def test_no_inputs_are_no_rows():
    assert parse_rows({}) == []


@pytest.mark.parametrize(
    ("inputs", "row"),
    [
        ({"lora_1": "a"}, LoraRow(1, True, "a", 1.0, 1.0, "")),
        ({"lora_1": "a", "strength_model_1": 0.5}, LoraRow(1, True, "a", 0.5, 0.5, "")),
        (
            {"lora_1": "a", "strength_model_1": 0.5, "strength_clip_1": -10},
            LoraRow(1, True, "a", 0.5, -10.0, ""),
        ),
        ({"lora_1": "a", "strength_clip_1": 0}, LoraRow(1, True, "a", 1.0, 0.0, "")),
        # The host's own FLOAT inputs take text that is a number.
        ({"lora_1": "a", "strength_model_1": " 0.25 "}, LoraRow(1, True, "a", 0.25, 0.25, "")),
        ({"lora_1": "s\\b\\c.x", "on_1": True}, LoraRow(1, True, "s/b/c.x", 1.0, 1.0, "")),
        ({"lora_1": "a", "on_1": 0}, LoraRow(1, False, "a", 1.0, 1.0, "")),
        ({"lora_1": "None", "on_1": False}, LoraRow(1, False, "", 1.0, 1.0, "")),
        ({"on_1": False}, LoraRow(1, False, "", 1.0, 1.0, "")),
        ({"lora_1": "a", "blocks_1": " *=0\n"}, LoraRow(1, True, "a", 1.0, 1.0, "*=0")),
        (
            {"lora_1": "a", "start_1": 0.25, "stop_1": "0.5", "on_mismatch_1": "skip"},
            LoraRow(1, True, "a", 1.0, 1.0, "", Window(0.25, 0.5), "skip"),
        ),
        ({"lora_1": "a", "start_1": 0, "stop_1": 1}, LoraRow(1, True, "a", 1.0, 1.0, "")),
    ],
)
def test_defaults_and_spellings(inputs, row):
    assert parse_rows(inputs) == [row]


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"lora_2": ""}, "Row 2 is on but names no LoRA"),
        ({"lora_2": "None"}, "Row 2 is on but names no LoRA"),
        ({"strength_model_3": 0.5}, "Row 3 is on but names no LoRA"),
        ({"lora_1": 5}, "Row 1: lora_1 is 5; it must be text"),
        ({"lora_1": "a", "on_1": "false"}, "Row 1: on_1 is 'false'; it must be true or false"),
        ({"lora_1": "a", "on_1": 2}, "Row 1: on_1 is 2"),
        ({"lora_1": "a", "on_1": None}, "Row 1: on_1 is empty"),
        ({"lora_1": "a", "strength_model_1": True}, "Row 1: strength_model_1 is True"),
        ({"lora_1": "a", "strength_model_1": 10.01}, "a number from -10 to 10"),
        ({"lora_1": "a", "strength_clip_1": -10.01}, "Row 1: strength_clip_1 is -10.01"),
        ({"lora_1": "a", "strength_model_1": math.nan}, "Row 1: strength_model_1 is nan"),
        ({"lora_1": "a", "strength_model_1": "inf"}, "Row 1: strength_model_1 is 'inf'"),
        ({"lora_1": "a", "strength_model_1": "strong"}, "strength_model_1 is 'strong'"),
        ({"lora_1": "a", "strength_model_1": [1.0]}, "strength_model_1 is \\[1.0\\]"),
        ({"lora_1": "a", "blocks_1": 1}, "Row 1: blocks_1 is 1; it must be text"),
        (
            {"lora_1": "a", "start_1": -0.1},
            "Row 1: start_1 is -0.1; it must be a number from 0 to 1",
        ),
        ({"lora_1": "a", "stop_1": 1.1}, "Row 1: stop_1 is 1.1"),
        ({"lora_1": "a", "start_1": 0.5, "stop_1": 0.5}, "Row 1: start_1 is 0.5 and stop_1 is 0.5"),
        ({"lora_1": "a", "stop_1": 0}, "nothing in between"),
        (
            {"lora_1": "a", "on_mismatch_1": "warn"},
            "_1 is 'warn'; it must be stop or skip",
        ),
        ({"lora_1": "a", "on_mismatch_1": True}, "on_mismatch_1 is True"),
    ],
)
def test_bad_values_name_the_row(inputs, sentence):
    with pytest.raises(LoraRowError, match=sentence):
        parse_rows(inputs)


@pytest.mark.parametrize(
    "name",
    ["seed", "lora", "lora_0", "lora_01", "lora_-1", "LORA_1", "lora_1_", "lora_1234567", ""],
)
def test_unknown_inputs_are_refused_by_name(name):
    with pytest.raises(LoraRowError, match=f"LoRA Stack has no input '{name}'"):
        parse_rows({"lora_1": "a", name: "x"})


def test_a_near_miss_gets_a_suggestion():
    with pytest.raises(LoraRowError) as caught:
        parse_rows({"strength_3": 1.0})

    assert "Did you mean strength_model_3?" in caught.value.hint


def test_values_that_are_linked_count_as_defaults_until_the_run():
    inputs = {"lora_1": None, "strength_model_1": None, "lora_2": "b", "on_2": None}

    rows = parse_rows(inputs, unknown=set(inputs) - {"lora_2"})

    assert rows == [LoraRow(1, True, "", 1.0, 1.0, ""), LoraRow(2, False, "b", 1.0, 1.0, "")]


def test_too_many_rows_are_refused():
    parse_rows({f"lora_{n}": "a" for n in range(1, MAX_ROWS + 1)})

    with pytest.raises(LoraRowError, match="1001 rows"):
        parse_rows({f"lora_{n}": "a" for n in range(1, MAX_ROWS + 2)})
