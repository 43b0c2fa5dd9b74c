"""The weights that a stack leaves in a model, against sums written out here in float64."""

from __future__ import annotations

import pytest
import torch
from support.lora_files import KOHYA, PEFT, random_pair, write_lora

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
Q_NATIVE = Q.removesuffix(".weight")
MID = "diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_v.weight"
MID_KOHYA = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v"
OUT = "diffusion_model.output_blocks.5.1.transformer_blocks.0.ff.net.2.weight"
OUT_KOHYA = "lora_unet_up_blocks_1_attentions_2_transformer_blocks_0_ff_net_2"
CONV = "diffusion_model.input_blocks.2.0.in_layers.2.weight"
CONV_KOHYA = "lora_unet_down_blocks_0_resnets_1_conv1"
TE = "clip_l.transformer.text_model.encoder.layers.3.mlp.fc1.weight"
TE_KOHYA = "lora_te_text_model_encoder_layers_3_mlp_fc1"


def weights(patcher):
    """A copy of a patcher's weights without patches."""
    return {key: value.clone() for key, value in patcher.model.state_dict().items()}


def patched(patcher):
    """The weights that sampling would use; the model is unpatched again."""
    patcher.unpatch_model()  # the host may hold it loaded already
    patcher.patch_model(torch.device("cpu"))
    try:
        return weights(patcher)
    finally:
        patcher.unpatch_model()


def shape(patcher, key):
    return tuple(patcher.model.state_dict()[key].shape)


def error(result, expected):
    return (result.double().flatten(1) - expected.double().flatten(1)).abs().max().item()


def run(node, **inputs):
    return node.execute(**inputs).result


def test_one_lora_gives_the_very_bits_of_the_core_loader(stack_node, loras, sd15, clip):
    import nodes

    pairs = {
        Q_KOHYA: random_pair(shape(sd15, Q), alpha=3.0, dtype=torch.float16),
        CONV_KOHYA: random_pair(shape(sd15, CONV), alpha=1.0, dtype=torch.float16),
        TE_KOHYA: random_pair(shape(clip.patcher, TE), dtype=torch.float16),
    }
    write_lora(loras / "a.safetensors", pairs)

    model, text, _, _ = run(
        stack_node, model=sd15, clip=clip, lora_1="a.safetensors", strength_model_1=0.7,
        strength_clip_1=-0.4,
    )  # fmt: skip
    core_model, core_text = nodes.LoraLoader().load_lora(sd15, clip, "a.safetensors", 0.7, -0.4)

    ours, core = patched(model), patched(core_model)
    assert all(torch.equal(ours[key], core[key]) for key in core)
    assert not torch.equal(ours[Q], weights(sd15)[Q])
    assert torch.equal(patched(text.patcher)[TE], patched(core_text.patcher)[TE])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_a_stack_is_nearer_to_the_exact_sum_than_a_chain(stack_node, loras, sd15, dtype):
    """Added to the weight in its own dtype, as the host does on a GPU: one rounding, not five."""
    import comfy.lora

    import nodes

    base = weights(sd15)[Q].to(dtype)
    exact, rows, chain = base.double(), {}, sd15
    for n, strength in enumerate((0.9, -0.4, 0.55, 1.3, -0.8), 1):
        pair = random_pair(shape(sd15, Q), rank=2 * n, alpha=1.5, seed=n)
        write_lora(loras / f"{n}.safetensors", {Q_KOHYA: pair})
        rows |= {f"lora_{n}": f"{n}.safetensors", f"strength_model_{n}": strength}
        chain = nodes.LoraLoader().load_lora(chain, None, f"{n}.safetensors", strength, 0)[0]
        exact = exact + strength * pair.delta

    model = run(stack_node, model=sd15, **rows)[0]

    ours = comfy.lora.calculate_weight(model.patches[Q], base.clone(), Q)
    core = comfy.lora.calculate_weight(chain.patches[Q], base.clone(), Q)
    assert len(model.patches[Q]) == 1
    assert len(chain.patches[Q]) == 5
    if dtype == torch.float32:  # both are at the limit of float32 here
        assert error(ours, exact) < 1e-7
    else:
        assert error(ours, exact) < error(core, exact)


