"""Which slots a LoRA file changes, told without a model."""

from __future__ import annotations

import pytest

from satchel.lora.architectures import ARCHITECTURES
from satchel.lora.file_slots import slots_of
from satchel.lora.keys import collect_modules
from satchel.lora.model_slots import architecture_slots


def slots(architecture: str, *bases: str) -> list[str]:
    names = [(f"{base}.lora_down.weight", (4, 4)) for base in bases]
    return list(map(str, slots_of(collect_modules(names), architecture)))


@pytest.mark.parametrize(
    ("architecture", "base", "slot"),
    [
        ("sdxl", "lora_unet_input_blocks_4_1_proj_in", "IN04"),
        ("sdxl", "lora_unet_down_blocks_1_attentions_0_proj_in", "IN04"),
        ("sdxl", "lora_unet_down_blocks_0_downsamplers_0_conv", "IN03"),
        ("sdxl", "unet.up_blocks.1.attentions.2.transformer_blocks.0.attn1.to_q", "OUT05"),
        ("sd15", "lora_unet_up_blocks_2_upsamplers_0_conv", "OUT08"),
        ("sd15", "lora_unet_mid_block_attentions_0_proj_in", "M00"),
        ("sd15", "lora_te_text_model_encoder_layers_3_mlp_fc1", "BASE"),
        ("flux_dev", "lora_unet_double_blocks_7_img_attn_qkv", "D07"),
        ("flux_dev", "transformer.single_transformer_blocks.30.attn.to_q", "S30"),
        ("flux_dev", "transformer.transformer_blocks.3.ff.net.2", "D03"),
        ("flux_dev", "transformer.norm_out.linear", "OUT"),
        ("flux_dev", "lora_te1_text_model_encoder_layers_3_mlp_fc1", "CLIP"),
        ("flux_dev", "text_encoder_2.encoder.block.0.layer.0.SelfAttention.q", "T5"),
        ("wan21_14b", "diffusion_model.blocks.12.self_attn.q", "B12"),
        ("qwen_image", "transformer.transformer_blocks.59.attn.to_q", "B59"),
        ("z_image", "diffusion_model.noise_refiner.1.attention.qkv", "NR01"),
        ("sd35_large", "transformer.transformer_blocks.5.attn.to_q", "J05"),
    ],
)
def test_a_module_lies_in_the_slot_of_its_block_however_it_is_spelled(architecture, base, slot):
    assert slots(architecture, base) == [slot]


@pytest.mark.parametrize("id_", ARCHITECTURES)
def test_every_module_of_every_naming_lies_in_a_slot_that_the_architecture_has(id_):
    known = set(map(str, architecture_slots(id_)))

    for layout in ARCHITECTURES[id_].layouts:
        found = slots(id_, *(f"diffusion_model.{path}" for path in layout.paths()))
        assert set(found) <= known, layout.naming


@pytest.mark.parametrize("id_", ARCHITECTURES)
def test_other_names_reach_the_same_blocks_as_the_hosts_own(id_):
    by_naming = {
        layout.naming: {
            name
            for name in slots(id_, *(f"diffusion_model.{path}" for path in layout.paths()))
            if name[-1].isdigit() and name[0] in "IDSJBLO" and name[:2] not in {"IN", "OU"}
        }
        for layout in ARCHITECTURES[id_].layouts
    }
    for naming, found in by_naming.items():
        if naming in {"diffusers", "tencent"}:
            assert found == by_naming["native"], naming
