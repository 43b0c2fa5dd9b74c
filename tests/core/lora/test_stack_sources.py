"""LORA_STACK on its way through other packs' nodes: a table of what they do to it."""

from __future__ import annotations

import copy
import json
import os

import pytest

from satchel.errors import LoraRowError
from satchel.lora.stack import StackEntry, read_stack
from satchel.lora.stack_sources import RowSettings, SourceRow, rows_upstream
from satchel.lora.window import ALWAYS, Window

STYLE = StackEntry("Row 1", "art/style.safetensors", 0.8, 0.5, "M00=0.5", "id1", Window(0.2, 0.6))
PLAIN = StackEntry("Row 2", "plain.safetensors", 1.0, 1.0, "", "id2")
SKIPS = StackEntry("Row 3", "skips.safetensors", -0.3, 0.0, "", "id3", ALWAYS, "skip")
ROWS = (STYLE, PLAIN, SKIPS)


def emitted(*entries):
    return [entry.to_tuple() for entry in entries or ROWS]


def source(entry):
    return SourceRow(entry.name, (entry.strength_model, entry.strength_clip), entry.settings)


def graph(*entries):
    return lambda: [source(entry) for entry in entries or ROWS]


def bare(stack):
    return json.loads(json.dumps(stack))


def settings(entries):
    return {entry.name.rpartition("/")[2]: entry.settings for entry in entries}


INTACT = {
    "hands them on": lambda stack: stack,
    "copies the list": lambda stack: [*stack],
    "unpacks and packs again": lambda stack: [(n, m, c) for n, m, c in stack],
    "makes lists of them": lambda stack: [list(item) for item in stack],
    "drops None": lambda stack: [("None", 1.0, 1.0), *(i for i in stack if i[0] != "None")][1:],
    "has its own first": lambda stack: [("own.safetensors", 1.0, 1.0), *stack],
    "has its own last": lambda stack: [*stack, ("own.safetensors", 1, 1)],
    "scales the strengths": lambda stack: [(n, m * 0.5, c * 0.5) for n, m, c in stack],
    "makes strengths plain": lambda stack: [(n, round(m, 2), float(c)) for n, m, c in stack],
    "writes backslashes": lambda stack: [(n.replace("/", "\\"), m, c) for n, m, c in stack],
    "writes slashes": lambda stack: [(n.replace(os.sep, "/"), m, c) for n, m, c in stack],
    "drops folders": lambda stack: [(os.path.basename(n), m, c) for n, m, c in stack],
    "drops extensions": lambda stack: [(os.path.splitext(n)[0], m, c) for n, m, c in stack],
    "writes whole paths": lambda stack: [(f"/models/loras/{n}", m, c) for n, m, c in stack],
    "keeps one strength": lambda stack: [(str(n), m, m) for n, m, _ in stack],
    "reverses them": lambda stack: stack[::-1],
    "copies deeply": copy.deepcopy,
}
"""Whatever of an entry survives, its row is known without the graph."""


@pytest.mark.parametrize("way", INTACT.values(), ids=INTACT)
def test_a_row_stays_known_through_a_node_that(way):
    entries = read_stack(way(emitted()))

    assert {entry.name for entry in entries} - {"own.safetensors"} == {row.name for row in ROWS}
    found = settings(entries)
    for word, row in zip(("style", "plain", "skips"), ROWS, strict=True):
        assert [found[name] for name in found if word in name] == [row.settings]
    assert {entry.entry_id for entry in entries} - {""} == {"id1", "id2", "id3"}


REBUILT = {
    "rebuilds all": bare,
    "rounds to two decimals": lambda stack: [
        (str(n), round(float(m), 2), round(float(c), 2)) for n, m, c in stack
    ],
    "rebuilds without folders": lambda stack: [
        (os.path.basename(n), float(m), float(c)) for n, m, c in stack
    ],
    "rebuilds and adds its own": lambda stack: [("own.safetensors", 0.1, 0.1), *bare(stack)],
    "rebuilds in another order": lambda stack: bare(stack)[::-1],
}


@pytest.mark.parametrize("way", REBUILT.values(), ids=REBUILT)
def test_the_graph_tells_the_rows_behind_a_node_that(way):
    entries = read_stack(way(emitted()), graph())

    found = settings(entries)
    assert found["style.safetensors"] == STYLE.settings
    assert found["plain.safetensors"] == RowSettings()
    assert found["skips.safetensors"] == SKIPS.settings
    assert found.get("own.safetensors", RowSettings()) == RowSettings()
    assert "known from the graph" in next(e for e in entries if "style" in e.name).note


