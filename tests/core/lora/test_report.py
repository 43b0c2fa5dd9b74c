from __future__ import annotations

import pytest

from satchel.lora.module_names import group_names, is_encoder_module, modules_of
from satchel.lora.report import EntryReport, format_report, summarize
from satchel.lora.stack import StackEntry
from satchel.lora.window import Window


@pytest.mark.parametrize(
    ("tensors", "modules"),
    [
        (["m.lora_up.weight", "m.lora_down.weight", "m.alpha", "m.dora_scale"], {"m"}),
        (["m.lora_A.weight", "m.lora_B.default.weight", "n.lora_A"], {"m", "n"}),
        (["a.to_q_lora.up.weight", "a.to_q_lora.down.weight"], {"a.to_q"}),
        (["m.hada_w1_a", "n.lokr_w2_b", "o.oft_blocks", "p.diff_b"], {"m", "n", "o", "p"}),
        (["lonely.alpha"], set()),
        (["bundle_emb.x.string_to_param"], {"bundle_emb.x.string_to_param"}),
    ],
)
def test_modules_are_told_from_tensor_names(tensors, modules):
    assert modules_of(tensors) == modules


def test_text_encoder_modules_are_told_by_name():
    names = ["lora_te2_text_model_encoder_layers_0_mlp_fc1", "text_encoder.text_model.x",
             "text_encoders.clip_l.transformer.x"]  # fmt: skip

    assert all(map(is_encoder_module, names))
    assert not is_encoder_module("lora_unet_double_blocks_0_txt_attn_qkv")
    assert not is_encoder_module("diffusion_model.text_embedding.0")


def test_names_are_folded_where_numbers_stand_alone():
    names = [f"lora_te_layers_{n}_mlp_fc{m}" for n in range(12) for m in (1, 2)]

    assert group_names([*names, "x.3.attn1.to_q"]) == [
        ("lora_te_layers_{n}_mlp_fc1", 12),
        ("lora_te_layers_{n}_mlp_fc2", 12),
        ("x.3.attn1.to_q", 1),
    ]


def test_long_lists_are_cut_with_a_count():
    names = [f"{letter}.{n}" for letter in "abcdefghij" for n in range(2)]

    assert summarize(names).endswith("2 x h.{n} and 4 more")


def test_the_report_reads_like_a_list():
    entry = StackEntry("Row 1", "a.safetensors", 0.5, 1.0, "*=0.5", "id")
    report = EntryReport(entry, modules=9, patched_model=4, patched_clip=1, blocks="*=0.5")
    report.unmatched = ["x.1", "x.2"]
    report.conflicts = ["y"]
    report.at_zero = 1

    text = format_report([report], ["Row 2: b, off"], [])

    assert text.splitlines() == [
        "Row 1: a.safetensors, model 0.5, clip 1, blocks *=0.5",
        "  5 of 9 modules patched (model 4, clip 1)",
        "  1 at strength or block weight 0",
        "  2 not in the model: 2 x x.{n}",
        "  1 with a shape that does not fit: 1 x y",
        "Row 2: b, off",
        "Total: 1 LoRA, 5 modules patched (model 4, clip 1), 3 dropped",
    ]


def test_a_row_that_is_skipped_is_told_loudly():
    row = StackEntry("Row 2", "b.safetensors", 1.0, 1.0, "", "id", on_mismatch="skip")
    report = EntryReport(row, modules=9, skipped="trained for SDXL, the model is FLUX.1 dev")

    assert format_report([report], [], []).splitlines() == [
        "SKIPPED Row 2: b.safetensors, trained for SDXL, the model is FLUX.1 dev",
        "Total: 0 LoRAs, 0 modules patched (model 0, clip 0), 0 dropped, 1 SKIPPED",
    ]


def test_a_window_is_told_in_the_row():
    row = StackEntry("Row 2", "b", 1.0, 1.0, "", "id", Window(0.2, 0.6), note="from afar")

    assert EntryReport(row).lines() == [
        "Row 2: b, model 1, clip 1, from 0.2 to 0.6 of sampling", "  from afar",
    ]  # fmt: skip
