"""LoRA tags in prompts: every spelling that is in use, what is refused, what is left behind."""

from __future__ import annotations

import math

import pytest

from satchel.errors import BlockWeightSyntaxError, InvalidInputError, ModelNotFoundError
from satchel.lora.lora_names import match_name
from satchel.lora.prompt_tags import clean_prompt, find_tags
from satchel.lora.weights import parse_block_weights
from satchel.lora.window import ALWAYS, Window


def read(tag, dialect="auto"):
    (found,) = find_tags(f"a cat, {tag}, sitting", dialect)
    return found.name, found.strength_model, found.strength_clip, found.blocks


@pytest.mark.parametrize(
    ("tag", "model", "clip"),
    [
        ("<lora:a>", 1, 1),
        ("<lora:a:0.5>", 0.5, 0.5),
        ("<lora:a:.5>", 0.5, 0.5),
        ("<lora:a:+0.5>", 0.5, 0.5),
        ("<lora:a:-1>", -1, -1),
        ("<lora:a:1.>", 1, 1),
        ("<lora:a:5e-1>", 0.5, 0.5),
        ("<lora:a:0>", 0, 0),
        ("<lora:a:1:0.5>", 1, 0.5),
        ("< lora:a:1:0.5>", None, None),
        ("<LORA:a:1:0.5>", 1, 0.5),
        ("<lyco:a:0.7>", 0.7, 0.7),
        ("<lora: a : 1 : 0.5 >", 1, 0.5),
        ("<lora:a:te=0.5>", 0.5, 0.5),
        ("<lora:a:unet=0.5>", 0.5, 0.5),
        ("<lora:a:te=0.2:unet=0.8>", 0.8, 0.2),
        ("<lora:a:unet=0.8:te=0.2>", 0.8, 0.2),
        ("<lora:a:UNET=0.8:TE=0.2>", 0.8, 0.2),
        ("<lora:a:0.2:unet=0.8>", 0.8, 0.2),
        ("<lora:a:1:0.5:lbw=MIDD>", 0.5, 1),
        ("<lora:a:1:0.5:LBW=MIDD;>", 1, 0.5),
        ("<lora:a:1:0.5:seed=3:lbw=U,1>", 0.5, 1),
    ],
)
def test_strengths_in_every_spelling(tag, model, clip):
    if model is None:
        assert find_tags(tag) == []
    else:
        assert read(tag)[:3] == ("a", model, clip)


@pytest.mark.parametrize(
    ("tag", "dialect", "model", "clip"),
    [
        ("<lora:a:1:0.5>", "webui", 0.5, 1),
        ("<lora:a:1:0.5>", "comfy", 1, 0.5),
        ("<lora:a:1:0.5:lbw=MIDD>", "comfy", 1, 0.5),
        ("<lora:a:1:0.5:LBW=MIDD>", "webui", 0.5, 1),
        ("<lora:a:0.8:te=0.2>", "comfy", 0.8, 0.2),
        ("<lora:a:0.2:unet=0.8>", "webui", 0.8, 0.2),
        ("<lora:a:0.5>", "webui", 0.5, 0.5),
    ],
)
def test_the_dialect_decides_which_strength_comes_first(tag, dialect, model, clip):
    assert read(tag, dialect)[1:3] == (model, clip)


VECTOR = "1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0"


