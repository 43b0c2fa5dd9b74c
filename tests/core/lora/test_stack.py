from __future__ import annotations

import copy
import json
import math
import os
import pickle

import pytest

from satchel.errors import LoraFileError, LoraRowError
from satchel.lora.rows import parse_rows
from satchel.lora.stack import LoraName, StackEntry, entries_of_rows, read_stack


def test_rows_that_are_on_become_entries():
    rows = parse_rows({"lora_1": "a", "lora_2": "b", "on_2": False, "lora_5": "c"})

    entries = entries_of_rows(rows)

    assert [(entry.label, entry.name) for entry in entries] == [("Row 1", "a"), ("Row 5", "c")]
    assert entries[0].entry_id != entries[1].entry_id


def test_an_entry_leaves_as_a_plain_triple_named_as_the_host_names_it():
    entry = StackEntry("Row 1", "sub/a", 0.5, 0.25, "*=0", "id")

    triple = entry.to_tuple()

    assert triple == (f"sub{os.sep}a", 0.5, 0.25)
    name, strength_model, strength_clip = triple
    assert type(name) is LoraName
    assert isinstance(strength_model, float)
    assert isinstance(strength_clip, float)
    assert json.dumps(triple) == json.dumps([f"sub{os.sep}a", 0.5, 0.25])


def test_what_satchel_knows_survives_the_way_through_other_packs():
    triple = StackEntry("Row 1", "sub/a", 0.5, 0.25, "*=0", "id").to_tuple()

    for way in (copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))):
        (entry,) = read_stack([*way([triple])])
        expected = StackEntry("Entry 1 of lora_stack", "sub/a", 0.5, 0.25, "*=0", "id")
        assert entry == expected


@pytest.mark.parametrize("value", [None, [], ()])
def test_no_stack_has_no_entries(value):
    assert read_stack(value) == []


def test_entries_that_name_nothing_are_left_out():
    entries = read_stack([("None", 1.0, 1.0), ("s\\b", 1, 1), ["", 0, 0]])

    assert [(entry.label, entry.name) for entry in entries] == [("Entry 2 of lora_stack", "s/b")]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("a", "lora_stack is a str"),
        ({"a": 1}, "lora_stack is a dict"),
        ([("a", 1.0, 1.0), ("b", 1.0)], "Entry 2 of lora_stack is not"),
        ([("b", 1.0, 1.0, "IN")], "Entry 1 of lora_stack is not"),
        (["abc"], "Entry 1 of lora_stack is not"),
        ([(1, 1.0, 1.0)], "Entry 1 of lora_stack has a name that is no text"),
        ([("b", "1", 1.0)], r"Entry 1 of lora_stack \(b\) has a strength that is no number"),
        ([("b", 1.0, True)], "no number"),
        ([("b", math.inf, 1.0)], "not finite"),
    ],
)
def test_malformed_stacks_name_the_position(value, sentence):
    with pytest.raises(LoraRowError, match=sentence):
        read_stack(value)


def test_errors_inside_an_entry_carry_its_name_and_keep_their_kind():
    entry = StackEntry("Row 3", "a", 1.0, 1.0, "", "id")

    with pytest.raises(LoraFileError) as caught, entry.named():
        raise LoraFileError("x is missing.", hint="Get it again.", key="x")

    assert str(caught.value) == "Row 3 (a): x is missing."
    assert caught.value.hint == "Get it again."
    assert caught.value.details == {"key": "x", "entry": "Row 3", "name": "a"}
