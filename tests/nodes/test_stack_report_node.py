"""Stack Report: figures of real files on tiny models, the text, the picture."""

from __future__ import annotations

import pytest
import torch
from support.lora_files import random_pair, write_lora

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
MID = "diffusion_model.middle_block.1.transformer_blocks.0.attn2.to_v.weight"
MID_KOHYA = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_v"
TE = "clip_l.transformer.text_model.encoder.layers.3.mlp.fc1.weight"
TE_KOHYA = "lora_te_text_model_encoder_layers_3_mlp_fc1"
BACKGROUND = 18 / 255


def shape(patcher, key):
    return tuple(patcher.model.state_dict()[key].shape)


@pytest.fixture
def node(pack):
    return pack.nodes.stack_report.SatchelStackReport


@pytest.fixture
def pairs(sd15, clip):
    return {
        Q_KOHYA: random_pair(shape(sd15, Q), alpha=2.0, seed=1),
        MID_KOHYA: random_pair(shape(sd15, MID), seed=2),
        TE_KOHYA: random_pair(shape(clip.patcher, TE), seed=3),
    }


@pytest.fixture
def stack(stack_node, loras, pairs):
    """Two rows of one file, the second opposed and without the middle block."""
    write_lora(loras / "a.safetensors", pairs)
    return stack_node.execute(
        lora_1="a.safetensors", lora_2="a.safetensors", strength_model_2=-0.5, blocks_2="M00=0"
    ).result[2]


def run(node, stack, **inputs):
    return node.execute(lora_stack=stack, **inputs).result


def test_sizes_and_similarity_are_those_of_the_dense_changes(node, stack, pairs, sd15, clip):
    report, _ = run(node, stack, model=sd15, clip=clip)

    deltas = [pair.delta.flatten() for pair in pairs.values()]
    first = torch.cat(deltas)
    second = torch.cat([-0.5 * deltas[0], 0 * deltas[1], -0.5 * deltas[2]])
    cosine = float(torch.cosine_similarity(first, second, dim=0))
    lines = report.splitlines()
    sizes = lines[lines.index("Size of the changes (Frobenius norm of strength x delta):") + 1 :]
    assert sizes[0].startswith(f"  1. a.safetensors: {float(first.norm()):.3g}; most in BASE ")
    assert f"M00 {float(deltas[1].norm()):.3g}" in sizes[0]
    assert sizes[1].startswith(f"  2. a.safetensors: {float(second.norm()):.3g}; most in BASE ")
    assert "M00" not in sizes[1]
    assert sizes[3] == (
        f"  1. a.safetensors / 2. a.safetensors: {cosine:+.2f}; most opposed in BASE (-1.00)"
    )
    assert "Entry 2 of lora_stack: a.safetensors, model -0.5, clip -0.5, blocks M00=0" in report
    assert "  2 of 3 modules patched (model 1, clip 1)" in report


def test_a_model_that_has_the_stack_already_gives_the_same_report(node, stack, stack_node, sd15):
    patched = stack_node.execute(model=sd15, lora_stack=stack).result[0]

    assert run(node, stack, model=patched)[0] == run(node, stack, model=sd15)[0]
    assert patched.patches != {}


