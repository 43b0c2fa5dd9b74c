"""Headers of files that nobody can vouch for."""

from __future__ import annotations

import contextlib
import json
import math
import random
import struct
import sys

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.models import write_safetensors

from satchel.errors import SafetensorsHeaderError
from satchel.safetensors_columns import read_columns
from satchel.safetensors_header import read_header
from satchel.tensor_info import TensorInfo, bytes_of


def entry(start: int, end: int, shape=None, dtype="U8"):
    return {
        "dtype": dtype,
        "shape": [end - start] if shape is None else shape,
        "data_offsets": [start, end],
    }


def file_of(header, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


@pytest.fixture
def write(tmp_path):
    def build(content: bytes):
        path = tmp_path / "lora.safetensors"
        path.write_bytes(content)
        return path

    return build


def test_a_header_tells_names_shapes_and_metadata(tmp_path):
    path = write_safetensors(
        tmp_path / "a.safetensors",
        {"up": (4, 2), "down": (2, 8)},
        dtype="F16",
        metadata={"ss_network_dim": "2"},
    )

    header = read_header(path)

    assert {name: tensor.shape for name, tensor in header.tensors.items()} == {
        "up": (4, 2),
        "down": (2, 8),
    }
    assert (header.tensors["down"].start, header.tensors["down"].end) == (16, 48)
    assert header.tensors["up"].dtype == "F16"
    assert header.metadata == {"ss_network_dim": "2"}
    assert path.stat().st_size - header.data_start == 48


GOOD = {
    "no tensors": file_of({}),
    "only metadata": file_of({"__metadata__": {"a": "b"}}),
    "an empty tensor": file_of({"a": entry(0, 0, [0, 5]), "b": entry(0, 2)}, b"xx"),
    "a scalar": file_of({"a": entry(0, 1, [])}, b"x"),
    "half bytes": file_of({"a": entry(0, 2, [3], "F4")}, b"xx"),
    "not in the order of the data": file_of({"b": entry(2, 4), "a": entry(0, 2)}, b"xxxx"),
    "a name of its own alphabet": file_of({"重み": entry(0, 1)}, b"x"),
    "padded with spaces": file_of(
        b'{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}   ', b"x"
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_an_unusual_but_valid_header_is_read(write, name):
    read_header(write(GOOD[name]))


BAD = {
    "empty": b"",
    "seven bytes": b"\0" * 7,
    "a length past the end": struct.pack("<Q", 3) + b"{}",
    "a length of everything": b"\xff" * 8 + b"{}",
    "no header text": struct.pack("<Q", 0),
    "no JSON": file_of(b"hello"),
    "cut JSON": file_of(b'{"a":'),
    "no text": file_of(b"\xff\xfe{}"),
    "UTF-16": file_of("{}".encode("utf-16")),
    "a list": file_of([]),
    "a number": file_of(b"1"),
    "a huge number": file_of(b'{"a":' + b"9" * 5000 + b"}"),
    "deep nesting": file_of(b"[" * 200_000),
    "deep objects": file_of(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "metadata that is a list": file_of({"__metadata__": []}),
    "metadata that is null": file_of({"__metadata__": None}),
    "an entry that is a text": file_of({"a": "F32"}),
    "an entry that is null": file_of({"a": None}),
    "no dtype": file_of({"a": {"shape": [1], "data_offsets": [0, 1]}}, b"x"),
    "an unknown dtype": file_of({"a": entry(0, 1, dtype="F99")}, b"x"),
    "a dtype that is a list": file_of({"a": entry(0, 1, dtype=["F32"])}, b"x"),
    "a shape that is a text": file_of({"a": entry(0, 1, "1")}, b"x"),
    "a shape that is an object": file_of({"a": entry(0, 1, {"1": 1})}, b"x"),
    "a negative dimension": file_of({"a": entry(0, 1, [-1, -1])}, b"x"),
    "a fractional dimension": file_of({"a": entry(0, 1, [1.0])}, b"x"),
    "a true dimension": file_of({"a": entry(0, 1, [True])}, b"x"),
    "offsets backwards": file_of({"a": {**entry(0, 1), "data_offsets": [1, 0]}}, b"x"),
    "three offsets": file_of({"a": {**entry(0, 1), "data_offsets": [0, 1, 1]}}, b"x"),
    "one offset": file_of({"a": {**entry(0, 1), "data_offsets": [0]}}, b"x"),
    "null offsets": file_of({"a": {**entry(0, 1), "data_offsets": None}}, b"x"),
    "shape and offsets at odds": file_of({"a": entry(0, 4, [2])}, b"xxxx"),
    "overlapping tensors": file_of({"a": entry(0, 3), "b": entry(2, 4)}, b"xxxx"),
    "the same bytes twice": file_of({"a": entry(0, 2), "b": entry(0, 2)}, b"xx"),
    "a gap": file_of({"a": entry(0, 1), "b": entry(2, 4)}, b"xxxx"),
    "a gap before the first": file_of({"a": entry(1, 2)}, b"xx"),
    "a cut body": file_of({"a": entry(0, 4)}, b"xxx"),
    "a padded body": file_of({"a": entry(0, 4)}, b"xxxxx"),
    "a body without tensors": file_of({}, b"x"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_broken_header_is_refused_with_the_name_of_the_file(write, name):
    with pytest.raises(SafetensorsHeaderError, match=r"lora\.safetensors") as caught:
        read_header(write(BAD[name]))

    assert caught.value.details["path"] == "lora.safetensors"
    assert caught.value.details["reason"]


def test_a_header_above_the_formats_limit_is_refused_unread(write):
    path = write(struct.pack("<Q", 101 * 1024 * 1024))
    with path.open("r+b") as file:
        file.truncate(102 * 1024 * 1024)  # sparse: takes no room

    with pytest.raises(SafetensorsHeaderError):
        read_header(path)


def test_a_shape_that_takes_ages_to_multiply_is_refused_at_once(write):
    multiplied = []

    class Size(int):
        def __rmul__(self, other):
            multiplied.append(self)
            return int(other) * int(self)

    with pytest.raises(SafetensorsHeaderError):
        read_header(write(file_of({"a": entry(0, 1, [2**62] * 200_000)}, b"x")))

    assert bytes_of(8, (Size(2**62),) * 1000) > 2**62
    assert len(multiplied) == 2


def test_metadata_that_is_no_text_becomes_text(write):
    header = read_header(write(file_of({"__metadata__": {"a": 1, "b": None, "c": {"d": [1.5]}}})))

    assert header.metadata == {"a": "1", "b": "null", "c": '{"d": [1.5]}'}


def test_metadata_nested_just_below_what_json_reads_is_no_crash(write):
    limit = sys.getrecursionlimit()
    for depth in range(limit - 200, limit, 2):
        nested = b'{"__metadata__":{"a":' + b"[" * depth + b"]" * depth + b"}}"
        with contextlib.suppress(SafetensorsHeaderError):
            read_header(write(file_of(nested)))


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=200))
@example(b"\x02\0\0\0\0\0\0\0{}")
def test_random_bytes_never_raise_anything_else(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)

    with contextlib.suppress(SafetensorsHeaderError):
        read_header(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
ENTRY = st.fixed_dictionaries(
    {"dtype": st.sampled_from(["F32", "U8", "F4", 7]) | JSON, "shape": JSON, "data_offsets": JSON}
)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.dictionaries(st.sampled_from(["a", "b", "__metadata__"]), ENTRY | JSON))
def test_random_json_never_raises_anything_else(tmp_path, document):
    path = tmp_path / "a.safetensors"
    path.write_bytes(file_of(document, b"1234"))

    with contextlib.suppress(SafetensorsHeaderError):
        read_header(path)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32), changes=st.integers(1, 4))
def test_a_damaged_file_never_raises_anything_else(tmp_path, seed, changes):
    path = write_safetensors(tmp_path / "a.safetensors", {"up": (2, 2), "down": (2, 3)})
    content, chance = bytearray(path.read_bytes()), random.Random(seed)
    for _ in range(changes):
        content[chance.randrange(len(content))] = chance.randrange(256)
    path.write_bytes(content[: chance.choice([None, chance.randrange(len(content))])])

    with contextlib.suppress(SafetensorsHeaderError):
        read_header(path)


# --- the form that the library writes -----------------------------------------------------------

LIBRARY, PYTHON = {"separators": (",", ":")}, {}
METADATA = {"format": "pt", "note": 'a "b" \\ {"dtype":', "名": "\u202e"}


def library_header(metadata=None):
    document = {"__metadata__": metadata} if metadata is not None else {}
    shapes = {"a.lora_down.weight": [4, 320], "a.lora_up.weight": [320, 4], "a.alpha": [],
              "墨": [0, 3], "": [7]}  # fmt: skip
    end = 0
    for name, shape in shapes.items():
        size = 2 * math.prod(shape)
        document[name] = entry(end, end + size, shape, "BF16")
        end += size
    return document


def by_json(text: str):
    """Tensors and metadata as JSON has them."""
    document = json.loads(text)
    metadata = document.pop("__metadata__", {})
    return {
        name: TensorInfo(value["dtype"], tuple(value["shape"]), *value["data_offsets"])
        for name, value in document.items()
    }, metadata


@pytest.mark.parametrize("style", [LIBRARY, PYTHON], ids=["library", "json.dumps"])
@pytest.mark.parametrize("metadata", [None, {}, {"format": "pt"}])
def test_a_header_in_the_librarys_form_is_read_by_columns(style, metadata):
    text = json.dumps(library_header(metadata), ensure_ascii=False, **style) + "   "

    columns = read_columns(text.encode())

    assert columns is not None
    assert (columns.tensors, columns.metadata) == by_json(text)
    assert columns.end == 2 * (4 * 320 * 2 + 1 + 7)


OTHER_FORMS = {
    "no tensors": '{"__metadata__":{}}',
    "nothing": "",
    "another order of bytes": json.dumps({"a": entry(1, 2), "b": entry(0, 1)}, **LIBRARY),
    "a gap": json.dumps({"a": entry(0, 1), "b": entry(2, 3)}, **LIBRARY),
    "a wrong size": json.dumps({"a": entry(0, 1, [2])}, **LIBRARY),
    "a negative size": json.dumps({"a": entry(0, 1, [-1, -1])}, **LIBRARY),
    "an unknown dtype": json.dumps({"a": entry(0, 1, dtype="U7")}, **LIBRARY),
    "a name twice": '{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},' * 2 + "}",
    "an escape": json.dumps({'a"': entry(0, 1)}, **LIBRARY),
    "a line break": json.dumps({"ab": entry(0, 1)}, **LIBRARY).replace("ab", "a\nb"),
    "a number with a plus": json.dumps({"a": entry(0, 11)}, **LIBRARY).replace("[11]", "[+11]"),
    "a number with a zero": json.dumps({"a": entry(0, 11)}, **LIBRARY).replace("[11]", "[011]"),
    "a number with a line": json.dumps({"a": entry(0, 11)}, **LIBRARY).replace("[11]", "[1_1]"),
    "digits of another script": json.dumps({"a": entry(0, 1)}, **LIBRARY).replace("[1]", "[١]"),
    "more in an entry": json.dumps({"a": {**entry(0, 1), "more": 1}}, **LIBRARY),
    "metadata behind": json.dumps({"a": entry(0, 1), "__metadata__": {}}, **LIBRARY),
    "metadata as a tensor": json.dumps({"b": entry(0, 1), "__metadata__": entry(1, 2)}, **LIBRARY),
    "lines": json.dumps(library_header({}), indent=1),
    "no text": b"\xff".decode("latin-1"),
}


@pytest.mark.parametrize("text", OTHER_FORMS.values(), ids=OTHER_FORMS)
def test_any_other_form_is_left_to_json(text):
    assert read_columns(text.encode()) is None


@settings(max_examples=400, deadline=None)
@given(
    seed=st.integers(0, 2**32), style=st.sampled_from([LIBRARY, PYTHON]),
    metadata=st.sampled_from([None, {}, METADATA]),
)  # fmt: skip
def test_what_is_read_by_columns_is_what_json_reads(seed, style, metadata):
    chance = random.Random(seed)
    text = list(json.dumps(library_header(metadata), ensure_ascii=False, **style))
    for _ in range(chance.randrange(3)):
        text[chance.randrange(len(text))] = chance.choice(["", *'"\\{}[]:, 0123-+_.eE\n\x7fa١'])
    bent = "".join(text)

    columns = read_columns(bent.encode())

    if columns is not None:
        assert (columns.tensors, columns.metadata) == by_json(bent)
