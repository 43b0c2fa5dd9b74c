from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from satchel.errors import BlockWeightSyntaxError
from satchel.lora.weights import (
    Slot,
    describe_slots,
    format_block_weights,
    parse_block_weights,
    parse_slot,
)

SLOTS = [Slot("BASE"), *(Slot("IN", n) for n in range(12)), Slot("M", 0), Slot("T5")]


@pytest.mark.parametrize(
    ("text", "changed", "rest", "canonical"),
    [
        ("", {}, 1, ""),
        (" \n", {}, 1, ""),
        ("*=0", {}, 0, "*=0"),
        ("IN04=0.5", {"IN04": 0.5}, 1, "IN04=0.5"),
        ("in4 = .5", {"IN04": 0.5}, 1, "IN04=0.5"),
        ("IN04-06=0.5, M00=1, *=0", {"IN04": 0.5, "IN05": 0.5, "IN06": 0.5, "M00": 1}, 0,
         "IN04-06=0.5, M00=1, *=0"),
        ("IN04-IN05=-1e-1", {"IN04": -0.1, "IN05": -0.1}, 1, "IN04-05=-0.1"),
        ("*=0 M0=2;BASE=+3\n", {"M00": 2, "BASE": 3}, 0, "M00=2, BASE=3, *=0"),
        ("IN01=0,IN01=0.25", {"IN01": 0.25}, 1, "IN01=0, IN01=0.25"),
        ("IN00-01=0,IN01=1", {"IN00": 0, "IN01": 1}, 1, "IN00-01=0, IN01=1"),
        ("*=0,*=0.5", {}, 0.5, "*=0.5"),
        ("t5=0", {"T5": 0}, 1, "T5=0"),
        ("IN03 - 3 = 0", {"IN03": 0}, 1, "IN03=0"),
    ],
)  # fmt: skip
def test_text_means(text, changed, rest, canonical):
    weights = parse_block_weights(text)

    expected = dict.fromkeys(SLOTS, float(rest)) | {parse_slot(k): v for k, v in changed.items()}
    assert weights.factors(SLOTS) == expected
    assert format_block_weights(weights) == canonical


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("IN04", 4, "= and a weight after IN04"),
        ("IN04=", 5, "a number from -10 to 10"),
        ("IN04=x", 5, "a number"),
        ("IN04=11", 5, "a number from -10 to 10"),
        ("IN04=1e999", 5, "a number from -10 to 10"),
        ("IN04=nan", 5, "a number"),
        ("IN04=1.2.3", 5, "a number"),
        ("M00=1, =2", 7, "a slot name"),
        ("1,0,0,1", 0, "a slot name"),
        ("IN04=1 ! M00=1", 7, "a slot name"),
        ("IN04-OUT05=1", 5, "a range of one prefix"),
        ("BASE-05=1", 5, "a range of one prefix"),
        ("IN08-04=1", 5, "a number of at least 8"),
        ("IN04:0.5", 4, "= and a weight"),
    ],
)
def test_bad_text_says_where_and_what(text, position, expected):
    with pytest.raises(BlockWeightSyntaxError) as caught:
        parse_block_weights(text)

    assert caught.value.details["position"] == position
    assert expected in caught.value.details["expected"]
    assert f"at character {position + 1}" in str(caught.value)


@pytest.mark.parametrize("text", ["D00=1", "IN12=0", "IN10-12=0", "M=1", "T6=1"])
def test_slots_that_the_model_lacks_are_listed_against_those_it_has(text):
    weights = parse_block_weights(f"IN00=1, {text}")

    with pytest.raises(BlockWeightSyntaxError, match="character 9") as caught:
        weights.factors(SLOTS)

    assert caught.value.hint == "Its slots are BASE, IN00-IN11, M00, T5."


def test_slots_of_a_side_that_is_not_connected_are_no_error():
    weights = parse_block_weights("IN00=0.5, BASE=0.25")

    assert weights.factors([Slot("BASE")], open_prefixes={"IN"}) == {Slot("BASE"): 0.25}


@pytest.mark.parametrize(
    ("name", "slot", "shown"),
    [
        ("in4", Slot("IN", 4), "IN04"),
        ("D123", Slot("D", 123), "D123"),
        ("T5", Slot("T5"), "T5"),
        ("clip", Slot("CLIP"), "CLIP"),
        ("text.layers.7", Slot("TEXT.LAYERS.", 7), "TEXT.LAYERS.7"),
    ],
)
def test_slot_names(name, slot, shown):
    assert parse_slot(name) == slot
    assert str(slot) == shown
    assert parse_slot(shown) == slot


def test_runs_of_slots_are_described_briefly():
    assert describe_slots([Slot("TE"), Slot("D", 0), Slot("D", 1), Slot("S", 0), Slot("OUT")]) == (
        "TE, D00-D01, S00, OUT"
    )


_NAMES = st.sampled_from(["IN", "OUT", "D", "BASE", "T5", "BLOCKS."])
_WEIGHTS = st.integers(-1000, 1000).map(lambda n: n / 100)


_RULES = st.lists(st.tuples(_NAMES, st.integers(0, 99), st.integers(0, 99), _WEIGHTS), max_size=8)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines may be busy
@given(_RULES, _WEIGHTS)
def test_formatting_and_parsing_are_inverse(rules, default):
    parts = [f"*={default}"]
    for prefix, first, length, weight in rules:
        numbered = prefix not in {"BASE", "T5"}
        parts.append(f"{prefix}{first}-{first + length}={weight}" if numbered
                     else f"{prefix}={weight}")  # fmt: skip
    weights = parse_block_weights(" ; ".join(parts))

    again = parse_block_weights(format_block_weights(weights))

    strip = [(rule.first, rule.last, rule.weight) for rule in weights.rules]
    assert [(rule.first, rule.last, rule.weight) for rule in again.rules] == strip
    assert again.default == weights.default
