"""LORA_STACK through nodes of other packs, run by the host's own executor."""

from __future__ import annotations

import json
import os

import pytest
import torch
from support.graph_runs import run_graph, stack_node, value_node
from support.lora_files import random_pair, write_lora

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
WAYS = {
    "adds a tuple": lambda stack: [*stack, ("b.safetensors", 0.1, 0.1)],
    "filters None": lambda stack: [item for item in stack if item[0] != "None"],
    "renames": lambda stack: [(name.replace("/", "\\"), m, c) for name, m, c in stack],
    "multiplies": lambda stack: [(name, m * 0.5, c * 0.5) for name, m, c in stack],
    "rebuilds": lambda stack: json.loads(json.dumps(stack)),
    "rebuilds, names only": lambda stack: [
        (os.path.basename(name), float(m), float(c)) for name, m, c in stack
    ],
}


@pytest.fixture
def lora(loras, sd15):
    shape = tuple(sd15.model.state_dict()[Q].shape)
    write_lora(loras / "b.safetensors", {Q_KOHYA: random_pair(shape, seed=2)})
    return write_lora(loras / "art" / "a.safetensors", {Q_KOHYA: random_pair(shape, seed=1)})


@pytest.fixture
def run(pack, sd15):
    """Two stacks with a node of another pack between them; the second one has the model."""

    def go(change, first, emitter="SatchelLoraStack", more=None):
        graph = {
            "1": {"class_type": "Model", "inputs": {}},
            "2": {"class_type": emitter, "inputs": first},
            "3": {"class_type": "Foreign", "inputs": {"lora_stack": ["2", 2]}},
            "4": {"class_type": "SatchelLoraStack",
                  "inputs": {"model": ["1", 0], "lora_stack": ["3", 0]}},
            "5": {"class_type": "Capture", "inputs": {"name": "model", "value": ["4", 0]}},
            "6": {"class_type": "Capture", "inputs": {"name": "report", "value": ["4", 3]}},
            **(more or {}),
        }  # fmt: skip
        classes = {
            "Model": value_node("MODEL", sd15),
            "Text": value_node("STRING", "IN01=0.5"),
            "Foreign": stack_node(change),
            "SatchelLoraStack": pack.nodes.lora.SatchelLoraStack,
            "SatchelLoraStackFromPrompt": pack.nodes.prompt.SatchelLoraStackFromPrompt,
        }
        return run_graph(graph, classes)

    return go


def strength(model):
    return model.patches[Q][0][0]


ROW = {"lora_1": "art/a.safetensors", "strength_model_1": 0.8, "blocks_1": "IN01=0.5"}


@pytest.mark.parametrize(("name", "way"), WAYS.items(), ids=WAYS)
def test_block_weights_survive_a_node_that(run, lora, name, way):
    seen, error = run(way, ROW)

    assert error == ""
    expected = 0.4 * (0.5 if name == "multiplies" else 1)
    assert "blocks IN01=0.5" in seen["report"]
    if name != "adds a tuple":  # which is fused with it
        assert strength(seen["model"]) == pytest.approx(expected)
    assert ("known from the graph" in seen["report"]) == name.startswith("rebuilds")


@pytest.mark.parametrize("name", ["renames", "rebuilds"])
def test_tags_of_a_prompt_survive_too(run, lora, name):
    first = {"prompt": "<lora:a:0.8:lbw=IN01=0.5>"}

    seen, error = run(WAYS[name], first, "SatchelLoraStackFromPrompt")

    assert error == ""
    assert strength(seen["model"]) == pytest.approx(0.4)


def test_a_preset_of_the_user_is_meant_as_the_first_node_meant_it(run, lora):
    seen, error = run(WAYS["rebuilds"], {**ROW, "blocks_1": "EARLY"})

    assert error == ""
    assert "blocks EARLY" in seen["report"]


def test_rows_without_settings_may_be_rebuilt_at_will(run, lora):
    seen, error = run(lambda stack: [("art/a.safetensors", 0.123, 0.0)],
                      {"lora_1": "art/a.safetensors", "strength_model_1": 0.8})  # fmt: skip

    assert error == ""
    assert strength(seen["model"]) == pytest.approx(0.123)


@pytest.mark.parametrize(
    ("change", "row"),
    [
        (lambda stack: [("art/a.safetensors", 0.123, 0.0)], ROW),
        (WAYS["rebuilds"], {**ROW, "lora_2": "art/a.safetensors", "strength_model_2": 0.8}),
        (WAYS["rebuilds"], {**ROW, "blocks_1": ["7", 0]}),
        (lambda stack: [("b.safetensors", *stack[0][1:])], ROW),
    ],
    ids=["scales as well", "two rows alike", "linked block weights", "another LoRA's strengths"],
)
def test_where_it_cannot_be_told_the_run_stops(run, lora, change, row):
    seen, error = run(change, row, more={"7": {"class_type": "Text", "inputs": {}}})

    assert "Entry 1 of lora_stack" in error
    assert "cannot be told" in error
    assert "Connect LORA_STACK directly" in error
    assert seen == {}


def test_linked_block_weights_reach_the_row(run, lora):
    row = {**ROW, "blocks_1": ["7", 0]}

    seen, error = run(lambda stack: stack, row, more={"7": {"class_type": "Text", "inputs": {}}})

    assert error == ""
    assert strength(seen["model"]) == pytest.approx(0.4)
    assert isinstance(seen["model"].patches[Q][0][0], float)
    assert torch.is_tensor(seen["model"].model.state_dict()[Q])
