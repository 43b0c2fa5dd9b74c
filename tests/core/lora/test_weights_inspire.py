"""Inspire's vectors count the blocks that a file has."""

from __future__ import annotations

import pytest

from satchel.errors import BlockWeightSyntaxError
from satchel.lora.block_layouts import find_layout
from satchel.lora.weights import format_block_weights, parse_block_weights

TE = "clip_l.transformer.text_model.encoder.layers.0.mlp.fc1.weight"
UNET = [f"diffusion_model.{block}.1.proj_{end}.weight" for block in
        ("output_blocks.3", "input_blocks.1", "input_blocks.10", "input_blocks.4")
        for end in ("in", "out")] + [
    "diffusion_model.middle_block.1.proj_in.weight",
    "diffusion_model.middle_block.0.in_layers.2.weight",
    "diffusion_model.time_embed.0.weight",
    TE,
]  # fmt: skip
FLUX = ["diffusion_model.single_blocks.3.linear1.weight", "diffusion_model.img_in.weight",
        "diffusion_model.double_blocks.3.img_attn.qkv.weight",
        "diffusion_model.double_blocks.2.img_attn.qkv.weight"]  # fmt: skip
WAN = ["diffusion_model.blocks.3.self_attn.q.weight"]


def named(text, keys, presets=None):
    """The canonical text for a file that changes these weights."""
    places = [find_layout(keys).place_of(key) for key in keys]
    return format_block_weights(parse_block_weights(text, presets).named(places))


@pytest.mark.parametrize(
    ("text", "keys", "expected"),
    [
        ("inspire:1,0.1,0.2,0.3,0.4,0.5,0.6", UNET,
         "IN01=0.1, IN04=0.2, IN10=0.3, M00.0=0.4, M00.1=0.5, OUT03=0.6"),
        ("inspire: 0,1,0.5", UNET, "IN01=1, IN04=0.5, IN10=0.5, M00.0=0.5, M00.1=0.5, OUT03=0.5, "
                                   "*=0"),
        ("inspire:1,0,1,2,0,0,0,5,5,5,5", FLUX, "D02=0, D03=1, S03=2"),
        ("inspire:name:1,2,3,4:more", FLUX, "name{D02=2, D03=3, S03=4}"),
        ("inspire:A,a,B,b;A=3;B=2", FLUX, "D02=1.5, D03=2, S03=1, *=3"),
        ("LBW=A,a,B,b", FLUX, "D02=2, D03=1, S03=0.5, *=4"),
        ("LBW=L:1,0.25,1,0;A=1.0;B=1.0;", FLUX, "L{D02=0.25, D03=1, S03=0}"),
        ("inspire:1,0,0.25,-1;inverse=1", FLUX, "D02=1, D03=0.75, S03=2, *=0"),
        ("%default=0.5,in2-3=0.25,mid2=2,base=0", UNET,
         "IN01=0.5, IN04=0.25, IN10=0.25, M00.0=0.5, M00.1=2, OUT03=0.5, *=0"),
        ("%double=0,double1=1", FLUX, "D02=1, D03=0, S03=1"),
        ("inspire:%single=-0.5;inverse=1", FLUX, "D02=0, D03=0, S03=1.5, *=0"),
        ("inspire:0.5", [TE], "*=0.5"),
    ],
)  # fmt: skip
def test_vectors_are_put_on_the_blocks_of_the_file(text, keys, expected):
    assert named(text, keys).replace(", *=1", "").replace("*=1", "") == expected


def test_values_separated_by_blanks_go_to_the_weights_in_order():
    keys = [f"diffusion_model.input_blocks.1.1.proj_{n}.weight" for n in "abc"]
    layout = find_layout([*keys, "diffusion_model.middle_block.0.weight"])
    places = [layout.place_of(key) for key in keys]

    weights = parse_block_weights("inspire:1,0 0.5").named(places)

    on = parse_block_weights(format_block_weights(weights)).on([places[0].slot], places=places)
    assert [on.of(place) for place in places] == [0, 0.5, 0.5]


def test_random_values_are_those_of_numpy_with_the_same_seed():
    """numpy 2.4: seed(123), then uniform(0, 3), uniform(-1.5, 1.5), uniform(0, 3), the first value
    drawn last: 2.09, -0.64, 0.68."""
    assert format_block_weights(parse_block_weights("inspire:R,r,u;seed=123")) == (
        "inspire:0.68,2.09,-0.64"
    )


@pytest.mark.parametrize(
    "text",
    ["inspire:1,0.5,0 1 -2", "inspire:R,U,a;seed=9;inverse=1", "LBW=some name:1,0,1;A=2",
     "%default=0.5,in1-4=.25,base=0,double=0,double3=1;inverse=1"],
)  # fmt: skip
def test_formatting_and_parsing_are_inverse(text):
    weights = parse_block_weights(text)

    assert parse_block_weights(format_block_weights(weights)) == weights


def test_presets_may_be_vectors_of_inspire():
    presets = {"XL": "inspire:1,0,1,R", "HK": "1,0,1", "N": "*=0"}

    assert named("inspire:XL;seed=1", FLUX, presets).startswith("XL{D02=0, D03=1, S03=")
    assert named("inspire:HK", FLUX, presets) == "HK{D02=0, D03=1, S03=1, *=1}"
    with pytest.raises(BlockWeightSyntaxError, match=r"Preset XL: .*a seed"):
        parse_block_weights("XL", presets)
    with pytest.raises(BlockWeightSyntaxError, match="a preset that is a vector"):
        parse_block_weights("inspire:N", presets)
    with pytest.raises(BlockWeightSyntaxError, match="stands alone"):
        parse_block_weights("XL, IN=0", {"XL": "inspire:1,0"})


@pytest.mark.parametrize(
    ("text", "position", "expected"),
    [
        ("inspire:", 8, "a vector such as"),
        ("inspire:1,,1", 10, "a number, or one of"),
        ("inspire:1,X", 10, "a number"),
        ("inspire:1,0,12", 12, "a number from -10 to 10"),
        ("inspire:1,A;A=8;inverse=0;B=x", 28, "a number"),
        ("inspire:-9.5,0;inverse=1", 8, "a weight from -10 to 10"),
        ("inspire:1,R", 10, "a seed"),
        ("inspire:NOPE", 8, "the name of a preset"),
        ("LBW=1,0;C=1", 8, "each of A, B, LBW, inverse, seed once"),
        ("%in0=1", 3, "numbers from 1 on"),
        ("%in4-2=1", 3, "numbers from 1 on"),
        ("%default3=1", 1, "default=, base="),
        ("%up=1", 1, "default=, base="),
        ("%in=1 out=2", 6, "a comma"),
    ],
)
def test_bad_text_says_where_and_what(text, position, expected):
    with pytest.raises(BlockWeightSyntaxError) as caught:
        parse_block_weights(text)

    assert expected in caught.value.details["expected"]
    assert caught.value.details["position"] == position


def test_a_file_without_such_blocks_is_an_error():
    with pytest.raises(BlockWeightSyntaxError, match="no UNet, double or single blocks"):
        named("inspire:1,0,1", WAN)
    with pytest.raises(BlockWeightSyntaxError, match=r"in4: this LoRA has 3 blocks of in\."):
        named("%in2-4=0", UNET)