def test_three_loras_of_two_dialects_add_up(stack_node, loras, sd15, clip):
    first = random_pair(shape(sd15, Q), 4, alpha=2.0, seed=1, dtype=torch.float16)
    second = random_pair(shape(sd15, Q), 8, seed=2, dtype=torch.bfloat16)
    third = random_pair(shape(sd15, Q), 3, alpha=9.0, seed=3)
    text = random_pair(shape(clip.patcher, TE), 4, seed=4)
    write_lora(loras / "a.safetensors", {Q_KOHYA: first, TE_KOHYA: text})
    write_lora(loras / "sub" / "b.safetensors", {Q_NATIVE: second}, PEFT)
    write_lora(loras / "c.safetensors", {Q_KOHYA: third})

    model, out_clip, _, report = run(
        stack_node, model=sd15, clip=clip,
        lora_1="a.safetensors", strength_model_1=0.5, strength_clip_1=2,
        lora_2="sub\\b.safetensors", strength_model_2=-1.25,
        lora_7="c.safetensors", strength_model_7=0.3,
    )  # fmt: skip

    exact = weights(sd15)[Q].double() + 0.5 * first.delta - 1.25 * second.delta + 0.3 * third.delta
    assert error(patched(model)[Q], exact) < 1e-7
    exact_text = weights(clip.patcher)[TE].double() + 2 * text.delta
    assert error(patched(out_clip.patcher)[TE], exact_text) < 2e-3  # float16 weights
    assert "Total: 3 LoRAs, 4 modules patched (model 3, clip 1), 0 dropped" in report


def test_block_weights_scale_their_own_block_only(stack_node, loras, sd15):
    pairs = {
        Q_KOHYA: random_pair(shape(sd15, Q), seed=1),
        MID_KOHYA: random_pair(shape(sd15, MID), seed=2),
        OUT_KOHYA: random_pair(shape(sd15, OUT), seed=3),
    }
    write_lora(loras / "a.safetensors", pairs)
    before = weights(sd15)

    model, _, _, report = run(
        stack_node, model=sd15, lora_1="a.safetensors", strength_model_1=0.8,
        blocks_1="in01 = 0.25; M0=1\n*=0",
    )  # fmt: skip

    after = patched(model)
    assert error(after[Q], before[Q].double() + 0.2 * pairs[Q_KOHYA].delta) < 1e-7
    assert error(after[MID], before[MID].double() + 0.8 * pairs[MID_KOHYA].delta) < 1e-7
    assert torch.equal(after[OUT], before[OUT])
    assert OUT not in model.patches
    assert "blocks IN01=0.25, M00=1, *=0" in report
    assert "2 of 3 modules patched" in report
    assert "1 at strength or block weight 0" in report


def test_the_slot_comes_from_the_weight_not_from_the_name_in_the_file(stack_node, loras, flux):
    """Three diffusers names hit slices of one fused weight in double block 1."""
    key = "diffusion_model.double_blocks.1.img_attn.qkv.weight"
    parts = {name: random_pair((128, 128), seed=i) for i, name in enumerate("qkv")}
    names = {f"transformer.transformer_blocks.1.attn.to_{name}": p for name, p in parts.items()}
    write_lora(loras / "a.safetensors", names, PEFT)
    write_lora(loras / "b.safetensors", names, PEFT)
    before = weights(flux)

    model = run(
        stack_node, model=flux, lora_1="a.safetensors", blocks_1="D01=0.5, *=0",
        lora_2="b.safetensors", strength_model_2=2, blocks_2="D00=5",
    )[0]  # fmt: skip

    exact = before[key].double()
    for i, pair in enumerate(parts.values()):
        exact[i * 128 : (i + 1) * 128] += (0.5 + 2) * pair.delta
    after = patched(model)
    assert error(after[key], exact) < 1e-6
    assert len(model.patches[key]) == 3
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {key}


