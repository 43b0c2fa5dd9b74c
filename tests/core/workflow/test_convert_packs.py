"""What each pack's nodes become, release by release, from values as they are really saved."""

from __future__ import annotations

from typing import Any

import pytest
from support.graphs import api_node, ui_graph, ui_node

from satchel.workflow.convert import Conversion, convert
from satchel.workflow.documents import read_json

POWER = "Power Lora Loader (rgthree)"
STACKER = "LoRA Stacker"
LM_LOADER = "Lora Loader (LoraManager)"
LM_STACKER = "Lora Stacker (LoraManager)"
INSPIRE = "LoraLoaderBlockWeight //Inspire"
SD17 = "1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1"

HERE = (
    "style/ink.safetensors",
    "detail.safetensors",
    "one/twin.safetensors",
    "two/twin.safetensors",
)


def ui(class_type: str, values: Any, **fields: Any) -> Conversion:
    return convert(read_json(ui_graph(ui_node(1, class_type, values, **fields)), "x"), names=HERE)


def api(class_type: str, **inputs: Any) -> Conversion:
    return convert(read_json({"1": api_node(class_type, **inputs)}, "x"), names=HERE)


def rows(conversion: Conversion) -> list[tuple[Any, ...]]:
    """The rows of the only node, from either form, without block weights that are empty."""
    document = conversion.document
    if document.ui is not None:
        (node,) = document.ui["nodes"]
        values = node["widgets_values"]
        found = [tuple(values[at : at + 5]) for at in range(0, len(values), 5)]
    else:
        assert document.api is not None
        inputs = document.api["1"]["inputs"]
        numbers = range(1, sum(name.startswith("on_") for name in inputs) + 1)
        fields = ("on", "lora", "strength_model", "strength_clip", "blocks")
        found = [tuple(inputs[f"{field}_{number}"] for field in fields) for number in numbers]
    return [row if row[4] else row[:4] for row in found]


def notes(conversion: Conversion) -> str:
    return " ".join(note for entry in conversion.converted for note in entry.notes)


def power(on: Any, lora: Any, strength: Any = 1, two: Any = None) -> dict[str, Any]:
    return {"on": on, "lora": lora, "strength": strength, "strengthTwo": two}


HEADER = {"type": "PowerLoraLoaderHeaderWidget"}
SEPARATE = {"properties": {"Show Strengths": "Separate Model & Clip"}}
SINGLE = {"properties": {"Show Strengths": "Single Strength", "Match": ""}}


@pytest.mark.parametrize(
    ("values", "fields", "expected"),
    [
        ([{}, HEADER, power(True, "a.safetensors", 0.8), {}, ""], SINGLE,
         [(True, "a.safetensors", 0.8, 0.8)]),
        ([None, HEADER, power(True, "Turbo\\a.safetensors"), None, ""], SINGLE,
         [(True, "Turbo/a.safetensors", 1, 1)]),
        ([{}, HEADER, power(False, "a.safetensors", 0.8, 0.3), {}, ""], SINGLE,
         [(False, "a.safetensors", 0.8, 0.8)]),
        ([{}, HEADER, power(True, "a.safetensors", 0.8, 0.3), {}, ""], SEPARATE,
         [(True, "a.safetensors", 0.8, 0.3)]),
        ([{}, HEADER, power(True, "a.safetensors", 0.8, 0), {}, ""], SEPARATE,
         [(True, "a.safetensors", 0.8, 0)]),
        ([{}, HEADER, power(True, "a.safetensors", 0.8, None), {}, ""], SEPARATE,
         [(True, "a.safetensors", 0.8, 1)]),
        ([{}, HEADER, power(True, "b.safetensors"), power(True, "a.safetensors"),
          power(True, "b.safetensors", 0.5), {}, ""], {},
         [(True, "b.safetensors", 1, 1), (True, "a.safetensors", 1, 1),
          (True, "b.safetensors", 0.5, 0.5)]),
        ([{}, HEADER, {}, ""], {}, []),
        ({"lora_3": power(True, "a.safetensors", 0.5)}, {}, [(True, "a.safetensors", 0.5, 0.5)]),
    ],
)  # fmt: skip
def test_power_lora_loader_rows_carry_over(
    values: Any, fields: dict[str, Any], expected: list[Any]
) -> None:
    conversion = ui(POWER, values, **fields)

    assert rows(conversion) == expected
    assert notes(conversion) == ""