def linked(entry, **unknown):
    known = source(entry)
    fields = {"name": known.name, "strengths": known.strengths, "settings": known.settings}
    return SourceRow(**{**fields, **unknown})


OTHER = StackEntry("Row 4", "art/style.safetensors", 0.8, 0.5, "M00=0", "id4")
LOST = {
    "rebuilds and scales": ([("art/style.safetensors", 0.4, 0.25)], graph()),
    "rebuilds what may be two rows": (bare(emitted(STYLE)), graph(STYLE, OTHER)),
    "doubles a row": (bare(emitted(STYLE, STYLE)), graph(STYLE)),
    "rebuilds a row whose block weights are linked": (
        bare(emitted(STYLE)), lambda: [linked(STYLE, settings=None)],
    ),
    "rebuilds a row whose strength is linked": (
        bare(emitted(STYLE)), lambda: [linked(STYLE, strengths=None)],
    ),
    "rebuilds a row whose file is linked": (
        bare(emitted(STYLE)), lambda: [linked(STYLE, name=None)],
    ),
    "rebuilds what a linked prompt named": (bare(emitted(PLAIN)), lambda: [SourceRow()]),
}  # fmt: skip


@pytest.mark.parametrize(("stack", "rows"), LOST.values(), ids=LOST)
def test_the_run_stops_behind_a_node_that(stack, rows):
    with pytest.raises(LoraRowError, match=r"Entry 1 of lora_stack .* has lost its row") as caught:
        read_stack(stack, rows)

    assert "Connect LORA_STACK directly" in caught.value.hint


MIXED = {
    "gives the strengths to another LoRA": [("b.safetensors", *STYLE.to_tuple()[1:])],
    "shuffles strengths": [(PLAIN.to_tuple()[0], *STYLE.to_tuple()[1:])],
    "mixes two rows of one LoRA": [(OTHER.to_tuple()[0], *STYLE.to_tuple()[1:])],
}


@pytest.mark.parametrize("stack", MIXED.values(), ids=MIXED)
def test_parts_that_do_not_belong_together_stop_the_run_behind_a_node_that(stack):
    with pytest.raises(LoraRowError, match="a node in between has put it together"):
        read_stack(stack, graph())


def test_what_has_no_settings_may_be_mixed_at_will():
    stack = [("b.safetensors", *PLAIN.to_tuple()[1:]), (str(PLAIN.name), 0.1, 0.2)]

    entries = read_stack(stack, graph(PLAIN))

    assert [entry.settings for entry in entries] == [RowSettings()] * 2
    assert entries[0].entry_id == ""


def test_an_equal_lora_of_another_pack_is_not_taken_for_a_row_that_arrived():
    stack = [*emitted(STYLE), ("art/style.safetensors", 0.8, 0.5)]

    entries = read_stack(stack, graph(STYLE))

    assert [entry.settings for entry in entries] == [STYLE.settings, RowSettings()]


def test_without_a_graph_entries_of_other_packs_are_what_they_are():
    (entry,) = read_stack(bare(emitted(STYLE)))

    assert (entry.settings, entry.entry_id) == (RowSettings(), "")


def test_the_graph_is_asked_only_when_an_entry_is_not_known():
    def never():
        raise AssertionError

    assert len(read_stack(emitted(), never)) == 3


# --- the graph ---------------------------------------------------------------------------------

GRAPH = {
    "1": {"class_type": "Ours", "inputs": {"lora_1": "a"}},
    "2": {
        "class_type": "Ours",
        "inputs": {"lora_1": "b", "lora_stack": ["1", 2], "clip": ["6", 0]},
    },
    "3": {"class_type": "Foreign", "inputs": {"x": 1, "stack_a": ["2", 2], "stack_b": ["4", 0]}},
    "4": {"class_type": "Foreign", "inputs": {"loop": ["3", 0], "pair": [1, 2], "gone": ["9", 0]}},
    "5": {"class_type": "Ours", "inputs": {"lora_1": "not upstream"}},
    "6": {"class_type": "Ours", "inputs": {"lora_1": "only its clip"}},
}  # fmt: skip


def upstream(link):
    rows = rows_upstream(link, GRAPH.get, {"Ours": lambda inputs: [SourceRow(inputs["lora_1"])]})
    return sorted(row.name for row in rows)


@pytest.mark.parametrize(
    ("link", "names"),
    [
        (["3", 0], ["a", "b"]),
        (["2", 2], ["a", "b"]),
        (["1", 2], ["a"]),
        (["4", 0], ["a", "b"]),
        (["9", 0], []),
        (None, []),
        ("text", []),
    ],
)
def test_rows_are_found_through_other_nodes_and_through_stacks_on_stacks(link, names):
    assert upstream(link) == names
