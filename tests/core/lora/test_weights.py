from __future__ import annotations

from contextlib import suppress

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
        ("in=0:mid=.5:T5=0", {f"IN{n:02d}": 0 for n in range(12)} | {"M00": 0.5, "T5": 0}, 1,
         "IN=0, mid=0.5, T5=0"),
        ("M=0", {"M00": 0}, 1, "M=0"),
        ("IN11-T5=0", {"IN11": 0, "M00": 0, "T5": 0}, 1, "IN11-T5=0"),
        ("IN10-99?=0, D00?=1, double?=3", {"IN10": 0, "IN11": 0}, 1,
         "IN10-99?=0, D00?=1, double?=3"),
        ("IN02-04=linear(1,0)", {"IN03": 0.5, "IN04": 0}, 1, "IN02-04=linear(1,0)"),
        ("IN02-06=cosine(0, 2)", {"IN02": 0, "IN03": 0.292893, "IN05": 1.707107, "IN06": 2}, 1,
         "IN02-06=cosine(0,2)"),
        ("M00=linear(0.5,9)", {"M00": 0.5}, 1, "M00=linear(0.5,9)"),
        ("IN.late=0, text=2", {"IN08": 0, "IN09": 0, "IN10": 0, "IN11": 0, "BASE": 2, "T5": 2}, 1,
         "IN.late=0, text=2"),
        ("Mine{IN04=0.5, *=0}, IN05=2", {"IN04": 0.5, "IN05": 2}, 0, "Mine{IN04=0.5, *=0}, IN05=2"),
        ("A{*=0}, *=1", {}, 1, ""),
        ("IN00=0.1234567", {"IN00": 0.1234567}, 1, "IN00=0.1234567"),
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
        ("1,0,0,1", 0, "a vector of 12, 17, 20, 26 or 61 values, not of 4"),
        ("IN04=1 ! M00=1", 7, "a slot name"),
        ("BASE-05=1", 5, "a range of numbers"),
        ("IN08-04=1", 5, "a number of at least 8"),
        ("IN04:0.5", 4, "= and a weight"),
        ("IN04=linear(1)", 13, "a comma and a second number"),
        ("IN04=linear(1,2", 15, ")"),
        ("IN04=linear(1,99)", 14, "a number from -10 to 10"),
        ("early-IN05=1", 0, "names of slots at both ends"),
        ("A{IN04=1", 8, "a closing }"),
        ("A{IN04=1, IN05=x}", 15, "a number"),
        ("IN=random(0,1)", 0, "a seed"),
        ("IN04=0, seed=-1", 13, "a whole number"),
        ("INALLL", 0, "the name of a preset"),
    ],
)
def test_bad_text_says_where_and_what(text, position, expected):
    with pytest.raises(BlockWeightSyntaxError) as caught:
        parse_block_weights(text)

    assert caught.value.details["position"] == position
    assert expected in caught.value.details["expected"]
    assert f"at character {position + 1}" in str(caught.value)


@pytest.mark.parametrize("text", ["D00=1", "IN12=0", "IN10-12=0", "T6=1"])
def test_slots_that_the_model_lacks_are_listed_against_those_it_has(text):
    weights = parse_block_weights(f"IN00=1, {text}")

    with pytest.raises(BlockWeightSyntaxError, match="character 9") as caught:
        weights.factors(SLOTS)

    assert caught.value.hint.startswith("Its slots are BASE, IN00-IN11, M00, T5.")


@pytest.mark.parametrize(
    ("text", "what"), [("single=1", "no group single"), ("D05-IN03=1", "no block slot D05")]
)
def test_groups_and_ranges_need_slots_of_theirs(text, what):
    with pytest.raises(BlockWeightSyntaxError, match=what):
        parse_block_weights(text).factors(SLOTS)


def test_names_that_are_close_are_suggested():
    with pytest.raises(BlockWeightSyntaxError) as preset:
        parse_block_weights("OUTSS")
    with pytest.raises(BlockWeightSyntaxError) as slot:
        parse_block_weights("IN12=0").factors(SLOTS)

    assert "OUTS" in preset.value.hint
    assert "Close to it: IN" in slot.value.hint


FLUX = [Slot("CLIP"), Slot("T5"), Slot("IN"), Slot("TR", 0), *(Slot("D", n) for n in range(19)),
        *(Slot("S", n) for n in range(38)), Slot("OUT")]  # fmt: skip
UNET = [Slot("BASE"), *(Slot("IN", n) for n in range(9)), Slot("M", 0),
        *(Slot("OUT", n) for n in range(9)), Slot("OTHER")]  # fmt: skip


