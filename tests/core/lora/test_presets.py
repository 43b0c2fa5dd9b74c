from __future__ import annotations

import pytest
from support.lora_key_tables import TABLES, load_table

from satchel.errors import BlockWeightSyntaxError
from satchel.lora.block_layouts import LAYOUTS, find_layout
from satchel.lora.presets import (
    all_presets,
    builtin_presets,
    parse_preset_file,
    presets_stamp,
    read_user_presets,
)
from satchel.lora.weights import (
    embed_presets,
    format_block_weights,
    parse_block_weights,
)

UNET = [*(f"diffusion_model.{side}put_blocks.{n}.1.transformer_blocks.0.{part}.weight"
          for side in ("in", "out") for n in range(9)
          for part in ("attn1.to_q", "attn2.to_q", "ff.net.0.proj")),
        "diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q.weight",
        "diffusion_model.time_embed.0.weight"]  # fmt: skip


def tables():
    """Native key tables: one model of every architecture that has one."""
    for path in sorted(TABLES.glob("comfy_*.json")):
        table = load_table(path)
        names = {name.rsplit(".lora_", 1)[0] for name in table["tensors"] if ".lora_" in name}
        keys = [f"{name}.weight" for name in names if name.startswith("diffusion_model.")]
        if keys and find_layout(keys).id != "sd_unet":  # those tables lack blocks without attention
            yield pytest.param(keys, id=path.stem)


@pytest.mark.parametrize("keys", [*tables(), pytest.param(UNET, id="unet")])
def test_shipped_presets_work_on_every_architecture_of_their_family(keys):
    layout = find_layout(keys)
    presets = builtin_presets(layout.id)
    slots = [*layout.encoder_slots(), *layout.slots(keys)]
    places = [layout.place_of(key) for key in keys]

    meanings = {
        name: parse_block_weights(name).on(slots, places=places)
        for name in presets
    }  # fmt: skip

    assert len(meanings) >= 19
    assert set(meanings["ALL"].factors.values()) == {1.0}
    assert set(meanings["NONE"].factors.values()) == {0.0}
    assert 0 < sum(meanings["EARLY"].factors.values()) < len(slots)
    assert sum(meanings["TEXT"].factors.values()) == len(layout.encoder_slots())


def test_a_name_means_the_same_in_all_shipped_files():
    for layout in LAYOUTS:
        assert builtin_presets(layout.id).items() <= builtin_presets().items()


def test_every_layout_has_presets_and_every_shipped_preset_parses():
    for layout in LAYOUTS:
        assert {"ALL", "NONE", "EARLY", "ATTENTION"} <= builtin_presets(layout.id).keys()
    for name in builtin_presets():
        weights = parse_block_weights(name)
        assert parse_block_weights(format_block_weights(weights), {}) == weights


@pytest.mark.parametrize(
    ("file_name", "text", "presets", "problems"),
    [
        ("lbwpresets.txt", "NONE2:0,0\n\nMINE :1,0,1 \n#OFF:1,1\nNOTE 1,1\nX:1,0 # why\n",
         {"NONE2": "0,0", "MINE": "1,0,1"}, 0),
        ("lbw-preset.custom.txt", "SD-A:1,0,R\n@SD-FULL:17\nMy Own:1,A 1\n",
         {"SD-A": "inspire:1,0,R", "My_Own": "inspire:1,A 1"}, 0),
        ("mine.txt", "\ufeffA: IN04-08=0.5, *=0\nB: lbw=INS:lbwe=ATTNDEEPON\nA: ALL\n",
         {"A": "ALL", "B": "lbw=INS:lbwe=ATTNDEEPON"}, 0),
        ("mine.txt", "{}: IN=0\nA:\n:1\n", {}, 3),
    ],
)  # fmt: skip
def test_files_are_read(file_name, text, presets, problems):
    found = parse_preset_file(text, file_name)

    assert found.presets == presets
    assert len(found.problems) == problems
    assert all(problem.startswith(f"{file_name} line ") for problem in found.problems)


def test_a_users_presets_join_those_that_ship(tmp_path):
    (tmp_path / "b.txt").write_text("WARM: IN=0.5\nINS: IN=2\nALL: 1,1\n", encoding="utf-8")
    (tmp_path / "a.txt").write_text("WARM: IN=1", encoding="utf-8")
    (tmp_path / "c.txt").write_bytes(b"X: \xff\xfe")
    (tmp_path / "d.md").write_text("Y: IN=1", encoding="utf-8")

    found = read_user_presets(tmp_path)

    assert found.presets == {"WARM": "IN=0.5", "INS": "IN=2"}
    assert len(found.problems) == 2
    assert "b.txt: ALL keeps the meaning" in found.problems[0]
    assert found.problems[1].startswith("c.txt: not read")
    presets = all_presets(tmp_path)
    assert presets["INS"] == "IN=2"
    assert presets["ALL"] == "*=1"


def test_no_directory_is_no_error(tmp_path):
    assert read_user_presets(tmp_path / "none").presets == {}
    assert presets_stamp(tmp_path / "none") == []


def test_the_stamp_changes_with_a_file(tmp_path):
    before = presets_stamp(tmp_path)
    (tmp_path / "a.txt").write_text("A: IN=1", encoding="utf-8")

    assert presets_stamp(tmp_path) != before


PRESETS = {"WARM": "IN=0.5, *=0", "DEEP": "WARM, OUT=2", "LOOP": "DEEP2", "DEEP2": "LOOP",
           "BAD": "IN=x", "SD-A": "inspire:1,0,0.5"}  # fmt: skip


@pytest.mark.parametrize(
    ("text", "embedded"),
    [
        ("IN = 0.5,M00=1", "IN = 0.5,M00=1"),
        ("", ""),
        ("warm", "WARM{IN=0.5, *=0}"),
        ("WARM, OUT05=0.3", "WARM{IN=0.5, *=0}, OUT05=0.3"),
        ("DEEP", "DEEP{IN=0.5, OUT=2, *=0}"),
        ("WARM{IN=0.7}", "WARM{IN=0.7}"),  # the content decides, not the file
        ("WARM{IN=0.7}; DEEP; seed=4", "WARM{IN=0.7}, DEEP{IN=0.5, OUT=2, *=0}, seed=4"),
        ("SD-A", "inspire:SD-A:1,0,0.5"),
        ("1,0,0,0,0,0,0,0,0,0,0,0", "1,0,0,0,0,0,0,0,0,0,0,0"),
    ],
)
def test_presets_are_stored_by_content(text, embedded):
    text = embed_presets(text, PRESETS)

    assert text == embedded
    assert parse_block_weights(text, {}) == parse_block_weights(text, PRESETS)
    assert embed_presets(text, {}) == text


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("IN=1, BAD", "Preset BAD: Block weights: expected a number"),
        ("IN=1, LOOP", "Preset LOOP: Preset DEEP2: .*expected the name of a preset"),
        ("IN=1, WARN", "expected the name of a preset"),
    ],
)
def test_bad_presets_are_named_where_the_text_has_them(text, message):
    with pytest.raises(BlockWeightSyntaxError, match=message) as caught:
        embed_presets(text, PRESETS)

    assert caught.value.details["position"] == 6
    if "WARN" in text:
        assert caught.value.hint.startswith("Close to it: WARM")
