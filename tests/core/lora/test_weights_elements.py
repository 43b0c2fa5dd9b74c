"""Filters: which weights of a block they fit, in the names that architectures give them."""

from __future__ import annotations

import pytest

from satchel.errors import BlockWeightSyntaxError
from satchel.lora.block_layouts import find_layout
from satchel.lora.block_layouts.slices import part_at, parts_of
from satchel.lora.weights import Place, Slot, parse_block_weights

ATTENTION = [
    "input_blocks.4.1.transformer_blocks.0.attn2.to_q.weight",
    "joint_blocks.3.context_block.attn.qkv.weight",
    "double_blocks.3.img_attn.proj.weight",
    "transformer_blocks.0.attn.add_q_proj.weight",
    "layers.7.attention.qkv.weight",
    "blocks.3.cross_attn.o.weight",
    "double_stream_blocks.1.block.attn1.to_q_t.weight",
    "single_layers.5.attn.w1q.weight",
    "blocks.2.attn.wq.weight",
]
MLP = [
    "input_blocks.4.1.transformer_blocks.0.ff.net.0.proj.weight",
    "joint_blocks.3.x_block.mlp.fc1.weight",
    "double_blocks.3.txt_mlp.0.weight",
    "layers.7.feed_forward.w1.weight",
    "blocks.3.ffn.0.weight",
    "double_stream_blocks.1.block.ff_i.experts.0.w1.weight",
    "double_layers.1.mlpX.c_fc1.weight",
    "blocks.2.mlp.gate.weight",
]
OTHERS = [
    "input_blocks.4.0.in_layers.2.weight",
    "double_blocks.3.img_mod.lin.weight",
    "blocks.3.norm3.weight",
    "layers.7.adaLN_modulation.0.weight",
    "single_blocks.3.linear1.weight",
    "double_layers.1.modX.1.weight",
]
TEXT = [
    "clip_l.transformer.text_model.encoder.layers.0.self_attn.q_proj.weight",
    "clip_l.transformer.text_model.encoder.layers.0.mlp.fc1.weight",
    "t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q.weight",
    "t5xxl.transformer.encoder.block.0.layer.1.DenseReluDense.wi_0.weight",
]

UNET = {"input_", "middle", "output"}


def place(native):
    key = native if native in TEXT else f"diffusion_model.{native}"
    unet = [f"diffusion_model.{name}.0.weight" for name in ("input_blocks.0", "middle_block")]
    return find_layout([key, *(unet if native[:6] in UNET else ())]).place_of(key)


def fits(filter_text, where):
    weights = parse_block_weights(f"*.{filter_text}=0").on([where.slot])
    return weights.of(where) == 0


@pytest.mark.parametrize("native", [*ATTENTION, *MLP, *OTHERS, *TEXT])
def test_attention_and_mlp_are_told_apart_in_every_architecture(native):
    kinds = {kind for kind in ("attn", "mlp") if fits(kind, place(native))}

    if native in TEXT:
        assert kinds == {"attn" if "ttn" in native or "Attention" in native else "mlp"}
    else:
        assert kinds == {kind for kind, names in (("attn", ATTENTION), ("mlp", MLP))
                         if native in names}  # fmt: skip


