"""LoRA Stack from Prompt: the result of a stack with these rows, and the prompt without tags."""

from __future__ import annotations

import os

import pytest
import torch
from support.coroutines import run_async
from support.lora_files import random_pair, write_lora

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
MID = "diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_v.weight"
MID_KOHYA = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v"
TE = "clip_l.transformer.text_model.encoder.layers.3.mlp.fc1.weight"
TE_KOHYA = "lora_te_text_model_encoder_layers_3_mlp_fc1"


def shape(patcher, key):
    return tuple(patcher.model.state_dict()[key].shape)


@pytest.fixture
def node(pack):
    return pack.nodes.prompt.SatchelLoraStackFromPrompt


@pytest.fixture
def errors(pack):
    return pack.satchel.errors


@pytest.fixture
def lora(loras, sd15, clip):
    pairs = {
        Q_KOHYA: random_pair(shape(sd15, Q), seed=1),
        MID_KOHYA: random_pair(shape(sd15, MID), seed=2),
        TE_KOHYA: random_pair(shape(clip.patcher, TE), seed=3),
    }
    return write_lora(loras / "style" / "paper.safetensors", pairs)


def run(node, prompt, **inputs):
    return node.execute(prompt=prompt, **inputs).result


def same_patches(first, second):
    assert first.patches.keys() == second.patches.keys()
    for key, patches in first.patches.items():
        assert [patch[0] for patch in patches] == [patch[0] for patch in second.patches[key]]
        for ours, theirs in zip(patches, second.patches[key], strict=True):
            assert torch.equal(ours[1].weights[0], theirs[1].weights[0])


def test_a_tag_does_what_a_row_does(node, stack_node, lora, sd15, clip):
    model, text, stack, prompt, report = run(
        node, "a cat, <lora:paper:0.8:0.5:lbw=M00=0.5,*=0.25>, sitting", model=sd15, clip=clip,
        dialect="comfy",
    )  # fmt: skip
    rows = stack_node.execute(
        model=sd15, clip=clip, lora_1="style/paper.safetensors", strength_model_1=0.8,
        strength_clip_1=0.5, blocks_1="M00=0.5,*=0.25",
    ).result  # fmt: skip

    assert prompt == "a cat, sitting"
    same_patches(model, rows[0])
    same_patches(text.patcher, rows[1].patcher)
    assert model.patches[MID][0][0] == pytest.approx(0.4)
    assert stack == rows[2] == [(os.path.join("style", "paper.safetensors"), 0.8, 0.5)]
    assert stack[0][0].tag.settings == rows[2][0][0].tag.settings
    assert report.startswith("Tag 1 (character 8): style/paper.safetensors, model 0.8, clip 0.5")


def test_the_dialect_swaps_the_strengths(node, lora, sd15, clip):
    prompt = "<lora:paper:0.8:0.5>"

    comfy = run(node, prompt, model=sd15, clip=clip)
    webui = run(node, prompt, model=sd15, clip=clip, dialect="webui")

    assert comfy[0].patches[Q][0][0] == webui[1].patcher.patches[TE][0][0] == 0.8
    assert comfy[1].patcher.patches[TE][0][0] == webui[0].patches[Q][0][0] == 0.5


def test_a_prompt_without_tags_changes_nothing(node, loras, sd15, clip):
    model, text, stack, prompt, _ = run(node, " a , cat ", model=sd15, clip=clip)

    assert (model, text, stack, prompt) == (sd15, clip, [], " a , cat ")


def test_the_upstream_stack_comes_first(node, lora):
    stack = run(node, "<lora:paper:2>", lora_stack=[("style/paper.safetensors", 0.5, 0.25)])[2]

    assert [entry[1:] for entry in stack] == [(0.5, 0.25), (2.0, 2.0)]


def test_its_stack_is_not_applied_twice(node, stack_node, lora, sd15):
    model, _, stack, _, _ = run(node, "<lora:paper:1>", model=sd15)

    again, _, _, report = stack_node.execute(model=model, lora_stack=stack).result

    assert len(again.patches[Q]) == 1
    assert "not applied again" in report


