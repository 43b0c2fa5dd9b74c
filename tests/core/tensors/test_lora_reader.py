from __future__ import annotations

import json
import os
import struct

import pytest

torch = pytest.importorskip("torch")
save_file = pytest.importorskip("safetensors.torch").save_file

from satchel.errors import LoraFileError  # noqa: E402
from satchel.safetensors_header import read_header  # noqa: E402
from satchel.tensors.lora_cache import LoraCache, LoraFile  # noqa: E402
from satchel.tensors.lora_reader import DTYPES, TensorReader, stamp_of  # noqa: E402


def opened(path):
    return TensorReader(path, read_header(path), stamp_of(path.stat()))


def file_of(path):
    reader = opened(path)
    return LoraFile(reader.outlines(), {}, reader)


@pytest.mark.parametrize("dtype", list(DTYPES.values()), ids=list(DTYPES))
def test_every_dtype_comes_back_bit_by_bit(tmp_path, dtype):
    numbers = (torch.arange(1, 25).reshape(2, 3, 4) % 2).to(dtype)
    stored = {"a": numbers, "scalar": numbers[0, 0, 0].clone(), "none": numbers[:0].clone(),
              "odd": torch.tensor([7, 8, 9], dtype=torch.uint8)}  # fmt: skip
    save_file(stored, tmp_path / "x.safetensors")
    reader = opened(tmp_path / "x.safetensors")

    read = reader.read(stored)

    for name, tensor in stored.items():
        assert (read[name].dtype, read[name].shape) == (tensor.dtype, tensor.shape)
        assert torch.equal(
            read[name].reshape(-1).view(torch.uint8), tensor.reshape(-1).view(torch.uint8)
        )
        outline = reader.outlines()[name]
        assert outline.is_meta
        assert (outline.dtype, outline.shape) == (tensor.dtype, tensor.shape)


def test_a_dtype_that_torch_lacks_is_refused(tmp_path):
    header = json.dumps({"w": {"dtype": "F4", "shape": [4], "data_offsets": [0, 2]}}).encode()
    path = tmp_path / "x.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + b"ab")

    with pytest.raises(LoraFileError, match="w has the dtype F4"):
        opened(path)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_refused_where_they_are_read(tmp_path, number):
    save_file(
        {"good": torch.ones(5), "bad": torch.tensor([1.0, number])}, tmp_path / "x.safetensors"
    )
    reader = opened(tmp_path / "x.safetensors")

    assert torch.equal(reader.read(["good"])["good"], torch.ones(5))
    with pytest.raises(LoraFileError, match="bad holds numbers that are not finite"):
        reader.read(["good", "bad"])


@pytest.mark.parametrize("change", ["time", "size", "gone"])
def test_a_file_that_has_changed_is_not_read(tmp_path, change):
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(5)}, path)
    reader = opened(path)
    if change == "time":
        os.utime(path, ns=(1, 1))
    elif change == "size":
        path.write_bytes(path.read_bytes() + b" ")
    else:
        path.unlink()

    with pytest.raises(LoraFileError, match=r"was replaced|cannot be read"):
        reader.read(["a"])


def test_the_cache_reads_what_is_missing_and_counts_it(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(100), "b": torch.ones(50)}, path)
    cache = LoraCache(1000)
    file = cache.get(path, lambda: file_of(path))
    assert cache.counts()["bytes"] == 0

    cache.complete(file, ["a"])
    held = file.tensors["a"]
    cache.complete(file, ["a", "b"])

    assert file.tensors["a"] is held
    assert cache.counts()["bytes"] == cache.counts()["bytes_read"] == 600
    assert cache.get(path, lambda: pytest.fail("known")) is file


def test_a_file_that_grows_pushes_out_others(tmp_path):
    cache, files = LoraCache(1000), {}
    for name in "ab":
        path = tmp_path / f"{name}.safetensors"
        save_file({"x": torch.ones(100), "y": torch.ones(100)}, path)
        files[name] = cache.get(path, lambda path=path: file_of(path))
        cache.complete(files[name], ["x"])
    assert cache.counts()["files"] == 2

    cache.complete(files["b"], ["y"])

    assert (cache.counts()["files"], cache.counts()["bytes"]) == (1, 800)
    cache.complete(files["a"], ["y"])  # it still reads for whoever holds it, and is not counted
    assert files["a"].nbytes == 800
    assert cache.counts()["bytes"] == 800
