from __future__ import annotations

from pathlib import Path

import pytest

from satchel.lora.architectures import ARCHITECTURES
from satchel.lora.block_layouts import LAYOUTS
from satchel.lora.block_weights.slots import ENCODERS, describe_slots
from satchel.lora.model_slots import architecture_slots
from satchel.lora.presets import ANY, builtin_presets, shipped_presets
from satchel.lora.weights import parse_block_weights

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "block-weights.md"


@pytest.mark.parametrize("id_", ARCHITECTURES)
def test_the_documented_table_of_slots_is_true(id_):
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    (row,) = [line for line in lines if line.startswith("| `") and f"`{id_}`" in line]

    blocks = [slot for slot in architecture_slots(id_) if slot.prefix not in ENCODERS]
    assert row.split("|")[2].strip() == describe_slots(blocks)


@pytest.mark.parametrize("id_", ARCHITECTURES)
def test_presets_for_every_model_have_a_meaning_for_each_architecture(id_):
    slots = architecture_slots(id_)
    presets = builtin_presets()

    for name in shipped_presets(ANY):
        factors = parse_block_weights(name, presets).factors(slots)
        assert set(factors) == set(slots)
        assert name in {"ALL", "ATTENTION", "MLP", "NO-ATTENTION", "NO-MLP"} or any(
            factor != 1 for factor in factors.values()
        )


def test_every_layout_with_architectures_has_presets_of_its_own():
    assert all(len(builtin_presets(layout.id)) > len(shipped_presets(ANY))
               for layout in LAYOUTS if layout.id != "generic")  # fmt: skip