@pytest.mark.parametrize(
    ("prompt", "error", "sentence"),
    [
        ("a <lora:papr:1>", "ModelNotFoundError",
         r"Tag 1 \(character 3\): 'papr' is in none .* Close to it: style/paper.safetensors"),
        ("<lora:paper:1> <lora:gone:1>", "ModelNotFoundError", r"Tag 2 \(character 16\): 'gone'"),
        ("<lora:pap:1>", "ModelNotFoundError", "Tag 1"),
        ("<lora:twin:1>", "InvalidInputError", r"may be a/twin.safetensors, b/twin.safetensors"),
        ("<lora:paper:1:lbw=IN04>", "BlockWeightSyntaxError",
         r"Tag 1 \(character 1\) \(style/paper.safetensors\): Block weights"),
        ("<lora:paper:1:start=5:stop=5>", "InvalidInputError",
         r"acts in no step .* no more from stop= on"),
        ("<lora:paper:0@0,1@0.5>", "InvalidInputError", r"change with the step .* write start="),
        ("<lora:../paper:1>", "ModelNotFoundError", "Tag 1"),
    ],
)  # fmt: skip
def test_a_bad_tag_stops_with_its_place(node, lora, errors, sd15, prompt, error, sentence):
    for folder in "ab":
        write_lora(lora.parent.parent / folder / "twin.safetensors", {})

    with pytest.raises(getattr(errors, error), match=sentence):
        run(node, prompt, model=sd15)


def test_a_dialect_that_is_none_is_refused(node, lora, errors):
    with pytest.raises(errors.InvalidInputError, match="dialect is 'forge'"):
        run(node, "<lora:paper:1>", dialect="forge")


# --- when the graph is queued ------------------------------------------------------------------


def queue(node, **inputs):
    """The host's verdict on a graph with this node: (valid, errors of the node)."""
    import comfy_extras.nodes_preview_any
    import execution

    import nodes

    before = dict(nodes.NODE_CLASS_MAPPINGS)
    nodes.NODE_CLASS_MAPPINGS |= {
        "SatchelLoraStackFromPrompt": node,
        "PreviewAny": comfy_extras.nodes_preview_any.PreviewAny,
    }
    try:
        graph = {
            "1": {"class_type": "SatchelLoraStackFromPrompt", "inputs": inputs},
            "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 3]}},
            "9": {"class_type": "PreviewAny", "inputs": {"source": 1.0}},
        }
        valid, _, good, found = run_async(execution.validate_prompt("id", graph, ["2"]))
    finally:
        nodes.NODE_CLASS_MAPPINGS.clear()
        nodes.NODE_CLASS_MAPPINGS.update(before)
    return valid and "2" in good, found.get("1", {}).get("errors", [])


@pytest.mark.parametrize(
    "inputs",
    [
        {"prompt": "a cat, <lora:paper:1>"},
        {"prompt": "<lora:paper:1:0.5>", "dialect": "webui"},
        {"prompt": ["9", 0]},
    ],
)
def test_a_good_prompt_is_queued(node, lora, inputs):
    assert queue(node, **inputs) == (True, [])


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"prompt": "a cat, <lora:gone:1>"}, "Tag 1 (character 8): 'gone'"),
        ({"prompt": "<lora:paper"}, "is not closed"),
        ({"prompt": "<lora:paper:1>", "dialect": "forge"}, "dialect is 'forge'"),
    ],
)
def test_a_bad_prompt_stops_the_queue_with_one_sentence(node, lora, inputs, sentence):
    valid, found = queue(node, **inputs)

    assert not valid
    assert len(found) == 1
    assert sentence in found[0]["details"]


def test_a_replaced_file_is_read_again(node, lora):
    before = node.fingerprint_inputs(prompt="<lora:paper:1>")
    assert node.fingerprint_inputs(prompt="<lora:paper:1>") == before

    os.utime(lora, ns=(1, 1))

    assert node.fingerprint_inputs(prompt="<lora:paper:1>") != before
    assert node.fingerprint_inputs(prompt=None) == ""
