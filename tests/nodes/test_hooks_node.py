"""Create Hook LoRA Stack: what hooks leave in a model equals what the stack itself leaves there."""

from __future__ import annotations

import pytest
import torch
from support.lora_files import PEFT, random_pair, write_lora

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
MID = "diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_v.weight"
MID_KOHYA = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v"
TE = "clip_l.transformer.text_model.encoder.layers.3.mlp.fc1.weight"
TE_KOHYA = "lora_te_text_model_encoder_layers_3_mlp_fc1"


def shape(patcher, key):
    return tuple(patcher.model.state_dict()[key].shape)


def weights(patcher):
    return {key: value.clone() for key, value in patcher.model.state_dict().items()}


def patched(patcher):
    """The weights that sampling would use; the model is unpatched again."""
    patcher.unpatch_model()
    patcher.patch_model(torch.device("cpu"))
    try:
        return weights(patcher)
    finally:
        patcher.unpatch_model()


def hooked(patcher, hooks, target="model"):
    """The weights while the hooks are applied, as sampling and encoding apply them."""
    import comfy.hooks

    clone = patcher.clone()
    kind = {"model": comfy.hooks.EnumWeightTarget.Model, "clip": comfy.hooks.EnumWeightTarget.Clip}
    clone.patch_model(torch.device("cpu"))
    try:
        clone.register_all_hook_patches(hooks, comfy.hooks.create_target_dict(kind[target]), {})
        clone.apply_hooks(hooks, {})
        return weights(clone)
    finally:
        clone.clean_hooks()
        clone.unpatch_model()


def same(first, second):
    return all(torch.equal(first[key], second[key]) for key in first)


@pytest.fixture
def node(pack):
    return pack.nodes.hooks.SatchelCreateHookLoraStack


@pytest.fixture
def errors(pack):
    return pack.satchel.errors


@pytest.fixture
def stack(stack_node, loras, sd15, clip):
    """Three rows, with block weights on both sides, two of them on one weight."""
    for name, seed in (("a", 1), ("b", 5)):
        pairs = {
            Q_KOHYA: random_pair(shape(sd15, Q), alpha=2.0, seed=seed),
            MID_KOHYA: random_pair(shape(sd15, MID), seed=seed + 1),
            TE_KOHYA: random_pair(shape(clip.patcher, TE), seed=seed + 2),
        }
        write_lora(loras / f"{name}.safetensors", pairs)
    return stack_node.execute(
        lora_1="a.safetensors", strength_model_1=0.8, blocks_1="IN01=0.5, M00=0, BASE=0.25",
        lora_2="b.safetensors", strength_model_2=-0.6, strength_clip_2=0.7,
        lora_3="a.safetensors", strength_model_3=0.3, blocks_3="M00=1, *=0",
    ).result[2]  # fmt: skip


def create(node, stack, **inputs):
    return node.execute(lora_stack=stack, **inputs).result[0]


def test_hooks_leave_the_very_weights_of_the_stack(node, stack_node, stack, sd15, clip):
    direct = stack_node.execute(model=sd15, clip=clip, lora_stack=stack).result
    hooks = create(node, stack)

    model, text = hooked(sd15, hooks), hooked(clip.patcher, hooks, "clip")

    assert same(model, patched(direct[0]))
    assert same(text, patched(direct[1].patcher))
    assert not torch.equal(model[Q], weights(sd15)[Q])
    assert not torch.equal(text[TE], weights(clip.patcher)[TE])


def test_block_weights_are_what_differs_from_the_cores_own_hook(node, stack, sd15, loras):
    import comfy.hooks
    import comfy.utils

    plain = [(str(name), float(model), float(text)) for name, model, text in stack[:1]]
    core = comfy.hooks.create_hook_lora(
        comfy.utils.load_torch_file(str(loras / "a.safetensors")), 0.8, 0.8
    )
    ours, theirs = hooked(sd15, create(node, plain)), hooked(sd15, core)
    weighted = hooked(sd15, create(node, stack[:1]))

    assert same(ours, theirs)
    before = weights(sd15)
    assert torch.equal(weighted[MID], before[MID])
    half = (weighted[Q] - before[Q]) / (theirs[Q] - before[Q])
    assert half.median().item() == pytest.approx(0.5, abs=1e-3)


def test_the_model_is_unpatched_bit_by_bit(node, stack, sd15):
    before = weights(sd15)

    hooked(sd15, create(node, stack))

    assert same(before, weights(sd15))


def test_hooks_are_added_to_those_before(node, stack, sd15):
    import comfy.hooks

    first = create(node, stack[:1])
    both = create(node, stack[1:], prev_hooks=first)

    assert len(first.hooks) == 1
    assert len(both.hooks) == 2
    assert both.hooks[0] == first.hooks[0]
    assert not same(hooked(sd15, both), hooked(sd15, first))
    assert both.get_type(comfy.hooks.EnumHookType.Weight) == both.hooks


