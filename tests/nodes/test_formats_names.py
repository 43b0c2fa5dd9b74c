"""Spellings that the core loads in part or not at all, on models of true size."""

from __future__ import annotations

import pytest
from safetensors.torch import save_file
from support.lora_cases.build import build
from support.lora_cases.matrix import Case
from support.lora_modules import (
    patched,
    run,
    weights,
)  # fmt: skip


@pytest.mark.parametrize(
    "case",
    [
        Case("sdxl", "diffusers_peft_unetAB", "lora", False),
        Case("sd15", "diffusers_old", "lora", True),
        Case("flux_dev", "omi", "lora", True),
        Case("flux_dev", "xlabs", "lora", False),
        Case("flux_canny", "bfl_control", "lora", False),
        Case("chroma", "kohya", "lora", True),
        Case("lumina2", "diffusers", "lora", False),
        Case("wan21_1_3b", "diffusers", "lora", False),
        Case("hunyuan_video", "diffusers", "lora", False),
        Case("hunyuan_video_15", "musubi", "lora", False),
        Case("ideogram4", "diffusers", "lora", False),
        Case("anima", "diffusers", "lora", True),
        Case("z_image", "zimage_dunder", "lora", False),
        Case("krea2", "fal_kontext", "lora", False),
    ],
    ids=lambda case: f"{case.architecture} {case.dialect}",
)
def test_a_dialect_loads_on_a_model_of_true_size(stack_node, loras, case):
    """What the core loads in part or not at all; `benchmarks/formats.py` runs every case."""
    from support.meta_models import meta_clip, meta_model, shapes_of

    model = meta_model(case.architecture)
    clip = meta_clip(case.architecture) if case.with_encoders else None
    file = build(case, shapes_of(model))
    save_file({n: t.contiguous() for n, t in file.tensors.items()}, loras / "a.safetensors")

    *_, report = run(stack_node, model=model, clip=clip, lora_1="a.safetensors")

    assert "0 dropped" in report
    assert "not in" not in report
    count = report.split("  ")[1].split(" modules patched")[0].split(" of ")
    assert count[0] == count[1]


def test_a_control_lora_widens_the_models_input(stack_node, loras, flux):
    """BFL's Canny and Depth LoRAs bring an `img_in` with twice the inputs."""
    shapes = {key: tuple(value.shape) for key, value in weights(flux).items()}
    shapes["diffusion_model.img_in.weight"] = (128, 128)
    file = build(Case("flux_canny", "bfl_control", "lora", False), shapes)
    # The host knows the format by a name of the first block.
    assert "single_blocks.0.norm.key_norm.scale" in file.tensors
    save_file({n: t.contiguous() for n, t in file.tensors.items()}, loras / "a.safetensors")

    model, *_, report = run(stack_node, model=flux, lora_1="a.safetensors")

    after = patched(model)
    assert after["diffusion_model.img_in.weight"].shape == (128, 128)
    assert "0 dropped" in report
    assert "diffusion_model." not in report  # the file's own names
