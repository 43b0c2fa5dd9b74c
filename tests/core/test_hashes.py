"""All six digests in one read."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import threading
import zlib
from importlib.util import find_spec
from pathlib import Path

import pytest
from support.models import write_safetensors

from satchel import hashes
from satchel.errors import CancelledError
from satchel.hashes import (
    ALL_KINDS,
    CHUNK_BYTES,
    FileDigests,
    computable,
    hash_file,
    hash_files,
    payload_start,
    unavailable,
)
from satchel.progress import Cancellation

ROOT = Path(__file__).resolve().parents[2]
VECTORS = json.loads((ROOT / "tests/data/hashes/vectors.json").read_text())
"""All six digests of small files, computed with the arithmetic of Civitai's scanner."""
WITH_BLAKE3 = find_spec("blake3") is not None


def content_of(vector) -> bytes:
    if "b64" in vector:
        return base64.b64decode(vector["b64"])
    size = vector["size"]
    if vector["name"] == "safetensors_2MiB_plus":
        tensor = {"dtype": "F32", "shape": [524288], "data_offsets": [0, 2097152]}
        header = {"__metadata__": {"format": "pt"}, "w": tensor}
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        blocks = (hashlib.sha256(f"big:{number}".encode()).digest() for number in range(1 << 16))
        return struct.pack("<Q", len(text)) + text + b"".join(blocks)
    if vector["name"] == "torch_zip_like":
        return b"PK\x03\x04" + b"\xff" * 60
    return bytes(size)