def test_hooks_reuse_their_plan_and_follow_other_models(node, stack, sd15, monkeypatch, pack):
    read = []
    load = pack.nodes.host.load_lora
    monkeypatch.setattr(
        pack.nodes.host,
        "load_lora",
        lambda path, *rest: (read.append(path.name), load(path, *rest))[1],
    )
    hooks = create(node, stack)

    first, again = hooked(sd15, hooks), hooked(sd15, hooks.clone())

    assert same(first, again)
    assert read == ["a.safetensors", "b.safetensors", "a.safetensors"]


def test_an_entry_that_the_model_has_already_is_not_hooked_again(node, stack_node, stack, sd15):
    model = stack_node.execute(model=sd15, lora_stack=stack).result[0]
    expected = patched(model)

    assert same(hooked(model, create(node, stack)), expected)


def test_a_stack_without_loras_hooks_nothing(node, sd15):
    assert same(hooked(sd15, create(node, [])), weights(sd15))


# --- what fails --------------------------------------------------------------------------------


def test_a_lora_of_another_architecture_stops_when_it_meets_the_model(node, loras, errors, sd15):
    names = [f"lora_unet_double_blocks_{n}_img_attn_qkv" for n in range(3)]
    te = {TE_KOHYA: random_pair((3072, 768))}
    write_lora(loras / "flux.safetensors", te | {name: random_pair((96, 32)) for name in names})
    hooks = create(node, [("flux.safetensors", 1.0, 1.0)])

    with pytest.raises(errors.LoraMismatchError, match=r"Entry 1 .*it does not fit the model"):
        hooked(sd15, hooks)


def test_a_lora_for_one_side_is_no_mistake_on_the_other(node, loras, sd15, clip):
    pair = random_pair(shape(clip.patcher, TE))
    write_lora(loras / "te.safetensors", {TE_KOHYA: pair})
    write_lora(loras / "unet.safetensors", {Q_KOHYA: random_pair(shape(sd15, Q))})
    hooks = create(node, [("te.safetensors", 1.0, 1.0), ("unet.safetensors", 1.0, 1.0)])

    model, text = hooked(sd15, hooks), hooked(clip.patcher, hooks, "clip")

    assert not torch.equal(model[Q], weights(sd15)[Q])
    assert not torch.equal(text[TE], weights(clip.patcher)[TE])


@pytest.mark.parametrize(
    ("stack", "inputs", "error", "sentence"),
    [
        ([("gone.safetensors", 1.0, 1.0)], {}, "ModelNotFoundError", "Entry 1 of lora_stack"),
        ("x", {}, "LoraRowError", "lora_stack is a str"),
        ([], {"start_percent": 0.5, "end_percent": 0.5}, "InvalidInputError", "nothing in betw"),
        ([], {"start_percent": 0.6, "end_percent": 0.5}, "InvalidInputError", "Set start_percent"),
    ],
)
def test_bad_inputs_stop_the_node(node, loras, errors, stack, inputs, error, sentence):
    with pytest.raises(getattr(errors, error), match=sentence):
        create(node, stack, **inputs)


def test_block_weights_that_the_model_lacks_stop_the_run(node, stack_node, loras, errors, sd15):
    write_lora(loras / "a.safetensors", {Q_KOHYA: random_pair(shape(sd15, Q))})
    stack = stack_node.execute(lora_1="a.safetensors", blocks_1="D07=0.5").result[2]

    with pytest.raises(errors.BlockWeightSyntaxError, match=r"Entry 1 .*no block slot D07"):
        hooked(sd15, create(node, stack))


# --- in time -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inputs", "keyframes"),
    [
        ({}, []),
        ({"start_percent": 0.25}, [(0.0, 0.0), (0.25, 1.0)]),
        ({"end_percent": 0.75}, [(0.0, 1.0), (0.75, 0.0)]),
        ({"start_percent": 0.25, "end_percent": 0.75}, [(0.0, 0.0), (0.25, 1.0), (0.75, 0.0)]),
    ],
)
def test_a_window_becomes_keyframes(node, stack, inputs, keyframes):
    (hook,) = create(node, stack, **inputs).hooks

    found = [(frame.start_percent, frame.strength) for frame in hook.hook_keyframe.keyframes]
    assert found == keyframes


def test_the_cores_keyframe_node_replaces_the_window(node, stack):
    import comfy.hooks
    import comfy_extras.nodes_hooks

    keyframes = comfy.hooks.HookKeyframeGroup()
    keyframes.add(comfy.hooks.HookKeyframe(0.5, 0.0))
    hooks = create(node, stack, end_percent=0.5)

    (set_hooks,) = comfy_extras.nodes_hooks.SetHookKeyframes().set_hook_keyframes(hooks, keyframes)

    assert [frame.strength for frame in set_hooks.hooks[0].hook_keyframe.keyframes] == [0.5]
    assert set_hooks.hooks[0].plan is hooks.hooks[0].plan


