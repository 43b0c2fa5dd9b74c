"""hako-mikan's vectors, against the meaning that its extension gives them."""

from __future__ import annotations

import pytest

from satchel.errors import BlockWeightSyntaxError
from satchel.lora.block_layouts import find_layout
from satchel.lora.weights import (
    Slot,
    format_block_weights,
    parse_block_weights,
)

SD15 = [Slot("BASE"), *(Slot("IN", n) for n in range(12)), Slot("M", 0),
        *(Slot("OUT", n) for n in range(12)), Slot("OTHER")]  # fmt: skip
FLUX = [Slot("CLIP"), Slot("T5"), Slot("IN"), *(Slot("D", n) for n in range(19)),
        *(Slot("S", n) for n in range(38)), Slot("OUT")]  # fmt: skip
NAMES_12 = "BASE IN04 IN05 IN07 IN08 M00 OUT00 OUT01 OUT02 OUT03 OUT04 OUT05"
NAMES_17 = ("BASE IN01 IN02 IN04 IN05 IN07 IN08 M00 "
            "OUT03 OUT04 OUT05 OUT06 OUT07 OUT08 OUT09 OUT10 OUT11")  # fmt: skip
NAMES_20 = ("BASE IN00 IN01 IN02 IN03 IN04 IN05 IN06 IN07 IN08 M00 "
            "OUT00 OUT01 OUT02 OUT03 OUT04 OUT05 OUT06 OUT07 OUT08")  # fmt: skip


def by_name(factors):
    return {str(slot): factor for slot, factor in factors.items()}


@pytest.mark.parametrize("names", [NAMES_12, NAMES_17, NAMES_20])
def test_short_vectors_are_spread_by_name_and_the_rest_is_zero(names):
    values = [n / 100 for n in range(1, len(names.split()) + 1)]

    factors = parse_block_weights(",".join(map(str, values))).factors(SD15)

    expected = dict.fromkeys(map(str, SD15), 0.0) | dict(zip(names.split(), values, strict=True))
    assert by_name(factors) == expected | {"OTHER": 1.0}


@pytest.mark.parametrize(("slots", "length"), [(SD15[:-1], 26), (FLUX, 61)])
def test_long_vectors_name_every_slot(slots, length):
    values = [n / 100 for n in range(length)]

    factors = parse_block_weights(", ".join(map(str, values))).factors(slots)

    assert list(factors.values()) == values


@pytest.mark.parametrize(
    ("name", "vector"),
    [
        ("INS", "1,1,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0"),
        ("IND", "1,0,0,0,1,1,1,0,0,0,0,0,0,0,0,0,0"),
        ("INALL", "1,1,1,1,1,1,1,0,0,0,0,0,0,0,0,0,0"),
        ("MIDD", "1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0"),
        ("OUTD", "1,0,0,0,0,0,0,0,1,1,1,1,0,0,0,0,0"),
        ("OUTS", "1,0,0,0,0,0,0,0,0,0,0,0,1,1,1,1,1"),
        ("OUTALL", "1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1"),
        ("lbw=ALL", ",".join("1" * 17)),
        ("lbw=NONE", ",".join("0" * 17)),
        ("w=ALL0.5", ",".join([".5"] * 17)),
    ],
)
def test_presets_are_their_vectors(name, vector):
    assert parse_block_weights(name).factors(SD15) == parse_block_weights(vector).factors(SD15)


def test_all_and_none_alone_mean_every_slot_of_every_model():
    for slots in (SD15, FLUX):
        assert set(parse_block_weights("ALL").factors(slots).values()) == {1.0}
        assert set(parse_block_weights("NONE").factors(slots).values()) == {0.0}
        assert set(parse_block_weights("all0.5").factors(slots).values()) == {0.5}
    assert set(parse_block_weights("FLUXALL").factors(FLUX).values()) == {1.0}


def test_models_may_be_smaller_than_the_vector_but_not_of_another_kind():
    sdxl = [slot for slot in SD15 if slot.number < 9]

    assert parse_block_weights("OUTALL").factors(sdxl)[Slot("OUT", 8)] == 1
    with pytest.raises(BlockWeightSyntaxError, match="no block slot BASE"):
        parse_block_weights("OUTALL").factors(FLUX)
    with pytest.raises(BlockWeightSyntaxError, match="no block slot D00"):
        parse_block_weights("FLUXALL").factors(SD15 + FLUX[:2])