@pytest.mark.parametrize("nothing", [None, "None", ""])
def test_a_power_lora_loader_row_without_a_lora_is_left_out_and_reported(nothing: Any) -> None:
    conversion = ui(POWER, [{}, HEADER, power(True, nothing), power(True, "a.safetensors"), {}, ""])

    assert rows(conversion) == [(True, "a.safetensors", 1, 1)]
    assert "Row 1 of the old node had no LoRA" in notes(conversion)


@pytest.mark.parametrize(("strength", "limit"), [(12.5, 10), (-99, -10)])
def test_a_strength_that_no_row_takes_becomes_the_nearest_and_is_reported(
    strength: float, limit: float
) -> None:
    conversion = ui(POWER, [{}, HEADER, power(True, "a.safetensors", strength), {}, ""])

    assert rows(conversion) == [(True, "a.safetensors", limit, limit)]
    assert f"the model strength was {strength:g}; it is {limit} now" in notes(conversion)
    assert f"the CLIP strength was {strength:g}; it is {limit} now" in notes(conversion)


def test_a_power_lora_loader_of_an_api_graph() -> None:
    conversion = api(
        POWER,
        PowerLoraLoaderHeaderWidget=HEADER,
        lora_1={"on": True, "lora": "F1\\a.safetensors", "strength": 0.8},
        lora_2={"on": False, "lora": "b.safetensors", "strength": 1, "strengthTwo": 0},
        **{"➕ Add Lora": "", "model": ["4", 0]},
    )

    assert rows(conversion) == [
        (True, "F1/a.safetensors", 0.8, 0.8), (False, "b.safetensors", 1, 0)
    ]  # fmt: skip
    assert conversion.document.api is not None
    assert conversion.document.api["1"]["inputs"]["model"] == ["4", 0]
    assert "PowerLoraLoaderHeaderWidget" not in conversion.document.api["1"]["inputs"]


def test_the_lora_loader_stack_of_rgthree() -> None:
    values = ["a.safetensors", 0.5, "None", 1, "b.safetensors", -1, "None", 1]

    assert rows(ui("Lora Loader Stack (rgthree)", values)) == [
        (True, "a.safetensors", 0.5, 0.5), (True, "b.safetensors", -1, -1)
    ]  # fmt: skip


EFFICIENCY_SLOTS = ["a.safetensors", 0.92, 1, 0.7, "None", 1, 1, 1, "b\\c.safetensors", 0.5, 2, 3]


@pytest.mark.parametrize(
    ("mode", "count", "expected"),
    [
        ("simple", 3, [(True, "a.safetensors", 0.92, 0.92), (True, "b/c.safetensors", 0.5, 0.5)]),
        ("advanced", 3, [(True, "a.safetensors", 1, 0.7), (True, "b/c.safetensors", 2, 3)]),
        ("advanced", 1, [(True, "a.safetensors", 1, 0.7)]),
        ("simple", 0, []),
    ],
)
@pytest.mark.parametrize("slots", [49, 50])
def test_lora_stacker_slots_carry_over(mode: str, count: int, slots: int, expected: Any) -> None:
    values = [mode, count, *EFFICIENCY_SLOTS, *["None", 1, 1, 1] * (slots - 3)]

    assert rows(ui(STACKER, values)) == expected


