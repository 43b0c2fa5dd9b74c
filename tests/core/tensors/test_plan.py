from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from satchel.errors import BlockWeightSyntaxError, LoraMismatchError  # noqa: E402
from satchel.lora.stack import StackEntry  # noqa: E402
from satchel.tensors.patches import Patch  # noqa: E402
from satchel.tensors.plan import LoadedLora, StackTargets, plan_entry  # noqa: E402

IN4 = "diffusion_model.input_blocks.4.1.proj_in.weight"
MID = "diffusion_model.middle_block.1.proj_in.weight"
TE = "clip_l.transformer.text_model.encoder.layers.0.mlp.fc1.weight"
NAMES = {"lora_unet_in4": IN4, "lora_unet_mid": MID, "lora_te_fc1": TE}


def targets(model=True, clip=True):
    shapes = {IN4: (8, 8), MID: (8, 8), "diffusion_model.input_blocks.0.0.weight": (8, 4)}
    return StackTargets(shapes if model else None, {TE: (6, 6)} if clip else None)


def entry(**more):
    fields = {"strength_model": 1.0, "strength_clip": 1.0, "blocks": "", "entry_id": "id"} | more
    return StackEntry("Row 1", "a", **fields)


def lora(patches, extra=()):
    """A LoRA whose modules (names of NAMES) have deltas of the given shapes."""
    found = {NAMES[n]: Patch(NAMES[n], "diff", (torch.zeros(s),), n) for n, s in patches.items()}
    tensors = frozenset(f"{name}.diff" for name in (*patches, *extra))
    return LoadedLora(tensors, frozenset(f"{n}.diff" for n in patches), NAMES, found)


def outcome(lora, entry, targets, in_place=frozenset()):
    scaled, report = plan_entry(entry, lora, targets.strengths(entry, in_place), targets)
    return {item.patch.key: item.strength for item in scaled}, report


ALL = {"lora_unet_in4": (8, 8), "lora_unet_mid": (8, 8), "lora_te_fc1": (6, 6)}


def test_strength_is_the_sides_times_the_slots():
    row = entry(strength_model=2.0, strength_clip=0.5, blocks="IN04=0.25, BASE=3")

    strengths, report = outcome(lora(ALL), row, targets())

    assert strengths == {IN4: 0.5, MID: 2.0, TE: 1.5}
    assert (report.patched_model, report.patched_clip, report.modules) == (2, 1, 3)


def test_nothing_at_zero_is_handed_over():
    strengths, report = outcome(lora(ALL), entry(strength_clip=0.0, blocks="M00=0"), targets())

    assert strengths == {IN4: 1.0}
    assert report.at_zero == 2


@pytest.mark.parametrize(
    ("row", "sides", "acts"),
    [
        (entry(), {}, True),
        (entry(strength_model=0.0), {}, True),
        (entry(strength_model=0.0), {"clip": False}, False),
        (entry(strength_model=0.0, strength_clip=0.0), {}, False),
        (entry(blocks="*=0"), {}, False),
        (entry(blocks="*=0, IN00=0.1"), {}, True),
        (entry(blocks="*=0, BASE=1"), {"clip": False}, False),
    ],
)
def test_entries_that_cannot_act_are_known_before_their_file_is_read(row, sides, acts):
    where = targets(**sides)

    assert where.acts(where.strengths(row)) is acts


def test_a_side_that_has_the_entry_already_is_left_alone():
    strengths, report = outcome(lora(ALL), entry(), targets(), frozenset({"model"}))

    assert strengths == {TE: 1.0}
    assert report.in_place == 2


def test_shapes_that_conflict_are_counted_and_not_handed_over():
    strengths, report = outcome(lora(ALL | {"lora_unet_mid": (8, 9)}), entry(), targets())

    assert strengths == {IN4: 1.0, TE: 1.0}
    assert report.conflicts == ["lora_unet_mid"]


def test_a_shape_that_storage_does_not_tell_is_not_judged():
    where = targets()
    where.model[MID] = None

    assert MID in outcome(lora({"lora_unet_mid": (1, 2)}), entry(), where)[0]


def test_a_reshape_counts_for_the_entries_after_it():
    wide = (torch.zeros(8, 1), torch.zeros(1, 12), None, None, None, [8, 12])
    control = LoadedLora(
        frozenset({"lora_unet_in4.lora_up.weight"}), frozenset({"lora_unet_in4.lora_up.weight"}),
        NAMES, {IN4: Patch(IN4, "lora", wide, "x")},
    )  # fmt: skip
    where = targets()
    outcome(control, entry(), where)

    assert outcome(lora({"lora_unet_in4": (8, 12)}), entry(), where)[0] == {IN4: 1.0}
    with pytest.raises(LoraMismatchError):
        outcome(lora({"lora_unet_in4": (8, 8)}), entry(), where)


@pytest.mark.parametrize(
    ("patches", "extra", "sides", "sentence"),
    [
        ({}, [], {}, "the file holds no LoRA weights"),
        ({}, ["lora_unet_x_1", "lora_unet_x_2"], {}, "of 2 modules, 2 are not in it"),
        ({"lora_unet_mid": (1, 1)}, [], {}, "1 have another shape"),
        ({"lora_te_fc1": (6, 6)}, ["lora_unet_x"], {}, "only 1 text encoder modules fit"),
        ({}, ["lora_te_x"], {"clip": False}, "all 1 modules are for a text encoder"),
        ({}, ["lora_unet_x"], {"model": False}, "all 1 modules are for a model"),
        ({}, ["lora_te_x"], {"model": False}, "does not fit the CLIP"),
    ],
)
def test_what_fits_nothing_is_refused(patches, extra, sides, sentence):
    with pytest.raises(LoraMismatchError, match=sentence):
        outcome(lora(patches, extra), entry(), targets(**sides))


def test_a_lora_for_text_encoders_alone_is_fine():
    assert outcome(lora({"lora_te_fc1": (6, 6)}), entry(), targets())[0] == {TE: 1.0}


def test_block_weights_may_name_slots_of_the_side_that_is_not_connected():
    assert targets(model=False).strengths(entry(blocks="IN04=0.5, BASE=0")).model == 0.0
    assert targets(clip=False).strengths(entry(blocks="IN04=0.5, BASE=0")).clip == 0.0
    with pytest.raises(BlockWeightSyntaxError):
        targets(clip=False).strengths(entry(blocks="IN05=0.5"))
    with pytest.raises(BlockWeightSyntaxError):
        targets(model=False).strengths(entry(blocks="D00=0.5"))