@pytest.mark.parametrize(
    ("tag", "blocks"),
    [
        ("<lora:a:1>", ""),
        ("<lora:a:1:lbw=MIDD>", "MIDD"),
        ("<lora:a:1:w=MIDD>", "MIDD"),
        (f"<lora:a:1:lbw={VECTOR}>", VECTOR),
        (f"<lora:a:1:lbw=mine:{VECTOR}>", f"mine:{VECTOR}"),
        ("<lora:a:1:IN02>", "IN02"),
        (f"<lora:a:1:{VECTOR}>", VECTOR),
        (f"<lora:a:{VECTOR}>", VECTOR),
        ("<lora:a:lbw=IN04-08=0.5, M00=1, *=0:te=1:unet=0.5>", "IN04-08=0.5, M00=1, *=0"),
        ("<lora:a:1:lbw=MIDD:x=0.7>", "lbw=MIDD:x=0.7"),
        ("<lora:a:1:lbwe=ATTNDEEPON>", "lbwe=ATTNDEEPON"),
        ("<lora:a:1:lbw=MIDD:lbwe=IN05-OUT05:attn:1:x=0.7>",
         "lbw=MIDD:lbwe=IN05-OUT05:attn:1:x=0.7"),
        ("<lora:a:1:lbw=1,R,1:seed=5>", "1,R,1;seed=5"),
        ("<lora:a:1:1:LBW=SD-ALL;A=4;B=1;>", "LBW=SD-ALL;A=4;B=1;"),
        (f"<lora:a:1:LBW=label:{VECTOR};A=2;>", f"LBW=label:{VECTOR};A=2;"),
        (f"<lora:a:1:lbw={VECTOR};A=2;B=0>", f"LBW={VECTOR};A=2;B=0"),
    ],
)  # fmt: skip
def test_block_weights_are_passed_on(tag, blocks):
    assert read(tag)[3] == blocks


@pytest.mark.parametrize(
    "tag",
    [
        "<lora:a:1:lbw=MIDD>",
        f"<lora:a:1:lbw={VECTOR}>",
        f"<lora:a:1:lbw=mine:{VECTOR}>",
        "<lora:a:1:lbw=IN04-08=0.5, M00=1, *=0>",
        "<lora:a:1:lbw=MIDD:x=0.7>",
        "<lora:a:1:lbwe=ATTNDEEPON>",
        "<lora:a:1:lbw=MIDD:lbwe=IN05-OUT05:attn:1:x=0.7>",
        f"<lora:a:1:lbw={VECTOR.replace('0', 'R')}:seed=5>",
        "<lora:a:1:lbw=IN01=random(0,1):seed=5>",
        f"<lora:a:1:LBW=label:{VECTOR};A=2;>",
        f"<lora:a:1:lbw={VECTOR};A=2;B=0>",
    ],
)
def test_what_is_passed_on_can_be_read(tag):
    weights = parse_block_weights(read(tag)[3])

    assert weights.rules or weights.positional


def test_a_bad_vector_is_found_by_the_one_who_reads_it():
    with pytest.raises(BlockWeightSyntaxError):
        parse_block_weights(read("<lora:a:1:lbw=1,2,3>")[3])


@pytest.mark.parametrize(
    ("tag", "window", "described"),
    [
        ("<lora:a:1>", ALWAYS, "from 0 to 1 of sampling"),
        ("<lora:a:1:start=5>", Window(4, math.inf, "step"), "from step 5 on"),
        ("<lora:a:1:stop=12>", Window(0, 11, "step"), "in steps 1 to 11"),
        ("<lora:a:1:start=5:stop=12>", Window(4, 11, "step"), "in steps 5 to 11"),
        ("<lora:a:1:step=5-12>", Window(4, 11, "step"), "in steps 5 to 11"),
        ("<lora:a:1:step=0-2:lbw=MIDD>", Window(0, 1, "step"), "in steps 1 to 1"),
    ],
)
def test_steps_are_read_as_the_webui_counts_them(tag, window, described):
    (found,) = find_tags(tag)

    assert found.window == window
    assert found.window.describe() == described
    assert found.window.is_always == (window == ALWAYS)


def test_steps_put_a_tag_into_the_webuis_order():
    (tag,) = find_tags("<lora:a:0.8:0.5:stop=9>")

    assert (tag.strength_model, tag.strength_clip) == (0.5, 0.8)