def test_values_may_be_random_or_relative_to_x():
    text = "R,U,X,X+.25,X-1,1e-1,+1,.5,0,0,0,0"
    weights = parse_block_weights(f"{text}; seed=1; x=0.5")

    factors = by_name(weights.factors(SD15))

    assert 0 <= factors["BASE"] <= 1
    assert -0.5 <= factors["IN04"] <= 1.5
    assert [factors[name] for name in NAMES_12.split()[2:8]] == [0.5, 0.75, -0.5, 0.1, 1, 0.5]
    assert parse_block_weights(f"{text},seed=1").factors(SD15)[Slot("IN", 5)] == 1.0
    drawn = weights.drawn(SD15)
    assert by_name(parse_block_weights(format_block_weights(drawn)).factors(SD15)) == factors


@pytest.mark.parametrize(
    ("rules", "ones"),
    [
        ("IN05-M00:attn:2", {"IN05", "IN06", "IN07", "IN08", "IN09", "IN10", "IN11", "M00"}),
        ("OUT00-IN11:attn:2", {"IN11", "M00", "OUT00"}),
        ("ID:OUT:attn:2", {f"OUT{n:02d}" for n in range(12)}),
        ("M00 BASE:attn:2", {"M00", "BASE"}),
        ("NOT BASE IN-OUT05:attn:2", {"OTHER", *(f"OUT{n:02d}" for n in range(6, 12))}),
        ("::2", {str(slot) for slot in SD15}),
        ("IN00::2,IN00:attn:0", set()),
        ("IN00:NOT attn:2", set()),
        ("IN00:NOT proj:2,M00:x attn:2", {"IN00", "M00"}),
    ],
)
def test_elemental_rules_replace_the_ratio(rules, ones):
    weights = parse_block_weights(f"{','.join('0' * 26)}:lbwe={rules}").on(SD15)
    layout = find_layout(["diffusion_model.input_blocks.0.w", "diffusion_model.middle_block.0.w"])
    keys = ["clip_l.transformer.attn.weight", "diffusion_model.middle_block.1.attn1.weight",
            "diffusion_model.time_embed.attn.weight",
            *(f"diffusion_model.{s}put_blocks.{n}.attn1.weight" for s in ("in", "out")
              for n in range(12))]  # fmt: skip

    twos = {str(p.slot) for p in map(layout.place_of, keys) if weights.of(p) == 2}

    assert twos == ones


def test_elemental_rules_have_names_and_stand_alone():
    assert format_block_weights(parse_block_weights("lbwe=ATTNDEEPOFF")) == (
        "IN05-11?.'attn'=0, M00?.'attn'=0, OUT00-05?.'attn'=0"
    )
    assert format_block_weights(parse_block_weights("lbwe=D17-S01:linear1:0.5")) == (
        "D17-18?.'linear1'=0.5, S00-01?.'linear1'=0.5"
    )


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("1,0", 0, "a vector of 12, 17, 20, 26 or 61 values, not of 2"),
        (",".join("1" * 27), 0, "not of 27"),
        ("NAME:1,0,1", 5, "not of 3"),
        ("1,0,Q", 4, "a number"),
        ("1,0,Xy", 4, "R, U, X"),
        ("1,0,11", 4, "a number from -10 to 10"),
        ("0,X+1,0; x=9.5", 2, "a sum from -10 to 10"),
        ("lbw=OUTSS", 4, "the name of a preset"),
        ("lbw=EARLY", 4, "a preset that is a vector"),
        ("1,0,1;lbw=INS", 0, "one vector"),
        ("lbw=INS:start=5", 8, "each of lbw, lbwe, seed, w, x once"),
        ("lbw=INS:lbwe=attn", 13, "an elemental rule"),
        ("lbwe=IN05:attn", 5, "BLOCKS:ELEMENTS:RATIO"),
        ("lbwe=IN05:attn:1,IN44:attn:1", 17, "names of blocks"),
        ("lbwe=IN05:attn:x", 15, "a number"),
        ("R,1,1,1,1,1,1,1,1,1,1,1", 0, "a seed"),
    ],
)
def test_bad_text_says_where_and_what(text, position, expected):
    with pytest.raises(BlockWeightSyntaxError) as caught:
        parse_block_weights(text)

    assert expected in caught.value.details["expected"]
    assert caught.value.details["position"] == position
