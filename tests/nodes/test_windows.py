"""Rows that act in a part of sampling, sampled in the real host."""

from __future__ import annotations

import copy

import pytest
import torch
from support.lora_files import random_pair, write_lora

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
LAST = "diffusion_model.out.2.weight"
TE = "clip_l.transformer.text_model.encoder.layers.3.mlp.fc1.weight"
TE_KOHYA = "lora_te_text_model_encoder_layers_3_mlp_fc1"
STEPS = 4


def shape(patcher, key):
    return tuple(patcher.model.state_dict()[key].shape)


@pytest.fixture
def lora(loras, sd15, clip):
    """`a.safetensors`: changes a picture clearly, and the text."""
    pairs = {
        Q_KOHYA: random_pair(shape(sd15, Q), seed=1),
        "lora_unet_conv_out": random_pair(shape(sd15, LAST), seed=2),
        TE_KOHYA: random_pair(shape(clip.patcher, TE), seed=3),
    }
    write_lora(loras / "b.safetensors", {"lora_unet_conv_out": random_pair(shape(sd15, LAST))})
    return write_lora(loras / "a.safetensors", pairs)


@pytest.fixture
def errors(pack):
    return pack.satchel.errors


@pytest.fixture
def prompt_node(pack):
    return pack.nodes.prompt.SatchelLoraStackFromPrompt


@pytest.fixture
def hook_node(pack):
    return pack.nodes.hooks.SatchelCreateHookLoraStack


def conditioning(hooks=None):
    cond = torch.randn(1, 77, 48, generator=torch.Generator().manual_seed(1))
    return [[cond, {} if hooks is None else {"hooks": hooks}]]


class Run:
    """A sampler run: the weight and the picture of each step."""

    def __init__(self, model, positive=None, negative=None, steps=STEPS, cfg=2.0):
        import comfy.sample

        self.weights: list[torch.Tensor] = []
        self.pictures: list[torch.Tensor] = []
        noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
        comfy.sample.sample(
            model, noise, steps, cfg, "euler", "normal", positive or conditioning(),
            negative or conditioning(), torch.zeros_like(noise), seed=0, disable_pbar=True,
            callback=lambda step, x0, x, total: self.see(model, x0),
        )  # fmt: skip

    def see(self, model, picture):
        self.weights.append(model.model.state_dict()[LAST].clone())
        self.pictures.append(picture.clone())

    def acting(self, before):
        """For each step whether the weight differed from what it was."""
        return [not torch.equal(weight, before) for weight in self.weights]


def states(patcher):
    """The weights without what permanent patches of another test may still do to them."""
    kept = patcher.backup
    return {
        key: (kept[key].weight if key in kept else value).clone()
        for key, value in patcher.model.state_dict().items()
    }


def same(first, second):
    return all(torch.equal(first[key], second[key]) for key in first)


def apply(node, model, **inputs):
    return node.execute(model=model, **inputs).result[0]


@pytest.mark.parametrize(
    ("window", "acting"),
    [
        ({"start_1": 0.5}, [False, False, True, True]),
        ({"stop_1": 0.5}, [True, True, False, False]),
        ({"start_1": 0.2, "stop_1": 0.7}, [False, True, True, False]),
        ({}, [True, True, True, True]),
    ],
)
def test_a_model_follows_the_window_of_a_row(stack_node, lora, sd15, window, acting):
    before = states(sd15)
    model = apply(stack_node, sd15, lora_1="a.safetensors", **window)

    run = Run(model)  # a "normal" schedule of 4 steps: 0, 1/3, 2/3 and all of sampling

    assert run.acting(before[LAST]) == acting
    if not all(acting):
        assert same(before, states(sd15))
        assert same(before, states(model))


@pytest.mark.parametrize(
    ("tag", "acting"),
    [
        ("start=3", [False, False, True, True]),
        ("stop=3", [True, True, False, False]),
        ("step=2-3", [False, True, False, False]),
        ("start=4", [False, False, False, True]),
        ("start=5", [False, False, False, False]),
        ("stop=99", [True, True, True, True]),
    ],
)
def test_a_model_follows_the_steps_of_a_tag(prompt_node, lora, sd15, tag, acting):
    before = states(sd15)
    result = prompt_node.execute(prompt=f"<lora:a:1:{tag}>", model=sd15).result

    run = Run(result[0])

    assert run.acting(before[LAST]) == acting
    assert same(before, states(sd15))