def test_changes_of_other_kinds_are_measured_too(node, stack_node, loras, sd15):
    """A LoHa and a full difference, against their formulas in float64."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = shape(sd15, Q)
    w1_a, w2_a = (torch.randn(rows, 2, generator=generator) for _ in range(2))
    w1_b, w2_b = (torch.randn(2, columns, generator=generator) for _ in range(2))
    loha = {
        f"{Q_KOHYA}.hada_w1_a": w1_a, f"{Q_KOHYA}.hada_w1_b": w1_b,
        f"{Q_KOHYA}.hada_w2_a": w2_a, f"{Q_KOHYA}.hada_w2_b": w2_b,
    }  # fmt: skip
    diff = torch.randn(rows, columns, generator=generator)
    write_lora(loras / "loha.safetensors", {}, extra=loha)
    write_lora(loras / "diff.safetensors", {}, extra={f"{Q_KOHYA}.diff": diff})
    stack = stack_node.execute(
        lora_1="loha.safetensors", strength_model_1=0.5, lora_2="diff.safetensors"
    ).result[2]

    report, _ = run(node, stack, model=sd15)

    product = (w1_a.double() @ w1_b.double()) * (w2_a.double() @ w2_b.double())
    cosine = float(torch.cosine_similarity(product.flatten(), diff.double().flatten(), dim=0))
    assert f"1. loha.safetensors: {float(0.5 * product.norm()):.3g}; most in IN01" in report
    assert f"2. diff.safetensors: {float(diff.double().norm()):.3g}; most in IN01" in report
    assert f"1. loha.safetensors / 2. diff.safetensors: {cosine:+.2f}" in report


def test_what_does_not_fit_is_told_not_raised(node, loras, pairs, sd15):
    write_lora(loras / "a.safetensors", pairs)
    write_lora(loras / "wide.safetensors", {Q_KOHYA: random_pair((320, 320))})
    (loras / "junk.safetensors").write_bytes(b"never a model")
    names = ("wide.safetensors", "a.safetensors", "junk.safetensors")

    report, picture = run(node, [(name, 1.0, 1.0) for name in names], model=sd15)

    assert "  stops the run: Entry 1 of lora_stack (wide.safetensors): it does not fit" in report
    assert "  stops the run: Entry 3 of lora_stack (junk.safetensors): the file cannot" in report
    assert "  2 of 3 modules patched (model 2, clip 0)" in report
    assert "1. wide.safetensors: 0\n" in report
    assert picture.shape[0] == 1


def test_a_missing_file_and_a_missing_model_are_errors(node, loras, pack, sd15):
    with pytest.raises(pack.satchel.errors.ModelNotFoundError, match="Entry 1"):
        run(node, [("gone.safetensors", 1.0, 1.0)], model=sd15)
    with pytest.raises(pack.satchel.errors.InvalidInputError, match="neither a model nor a CLIP"):
        run(node, [])


def test_the_model_stays_as_it_is(node, stack, sd15):
    before = {key: value.clone() for key, value in sd15.model.state_dict().items()}

    run(node, stack, model=sd15)

    assert sd15.patches == {}
    after = sd15.model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


# --- the picture -------------------------------------------------------------------------------


def test_the_picture_is_an_image_on_a_dark_ground(node, stack, sd15):
    _, picture = run(node, stack, model=sd15)

    assert picture.dtype == torch.float32
    assert picture.dim() == 4
    assert picture.shape[0] == 1
    assert picture.shape[3] == 3
    assert float(picture.min()) >= 0
    assert float(picture.max()) <= 1
    dark = (picture[0, :, :, 0] - BACKGROUND).abs() < 0.002
    assert 0.5 < float(dark.float().mean()) < 0.98


def test_an_empty_stack_has_a_picture_too(node, loras, sd15):
    report, picture = run(node, [], model=sd15)

    assert report.endswith("The stack is empty.")
    assert picture.shape[1] > 100


@pytest.fixture
def drawing(pack):
    return pack.nodes.stack_picture


def figures_of(pack, products):
    module = pack.satchel.tensors.stack_report
    slots = tuple(f"S{number:02d}" for number in range(len(products)))
    return module.StackFigures(slots, torch.tensor(products, dtype=torch.float64))


def colors(image, box):
    return {color for _, color in image.crop(box).getcolors(100_000)}


def test_cells_have_the_colors_of_their_figures(pack, drawing):
    """Two LoRAs: the first acts in slot 0 only, both oppose each other there."""
    figures = figures_of(pack, [[[4.0, -2.0], [-2.0, 1.0]], [[0.0, 0.0], [0.0, 4.0]]])
    rows = [drawing.PictureRow("a", "1 of 1 fit"), drawing.PictureRow("b", "no", problem=True)]

    image = drawing.draw_stack(figures, rows, "LoRA stack: 2 LoRAs")

    found = colors(image, (0, 0, *image.size))
    assert drawing.SIZES[-1] in found  # the largest
    assert drawing.EMPTY in found  # nothing in slot 1
    assert drawing.PROBLEM in found
    cosine = figures.cosine(0, 1)
    assert cosine == pytest.approx(-2 / (4 * 5) ** 0.5)
    assert drawing._blend(drawing.SIMILARITIES, (cosine + 1) / 2) in found
    assert drawing.SIMILARITIES[0] in found  # the note on where they are opposed


def test_nothing_opposed_is_drawn_without_a_pair(pack, drawing):
    image = drawing.draw_stack(
        figures_of(pack, [[[4.0]]]), [drawing.PictureRow("a", "fits")], "LoRA stack: 1 LoRA"
    )

    assert drawing.PROBLEM not in colors(image, (0, 0, *image.size))


def test_a_picture_of_many_loras_and_slots_stays_within_bounds(pack, drawing):
    count = drawing.MAX_ENTRIES + 5
    figures = figures_of(pack, torch.eye(count).repeat(130, 1, 1).tolist())
    rows = [drawing.PictureRow("a long name " * 9, "304 of 304 fit")] * count

    image = drawing.draw_stack(figures, rows, "LoRA stack")

    assert image.width < 2600
    assert image.height < 8000