def test_block_weights_of_zero_leave_everything_untouched(stack_node, loras, sd15, clip):
    pairs = {Q_KOHYA: random_pair(shape(sd15, Q))}
    write_lora(loras / "a.safetensors", pairs)

    model, text, _, report = run(
        stack_node, model=sd15, clip=clip, lora_1="a.safetensors", blocks_1="*=0"
    )

    assert model is sd15
    assert text is clip
    assert "not read" in report


def test_convolutions_are_fused(stack_node, loras, sd15):
    full = [random_pair(shape(sd15, CONV), 4, alpha=2.0, seed=n) for n in (1, 2)]
    flat = random_pair((shape(sd15, CONV)[0], shape(sd15, CONV)[1] * 9), 4, seed=3)
    for name, pair in zip("abc", [*full, flat], strict=True):
        write_lora(loras / f"{name}.safetensors", {CONV_KOHYA: pair})

    model = run(
        stack_node, model=sd15, lora_1="a.safetensors", strength_model_1=0.5,
        lora_2="b.safetensors", strength_model_2=-1, lora_3="c.safetensors",
    )[0]  # fmt: skip

    exact = weights(sd15)[CONV].double().flatten(1)
    exact = exact + 0.5 * full[0].delta - full[1].delta + flat.delta
    assert error(patched(model)[CONV], exact) < 1e-7
    assert len(model.patches[CONV]) == 2  # differently shaped halves stay apart


def test_a_loha_adds_to_the_fused_pair(stack_node, loras, sd15):
    out, width = shape(sd15, Q)
    plain = [random_pair((out, width), seed=n) for n in (1, 2)]
    hada = [random_pair((out, width), seed=n) for n in (3, 4)]
    names = (f"{Q_KOHYA}.hada_w1_a", f"{Q_KOHYA}.hada_w1_b")
    names += (f"{Q_KOHYA}.hada_w2_a", f"{Q_KOHYA}.hada_w2_b")
    tensors = (hada[0].up, hada[0].down, hada[1].up, hada[1].down)
    loha = dict(zip(names, tensors, strict=True)) | {f"{Q_KOHYA}.alpha": torch.tensor(2.0)}
    write_lora(loras / "a.safetensors", {Q_KOHYA: plain[0]})
    write_lora(loras / "b.safetensors", {}, extra=loha)
    write_lora(loras / "c.safetensors", {Q_KOHYA: plain[1]})

    model = run(
        stack_node, model=sd15, lora_1="a.safetensors", lora_2="b.safetensors",
        strength_model_2=0.5, lora_3="c.safetensors", strength_model_3=-0.5,
    )[0]  # fmt: skip

    product = (hada[0].up.double() @ hada[0].down.double()) * (
        hada[1].up.double() @ hada[1].down.double()
    )
    exact = weights(sd15)[Q].double() + plain[0].delta - 0.5 * plain[1].delta
    assert error(patched(model)[Q], exact + 0.5 * (2 / 4) * product) < 1e-7
    assert len(model.patches[Q]) == 2


@pytest.mark.parametrize("dora_row", [1, 2, 3])
def test_a_dora_keeps_its_place_in_the_order(stack_node, loras, sd15, dora_row):
    """DoRA (Liu et al. 2024; PEFT's dora.py): W + s * ((W + BA) * m / |W + BA| - W), by row."""
    base = weights(sd15)[Q].double()
    pairs = [random_pair(shape(sd15, Q), seed=n) for n in (1, 2, 3)]
    magnitude = base.norm(dim=1, keepdim=True) * 1.1
    exact, rows = base.clone(), {}
    for row, pair in enumerate(pairs, 1):
        extra = {f"{Q_KOHYA}.dora_scale": magnitude.float()} if row == dora_row else None
        write_lora(loras / f"{row}.safetensors", {Q_KOHYA: pair}, extra=extra)
        rows |= {f"lora_{row}": f"{row}.safetensors", f"strength_model_{row}": 0.5}
        if row == dora_row:
            total = exact + pair.delta
            exact = exact + 0.5 * (total * magnitude / total.norm(dim=1, keepdim=True) - exact)
        else:
            exact = exact + 0.5 * pair.delta

    model = run(stack_node, model=sd15, **rows)[0]

    assert error(patched(model)[Q], exact) < 1e-6
    assert len(model.patches[Q]) == (3 if dora_row == 2 else 2)


