"""Names sorted by pattern say what each name says by itself."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lora_key_tables import TABLES, header_of, load_table

from satchel.lora.architectures import split_path
from satchel.lora.keys import collect_modules, split_tail
from satchel.lora.modules import group_modules
from satchel.lora.name_patterns import _digits, _spelling, name_patterns
from satchel.lora.tensor_shapes import read_adapter

Shapes = dict[str, tuple[int, ...]]


def one_by_one(shapes: Shapes) -> tuple[object, ...]:
    """Groups, algorithms and ranks, module by module."""
    groups: dict[object, set[object]] = {}
    algorithms: Counter[str] = Counter()
    ranks: Counter[int] = Counter()
    for module in collect_modules(shapes.items()):
        adapter = read_adapter(module.tensors)
        skeleton, numbers = split_path(module.path)
        encoder = module.prefix if module.is_text_encoder else ""
        groups.setdefault((encoder, skeleton, adapter.shape), set()).add(numbers)
        algorithms[adapter.algorithm] += 1
        if adapter.rank is not None:
            ranks[adapter.rank] += 1
    return groups, algorithms, ranks


def by_pattern(shapes: Shapes) -> tuple[object, ...]:
    grouped = group_modules(header_of(shapes).tensors)
    groups = {("", group.skeleton, group.shape): group.indices for group in grouped.denoiser}
    for encoder, some in grouped.encoders.items():
        groups |= {(encoder, group.skeleton, group.shape): group.indices for group in some}
    assert sum(written.count for written in grouped.written) == grouped.algorithms.total()
    return groups, grouped.algorithms, grouped.ranks


@pytest.mark.parametrize("name", sorted(path.stem for path in TABLES.glob("*.json")))
def test_a_file_by_pattern_is_the_file_name_by_name(name: str) -> None:
    shapes = load_table(TABLES / f"{name}.json")["tensors"]

    assert by_pattern(shapes) == one_by_one(shapes)


ODD = {
    "digits of another script": ["blocks_\u0661_x.alpha", "blocks_1_x.alpha", "blocks_2_x.alpha"],
    "a line break": ["blocks_1\n2_x.diff", "blocks_2\n2_x.diff", "blocks_3_x.diff"],
    "a number first": ["1_x_2.diff", "2_x_3.diff"],
    "a number alone": ["1.diff", "2.diff"],
    "numbers of the prefix": [
        "text_encoder_2.x_1.diff",
        "text_encoder_9.x_1.diff",
        "text_encoder_3.x_1.diff",
        "text_encoder_2.x_2.diff",
    ],
    "an encoder nobody has": ["lora_te9_x_1.diff", "lora_te1_x_1.diff"],
    "parts of a fused weight": ["oft_unet_x_1.oft_blocks.0", "oft_unet_x_1.oft_blocks.1"],
    "roles with digits": ["x.1.a1.weight", "x.1.a2.weight", "x.2.b1.weight", "x.1.b2.weight"],
    "a module spelled twice": ["a_1.diff", "a.1.diff", "a.2.diff"],
    "no names": ["", ".", "\n", "#", "a#_1.diff"],
    "endless names": [f"{'a_' * 400}1.diff", f"{'a_' * 400}2.diff", f"{'b1_' * 400}2.diff"],
}


@pytest.mark.parametrize("names", ODD.values(), ids=ODD)
def test_odd_names_say_what_they_say_one_by_one(names: list[str]) -> None:
    shapes = dict.fromkeys(names, (4, 8))

    assert by_pattern(shapes) == one_by_one(shapes)


WORDS = st.sampled_from(
    ["lora_unet_", "lora_te1_", "text_encoder_2.", "unet.", "blocks", "_1", "_23", ".0", "1",
     "attn2", "_", ".", "_processor_", ".lora_down.weight", ".lora_up.weight", ".alpha",
     ".oft_blocks.0", ".hada_w1_a", ".hada_w1_b", ".weight", ".on_input", "_lora.down.weight",
     "\n", "\u0663", "#"]
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.lists(WORDS, min_size=1, max_size=6).map("".join), max_size=8, unique=True),
    st.sampled_from([(4, 8), (8, 4), (4,)]),
)
def test_any_names_say_what_they_say_one_by_one(names: list[str], shape: tuple[int, ...]) -> None:
    shapes = dict.fromkeys(names, shape)

    assert by_pattern(shapes) == one_by_one(shapes)


def test_each_pattern_is_looked_at_once() -> None:
    names = list(load_table(TABLES / "kohya_sdxl.json")["tensors"])

    patterns = list(name_patterns(names))

    assert sum(len(members) for _, members, _ in patterns) == len(names)
    assert len(patterns) < len(names) / 8
    assert all(split_tail(members[0]) for _, members, _ in patterns)


def test_endless_names_are_not_remembered() -> None:
    _spelling.cache_clear()
    _digits.cache_clear()

    list(name_patterns([f"{'a_' * 400}1.diff"]))

    assert (_spelling.cache_info().currsize, _digits.cache_info().currsize) == (0, 0)