@pytest.mark.parametrize(
    ("slots", "selector", "selected"),
    [
        (FLUX, "early", "D00-D06, S00-S12"),
        (FLUX, "mid", "D07-D12, S13-S25"),
        (FLUX, "late", "D13-D18, S26-S37"),
        (FLUX, "blocks", "D00-D18, S00-S37"),
        (FLUX, "double", "D00-D18"),
        (FLUX, "single.late", "S26-S37"),
        (FLUX, "S", "S00-S37"),
        (FLUX, "refiner", "TR00"),
        (FLUX, "text", "CLIP, T5"),
        (FLUX, "IN", "IN"),
        (FLUX, "D17-S01", "D17-D18, S00-S01"),
        (FLUX, "D00-05.late", "D04-D05"),
        (UNET, "early", "IN00-IN08"),
        (UNET, "mid", "M00"),
        (UNET, "late", "OUT00-OUT08"),
        (UNET, "down", "IN00-IN08"),
        (UNET, "up.early", "OUT00-OUT02"),
        (UNET, "OUT", "OUT00-OUT08"),
        (UNET, "blocks", "IN00-IN08, M00, OUT00-OUT08"),
    ],
)
def test_groups_select(slots, selector, selected):
    factors = parse_block_weights(f"{selector}=0").factors(slots)

    assert describe_slots([slot for slot in slots if factors[slot] == 0]) == selected


def test_random_values_depend_on_the_seed_and_the_slot_alone():
    one = parse_block_weights("IN=random(-1,2), seed=7").factors(SLOTS)
    other = parse_block_weights("seed=7; *=random(-1,2), BASE=0").factors(SLOTS)
    another = parse_block_weights("IN=random(-1,2), seed=8").factors(SLOTS)

    assert (
        one[Slot("IN", 0)] == -0.563
    )  # first 8 bytes of SHA-256 of 7/IN00, as a fraction of 3, less 1
    assert all(one[Slot("IN", n)] == other[Slot("IN", n)] for n in range(12))
    assert len(set(one.values()) & set(another.values())) < 4
    assert all(-1 <= value <= 2 for value in one.values())
    assert other[Slot("BASE")] == 0


def test_drawn_numbers_are_written_out_exactly():
    weights = parse_block_weights("*=random(0,1), IN00-09=0, M00.attn=random(2,3), T5=1, seed=3")

    drawn = weights.drawn(SLOTS)
    text = format_block_weights(drawn)

    assert "random" not in text
    assert "seed" not in text
    again = parse_block_weights(text)
    assert again.on(SLOTS) == weights.on(SLOTS)
    assert again.drawn(SLOTS) is again


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


_WEIGHTS = st.integers(-1000, 1000).map(lambda n: n / 100)
_NUMBERED = st.tuples(st.sampled_from(["IN", "D", "BLOCKS."]), st.integers(0, 99),
                      st.integers(0, 99)).map(lambda r: f"{r[0]}{r[1]}-{r[1] + r[2]}")  # fmt: skip
_SLOTS = st.one_of(
    _NUMBERED, st.sampled_from(["*", "BASE", "T5", "IN05-OUT03", "early", "double", "D", "blocks"])
)
_FILTERS = st.lists(
    st.sampled_from(["attn", "!norm", "to_q|to_k", "!'a.b'|mlp", "1", "ff_net"]), max_size=2
)
_VALUES = st.one_of(
    _WEIGHTS.map(str),
    st.tuples(st.sampled_from(["linear", "cosine", "random"]), _WEIGHTS, _WEIGHTS)
    .map(lambda v: f"{v[0]}({v[1]}, {v[2]})"),
)  # fmt: skip
_ITEMS = st.tuples(
    _SLOTS, st.sampled_from(["", ".early", ".late"]), st.sampled_from(["", "?"]), _FILTERS, _VALUES
).map(lambda i: f"{i[0]}{i[1]}{i[2]}{''.join(f'.{word}' for word in i[3])}={i[4]}")
_TEXTS = st.lists(_ITEMS, max_size=5).map(" ; ".join)


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # machines may be busy
@given(_TEXTS, _TEXTS)
def test_formatting_and_parsing_are_inverse(plain, labelled):
    weights = parse_block_weights(f"{plain}; My-1{{{labelled}}}; seed=5")

    text = format_block_weights(weights)

    assert parse_block_weights(text) == weights
    assert format_block_weights(parse_block_weights(text)) == text


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.sampled_from(
            ["IN04", "-", "=", "0.5", ",", "*", "?", ".", "!", "'", "|", "{", "}", "(", ")",
             "linear", "random", "seed", "inspire:", "LBW=", "lbw=", "lbwe=", "%", "in1", "R",
             "X+", "INS", " ", ";", ":", "1,0,", "A", "early", "x", "NOT", "é", "9" * 30]
        ),
        max_size=12,
    ).map("".join)
)  # fmt: skip
def test_any_text_is_read_or_refused_with_its_position(text):
    refused: list[BlockWeightSyntaxError] = []
    try:
        weights = parse_block_weights(text)
    except BlockWeightSyntaxError as error:
        refused.append(error)
    else:
        assert parse_block_weights(format_block_weights(weights)) == weights

    for error in refused:
        assert 0 <= error.details["position"] <= len(text)
        assert error.details["expected"]


@pytest.mark.parametrize(
    "text", ["1," * 30_000, "a." * 30_000, "1,0" + " " * 60_000 + "x", "A{" * 30_000, "inspire:1,"
             + "1 " * 30_000, "lbw=" + " ;" * 30_000, "IN=1," * 20_000, "IN04.a" + "|b" * 30_000]
)  # fmt: skip
@pytest.mark.timeout(60)  # a text that takes quadratic time takes many minutes
def test_long_texts_come_to_an_end(text):
    with suppress(BlockWeightSyntaxError):
        parse_block_weights(text)