@pytest.mark.parametrize("oft_row", [1, 2, 3])
def test_an_oft_turns_what_stands_before_it(stack_node, loras, sd15, oft_row):
    """OFT (LyCORIS diag_oft.py): W + s * (R^T W - W) in blocks, R = (I + Q) (I - Q)^-1."""
    exact = weights(sd15)[Q].double()
    pairs = [random_pair(shape(sd15, Q), seed=n) for n in (1, 2, 3)]
    size, rows = 8, {}
    blocks = torch.randn(len(exact) // size, size, size, generator=torch.Generator().manual_seed(5))
    blocks *= 0.2
    for row, pair in enumerate(pairs, 1):
        path = loras / f"{row}.safetensors"
        rows |= {f"lora_{row}": path.name, f"strength_model_{row}": 0.5}
        if row != oft_row:
            write_lora(path, {Q_KOHYA: pair})
            exact = exact + 0.5 * pair.delta
            continue
        write_lora(path, {}, extra={f"{Q_KOHYA}.oft_blocks": blocks})
        skew = blocks.double() - blocks.double().mT
        eye = torch.eye(size, dtype=torch.float64)
        turn = ((eye + skew) @ torch.linalg.inv(eye - skew)).mT
        turned = (turn @ exact.reshape(-1, size, exact.shape[1])).reshape(exact.shape)
        exact = exact + 0.5 * (turned - exact)

    model = run(stack_node, model=sd15, **rows)[0]

    assert error(patched(model)[Q], exact) < 1e-6
    assert len(model.patches[Q]) == (3 if oft_row == 2 else 2)


def test_a_lokr_between_pairs_lets_them_be_one(stack_node, loras, sd15):
    """LoKr (LyCORIS lokr.py): W + s * kron(w1, w2)."""
    out, width = shape(sd15, Q)
    pairs = [random_pair((out, width), seed=n) for n in (1, 2)]
    generator = torch.Generator().manual_seed(6)
    w1, w2 = torch.randn(4, 4, generator=generator), torch.randn(
        out // 4, width // 4, generator=generator
    )  # fmt: skip
    write_lora(loras / "1.safetensors", {Q_KOHYA: pairs[0]})
    extra = {f"{Q_KOHYA}.lokr_w1": w1, f"{Q_KOHYA}.lokr_w2": w2 * 0.01}
    write_lora(loras / "2.safetensors", {}, extra=extra)
    write_lora(loras / "3.safetensors", {Q_KOHYA: pairs[1]})

    model = run(stack_node, model=sd15, **{
        f"{what}_{row}": value for row, strength in ((1, 0.7), (2, 0.5), (3, -0.4))
        for what, value in (("lora", f"{row}.safetensors"), ("strength_model", strength))
    })[0]  # fmt: skip

    exact = weights(sd15)[Q].double() + 0.7 * pairs[0].delta - 0.4 * pairs[1].delta
    exact += 0.5 * torch.kron(w1.double(), (w2 * 0.01).double())
    assert error(patched(model)[Q], exact) < 1e-6
    assert len(model.patches[Q]) == 2


def test_set_weights_ignore_strength_but_not_zero(stack_node, loras, flux):
    key = "diffusion_model.double_blocks.0.img_attn.norm.query_norm.weight"
    name = "diffusion_model.double_blocks.0.img_attn.norm.query_norm"
    value = torch.full(shape(flux, key), 3.0)
    plain = {"diffusion_model.img_in": random_pair(shape(flux, "diffusion_model.img_in.weight"))}
    write_lora(loras / "a.safetensors", plain, PEFT, extra={f"{name}.set_weight": value})

    half = run(stack_node, model=flux, lora_1="a.safetensors", strength_model_1=0.5)[0]
    off = run(stack_node, model=flux, lora_1="a.safetensors", blocks_1="D00=0")[0]

    assert torch.equal(patched(half)[key], value)
    assert torch.equal(patched(off)[key], weights(flux)[key])


def test_unpatching_restores_every_bit_and_the_input_stays_clean(stack_node, loras, sd15):
    for n in (1, 2):
        pairs = {
            Q_KOHYA: random_pair(shape(sd15, Q), seed=n),
            CONV_KOHYA: random_pair(shape(sd15, CONV), seed=n),
        }
        write_lora(loras / f"{n}.safetensors", pairs)
    before = weights(sd15)

    model = run(stack_node, model=sd15, lora_1="1.safetensors", lora_2="2.safetensors")[0]
    changed = patched(model)

    after = weights(sd15)
    assert not torch.equal(changed[Q], before[Q])
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert sd15.patches == {}
    assert sd15.attachments == {}


def test_the_low_memory_path_gives_the_same_weight(stack_node, loras, sd15):
    """Offloaded layers patch their weight while it is cast, through copies of the adapters."""
    from comfy.model_patcher import LowVramPatch

    pairs = [random_pair(shape(sd15, Q), alpha=2.0, seed=n) for n in (1, 2)]
    for n, pair in enumerate(pairs, 1):
        write_lora(loras / f"{n}.safetensors", {Q_KOHYA: pair})
    model = run(
        stack_node, model=sd15, lora_1="1.safetensors", lora_2="2.safetensors",
        strength_model_2=0.1,
    )[0]  # fmt: skip
    patch = LowVramPatch(Q, model.patches)
    buffer = torch.empty(patch.memory_required(), dtype=torch.uint8)
    patch.prepare(buffer, None)

    result = patch(weights(sd15)[Q].clone())

    exact = weights(sd15)[Q].double() + pairs[0].delta + 0.1 * pairs[1].delta
    assert error(result, exact) < 1e-6


def test_the_bypass_path_gives_the_same_output(stack_node, loras, sd15):
    """Bypass mode runs an adapter beside its layer: `h(x)` is what it adds to the output."""
    pairs = [random_pair(shape(sd15, Q), alpha=2.0, seed=n) for n in (1, 2)]
    for n, pair in enumerate(pairs, 1):
        write_lora(loras / f"{n}.safetensors", {Q_KOHYA: pair})
    model = run(
        stack_node,
        model=sd15,
        lora_1="1.safetensors",
        lora_2="2.safetensors",
        strength_model_2=0.1,
    )[0]
    ((strength, adapter, *_),) = model.patches[Q]
    x = torch.randn(3, shape(sd15, Q)[1], generator=torch.Generator().manual_seed(0))

    added = strength * adapter.h(x, torch.zeros(3, shape(sd15, Q)[0]))

    exact = x.double() @ (pairs[0].delta + 0.1 * pairs[1].delta).T
    assert error(added, exact) < 1e-6


def test_files_are_not_changed_in_memory(stack_node, loras, sd15):
    """Loaded tensors may be views of the file: fusing must not write into them."""
    pair = random_pair(shape(sd15, Q))
    path = write_lora(loras / "a.safetensors", {Q_KOHYA: pair}, KOHYA)
    content = path.read_bytes()

    for _ in range(2):
        model = run(
            stack_node, model=sd15, lora_1="a.safetensors", lora_2="a.safetensors",
            strength_model_2=0.5,
        )[0]  # fmt: skip
        exact = weights(sd15)[Q].double() + 1.5 * pair.delta
        assert error(patched(model)[Q], exact) < 1e-7
    assert path.read_bytes() == content
