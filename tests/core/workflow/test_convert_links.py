"""Converting nodes in graphs: what their links become, and which are cut and reported."""

from __future__ import annotations

import pytest
from support.conversions import (
    LM_LOADER,
    LM_STACKER,
    LM_TEXT,
    LM_VALUES,
    POWER,
    POWER_VALUES,
    STACK,
    STACKER,
    TOGGLE_VALUES,
    WORDS,
    api,
    by_id,
    node,
    run,
    sources,
    wired,
)
from support.graphs import api_node


def test_a_chain_of_stacks_stays_a_chain_and_a_changed_order_is_reported() -> None:
    values = ["simple", 1, "a.safetensors", 0.5, 1, 1]
    first = node(1, STACKER, "lora_stack", "LORA_STACK", values)
    second = node(2, STACKER, "lora_stack", "LORA_STACK", values)
    apply = node(3, "CR Apply LoRA Stack", "model clip lora_stack", "MODEL CLIP show_help")
    graph = wired(first, second, apply, links=[(1, 0, 2, 0), (2, 0, 3, 2)])

    changed, conversion = run(graph)

    assert {made["type"] for made in changed["nodes"]} == {STACK}
    assert sources(changed, 2) == {"lora_stack": (1, 2)}
    assert sources(changed, 3) == {"lora_stack": (2, 2)}
    said = [" ".join(entry.notes) for entry in conversion.converted]
    assert said[0] == ""
    assert "come before those of this node now" in said[1]


def test_trigger_words_that_were_wired_come_from_a_node_of_their_own() -> None:
    loader = node(1, LM_LOADER, "model clip lora_stack", "MODEL CLIP trigger_words loaded_loras",
                  LM_VALUES)  # fmt: skip
    one, two = node(2, "CLIPTextEncode", "text*", ""), node(5, "PreviewAny", "source", "")
    graph = wired(loader, one, two, links=[(1, 2, 2, 0), (1, 2, 5, 0)])

    changed, conversion = run(graph)

    words = by_id(changed, 6)
    assert words["type"] == WORDS
    assert words["widgets_values"] == ["None", "", ""]
    assert sources(changed, 6) == {"lora_stack": (1, 2)}
    assert sources(changed, 2) == {"text": (6, 0)}
    assert sources(changed, 5) == {"source": (6, 0)}
    assert changed["last_node_id"] == 6
    assert changed["last_link_id"] == 3
    (entry,) = conversion.converted
    assert entry.added == (WORDS,)
    assert "trigger words come from the files' own headers" in entry.notes[0]


@pytest.mark.parametrize("toggle_first", [True, False])
def test_a_word_toggle_keeps_its_active_words_and_needs_no_words_of_its_loader(
    toggle_first: bool,
) -> None:
    loader = node(1, LM_LOADER, "model clip", "MODEL CLIP trigger_words loaded_loras", LM_VALUES)
    toggle = node(2, "TriggerWord Toggle (LoraManager)", "trigger_words", "filtered_trigger_words",
                  TOGGLE_VALUES)  # fmt: skip
    text = node(3, "CLIPTextEncode", "text*", "")
    both = [toggle, loader] if toggle_first else [loader, toggle]
    graph = wired(*both, text, links=[(1, 2, 2, 0), (2, 0, 3, 0)])

    changed, conversion = run(graph)

    assert by_id(changed, 2)["type"] == WORDS
    assert by_id(changed, 2)["widgets_values"] == ["None", "best quality, absurdres, ink", ""]
    assert sources(changed, 2) == {}
    assert sources(changed, 3) == {"text": (2, 0)}
    assert len(changed["nodes"]) == 3
    said = {entry.node: entry for entry in conversion.converted}
    assert (said["1"].added, said["1"].notes) == ((), ())
    assert "they no longer follow the LoRAs" in said["2"].notes[0]

    api_changed, _ = api(
        {
            "1": api_node(LM_LOADER, loras=LM_VALUES[1]),
            "2": api_node(
                "TriggerWord Toggle (LoraManager)", group_mode=True, default_active=True,
                allow_strength_adjustment=True, trigger_words=["1", 2],
                toggle_trigger_words={"__value__": [
                    {"text": "ink", "active": True, "strength": 1.2},
                    {"text": "(wash:1.10)", "active": True, "strength": 0.5},
                    {"text": "oil", "active": True, "strength": None}]},
            ),
            "3": api_node("CLIPTextEncode", text=["2", 0]),
        }
    )  # fmt: skip
    assert list(api_changed) == ["1", "2", "3"]
    assert api_changed["2"]["inputs"]["extra"] == "(ink:1.20), (wash:0.50), oil"