def test_a_lora_stacker_of_an_api_graph_takes_what_is_there() -> None:
    inputs = {"input_mode": "advanced", "lora_count": 1, "lora_name_1": "a.safetensors",
              "lora_wt_1": 9, "model_str_1": 0.5, "clip_str_1": 0.25}  # fmt: skip

    assert rows(api(STACKER, **inputs)) == [(True, "a.safetensors", 0.5, 0.25)]


def test_loras_beyond_the_count_are_left_out_and_named() -> None:
    conversion = ui(STACKER, ["simple", 1, *EFFICIENCY_SLOTS])

    assert "Beyond lora_count, and not in use, so left out: b/c.safetensors." in notes(conversion)


def test_comfyroll_nodes() -> None:
    stack = ["On", "a.safetensors", 1, 0.5, "Off", "b.safetensors", 0.3, 0.2, "On", "None", 1, 1]

    assert rows(ui("CR LoRA Stack", stack)) == [
        (True, "a.safetensors", 1, 0.5), (False, "b.safetensors", 0.3, 0.2)
    ]  # fmt: skip
    assert rows(ui("CR Load LoRA", ["Off", "a.safetensors", 0.8, 0.4])) == [
        (False, "a.safetensors", 0.8, 0.4)
    ]
    assert rows(ui("CR Apply LoRA Stack", None)) == []


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([True, "simple", 2, "a.safetensors", 0.7, 0.2, 0.3, "b.safetensors", 1.1, 1.2, 1.3],
         [(True, "a.safetensors", 0.7, 0.7), (True, "b.safetensors", 1.1, 1.1)]),
        ([True, "advanced", 1, "a.safetensors", 0.7, 0.45, 0.25, "None", 1, 1, 1],
         [(True, "a.safetensors", 0.45, 0.25)]),
        ([False, "simple", 1, "a.safetensors", 0.7, 1, 1], [(False, "a.safetensors", 0.7, 0.7)]),
        (["disabled", "simple", 1, "a.safetensors", 0.7, 1, 1],
         [(False, "a.safetensors", 0.7, 0.7)]),
    ],
)  # fmt: skip
def test_easy_lora_stack_slots_carry_over(values: Any, expected: Any) -> None:
    assert rows(ui("easy loraStack", values)) == expected


def managed(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "strength": 0.6, "active": True, "clipStrength": 0.6, **fields}


DUMMIES = [
    {"name": "__dummy_item1__", "strength": 0, "active": False, "_isDummy": True},
    {"name": "__dummy_item2__", "strength": 0, "active": False},
]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (managed("ink"), (True, "style/ink.safetensors", 0.6, 0.6)),
        (managed("style/ink"), (True, "style/ink.safetensors", 0.6, 0.6)),
        (managed("detail", active=False), (False, "detail.safetensors", 0.6, 0.6)),
        (managed("detail", clipStrength=0), (True, "detail.safetensors", 0.6, 0)),
        (managed("detail", clipStrength=None), (True, "detail.safetensors", 0.6, 0.6)),
        ({"name": "detail", "strength": "0.60", "active": True},
         (True, "detail.safetensors", 0.6, 0.6)),
        (managed("detail", strength="-1.5", clipStrength="0.25"),
         (True, "detail.safetensors", -1.5, 0.25)),
        ({"name": "detail", "strength": 1}, (False, "detail.safetensors", 1, 1)),
    ],
)  # fmt: skip
@pytest.mark.parametrize("class_type", [LM_LOADER, LM_STACKER])
def test_lora_manager_rows_carry_over_from_every_release(
    class_type: str, row: Any, expected: Any
) -> None:
    current = ui(class_type, [{"version": 1, "textWidgetName": "text"}, "<lora:x:9>", [row]])
    earlier = ui(class_type, ["<lora:x:9>", [row]])
    first = ui(class_type, ["<lora:x:9>", [row, *DUMMIES]])
    named = ui(class_type, {"text": "", "loras": [row]})
    wrapped = api(class_type, text="", loras={"__value__": [row]})
    bare = api(class_type, text="", loras=[row, *DUMMIES])

    for conversion in (current, earlier, first, named, wrapped, bare):
        assert rows(conversion) == [expected]
        assert notes(conversion) == ""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ghost", "ghost: no file here is called so"),
        ("twin", "twin: may be one/twin.safetensors, two/twin.safetensors"),
    ],
)
def test_a_lora_manager_name_that_means_no_file_stays_and_is_reported(name: str, said: str) -> None:
    conversion = ui(LM_LOADER, ["", [managed(name)]])

    assert rows(conversion) == [(True, name, 0.6, 0.6)]
    assert said in notes(conversion)


