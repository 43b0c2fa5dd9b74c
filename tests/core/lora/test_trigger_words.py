"""Trigger words: where they come from, and how several sources become one list."""

from __future__ import annotations

import json

import pytest
from support.models import write_safetensors

from satchel.errors import SafetensorsHeaderError
from satchel.lora.trigger_words import header_words, merge_words, split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        (" , ,\n", []),
        ("ohwx", ["ohwx"]),
        ("ohwx, a  photo of\tohwx\nred", ["ohwx", "a photo of ohwx", "red"]),
        ("a.b; c", ["a.b; c"]),
    ],
)
def test_commas_and_line_breaks_separate_words(text, words):
    assert split_words(text) == words


@pytest.mark.parametrize(
    ("sources", "exclude", "words"),
    [
        ([], [], []),
        ([["a", "b"], ["b", "c"]], [], ["a", "b", "c"]),
        ([["Long_Hair"], ["long hair", "LONG  HAIR"]], [], ["Long_Hair"]),
        ([["a, b"], ["b, c"]], [], ["a", "b", "c"]),
        ([["a", "b"], ["c"]], ["b"], ["a", "c"]),
        ([["long hair", "b"]], ["LONG_hair, x"], ["b"]),
        ([["ohwx woman"]], ["ohwx"], ["ohwx woman"]),
    ],
)
def test_sources_merge_in_order_each_word_once(sources, exclude, words):
    assert merge_words(sources, exclude) == words


def file_with(path, metadata):
    write_safetensors(path, {"x.lora_up.weight": (1,)}, metadata=metadata)
    return path


def test_the_header_names_the_words(tmp_path):
    tags = {"10_ohwx woman": {"red coat": 10, "rare": 1}}
    path = file_with(
        tmp_path / "a.safetensors",
        {"modelspec.trigger_phrase": "ohwx", "ss_tag_frequency": json.dumps(tags)},
    )

    assert header_words(path) == ("ohwx", "ohwx woman", "red coat")


def test_a_header_without_words_names_none(tmp_path):
    assert header_words(file_with(tmp_path / "a.safetensors", {"format": "pt"})) == ()


def test_a_pickled_file_is_not_opened(tmp_path):
    assert header_words(tmp_path / "not there.pt") == ()


def test_a_broken_file_is_an_error(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"short")

    with pytest.raises(SafetensorsHeaderError, match="not a usable safetensors file"):
        header_words(tmp_path / "a.safetensors")