@pytest.mark.parametrize(
    ("filter_text", "native", "expected"),
    [
        ("attn2", ATTENTION[0], True),
        ("attn1", ATTENTION[0], False),
        ("to_q", ATTENTION[0], True),
        ("to_k", ATTENTION[0], False),
        ("to_q", "blocks.3.self_attn.q.weight", True),
        ("to_k", "blocks.3.self_attn.norm_k.weight", False),
        ("to_q", ATTENTION[6], True),
        ("to_q", ATTENTION[7], True),
        ("to_q", ATTENTION[8], True),
        ("to_q", TEXT[0], True),
        ("to_out", "input_blocks.4.1.transformer_blocks.0.attn1.to_out.0.weight", True),
        ("to_out", "double_blocks.3.img_attn.proj.weight", True),
        ("to_out", "blocks.3.cross_attn.o.weight", True),
        ("to_out", "layers.7.attention.out.weight", True),
        ("to_out", "output_blocks.4.1.proj_out.weight", False),
        ("mod", "double_blocks.3.img_mod.lin.weight", True),
        ("mod", "layers.7.adaLN_modulation.0.weight", True),
        ("mod", TEXT[1], False),
        ("conv", "input_blocks.4.0.in_layers.2.weight", True),
        ("conv", "input_blocks.3.0.op.weight", True),
        ("conv", ATTENTION[0], False),
        ("norm", "blocks.3.norm3.weight", True),
        ("proj", "input_blocks.4.1.proj_in.weight", True),
        ("FF_net", MLP[0], True),
        ("ff_net.!proj", MLP[0], False),
        ("attn|ff", MLP[0], True),
        ("!attn|ff", MLP[0], False),
        ("!attn", MLP[0], True),
        ("1", "middle_block.1.proj_in.weight", True),
        ("1", "middle_block.2.in_layers.1.weight", False),
        ("'diffusion_model.blocks.3.norm3'", "blocks.3.norm3.weight", True),
        ("'Norm3'", "blocks.3.norm3.weight", False),
        ("out", "output_blocks.4.1.proj_in.weight", False),  # the block's path does not count
    ],
)
def test_filters_fit(filter_text, native, expected):
    assert fits(filter_text, place(native)) is expected


def test_later_items_win_and_whole_slots_take_their_filters_with_them():
    where = place(ATTENTION[0])
    other = place(MLP[0])
    slots = [where.slot]

    def of(text):
        weights = parse_block_weights(text).on(slots)
        return weights.of(where), weights.of(other), weights.largest(where.slot)

    assert of("IN04=0, IN04.attn=0.5") == (0.5, 0, 0.5)
    assert of("IN04.attn=0.5, *=0") == (0.5, 0, 0.5)
    assert of("IN04.attn=0.5, IN04=0") == (0, 0, 0)
    assert of("*.attn=0.5, *.to_q=-2") == (-2, 1, 2)
    assert of("attention=0, mlp=0") == (0, 0, 1)


def test_a_filter_that_fits_nothing_is_an_error():
    places = [place(ATTENTION[0])]

    with pytest.raises(BlockWeightSyntaxError, match=r"IN04 is called like attn3 \(character 8"):
        parse_block_weights("IN04=1,IN04.attn3=0").on([Slot("IN", 4)], places=places)

    for text in ("IN04.attn2=0", "IN04?.attn3=0"):
        parse_block_weights(text).on([Slot("IN", 4)], places=places)


@pytest.mark.parametrize(
    ("key", "start", "length", "size", "part"),
    [
        ("double_blocks.0.img_attn.qkv.weight", 0, 8, 24, "to_q"),
        ("double_blocks.0.img_attn.qkv.weight", 8, 8, 24, "to_k"),
        ("double_blocks.0.img_attn.qkv.weight", 16, 8, 24, "to_v"),
        ("double_blocks.0.img_attn.qkv.weight", 8, 8, None, "to_k"),
        ("layers.0.attention.qkv.weight", 2304, 768, 3840, "to_k"),
        ("layers.0.attention.qkv.weight", 3072, 768, 3840, "to_v"),
        ("single_blocks.0.linear1.weight", 16, 8, 56, "attn.to_v"),
        ("single_blocks.0.linear1.weight", 24, 32, 56, "mlp"),
        ("blocks.0.cross_attn.kv_linear.weight", 8, 8, 16, "to_v"),
        ("double_blocks.0.img_attn.proj.weight", 8, 8, 16, ""),
    ],
)
def test_slices_of_fused_weights_are_what_they_hold(key, start, length, size, part):
    assert part_at(key, start, length, size) == part


def test_a_slice_is_filtered_by_what_it_is():
    key = "diffusion_model.single_blocks.0.linear1.weight"
    layout = find_layout([key, "diffusion_model.double_blocks.0.x.weight"])

    q, mlp = (layout.place_of(key, part) for part in ("attn.to_q", "mlp"))

    assert parts_of(key)[0] == "attn.to_q"
    assert (fits("attn", q), fits("to_q", q), fits("mlp", q)) == (True, True, False)
    assert (fits("attn", mlp), fits("mlp", mlp)) == (False, True)
    assert q == Place(Slot("S", 0), "linear1.weight.attn.to_q", f"{key}.attn.to_q")
