"""Stack presets: what is kept, what is shared, and what is refused."""

from __future__ import annotations

import json

import pytest

from satchel import stack_presets
from satchel.errors import FileFormatError, InvalidInputError, LoraRowError, PresetExistsError
from satchel.stack_presets import (
    MAX_BYTES,
    MAX_NAME,
    MAX_ROWS,
    StackPresets,
    make_preset,
    read_shared,
    shared,
    with_local_names,
)

INK = {"on": True, "lora": "style/ink.safetensors", "strength_model": 0.8, "strength_clip": 0.5,
       "blocks": "IN04=0.5"}  # fmt: skip
WASH = {**INK, "on": False, "lora": "wash.safetensors", "blocks": "", "start": 0.2, "stop": 1.0,
        "on_mismatch": "skip"}  # fmt: skip
DIGEST = "ab" * 32


@pytest.fixture
def presets(tmp_path):
    return StackPresets(tmp_path / "user" / "stack_presets.json")


def names(presets):
    return [preset.name for preset in presets.all()]


def test_rows_come_back_as_they_were_by_name(presets):
    assert presets.all() == []
    presets.save(make_preset("wash", [WASH]), replaces=False)
    presets.save(make_preset(" Ink 墨 ", [INK, WASH]), replaces=False)

    assert names(presets) == ["Ink 墨", "wash"]
    assert presets.get("Ink 墨").rows == (INK, WASH)
    assert presets.get("wash").saved_at > 0

    presets.delete("wash")
    presets.delete("wash")
    assert names(presets) == ["Ink 墨"]


def test_a_name_that_is_taken_is_replaced_only_when_that_is_said(presets):
    presets.save(make_preset("ink", [INK]), replaces=False)
    with pytest.raises(PresetExistsError):
        presets.save(make_preset("ink", [WASH]), replaces=False)
    assert presets.get("ink").rows == (INK,)

    presets.save(make_preset("ink", [WASH]), replaces=True)
    assert presets.get("ink").rows == (WASH,)


def test_what_a_row_lacks_has_its_default_and_what_it_should_not_have_is_left_out():
    preset = make_preset("ink", [{"lora": "a\\ink.pt", "strength_model": "0.5", "more": "<b>"}])

    assert preset.rows == (
        {"on": True, "lora": "a/ink.pt", "strength_model": 0.5, "strength_clip": 0.5, "blocks": ""},
    )


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("", [INK]), ("  ", [INK]), ("x" * (MAX_NAME + 1), [INK]), ("a\nb", [INK]), (5, [INK]),
        ("x", []), ("x", None), ("x", [INK] * (MAX_ROWS + 1)), ("x", [5]), ("x", ["row"]),
        ("x", [{}]),
        ("x", [{**INK, "strength_model": 1e9}]), ("x", [{**INK, "strength_model": float("nan")}]),
        ("x", [{**INK, "on": "yes"}]), ("x", [{**INK, "lora": ["a"]}]),
        ("x", [{**INK, "blocks": "x" * 10_001}]), ("x", [{**INK, "start": 2}]),
        ("x", [{**INK, "on_mismatch": "explode"}]),
    ],
)  # fmt: skip
def test_what_no_stack_can_have_is_refused(name, rows):
    with pytest.raises((InvalidInputError, LoraRowError)):
        make_preset(name, rows)


def test_a_shared_file_carries_the_digests_that_are_known(presets):
    preset = make_preset("ink", [INK, WASH, INK])
    document = shared([preset], {INK["lora"]: DIGEST}.get)
    assert document["models"] == {INK["lora"]: DIGEST}

    ((again,), digests) = read_shared(json.dumps(document))

    assert again.rows == preset.rows
    here = with_local_names(again, digests, lambda name, sha256: sha256 and "mine/ink 2.pt")
    assert [row["lora"] for row in here.rows] == [
        "mine/ink 2.pt", "wash.safetensors", "mine/ink 2.pt",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "[]", "5", '{"presets": []}', '{"satchel_stack_presets": 2, "presets": []}',
        '{"satchel_stack_presets": 1}', '{"satchel_stack_presets": 1, "presets": [5]}',
        '{"satchel_stack_presets": 1, "presets": [{"name": "x"}]}', "[" * 100_000,
        "x" * (MAX_BYTES + 1),
    ],
    ids=range(11),
)  # fmt: skip
def test_what_is_no_file_of_presets_is_refused(text):
    with pytest.raises(InvalidInputError):
        read_shared(text)


def test_odd_digests_of_a_shared_file_do_not_count():
    document = {
        "satchel_stack_presets": 1, "presets": [],
        "models": {"a": DIGEST.upper(), "b": "short", "c": 5, "d": "/" * 64},
    }  # fmt: skip
    assert read_shared(json.dumps(document))[1] == {"a": DIGEST}
    assert read_shared(json.dumps({**document, "models": [1]}))[1] == {}


def test_presets_that_are_added_stand_beside_others_of_their_name(presets):
    presets.save(make_preset("ink", [INK]), replaces=False)

    assert presets.add([make_preset("ink", [WASH]), make_preset("ink", [INK])]) == [
        "ink (2)", "ink",
    ]  # fmt: skip
    assert presets.get("ink").rows == (INK,)
    assert presets.get("ink (2)").rows == (WASH,)


def test_there_is_an_end_to_how_many_are_kept(presets, monkeypatch):
    monkeypatch.setattr(stack_presets, "MAX_PRESETS", 2)
    with pytest.raises(InvalidInputError):
        presets.add([make_preset(name, [INK]) for name in ("a", "b", "c")])
    assert names(presets) == []


def test_a_damaged_file_is_told_and_not_written_over(presets, tmp_path):
    presets.save(make_preset("ink", [INK]), replaces=False)
    path = tmp_path / "user" / "stack_presets.json"
    path.write_text("damaged")

    for act in (presets.all, lambda: presets.save(make_preset("x", [INK]), replaces=True)):
        with pytest.raises(FileFormatError):
            act()
    assert path.read_text() == "damaged"
