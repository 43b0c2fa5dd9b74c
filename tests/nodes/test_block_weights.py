"""Block weights in the host: filters, vectors that count a file's blocks, draws, presets."""

from __future__ import annotations

import pytest
import torch
from support.lora_files import PEFT, random_pair, write_lora

BLOCK = "diffusion_model.input_blocks.1.1.transformer_blocks.0"
Q, V, FF = f"{BLOCK}.attn1.to_q.weight", f"{BLOCK}.attn2.to_v.weight", f"{BLOCK}.ff.net.2.weight"
MID_RES = "diffusion_model.middle_block.0.in_layers.2.weight"
MID_ATTN = "diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_v.weight"
OUT = "diffusion_model.output_blocks.5.1.transformer_blocks.0.ff.net.2.weight"


@pytest.fixture
def user_directory(pack, tmp_path, monkeypatch):
    """Where the host keeps what belongs to Satchel, empty."""
    import folder_paths

    monkeypatch.setattr(
        folder_paths, "get_system_user_directory", lambda name: str(tmp_path / name)
    )
    return tmp_path / "satchel"


def state(patcher):
    return {key: value.clone() for key, value in patcher.model.state_dict().items()}


def patched(patcher):
    """The weights that sampling would use; the model is unpatched again."""
    patcher.unpatch_model()
    patcher.patch_model(torch.device("cpu"))
    try:
        return state(patcher)
    finally:
        patcher.unpatch_model()


def lora_for(path, model, keys):
    """A LoRA that changes these weights; returns what each changes by at strength 1."""
    shapes = {key: tuple(model.model.state_dict()[key].shape) for key in keys}
    pairs = {key: random_pair(shape, seed=i) for i, (key, shape) in enumerate(shapes.items())}
    write_lora(path, {key.removesuffix(".weight"): pair for key, pair in pairs.items()}, PEFT)
    return {key: pair.delta for key, pair in pairs.items()}


def strengths(before, after, deltas):
    """By which factor of its delta each weight has changed, rounded."""
    changes = {key: (after[key].double() - before[key].double()).flatten(1) for key in deltas}
    return {
        key: round(((changes[key] * delta).sum() / (delta * delta).sum()).item(), 4)
        for key, delta in deltas.items()
    }


def run(node, model, path, **inputs):
    return node.execute(model=model, lora_1=path, **inputs).result


def test_a_filter_scales_some_weights_of_a_block_only(stack_node, loras, sd15):
    deltas = lora_for(loras / "a.safetensors", sd15, [Q, V, FF, OUT])
    before = state(sd15)

    model, _, _, report = run(
        stack_node, sd15, "a.safetensors", strength_model_1=2,
        blocks_1="*=0.5, IN01.attn=0.25, IN01.attn.to_v=0",
    )  # fmt: skip

    assert strengths(before, patched(model), deltas) == {Q: 0.5, V: 0, FF: 1, OUT: 1}
    assert V not in model.patches
    assert "1 at strength or block weight 0" in report


def test_a_filter_acts_where_the_rest_is_at_zero(stack_node, loras, sd15):
    deltas = lora_for(loras / "a.safetensors", sd15, [Q, FF])
    before = state(sd15)

    model = run(stack_node, sd15, "a.safetensors", blocks_1="attention=1, *=0")[0]

    assert strengths(before, patched(model), deltas) == {Q: 1, FF: 0}


def test_an_inspire_vector_counts_the_blocks_of_the_file(stack_node, loras, sd15):
    deltas = lora_for(loras / "a.safetensors", sd15, [Q, MID_RES, MID_ATTN, OUT])
    before = state(sd15)

    model, _, _, report = run(stack_node, sd15, "a.safetensors", blocks_1="LBW=1,0.5,A,b;A=-1;B=4;")

    assert strengths(before, patched(model), deltas) == {
        Q: 0.5, MID_RES: -1, MID_ATTN: 2, OUT: 2
    }  # fmt: skip
    assert "blocks inspire:1,0.5,-1,2" in report
    assert "blocks used: IN01=0.5, M00.0=-1, M00.1=2, OUT05=2" in report


def test_a_filter_tells_the_slices_of_a_fused_weight_apart(stack_node, loras, flux):
    key = "diffusion_model.double_blocks.1.img_attn.qkv.weight"
    parts = {name: random_pair((128, 128), seed=i) for i, name in enumerate("qkv")}
    names = {f"transformer.transformer_blocks.1.attn.to_{name}": p for name, p in parts.items()}
    write_lora(loras / "a.safetensors", names, PEFT)
    before = state(flux)

    model = run(stack_node, flux, "a.safetensors", blocks_1="D.to_q=0, D.to_v=0.5")[0]

    exact = before[key].double()
    exact[128:256] += parts["k"].delta
    exact[256:] += 0.5 * parts["v"].delta
    assert (patched(model)[key].double() - exact).abs().max().item() < 1e-6


def test_drawn_numbers_are_reported_and_repeat_exactly(stack_node, loras, sd15):
    deltas = lora_for(loras / "a.safetensors", sd15, [Q, OUT])
    before = state(sd15)

    model, *_, report = run(
        stack_node, sd15, "a.safetensors", blocks_1="IN=0, up=random(1,2), seed=11"
    )
    drawn = report.split("blocks used: ")[1].splitlines()[0]
    again = run(stack_node, sd15, "a.safetensors", blocks_1=drawn)[0]

    factors = strengths(before, patched(model), deltas)
    assert factors[Q] == 0
    assert 1 <= factors[OUT] <= 2
    assert "random" not in drawn
    assert strengths(before, patched(again), deltas) == factors


def test_a_users_preset_leaves_through_the_stack_by_content(
    stack_node, loras, sd15, user_directory
):
    deltas = lora_for(loras / "a.safetensors", sd15, [Q, OUT])
    before = state(sd15)
    file = user_directory / "presets" / "mine.txt"
    file.parent.mkdir(parents=True)
    file.write_text("WARM: down=0.5, *=0\n", encoding="utf-8")
    inputs = {"lora_1": "a.safetensors", "blocks_1": "warm"}

    stamp = stack_node.fingerprint_inputs(**inputs)
    stack = stack_node.execute(**inputs).result[2]
    file.write_text("WARM: down=0.25, *=0\nOTHER: *=0\n", encoding="utf-8")
    changed = stack_node.fingerprint_inputs(**inputs)
    file.unlink()
    model = stack_node.execute(model=sd15, lora_stack=stack).result[0]

    assert stamp != changed
    assert stack[0][0].tag.settings.blocks == "WARM{down=0.5, *=0}"
    assert strengths(before, patched(model), deltas) == {Q: 0.5, OUT: 0}


def test_an_unknown_preset_fails_when_the_graph_is_queued(pack, stack_node, loras, sd15):
    lora_for(loras / "a.safetensors", sd15, [Q])

    with pytest.raises(
        pack.satchel.errors.BlockWeightSyntaxError, match=r"Row 1 .*Close to it: MIDD"
    ):
        stack_node.validate_inputs(lora_1="a.safetensors", blocks_1="MIDDD")


def test_a_graph_keeps_the_content_of_a_users_preset(pack, user_directory):
    file = user_directory / "presets" / "mine.txt"
    file.parent.mkdir(parents=True)
    file.write_text("WARM: down=0.5, *=0\n", encoding="utf-8")
    written = pack.nodes.planning.with_content

    assert written("warm") == "WARM{down=0.5, *=0}"
    assert written("EARLY, IN04=0.5") == "EARLY, IN04=0.5"
    assert written("WARM{down=0.25}") == "WARM{down=0.25}"
