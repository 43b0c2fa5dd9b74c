"""Converting nodes in API graphs."""

from __future__ import annotations

from support.conversions import LM_LOADER, LM_STACKER, LM_VALUES, STACKER, WORDS, api
from support.graphs import api_node


def test_an_api_graph_keeps_its_links_across_outputs_that_moved() -> None:
    lm_inputs = {"text": "", "loras": {"__value__": LM_VALUES[1]}}
    changed, conversion = api(
        {
            "4": api_node("CheckpointLoaderSimple", ckpt_name="x.safetensors"),
            "5:2": api_node(LM_STACKER, **lm_inputs),
            "6": api_node(LM_LOADER, model=["4", 0], clip=["4", 1], lora_stack=["5:2", 0],
                          **lm_inputs),
            "7": api_node("CLIPTextEncode", clip=["6", 1], text=["6", 2]),
            "8": api_node("PreviewAny", source=["6", 3]),
            "9": api_node("PreviewAny", source=["5:2", 1]),
        }
    )  # fmt: skip

    row = {"on_1": True, "lora_1": "a.safetensors", "strength_model_1": 1.0,
           "strength_clip_1": 1.0, "blocks_1": ""}  # fmt: skip
    assert changed["5:2"]["inputs"] == row
    assert changed["6"]["inputs"] == {
        "model": ["4", 0], "clip": ["4", 1], "lora_stack": ["5:2", 2], **row
    }  # fmt: skip
    assert changed["6"]["_meta"]["title"] == "LoRA Stack (Satchel)"
    assert changed["7"]["inputs"] == {"clip": ["6", 1], "text": ["10", 0]}
    assert changed["8"]["inputs"] == {}
    assert changed["9"]["inputs"] == {"source": ["11", 0]}
    assert changed["10"]["inputs"]["lora_stack"] == ["6", 2]
    assert changed["11"]["inputs"]["lora_stack"] == ["5:2", 2]
    assert [entry.added for entry in conversion.converted] == [(WORDS,), (WORDS,)]
    assert "Its output loaded_loras was connected" in " ".join(conversion.converted[1].notes)


def test_an_added_node_of_an_api_graph_gets_an_id_that_is_free() -> None:
    inputs = {"loras": LM_VALUES[1]}
    keys = ("7", "70:8", "x", "9" * 5000)

    changed, _ = api({
        **{key: api_node("PreviewAny") for key in keys},
        "a": api_node(LM_STACKER, **inputs), "b": api_node("PreviewAny", source=["a", 1]),
    })  # fmt: skip

    assert changed["71"]["class_type"] == WORDS


def test_linked_values_of_an_api_graph_go_into_the_rows() -> None:
    inputs = {
        "input_mode": "simple",
        "lora_count": 1,
        "lora_name_1": ["2", 0],
        "lora_wt_1": ["3", 1],
    }

    changed, _ = api({"1": api_node(STACKER, **inputs)})

    assert changed["1"]["inputs"] == {
        "on_1": True, "lora_1": ["2", 0], "strength_model_1": ["3", 1],
        "strength_clip_1": ["3", 1], "blocks_1": "",
    }  # fmt: skip


def test_apply_lbw_of_an_api_graph() -> None:
    inputs = {"category_filter": "All", "lora_name": "a.safetensors", "inverse": True, "seed": 0,
              "A": 4, "B": 1, "preset": "Preset", "block_vector": ",".join(["1"] * 17)}  # fmt: skip

    changed, _ = api(
        {
            "1": api_node("MakeLBW //Inspire", model=["9", 0], clip=["9", 1], **inputs),
            "2": api_node("ApplyLBW //Inspire", model=["9", 0], clip=["9", 1], lbw_model=["1", 0],
                          strength_model=1, strength_clip=0.5),
        }
    )  # fmt: skip

    assert list(changed) == ["2"]
    assert changed["2"]["inputs"]["blocks_1"].endswith(";inverse=1")