@pytest.mark.parametrize(
    ("tag", "fragment", "found"),
    [
        ("<lora:>", "names no LoRA", ">"),
        ("<lora: :1>", "names no LoRA", ":1>"),
        ("<lora:a:1", "is not closed", "<lora"),
        ("<lora:a <lora:b>", "is not closed", "<lora:a"),
        ("<lora:a:>", "has an empty part", ">"),
        ("<lora:a::1>", "has an empty part", ":1>"),
        ("<lora:a:1:start=0.5>", "where the number of a step belongs", "start=0.5"),
        ("<lora:a:1:stop=-3>", "where the number of a step belongs", "stop=-3"),
        ("<lora:a:1:step=3>", "where two steps A-B belong", "step=3>"),
        ("<lora:a:1:start=3:stop=3>", "acts in no step", "stop=3>"),
        ("<lora:a:1:stop=1>", "acts in no step", "stop=1>"),
        ("<lora:a:1:step=5-2>", "acts in no step", "step=5-2"),
        ("<lora:a:1:step=1-3:start=2>", "gives its steps twice", "step=1-3"),
        ("<lora:a:1:cache=always>", "has cache=, which is not supported", "cache"),
        ("<lora:a:1.0:in=0:mid=1:out=0>", "has in=, which is not supported", "in=0"),
        ("<lora:a:1:IN04=0.5>", "has IN04=, which is not supported", "IN04"),
        ("<lora:a:1:2:3>", "has a third strength", "3>"),
        ("<lora:a:101>", "has '101' where a number from -100 to 100", "101"),
        ("<lora:a:te=x>", "has 'x' where a number", "te=x"),
        ("<lora:a:te=nan>", "has 'nan' where a number", "te=nan"),
        ("<lora:a:te=>", "has nothing behind te=", "te="),
        ("<lora:a:te=1:te=1>", "has te= twice", "te=1>"),
        ("<lora:a:1:lbw=A:w=B>", "has w= twice", "w=B"),
        ("<lora:a:0.8:te=0.2>", "gives the text encoder's strength twice", "te=0.2"),
        ("<lora:a:1:0.5:unet=0.2>", "gives the model's strength twice", "unet"),
        ("<lora:a:1:1:MIDD>", "has 'MIDD' behind its two strengths", "MIDD"),
        ("<lora:a:1:INS:MIDD>", "has block weights twice", "MIDD"),
        ("<lora:a:1:x=0.5>", "has x= without block weights", "x="),
        ("<lora:a:1:seed=5>", "has seed= without block weights", "seed"),
        ("<lora:a:1:w=INS:LBW=MIDD>", "has both LBW= and lbw=", "w=INS"),
        ("<lora:a:0@0,1@0.5>", "has strengths that change with the step", "0@0"),
        ("[<lora:a:1>::0.5]", "is part of a schedule", "<lora"),
        ("[cat <lora:a:1>:dog:0.2,0.7]", "is part of a schedule", "<lora"),
        ("[<lora:a:1>|dog]", "is part of a schedule", "<lora"),
        ("[[<lora:a:1> cat]:0.5]", "is part of a schedule", "<lora"),
    ],
)
def test_what_a_tag_cannot_mean_is_refused_with_its_place(tag, fragment, found):
    prompt = f"a cat, {tag}"

    with pytest.raises(InvalidInputError) as caught:
        find_tags(prompt)

    assert fragment in str(caught.value)
    assert prompt[caught.value.details["position"] :].startswith(found)
    assert "at character " in str(caught.value)


@pytest.mark.parametrize("order", ["webui", "auto"])
def test_two_webui_strengths_and_a_name_for_one_of_them_are_refused(order):
    with pytest.raises(InvalidInputError, match="text encoder's strength twice"):
        read("<lora:a:1:0.5:te=0.5>", order)


@pytest.mark.parametrize(
    "prompt",
    [
        "", "a <b> c", "<lora>", "<loractl:a:1>", "lora:a:1", "<lorax:a>", "(lora:1.2), a, , b",
        "[a::0.5] [b|c]",
    ],
)  # fmt: skip
def test_a_prompt_without_tags_stays_as_it_is(prompt):
    assert find_tags(prompt) == []
    assert clean_prompt(prompt, []) == prompt


