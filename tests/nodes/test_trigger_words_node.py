"""Trigger Words: sources and their order, what is left out, what each LoRA has."""

from __future__ import annotations

import pytest
from support.lora_files import write_lora


@pytest.fixture
def node(pack):
    return pack.nodes.triggers.SatchelTriggerWords


@pytest.fixture
def files(loras):
    write_lora(loras / "a.safetensors", {}, metadata={"modelspec.trigger_phrase": "ohwx, red coat"})
    write_lora(loras / "s" / "b.safetensors", {}, metadata={"modelspec.trigger_phrase": "Red_Coat"})
    write_lora(loras / "plain.safetensors", {}, metadata={"format": "pt"})
    return loras


STACK = [("a.safetensors", 1.0, 1.0), ("s\\b.safetensors", 0.5, 0.0)]


def run(node, **inputs):
    return node.execute(**inputs).result


def test_words_come_in_order_and_once(node, files):
    words, per_lora = run(node, lora_stack=STACK, extra="best, RED COAT")

    assert words == "best, RED COAT, ohwx"
    assert per_lora == "a.safetensors: ohwx, red coat\ns/b.safetensors: Red_Coat"


def test_excluded_words_are_nowhere(node, files):
    words, per_lora = run(node, lora_stack=STACK, extra="best", exclude="Red Coat,\nbest")

    assert words == "ohwx"
    assert per_lora == "a.safetensors: ohwx\ns/b.safetensors: (all are excluded)"


def test_one_lora_can_be_chosen_by_itself(node, files):
    assert run(node, lora="s\\b.safetensors")[0] == "Red_Coat"
    assert run(node, lora_stack=STACK[1:], lora="a.safetensors")[0] == "Red_Coat, ohwx"
    assert run(node) == ("", "")


def test_loras_without_words_or_strength_say_so(node, files):
    stack = [("plain.safetensors", 1.0, 1.0), ("a.safetensors", 0.0, 0.0)]

    words, per_lora = run(node, lora_stack=stack)

    assert words == ""
    assert per_lora == (
        "plain.safetensors: (none are known)\na.safetensors: (off: both its strengths are 0)"
    )


def test_a_missing_file_names_the_entry(node, files, pack):
    with pytest.raises(pack.satchel.errors.ModelNotFoundError, match="Entry 1 of lora_stack"):
        run(node, lora_stack=[("gone.safetensors", 1.0, 1.0)])
    with pytest.raises(pack.satchel.errors.ModelNotFoundError, match="lora: 'gone"):
        node.validate_inputs(lora="gone.safetensors")


def test_a_broken_file_names_the_entry(node, files, pack):
    (files / "a.safetensors").write_bytes(b"short")

    with pytest.raises(pack.satchel.errors.SafetensorsHeaderError, match=r"Entry 1 .*\(a.safe"):
        run(node, lora_stack=STACK)


def test_the_combo_lists_the_loras(node, files):
    options = node.GET_NODE_INFO_V1()["input"]["optional"]["lora"][1]["options"]

    assert options == ["None", "a.safetensors", "plain.safetensors", "s/b.safetensors"]