def test_an_output_without_a_counterpart_is_disconnected_and_reported() -> None:
    loader = node(1, LM_STACKER, "lora_stack", "LORA_STACK trigger_words active_loras", LM_VALUES)
    text = node(2, "PreviewAny", "source", "")
    graph = wired(loader, text, links=[(1, 2, 2, 0)])
    graph["extra"] |= {"linkExtensions": [{"id": 1, "parentId": 1}],
                       "reroutes": [{"id": 1, "linkIds": [1]}]}  # fmt: skip

    changed, conversion = run(graph)

    assert changed["links"] == []
    assert changed["extra"]["linkExtensions"] == []
    assert changed["extra"]["reroutes"][0]["linkIds"] == []
    assert len(changed["nodes"]) == 2
    assert "Its output active_loras was connected" in conversion.converted[0].notes[0]


def test_a_text_loader_reads_the_same_text_in_the_same_order_of_strengths() -> None:
    text = node(1, "PrimitiveString", "", "STRING")
    loader = node(2, LM_TEXT, "model lora_syntax clip lora_stack",
                  "MODEL CLIP trigger_words loaded_loras", [])  # fmt: skip
    sampler = node(3, "KSampler", "model", "")
    graph = wired(text, loader, sampler, links=[(1, 0, 2, 1), (2, 0, 3, 0)])

    changed, _ = run(graph)

    made = by_id(changed, 2)
    assert made["type"] == "SatchelLoraStackFromPrompt"
    assert made["widgets_values"] == ["", "comfy"]
    assert sources(changed, 2) == {"prompt": (1, 0)}
    assert sources(changed, 3) == {"model": (2, 0)}


def test_linked_widgets_become_linked_row_inputs() -> None:
    values = ["simple", 2, "a.safetensors", 0.5, 1, 1, "None", 1, 1, 1]
    name, number = node(1, "Names", "", "STRING"), node(2, "PrimitiveFloat", "", "FLOAT")
    stacker = node(3, STACKER, "lora_stack lora_wt_1* lora_name_2*", "LORA_STACK", values)
    graph = wired(name, number, stacker, links=[(2, 0, 3, 1), (1, 0, 3, 2)])

    changed, conversion = run(graph)

    assert sources(changed, 3) == {
        "strength_model_1": (2, 0), "strength_clip_1": (2, 0), "lora_2": (1, 0)
    }  # fmt: skip
    assert by_id(changed, 3)["widgets_values"] == [
        True, "a.safetensors", 0.5, 0.5, "", True, "None", 1.0, 1.0, ""
    ]  # fmt: skip
    assert len(by_id(changed, 2)["outputs"][0]["links"]) == 2
    assert conversion.converted[0].notes == ()


def test_an_input_that_decides_about_rows_must_not_be_linked() -> None:
    count = node(1, "PrimitiveInt", "", "INT")
    stacker = node(2, STACKER, "lora_stack lora_count*", "LORA_STACK", ["simple", 1, "a", 1, 1, 1])
    graph = wired(count, stacker, links=[(1, 0, 2, 1)])

    changed, conversion = run(graph)

    assert changed == graph
    assert "lora_count comes from another node" in conversion.kept[0].reason


def test_a_link_into_an_input_without_a_counterpart_goes_and_is_reported() -> None:
    seed = node(1, "PrimitiveInt", "", "INT")
    power = node(2, POWER, "model clip extra", "MODEL CLIP", POWER_VALUES)
    graph = wired(seed, power, links=[(1, 0, 2, 2)])

    changed, conversion = run(graph)

    assert changed["links"] == []
    assert "Its input extra was connected" in conversion.converted[0].notes[0]


def test_a_switched_off_easy_stack_keeps_back_the_stack_before_it() -> None:
    before = node(1, "Other", "", "LORA_STACK")
    easy = node(2, "easy loraStack", "optional_lora_stack", "lora_stack",
                [False, "simple", 1, "a.safetensors", 1, 1, 1])  # fmt: skip

    off, conversion = run(wired(before, easy, links=[(1, 0, 2, 0)]))

    assert sources(off, 2) == {}
    assert "that input is disconnected" in conversion.converted[0].notes[0]
    easy["widgets_values"][0] = True
    on, _ = run(wired(before, easy, links=[(1, 0, 2, 0)]))
    assert sources(on, 2) == {"lora_stack": (1, 0)}
