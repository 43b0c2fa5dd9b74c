from __future__ import annotations

import pytest

from satchel.lora.block_layouts import LAYOUTS, find_layout
from satchel.lora.weights import describe_slots

CLIP_L = "clip_l.transformer.text_model.encoder.layers.0.mlp.fc1.weight"
CLIP_G = "clip_g.transformer.text_model.encoder.layers.0.mlp.fc1.weight"
T5 = "t5xxl.transformer.encoder.block.0.layer.0.SelfAttention.q.weight"
QWEN = "qwen25_7b.transformer.model.layers.0.self_attn.q_proj.weight"

# Native names of one module per kind, as ComfyUI 0.30.0 has them, and the slot each belongs to.
MODELS = {
    "sd_unet": {
        "input_blocks.0.0.weight": "IN00",
        "input_blocks.4.1.transformer_blocks.0.attn1.to_q.weight": "IN04",
        "middle_block.2.in_layers.2.weight": "M00",
        "output_blocks.11.1.proj_in.weight": "OUT11",
        "time_embed.0.weight": "OTHER",
        "label_emb.0.0.weight": "OTHER",
        "out.2.weight": "OTHER",
    },
    "sd3": {
        "x_embedder.proj.weight": "IN",
        "joint_blocks.23.context_block.attn.qkv.weight": "J23",
        "final_layer.linear.weight": "OUT",
    },
    "flux": {
        "img_in.weight": "IN",
        "time_in.in_layer.weight": "IN",
        "distilled_guidance_layer.layers.0.in_layer.weight": "IN",
        "double_blocks.18.img_attn.qkv.weight": "D18",
        "single_blocks.37.linear1.weight": "S37",
        "single_stream_modulation.lin.weight": "MOD",
        "txt_in.individual_token_refiner.blocks.1.self_attn.qkv.weight": "TR01",
        "nerf_blocks.2.param_generator.weight": "N02",
        "nerf_final_layer_conv.conv.weight": "OUT",
        "final_layer.linear.weight": "OUT",
    },
    "transformer": {
        "patch_embedding.weight": "IN",
        "blocks.39.self_attn.q.weight": "B39",
        "vace_blocks.7.before_proj.weight": "V07",
        "llm_adapter.blocks.5.mlp.0.weight": "A05",
        "head.head.weight": "OUT",
        "audio_proj_out.weight": "OUT",
    },
    "generic": {
        "conv_in.weight": "IN",
        "towers.3.units.0.weight": "IN",
        "stem.refiner.2.attn.weight": "STEM.REFINER.2",
        "proj_out.weight": "OUT",
    },
}


def keys_of(model):
    return [f"diffusion_model.{name}" for name in MODELS[model]]


@pytest.mark.parametrize("model", MODELS)
def test_each_model_is_found_by_its_own_layout_and_refused_by_those_before(model):
    layout = find_layout(keys_of(model))

    assert layout.id == model
    for earlier in LAYOUTS[: LAYOUTS.index(layout)]:
        assert "no weight is named like" in earlier.refusal(keys_of(model))


@pytest.mark.parametrize("model", MODELS)
def test_every_weight_has_the_slot_that_people_expect(model):
    layout = find_layout(keys_of(model))

    slots = {name: str(layout.slot_of(f"diffusion_model.{name}")) for name in MODELS[model]}

    assert slots == MODELS[model]


@pytest.mark.parametrize(
    ("model", "encoders", "slots"),
    [
        ("sd_unet", [CLIP_L, CLIP_G], "BASE, IN00, IN04, M00, OUT11, OTHER"),
        ("sd3", [CLIP_L, CLIP_G, T5], "CLIPL, CLIPG, T5, IN, J23, OUT"),
        ("flux", [CLIP_L, T5], "CLIP, T5, IN, MOD, TR01, D18, S37, N02, OUT"),
        ("flux", [QWEN], "TE, IN, MOD, TR01, D18, S37, N02, OUT"),
        ("transformer", [T5], "T5, IN, A05, B39, V07, OUT"),
        ("generic", [QWEN], "TE, IN, STEM.REFINER.2, OUT"),
    ],
)
def test_slots_are_ordered_with_the_text_encoders_first(model, encoders, slots):
    keys = [*keys_of(model), *encoders]

    assert describe_slots(find_layout(keys).slots(reversed(keys))) == slots


@pytest.mark.parametrize(
    ("encoders", "layout", "slots"),
    [
        ([CLIP_L], "sd_unet", "BASE"),
        ([CLIP_L, CLIP_G], "sd_unet", "BASE"),
        ([CLIP_L, T5], "flux", "CLIP, T5"),
        ([CLIP_L, CLIP_G, T5], "sd3", "CLIPL, CLIPG, T5"),
        ([QWEN], "transformer", "TE"),
    ],
)
def test_text_encoders_alone_tell_the_layout(encoders, layout, slots):
    found = find_layout(encoders)

    assert found.id == layout
    assert describe_slots(found.slots(encoders)) == slots


def test_slots_of_the_other_side_are_known_without_it():
    layout = find_layout(keys_of("flux"))

    assert describe_slots(layout.encoder_slots()) == "CLIP, T5, TE"
    assert {"D", "S", "IN", "OUT"} <= layout.block_prefixes()


def test_the_last_layout_takes_anything():
    assert LAYOUTS[-1].refusal(["diffusion_model.x.weight"]) is None
    assert LAYOUTS[-1].refusal([]) is None
