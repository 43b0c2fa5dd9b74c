"""Block weights as numbers by slot, and back as text."""

from __future__ import annotations

import pytest

from satchel.errors import BlockWeightSyntaxError
from satchel.lora.architectures import ARCHITECTURES
from satchel.lora.block_editor import group_of, paint_blocks, read_blocks, slots_json
from satchel.lora.model_slots import architecture_slots
from satchel.lora.presets import builtin_presets
from satchel.lora.weights import parse_slot

SDXL = architecture_slots("sdxl")
PRESETS = builtin_presets()


def values(text: str) -> dict[str, float]:
    read = read_blocks(text, SDXL, PRESETS)
    assert read.values is not None
    return {str(slot): number for slot, number in read.values.items() if number != 1}


def test_a_text_comes_to_a_number_for_each_slot():
    assert values("IN04-05=0.5, M00=0") == {"IN04": 0.5, "IN05": 0.5, "M00": 0}
    assert set(values("EARLY")) == {"M00", *(f"OUT{n:02}" for n in range(9))}
    assert len(set(values("blocks=random(0,1), seed=7").values())) > 10


@pytest.mark.parametrize(
    ("text", "painted", "expected"),
    [
        ("", {"IN04": 0.5, "IN05": 0.5}, "IN04-05=0.5"),
        ("*=0", {"M00": 1}, "BASE?=0, IN00-08=0, OUT00-08=0, OTHER=0"),
        ("IN04.attn=0.2, M00=0", {"M00": 1}, "IN04?.attn=0.2"),
        ("M00=0.5", {"M00": 1}, ""),
        ("M00=0.5", {}, "M00=0.5"),
        ("M00=0.5", {"J99": 3}, "M00=0.5"),
    ],
    ids=["run", "default written out", "filters stay", "all at 1", "nothing", "no such slot"],
)
def test_painted_numbers_become_canonical_text_that_means_the_same(text, painted, expected):
    edited = paint_blocks(text, painted, SDXL, PRESETS)

    assert edited.text == expected
    again = read_blocks(edited.text, SDXL, PRESETS)
    assert again.values == edited.values
    assert again.filtered == edited.filtered


def test_weights_that_count_a_files_blocks_have_no_numbers_until_they_are_painted():
    text = "inspire:B1:1,0,0"

    assert read_blocks(text, SDXL, PRESETS).values is None
    assert paint_blocks(text, {"M00": 0}, SDXL, PRESETS).text == "M00=0"


def test_a_slot_that_is_not_there_is_an_error_with_its_place():
    with pytest.raises(BlockWeightSyntaxError) as error:
        read_blocks("IN44=1", SDXL, PRESETS)
    assert error.value.details["position"] == 0


@pytest.mark.parametrize("id_", ARCHITECTURES)
def test_every_slot_of_every_architecture_is_in_a_group_and_survives_painting(id_):
    slots = architecture_slots(id_)
    wanted = {str(slot): (index % 7) / 10 for index, slot in enumerate(slots)}

    edited = paint_blocks("", wanted, slots, PRESETS)

    assert {str(k): v for k, v in (edited.values or {}).items()} == wanted
    assert read_blocks(edited.text, slots, PRESETS).values == edited.values
    assert all(group_of(slot).islower() for slot in slots)


def test_the_answer_tells_modules_only_where_a_file_was_read():
    edited = read_blocks("M00.attn=0.5", SDXL, PRESETS)
    middle = parse_slot("M00")

    with_file = slots_json(edited, SDXL, {middle: 12})
    without = slots_json(edited, SDXL, None)

    (entry,) = [entry for entry in with_file if entry["name"] == "M00"]
    assert entry == {"name": "M00", "group": "middle", "value": 1.0, "modules": 12,
                     "filtered": True}  # fmt: skip
    assert {entry["modules"] for entry in with_file} == {0, 12}
    assert {entry["modules"] for entry in without} == {None}
