"""Patching, sampling and unpatching in seven model families: what changes meanwhile, and after."""

from __future__ import annotations

import pytest
import torch
from support.model_families import FAMILIES

TEXT_WIDTHS = {"stable_diffusion": (768, 768), "sd3": (4096, 2048)}
"""Numbers per token and per prompt, by the type of the text encoder."""


def sample(model, family, callback):
    """One step for a random prompt."""
    import comfy.sample

    generator = torch.Generator().manual_seed(1)
    width, pooled = TEXT_WIDTHS[family.text]
    more = {"pooled_output": torch.randn(1, pooled, generator=generator)}
    if family.needs_mask:
        more["attention_mask"] = torch.ones(1, 9, dtype=torch.long)
    prompt = [[torch.randn(1, 9, width, generator=generator), more]]
    space = model.model.latent_format
    frames = (2,) if space.latent_dimensions == 3 else ()
    latent = torch.zeros(1, space.latent_channels, *frames, 8, 8)
    noise = comfy.sample.prepare_noise(latent, 3)
    return comfy.sample.sample(
        model, noise, 1, 1.0, "euler", "simple", prompt, prompt, latent, seed=3,
        disable_pbar=True, callback=callback,
    )  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_stack_changes_its_weights_while_it_samples_and_none_after(
    family, pack, stack_node, loras, tmp_path
):
    import comfy.model_management
    import comfy.sd
    from support.tiny_checkpoints import write_diffusion_model, write_lora

    shapes = write_diffusion_model(family, tmp_path / family.file)
    lora = write_lora(family, shapes, loras / family.file)
    model = comfy.sd.load_diffusion_model(str(tmp_path / family.file))
    before = {key: value.clone() for key, value in model.model.state_dict().items()}
    changed = []

    def compare(*_):
        now = model.model.state_dict()
        changed.append({key for key, value in now.items() if not value.equal(before[key])})

    without = sample(model, family, compare)
    stack = stack_node.execute(
        model=model, lora_1=family.file, strength_model_1=10.0, blocks_1=family.blocks
    )
    weighted = sample(stack.result[0], family, compare)
    comfy.model_management.unload_all_models()
    compare()

    active = {written.key for written in lora.written if family.weight_of(written.key)}
    assert changed == [set(), {key for key in active if key in before}, set()]
    assert active - set(before) == {key for key in active if key.startswith("clip_l.")}
    assert {key for key in before if family.weight_of(key) == 0} - active
    assert not weighted.equal(without)
    assert model.backup == {}