@pytest.mark.parametrize("threads", [True, False])
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_all_six_digests_are_the_scanners(vector, threads, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(content_of(vector))
    expected = {
        kind: hex_.lower() for kind, hex_ in vector["digests"].items()
        if hex_ is not None and (WITH_BLAKE3 or kind != "BLAKE3")
    }  # fmt: skip
    if vector["size"] == 0:
        expected["CRC32"] = "00000000"

    digests = hash_file(path, ALL_KINDS, threads=threads)

    found = digests.by_kind()
    if vector["size"] == 0:  # the vector says nothing of it
        found.pop("BLAKE3", None)
    assert found == expected
    assert digests.size == vector["size"]


def test_by_default_only_sha256_and_autov3_are_computed(tmp_path):
    path = write_safetensors(tmp_path / "a.safetensors", {"w": (600_000,)})

    assert set(hash_file(path).by_kind()) == {"SHA256", "AutoV2", "AutoV3"}


def test_a_digest_that_cannot_be_computed_is_missing_with_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(hashes, "_blake3", lambda: None)
    path = tmp_path / "file"
    path.write_bytes(b"\x30" + bytes(7) + b"short")

    digests = hash_file(path, ALL_KINDS)

    assert set(digests.by_kind()) == {"SHA256", "AutoV2", "CRC32"}
    assert set(unavailable(ALL_KINDS, digests)) == {"AutoV1", "AutoV3", "BLAKE3"}
    assert "blake3 module" in unavailable(["BLAKE3"], digests)["BLAKE3"]
    assert computable(ALL_KINDS, digests.size) == ["SHA256", "AutoV2", "AutoV3", "CRC32"]


@pytest.mark.parametrize(
    ("prefix", "size", "start"),
    [
        (struct.pack("<Q", 100), 200, 108),
        (struct.pack("<Q", 100), 108, 108),
        (struct.pack("<Q", 100), 107, None),
        (struct.pack("<Q", 16 * 1024 * 1024 - 1), 64, None),
        (struct.pack("<Q", 16 * 1024 * 1024), 64, 8),
        (b"\xff" * 8, 64, 8),
        (b"\0" * 7, 7, None),
        (b"", 0, None),
    ],
)
def test_the_payload_starts_where_the_scanner_says(prefix, size, start):
    assert payload_start(prefix, size) == start


@pytest.mark.parametrize("header_end", [-1, 0, 1])
@pytest.mark.parametrize("extra", [-1, 0, 1, CHUNK_BYTES + 3])
def test_chunk_borders_leave_no_mark(tmp_path, header_end, extra):
    """The payload starts at, just before and just after a border, and the file ends near one."""
    start = CHUNK_BYTES + header_end
    body = b"\x5a" * max(0, CHUNK_BYTES + extra - start)
    content = struct.pack("<Q", start - 8) + b"{" * (start - 8) + body
    path = tmp_path / "file"
    path.write_bytes(content)

    digests = hash_file(path, ["AutoV3", "CRC32"])

    assert digests == FileDigests(
        hashlib.sha256(content).hexdigest(),
        hashlib.sha256(body).hexdigest()[:12],
        len(content),
        crc32=zlib.crc32(content).to_bytes(4, "little").hex(),
    )


def test_progress_counts_the_bytes_of_the_file(tmp_path):
    path = write_safetensors(tmp_path / "a.safetensors", {"w": (5 * 1024 * 256,)})
    seen = []

    hash_file(path, report=seen.append)

    size = path.stat().st_size
    assert [(event.state, event.name, event.total) for event in seen] == [
        ("hashing", "a.safetensors", size)
    ] * len(seen)
    assert [event.done for event in seen] == [*range(CHUNK_BYTES, size, CHUNK_BYTES), size]


def test_a_cancelled_hash_stops_at_the_next_chunk(tmp_path):
    path = write_safetensors(tmp_path / "a.safetensors", {"w": (5 * 1024 * 256,)})
    cancellation = Cancellation()
    seen = []

    def cancel_after_one(event):
        seen.append(event)
        cancellation.cancel()

    with pytest.raises(CancelledError):
        hash_file(path, report=cancel_after_one, cancellation=cancellation)

    assert len(seen) == 1


def test_a_missing_file_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        hash_file(tmp_path / "missing")


def test_several_files_are_hashed_at_once_and_a_missing_one_stops_none(tmp_path):
    paths = [
        write_safetensors(tmp_path / f"{number}.safetensors", {"w": (300_000,)}, seed=number)
        for number in range(4)
    ]
    both = threading.Barrier(2, timeout=20)
    met = []

    def meet(progress):
        if progress.done == progress.total and len(met) < 2:
            met.append(progress.name)
            both.wait()  # breaks, and fails the test, unless two files are under way

    found = dict(hash_files([*paths, tmp_path / "missing"], at_once=2, report=meet))

    assert {path: found[path] for path in paths} == {path: hash_file(path) for path in paths}
    assert isinstance(found[tmp_path / "missing"], FileNotFoundError)


def test_whoever_stops_listening_stops_the_hashing(tmp_path):
    paths = [
        write_safetensors(tmp_path / f"{number}.safetensors", {"w": (300_000,)}, seed=number)
        for number in range(30)
    ]
    seen = set()

    for _ in hash_files(paths, at_once=2, report=lambda event: seen.add(event.name)):
        break

    assert len(seen) < 10


def test_cancelling_stops_all_files(tmp_path):
    paths = [write_safetensors(tmp_path / f"{number}", {"w": (9,)}) for number in range(5)]
    cancellation = Cancellation()
    cancellation.cancel()

    with pytest.raises(CancelledError):
        list(hash_files(paths, cancellation=cancellation))


def test_what_goes_wrong_in_a_digests_own_thread_is_raised(tmp_path, monkeypatch):
    class Broken(hashes._Crc32):
        def update(self, data):
            raise MemoryError("no room")

    monkeypatch.setitem(hashes._MAKERS, "CRC32", Broken)
    for size in (10, CHUNK_BYTES * 20):
        path = tmp_path / str(size)
        path.write_bytes(bytes(size))
        with pytest.raises(MemoryError):
            hash_file(path, ["CRC32"])
    assert not [one for one in threading.enumerate() if one.name == "satchel-digest"]