def test_without_a_list_of_files_lora_manager_names_stay_and_are_reported() -> None:
    node = ui_node(1, LM_LOADER, ["", [managed("ink")]])

    conversion = convert(read_json(ui_graph(node), "x"))

    assert rows(conversion) == [(True, "ink", 0.6, 0.6)]
    assert "it is not known which files are here" in notes(conversion)


def test_a_file_that_is_here_is_named_as_the_host_lists_it() -> None:
    document = read_json(ui_graph(ui_node(1, LM_LOADER, ["", [managed("ink")]])), "x")

    conversion = convert(document, names=["style\\ink.safetensors"])

    assert rows(conversion) == [(True, "style\\ink.safetensors", 0.6, 0.6)]


@pytest.mark.parametrize(
    ("class_type", "values"),
    [
        (LM_LOADER, ["<lora:ink:1>"]),
        (LM_LOADER, ["", [managed("ink", strength="strong")]]),
        (LM_LOADER, ["", [managed("ink", strength=None)]]),
        (POWER, [{}, HEADER, power(True, 7), {}, ""]),
        (POWER, [{}, HEADER, power(True, "a.safetensors", float("inf")), {}, ""]),
        (POWER, [{}, HEADER, power(True, "a.safetensors", 10**400), {}, ""]),
        (STACKER, ["simple", "many", "a.safetensors", 1, 1, 1]),
        ("TriggerWord Toggle (LoraManager)", [True, True, False, "no list"]),
        (INSPIRE, ["a.safetensors", "what", "is", "this"]),
        ("Lora Randomizer (LoraManager)", []),
        ("CR Random LoRA Stack", []),
    ],
)
def test_what_has_no_counterpart_stays_as_it_is_with_a_reason(class_type: str, values: Any) -> None:
    node = ui_node(1, class_type, values)

    conversion = convert(read_json(ui_graph(node), "x"), names=HERE)

    assert conversion.converted == ()
    assert [(kept.node, kept.type) for kept in conversion.kept] == [("1", class_type)]
    assert conversion.kept[0].reason.endswith(".")
    assert conversion.document.ui is not None
    assert conversion.document.ui["nodes"] == [node]


def inspire(
    vector: str = SD17, *, inverse: bool = False, seed: int = 0, control: str = "fixed",
    preset: str = "Preset", bypass: bool = False,
) -> list[Any]:  # fmt: skip
    """Values as the last releases save them."""
    return ["All", "a.safetensors", 0.8, 0.4, inverse, seed, control, 4, 1, preset, vector, bypass]


