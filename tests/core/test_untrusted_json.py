"""JSON of strangers: what is parsed, and what is refused before it would fill the memory."""

from __future__ import annotations

import json

import pytest
from support.graphs import ui_graph, ui_node

from satchel.untrusted_json import TooManyValuesError, check_size, loads


def honest(size: int) -> bytes:
    """A graph of some bytes, of nodes with the fields and texts that the frontend writes."""
    node = ui_node(1, "CLIPTextEncode", ["a paper lantern over water, " * 6], title="Prompt")
    count = size // len(json.dumps(node, separators=(",", ":")))
    return json.dumps(ui_graph(*[node] * count), separators=(",", ":")).encode()


@pytest.mark.parametrize("size", [1_000_000, 6_000_000, 20_000_000])
def test_honest_graphs_may_be_large(size: int):
    check_size(honest(size))


@pytest.mark.parametrize("piece", [b"{},", b"[],", b'{"a":{}},', b"1,", b'"",', b"[[]],"])
def test_ten_million_bytes_of_small_values_are_refused(piece: bytes):
    with pytest.raises(TooManyValuesError):
        loads(b"[" + piece * (10_000_000 // len(piece)) + b"1]")


def test_small_texts_may_be_as_dense_as_they_like():
    assert len(loads(b"[" + b"{}," * 100_000 + b"1]")) == 100_001


def test_texts_that_belong_together_are_counted_together():
    half = b"[" + b"{}," * 150_000 + b"1]"

    check_size(half)
    with pytest.raises(TooManyValuesError):
        check_size(half, half)