def test_inside_and_outside_the_pictures_are_those_with_and_without(stack_node, lora, sd15):
    always = apply(stack_node, sd15, lora_1="a.safetensors", strength_model_1=0.7)
    early = apply(stack_node, sd15, lora_1="a.safetensors", strength_model_1=0.7, stop_1=0.5)
    late = apply(stack_node, sd15, lora_1="a.safetensors", strength_model_1=0.7, start_1=0.5)

    plain, full, first, second = (Run(model).pictures for model in (sd15, always, early, late))

    assert torch.equal(first[0], full[0])
    assert torch.equal(first[1], full[1])
    assert torch.equal(second[0], plain[0])
    assert torch.equal(second[1], plain[1])
    assert not torch.equal(first[3], full[3])
    assert not torch.equal(second[3], plain[3])


def test_a_second_run_is_the_first_again_and_other_branches_are_untouched(stack_node, lora, sd15):
    plain = Run(sd15).pictures
    model = apply(stack_node, sd15, lora_1="a.safetensors", start_1=0.2, stop_1=0.7)

    first, between, again = Run(model).pictures, Run(sd15).pictures, Run(model.clone()).pictures

    assert all(map(torch.equal, first, again))
    assert all(map(torch.equal, plain, between))


def test_rows_with_and_without_windows_share_a_weight(stack_node, lora, sd15):
    stack = {"lora_1": "a.safetensors", "lora_2": "b.safetensors", "strength_model_2": 0.5}
    both = Run(apply(stack_node, sd15, **stack)).weights
    one = Run(apply(stack_node, sd15, lora_1="a.safetensors")).weights

    mixed = Run(apply(stack_node, sd15, **stack, start_2=0.5)).weights

    assert all(map(torch.equal, mixed[:2], one[:2]))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(mixed[2:], both[2:], strict=True))


def test_windows_of_two_nodes_and_hooks_of_conditioning_add_up(stack_node, hook_node, lora, sd15):
    before = states(sd15)
    stack = stack_node.execute(lora_1="b.safetensors", start_1=0.5, strength_model_1=0.5).result[2]
    hooks = hook_node.execute(lora_stack=stack).result[0]
    model = apply(stack_node, sd15, lora_1="a.safetensors", stop_1=0.3)
    model = apply(stack_node, model, lora_1="b.safetensors", start_1=0.2, stop_1=0.8)

    run = Run(model, conditioning(hooks), conditioning(), cfg=1.0)

    assert run.acting(before[LAST]) == [True, True, True, True]
    assert len({tuple(weight.flatten().tolist()) for weight in run.weights}) == 4
    assert same(before, states(sd15))


def test_conditioning_keeps_its_own_hooks(stack_node, hook_node, lora, sd15):
    hooks = hook_node.execute(
        lora_stack=stack_node.execute(lora_1="b.safetensors").result[2]
    ).result[0]
    positive = conditioning(hooks)
    model = apply(stack_node, sd15, lora_1="a.safetensors", start_1=0.5)

    Run(model, positive)

    assert positive[0][1]["hooks"] is hooks
    assert len(hooks.hooks) == 1


def test_block_weights_hold_inside_the_window(stack_node, lora, sd15):
    full = apply(stack_node, sd15, lora_1="a.safetensors", start_1=0.5)
    half = apply(stack_node, sd15, lora_1="a.safetensors", start_1=0.5, blocks_1="OTHER=0.5")
    before = states(sd15)[LAST]

    first, second = Run(full).weights[-1] - before, Run(half).weights[-1] - before

    assert torch.allclose(first / 2, second, atol=1e-6)


def test_bfloat16_weights_come_back_bit_by_bit(stack_node, lora):
    from support.tiny_models import tiny_sd15

    model = tiny_sd15(torch.bfloat16)
    before = states(model)
    windowed = apply(stack_node, model, lora_1="a.safetensors", start_1=0.2, stop_1=0.7)

    run = Run(windowed)

    assert run.acting(before[LAST]) == [False, True, True, False]
    assert same(before, states(model))


def test_a_row_that_leaves_through_the_stack_keeps_its_window(stack_node, lora, sd15):
    before = states(sd15)
    stack = stack_node.execute(lora_1="a.safetensors", start_1=0.5).result[2]

    model = apply(stack_node, sd15, lora_stack=copy.deepcopy(stack))

    assert Run(model).acting(before[LAST]) == [False, False, True, True]


def test_the_report_tells_the_window(stack_node, lora, sd15):
    report = stack_node.execute(model=sd15, lora_1="a.safetensors", start_1=0.5).result[3]

    assert "Row 1: a.safetensors, model 1, clip 1, from 0.5 to 1 of sampling" in report
    assert "2 of 3 modules patched (model 2, clip 0)" in report