def sample(model, conditioning, steps=4):
    """The denoised picture after each step of a real sampler run, then the last latent."""
    import comfy.sample
    import comfy.samplers

    noise = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    seen = []
    latent = comfy.sample.sample(
        model, noise, steps, 1.0, "euler", "normal", conditioning, conditioning,
        torch.zeros_like(noise), seed=0, disable_pbar=True,
        callback=lambda step, x0, x, total: seen.append(x0.clone()),
    )  # fmt: skip
    return [*seen, latent]


def conditioning(hooks=None):
    cond = torch.randn(1, 77, 48, generator=torch.Generator().manual_seed(1))
    return [[cond, {} if hooks is None else {"hooks": hooks}]]


@pytest.fixture
def strong(stack_node, loras, sd15):
    """A LoRA for the last layer, which changes a picture clearly, with block weights."""
    last = "diffusion_model.out.2.weight"
    pairs = {
        Q_KOHYA: random_pair(shape(sd15, Q), seed=1),
        "lora_unet_conv_out": random_pair(shape(sd15, last), seed=2),
    }
    write_lora(loras / "a.safetensors", pairs)
    return stack_node.execute(lora_1="a.safetensors", blocks_1="IN01=0.5, OTHER=2").result[2]


def test_sampling_with_hooks_gives_the_picture_of_the_stack(node, stack_node, strong, sd15):
    model = stack_node.execute(model=sd15, lora_stack=strong).result[0]

    direct = sample(model, conditioning())
    ours = sample(sd15, conditioning(create(node, strong)))
    without = sample(sd15, conditioning())

    assert all(torch.equal(a, b) for a, b in zip(direct, ours, strict=True))
    assert not torch.allclose(without[-1], ours[-1], atol=1e-4)


def test_a_window_acts_in_its_steps_only(node, strong, sd15):
    without = sample(sd15, conditioning())
    late = sample(sd15, conditioning(create(node, strong, start_percent=0.5)))
    early = sample(sd15, conditioning(create(node, strong, end_percent=0.5)))
    always = sample(sd15, conditioning(create(node, strong)))

    assert torch.equal(late[0], without[0])
    assert not torch.equal(late[3], without[3])
    assert torch.equal(early[0], always[0])
    assert not torch.equal(early[0], without[0])
    assert not torch.equal(early[3], always[3])


def test_encoding_with_hooks_gives_the_text_of_the_stack(node, stack_node, stack, clip):
    import comfy_extras.nodes_hooks

    direct = stack_node.execute(clip=clip, lora_stack=stack).result[1]
    (ours,) = comfy_extras.nodes_hooks.SetClipHooks().apply_hooks(
        clip, schedule_clip=False, apply_to_conds=True, hooks=create(node, stack)
    )

    def encode(encoder):
        return encoder.encode_from_tokens_scheduled(encoder.tokenize("a cat"))[0]

    hooked_text, values = encode(ours)
    assert torch.equal(hooked_text, encode(direct)[0])
    assert not torch.equal(hooked_text, encode(clip)[0])
    assert len(values["hooks"].hooks) == 1


def test_flux_blocks_get_their_own_weights(node, stack_node, loras, flux):
    """Slots of another layout, and a LoRA for a slice of a fused weight."""
    double = "diffusion_model.double_blocks.1.img_attn.qkv.weight"
    single = "diffusion_model.single_blocks.2.linear2.weight"
    rows, columns = shape(flux, double)
    pairs = {
        "transformer.transformer_blocks.1.attn.to_q": random_pair((rows // 3, columns), seed=1),
        "transformer.single_transformer_blocks.2.proj_out": random_pair(shape(flux, single)),
        "transformer.norm_out.linear": random_pair(
            shape(flux, "diffusion_model.final_layer.adaLN_modulation.1.weight"), seed=2
        ),
    }
    write_lora(loras / "flux.safetensors", pairs, PEFT)
    stack = stack_node.execute(lora_1="flux.safetensors", blocks_1="D01=0.5, S02=-1").result[2]
    before = weights(flux)

    after = hooked(flux, create(node, stack))

    delta = pairs["transformer.transformer_blocks.1.attn.to_q"].delta
    exact = before[double][: rows // 3].double() + 0.5 * delta
    assert (after[double][: rows // 3].double() - exact).abs().max() < 1e-6
    assert torch.equal(after[double][rows // 3 :], before[double][rows // 3 :])
    assert same(after, patched(stack_node.execute(model=flux, lora_stack=stack).result[0]))