@pytest.mark.parametrize(
    ("values", "blocks"),
    [
        (inspire(), f"inspire:{SD17}"),
        (inspire(f"SD-TEST:{SD17}:more"), f"inspire:{SD17}"),
        (inspire("1,\n 0 ,0,0,0,0,0,0,1,1,1,1"), "inspire:1, 0 ,0,0,0,0,0,0,1,1,1,1"),
        (inspire("A,b,1 0.5,0,0,0,0,0,1,1,1,1"), "inspire:A,b,1 0.5,0,0,0,0,0,1,1,1,1;A=4;B=1"),
        (inspire("R,0,0,U,0,0,0,0,1,1,1,1", seed=7), "inspire:R,0,0,U,0,0,0,0,1,1,1,1;seed=7"),
        (inspire("R,0,0,U,0,0,0,0,1,1,1,1", seed=2**64 - 1),
         "inspire:R,0,0,U,0,0,0,0,1,1,1,1;seed=2147483647"),
        (inspire(inverse=True), f"inspire:{SD17};inverse=1"),
        (inspire("%default=0.5, in1-4=0.25,mid=0"), "%default=0.5,in1-4=0.25,mid=0"),
        (inspire("%base=1,in3=0.5", inverse=True), "%base=1,in3=0.5;inverse=1"),
        (inspire("MINE", preset=f"MINE:{SD17}"), f"inspire:{SD17}"),
    ],
)  # fmt: skip
def test_inspire_vectors_keep_their_meaning(values: Any, blocks: str) -> None:
    conversion = ui(INSPIRE, values)

    assert rows(conversion) == [(True, "a.safetensors", 0.8, 0.4, blocks)]
    assert notes(conversion) == ""


@pytest.mark.parametrize(
    "values",
    [
        ["a.safetensors", 0.8, 0.4, False, 0, "fixed", 4, 1, "Preset", SD17],
        ["a.safetensors", 0.8, 0.4, False, 0, "fixed", 4, 1, "Preset", SD17, False],
        ["All", "a.safetensors", 0.8, 0.4, False, 0, 4, 1, "Preset", SD17, False],
    ],
)
def test_inspire_values_of_earlier_releases(values: Any) -> None:
    assert rows(ui(INSPIRE, values)) == [(True, "a.safetensors", 0.8, 0.4, f"inspire:{SD17}")]


def test_inspire_bypass_is_a_row_that_is_off() -> None:
    assert rows(ui(INSPIRE, inspire(bypass=True)))[0][0] is False


def test_an_inspire_node_of_an_api_graph() -> None:
    conversion = api(
        INSPIRE, model=["2", 0], clip=["2", 1], category_filter="All", lora_name="x\\a.safetensors",
        strength_model=0.8, strength_clip=0.4, inverse=False, seed=5, A=3.5, B=1,
        preset="Preset", block_vector="A,R,0,0,0,0,0,0,1,1,1,1", bypass=False,
    )  # fmt: skip

    blocks = "inspire:A,R,0,0,0,0,0,0,1,1,1,1;A=3.5;seed=5"
    assert rows(conversion) == [(True, "x/a.safetensors", 0.8, 0.4, blocks)]


def test_a_seed_that_changed_with_each_run_is_reported_where_it_matters() -> None:
    drawn = ui(INSPIRE, inspire("R,0,0,0,0,0,0,0,1,1,1,1", seed=7, control="randomize"))

    assert "it stays 7 now" in notes(drawn)
    assert notes(ui(INSPIRE, inspire(seed=7, control="randomize"))) == ""


@pytest.mark.parametrize("item", ["in2=-0.5", "in0=1", "in4-2=0.5", "up=1", "middle=0"])
def test_what_inspire_ignores_in_a_spec_is_left_out_and_reported(item: str) -> None:
    conversion = ui(INSPIRE, inspire(f"%default=0.5,{item},out=1"))

    assert rows(conversion)[0][4] == "%default=0.5,out=1"
    assert f"Ignored by that pack, so left out: {item}." in notes(conversion)


@pytest.mark.parametrize("vector", ["SD-NOBODY-KNOWS", "", "1,.5,0", "11,0,0,0,0,0,0,0,1,1,1,1"])
def test_a_vector_without_meaning_here_leaves_the_node_alone(vector: str) -> None:
    conversion = ui(INSPIRE, inspire(vector))

    assert conversion.converted == ()
    assert len(conversion.kept) == 1


def test_a_users_own_inspire_preset_is_found() -> None:
    document = read_json(ui_graph(ui_node(1, INSPIRE, inspire("MINE"))), "x")

    conversion = convert(document, presets={"MINE": f"inspire:{SD17}"})

    assert rows(conversion)[0][4] == f"inspire:{SD17}"