def test_what_has_no_strength_cannot_follow_steps(stack_node, loras, errors, sd15):
    value = {"diffusion_model.out.2.set_weight": torch.zeros(shape(sd15, LAST))}
    write_lora(loras / "set.safetensors", {}, extra=value)

    apply(stack_node, sd15, lora_1="set.safetensors")
    with pytest.raises(errors.InvalidInputError, match=r"Row 1 .* replaces weights outright"):
        apply(stack_node, sd15, lora_1="set.safetensors", start_1=0.5)


# --- the text encoder --------------------------------------------------------------------------


def encode(clip):
    return clip.encode_from_tokens_scheduled(clip.tokenize("a cat"))


def parts(conditioning):
    return [
        (part[1].get("clip_start_percent"), part[1].get("clip_end_percent"))
        for part in conditioning
    ]


def test_a_text_encoder_follows_the_window(stack_node, lora, clip):
    before = states(clip.patcher)
    always = stack_node.execute(clip=clip, lora_1="a.safetensors").result[1]
    late = stack_node.execute(clip=clip, lora_1="a.safetensors", start_1=0.25).result[1]

    plain, full, found = encode(clip), encode(always), encode(late)

    assert parts(found) == [(0.0, 0.25), (0.25, 1.0)]
    assert torch.equal(found[0][0], plain[0][0])
    assert torch.allclose(found[1][0], full[0][0], atol=1e-3)
    assert not torch.equal(found[1][0], plain[0][0])
    assert torch.equal(encode(clip)[0][0], plain[0][0])
    assert parts(encode(clip)) == [(None, None)]
    late.patcher.unpatch_model()
    assert same(before, states(clip.patcher))


def test_set_clip_hooks_behind_the_stack_keeps_the_window(stack_node, hook_node, lora, clip):
    import comfy_extras.nodes_hooks

    hooks = hook_node.execute(
        lora_stack=stack_node.execute(lora_1="b.safetensors").result[2]
    ).result[0]
    late = stack_node.execute(clip=clip, lora_1="a.safetensors", start_1=0.25).result[1]

    (found,) = comfy_extras.nodes_hooks.SetClipHooks().apply_hooks(late, True, True, hooks)

    assert torch.equal(encode(found)[1][0], encode(late)[1][0])
    assert parts(encode(found)) == [(0.0, 0.25), (0.25, 1.0)]


@pytest.mark.parametrize(("tag", "acts"), [("stop=3", True), ("start=2", False)])
def test_steps_act_on_the_text_if_they_hold_the_first(prompt_node, lora, sd15, clip, tag, acts):
    _, text, _, _, report = prompt_node.execute(
        prompt=f"<lora:a:1:{tag}>", model=sd15, clip=clip
    ).result

    assert torch.equal(encode(text)[0][0], encode(clip)[0][0]) != acts
    assert ("text encoder modules left out: the prompt is encoded before" in report) != acts
    assert f"patched (model 2, clip {int(acts)})" in report


# --- hooks ---------------------------------------------------------------------------------------


def test_hooks_follow_the_window_of_each_row(stack_node, hook_node, lora, sd15):
    before = states(sd15)[LAST]
    stack = stack_node.execute(
        lora_1="a.safetensors", stop_1=0.3, lora_2="b.safetensors", start_2=0.7,
        lora_3="b.safetensors", start_3=0.7, strength_model_3=0.5,
    ).result[2]  # fmt: skip

    hooks = hook_node.execute(lora_stack=stack).result[0]
    run = Run(sd15, conditioning(hooks), conditioning(hooks))

    assert len(hooks.hooks) == 2
    assert run.acting(before) == [True, False, False, True]


def test_hooks_follow_steps(prompt_node, hook_node, lora, sd15):
    before = states(sd15)[LAST]
    stack = prompt_node.execute(prompt="<lora:a:1:step=2-4>").result[2]

    hooks = hook_node.execute(lora_stack=stack).result[0]

    assert Run(sd15, conditioning(hooks), conditioning(hooks)).acting(before) == [
        False, True, True, False,
    ]  # fmt: skip


def test_the_window_of_the_node_narrows_that_of_a_row(stack_node, hook_node, errors, lora, sd15):
    before = states(sd15)[LAST]
    stack = stack_node.execute(lora_1="a.safetensors", start_1=0.2).result[2]

    hooks = hook_node.execute(lora_stack=stack, end_percent=0.7).result[0]

    acting = Run(sd15, conditioning(hooks), conditioning(hooks)).acting(before)
    assert acting == [False, True, True, False]
    with pytest.raises(errors.InvalidInputError, match=r"Entry 1 .* none of which is from 0 to 0"):
        hook_node.execute(lora_stack=stack, end_percent=0.1)