@pytest.mark.parametrize(
    ("prompt", "left"),
    [
        ("<lora:a:1>", ""),
        ("<lora:a:1> a cat", "a cat"),
        ("a cat <lora:a:1>", "a cat"),
        ("a cat, <lora:a:1>", "a cat"),
        ("a cat, <lora:a:1>,", "a cat"),
        ("a cat, <lora:a:1>, sitting", "a cat, sitting"),
        ("a cat,<lora:a:1>,sitting", "a cat, sitting"),
        ("a cat <lora:a:1> sitting", "a cat sitting"),
        ("a cat<lora:a:1>sitting", "a catsitting"),
        ("a cat, <lora:a:1> <lora:b:1>, <lora:c>, sitting", "a cat, sitting"),
        ("a cat,\n<lora:a:1>\nsitting", "a cat,\nsitting"),
        ("a cat\n\n<lora:a:1>\n\nsitting", "a cat\n\nsitting"),
        ("(a cat, <lora:a:1>), b", "(a cat), b"),
        ("(<lora:a:1>, a cat:1.2)", "(a cat:1.2)"),
        ("a  cat , , b <lora:a:1>", "a  cat , , b"),
        ("[a cat <lora:a:1>] b:0.5", "[a cat] b:0.5"),
        (r"\[<lora:a:1>::0.5\]", r"\[::0.5\]"),
    ],
)
def test_only_what_is_around_a_tag_is_tidied(prompt, left):
    assert clean_prompt(prompt, find_tags(prompt)) == left


def test_tags_are_found_in_order_with_their_places():
    prompt = "x <lora:a:1> y <lora:b/c.safetensors:2> <lora:a:3>"

    tags = find_tags(prompt)

    assert [(tag.name, tag.strength_model) for tag in tags] == [
        ("a", 1), ("b/c.safetensors", 2), ("a", 3),
    ]  # fmt: skip
    assert [prompt[tag.start : tag.end] for tag in tags] == [
        "<lora:a:1>", "<lora:b/c.safetensors:2>", "<lora:a:3>",
    ]  # fmt: skip


# --- names ------------------------------------------------------------------------------------

NAMES = [
    "detail.safetensors", "style/paper_cut.safetensors", "style/ink.safetensors", "xl/ink.pt",
    "xl/v1.5.safetensors", "NoneShall.safetensors",
]  # fmt: skip


@pytest.mark.parametrize(
    ("wanted", "name"),
    [
        ("detail.safetensors", "detail.safetensors"),
        ("detail", "detail.safetensors"),
        ("style/paper_cut.safetensors", "style/paper_cut.safetensors"),
        ("style\\paper_cut.safetensors", "style/paper_cut.safetensors"),
        ("style\\paper_cut", "style/paper_cut.safetensors"),
        ("paper_cut.safetensors", "style/paper_cut.safetensors"),
        ("paper_cut", "style/paper_cut.safetensors"),
        ("ink.pt", "xl/ink.pt"),
        ("style/ink", "style/ink.safetensors"),
        ("v1.5", "xl/v1.5.safetensors"),
    ],
)
def test_a_name_means_one_file(wanted, name):
    assert match_name(wanted, NAMES, "Tag 1") == name


@pytest.mark.parametrize(
    ("wanted", "close"),
    [
        ("paper", None),
        ("x", None),
        ("None", None),
        ("cut.safetensors", None),
        ("xl/paper_cut", "style/paper_cut.safetensors"),
        ("Detail", "detail.safetensors"),
        ("papercut", "style/paper_cut.safetensors"),
    ],
)
def test_a_part_of_a_name_means_nothing(wanted, close):
    with pytest.raises(ModelNotFoundError, match="Tag 1") as caught:
        match_name(wanted, NAMES, "Tag 1")

    assert close is None or close in caught.value.hint


def test_a_name_of_several_files_lists_them():
    with pytest.raises(InvalidInputError, match=r"'ink' may be style/ink.safetensors, xl/ink.pt"):
        match_name("ink", NAMES, "Tag 1")
