"""Uploaders' file names, as marketplaces hand them on: made portable, and still recognisable."""

from __future__ import annotations

import random
import sys

import pytest

from satchel.errors import UnsafePathError
from satchel.file_names import MAX_COMPONENT_BYTES, checked_name, portable_name

# What decodeURIComponent and free text leave in a LoRA's name on Civitai.
AWKWARD = {
    "ink wash v2.safetensors": "ink wash v2.safetensors",
    "水墨 画風.safetensors": "水墨 画風.safetensors",
    "E\u0301mile.safetensors": "\u00c9mile.safetensors",
    "style/ink.safetensors": "style/ink.safetensors",
    "style\\ink.safetensors": "style/ink.safetensors",
    "../../evil.safetensors": "evil.safetensors",
    "..\\..\\evil.safetensors": "evil.safetensors",
    "/etc/cron.d/evil.safetensors": "etc/cron.d/evil.safetensors",
    "C:\\Windows\\evil.safetensors": "C_/Windows/evil.safetensors",
    "con.safetensors": "_con.safetensors",
    "NUL.tar.safetensors": "_NUL.tar.safetensors",
    "COM1.safetensors": "_COM1.safetensors",
    "what?.safetensors": "what_.safetensors",
    'a "quoted" <name>|v1*.safetensors': "a _quoted_ _name__v1_.safetensors",
    "model:v2.safetensors": "model_v2.safetensors",
    "x\u202esrotnesnetefas.exe.safetensors": "xsrotnesnetefas.exe.safetensors",
    "zero\u200bwidth.safetensors": "zerowidth.safetensors",
    "line\nbreak\x1b[31m.safetensors": "linebreak[31m.safetensors",
    "trailing.safetensors. ": "trailing.safetensors",
    " leading.safetensors": "leading.safetensors",
    ".hidden.safetensors": "hidden.safetensors",
    "~root.safetensors": "root.safetensors",
    ".safetensors": "model.safetensors",
    "": "model",
    "...": "model",
    "100% real & free + #1.safetensors": "100% real & free + #1.safetensors",
}


@pytest.mark.parametrize("name", AWKWARD)
def test_an_awkward_name_becomes_a_plain_one_that_is_still_recognised(name):
    assert portable_name(name) == AWKWARD[name]
    assert checked_name(AWKWARD[name]) == AWKWARD[name]


@pytest.mark.parametrize("letter", ["a", "字", "🦊", "e\u0301"])
def test_an_endless_name_keeps_its_beginning_and_its_extension(letter):
    name = portable_name(letter * 400 + ".safetensors")

    assert name.endswith(".safetensors")
    assert MAX_COMPONENT_BYTES - 4 <= len(name.encode()) <= MAX_COMPONENT_BYTES
    assert checked_name(name) == name


def test_whatever_comes_in_is_harmless_when_it_comes_out():
    dice = random.Random(0)
    odd = [
        *'<>:"|?*\\/. ~',
        "\u202e",
        "\u200b",
        "\x00",
        "\x7f",
        "\u2028",
        "\ud800",
        "con",
        "..",
        "aux",
    ]
    for _ in range(3000):
        text = "".join(
            dice.choice(odd) if dice.random() < 0.5 else chr(dice.randrange(sys.maxunicode))
            for _ in range(dice.randrange(12))
        ) + dice.choice(["", ".safetensors", ".gguf", ". ", "/"])
        name = portable_name(text)
        try:
            assert checked_name(name) == name
        except UnsafePathError as error:
            pytest.fail(f"{text!r} became {name!r}: {error}")
        assert portable_name(name) == name
