"""Whatever strangers hand in is read, or refused with an error of our own: a short `dev.py fuzz`.

The time-outs are guards against hangs. What it takes in time and memory `dev.py fuzz` measures.
"""

from __future__ import annotations

import json
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from satchel_tools.fuzz_inputs import mutations
from satchel_tools.fuzz_targets import TARGETS, Target

BY_NAME = {target.name: target for target in TARGETS}
TRAPS = [(target, name) for target in TARGETS for name in target.traps]
KEYS = st.sampled_from(
    ["id", "type", "nodes", "links", "inputs", "widgets_values", "properties", "models", "name",
     "definitions", "subgraphs", "extra", "satchel", "version", "class_type", "link", "widget",
     "origin_id", "origin_slot", "target_id", "target_slot", "mode", "url", "directory", "hash",
     "sources", "kind", "sha256", "used_by", "hints", "strength"]
)  # fmt: skip
LEAVES = st.sampled_from(
    [None, True, 0, 1, -10, 2**70, 0.5, "", "a", "s", "a.safetensors", "<lora:a:1>", "VAELoader",
     "embedding:a", "Note", "LoraLoader", "SatchelLoraStack", "Lora Loader (LoraManager)", "loras",
     "[a](https://a/a.safetensors)", "https://[", "\ud800", "SHA256"]
)  # fmt: skip
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=30,
)
NODE_KEYS = ("id", "inputs", "widgets_values", "properties", "mode")
NODES = st.lists(
    st.fixed_dictionaries({"type": LEAVES | VALUES}, optional=dict.fromkeys(NODE_KEYS, VALUES)),
    max_size=4,
)
DEFINITIONS = st.lists(
    st.fixed_dictionaries(
        {"id": LEAVES, "nodes": NODES}, optional={"links": VALUES, "inputs": VALUES}
    ),
    max_size=3,
)
GRAPHS = st.fixed_dictionaries(
    {"nodes": NODES, "links": VALUES, "definitions": st.fixed_dictionaries(
        {"subgraphs": DEFINITIONS | VALUES})},
    optional={"extra": VALUES},
)  # fmt: skip


@pytest.mark.timeout(60)
@pytest.mark.parametrize(("target", "name"), TRAPS, ids=lambda value: getattr(value, "name", value))
def test_a_small_trap_is_read_or_refused(target: Target, name: str):
    assert isinstance(target.feed(target.traps[name](20_000)), str)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_bent_files_are_read_or_refused(target: Target):
    codes = [target.feed(data) for data in islice(mutations(target.samples(), 5), 60)]

    assert len(codes) == 60


@pytest.mark.timeout(120)
@settings(max_examples=150)
@given(GRAPHS | VALUES)
def test_json_of_any_shape_is_read_or_refused(value: object):
    assert isinstance(BY_NAME["documents"].feed(json.dumps(value).encode()), str)


@pytest.mark.timeout(120)
@settings(max_examples=150)
@given(st.text(st.sampled_from("<lora:>[]()|,. \\=0159-lbwstep\n\0@")))
def test_prompts_of_any_shape_are_read_or_refused(text: str):
    assert isinstance(BY_NAME["prompts"].feed(text.encode()), str)
