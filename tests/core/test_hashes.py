"""All six digests in one read."""

from __future__ import annotations

import base64
import hashlib
import struct

import pytest
from support.models import write_safetensors

from satchel.errors import CancelledError
from satchel.hashes import CHUNK_BYTES, FileDigests, hash_file, payload_start
from satchel.progress import Cancellation

TINY = (
    "IAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJzc19uZXR3b3JrX21vZHVsZSI6Im5ldHdvcmtzLmxvcmEiLCJzc2hzX21vZG"
    "VsX2hhc2giOiIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
    "MDAwIn0sImEubG9yYV9kb3duLndlaWdodCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwyXSwiZGF0YV9vZmZzZXRzIj"
    "pbMCwxNl19LCJhLmxvcmFfdXAud2VpZ2h0Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDJdLCJkYXRhX29mZnNldHMi"
    "OlsxNiwzMl19fSAgICAAAIA/AAAAQAAAQEAAAIBAAACgQAAAwEAAAOBAAAAAQQ=="
)
TINY_WITH_OTHER_METADATA = (
    "6AAAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJzc19uZXR3b3JrX21vZHVsZSI6Im5ldHdvcmtzLmxvcmEiLCJ0aXRsZSI6Im"
    "VkaXRlZCBtZXRhZGF0YSJ9LCJhLmxvcmFfZG93bi53ZWlnaHQiOnsiZHR5cGUiOiJGMzIiLCJzaGFwZSI6WzIsMl0sImRh"
    "dGFfb2Zmc2V0cyI6WzAsMTZdfSwiYS5sb3JhX3VwLndlaWdodCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwyXSwiZG"
    "F0YV9vZmZzZXRzIjpbMTYsMzJdfX0gICAgICAgAACAPwAAAEAAAEBAAACAQAAAoEAAAMBAAADgQAAAAEE="
)
# Computed with the arithmetic of Civitai's scanner (civitai/model-scanner, HashTask.cs).
VECTORS = {
    "no safetensors": (
        b"hello world",
        "b94d27b9934d3e08a52e52d7da7dabfac484efe37a5380ee9088f7ace2efcde9",
        "85c76dcae229",
    ),
    "tiny safetensors": (
        base64.b64decode(TINY),
        "5c31228594c022cce989f8586563fe36832f1ebfab6ab7737834ea6db6b960ae",
        "af7de0621354",
    ),
    "the same tensors with other metadata": (
        base64.b64decode(TINY_WITH_OTHER_METADATA),
        "1442ff0017dedcbd9b5e670974d7e910f2767ed226769a30c03d11391e5f0996",
        "af7de0621354",
    ),
    "a zero header length": (
        bytes(0x200000),
        "5647f05ec18958947d32874eeb788fa396a05d0bab7c1b71f112ceb7e9b31eee",
        "f40a75d5e289",
    ),
    "a torch zip": (
        b"PK\x03\x04" + b"\xff" * 60,
        "ed898ab4586604c77bcded210b92bc3245ab38744599b2db2b878149743ec8cb",
        "528ff50ab05e",
    ),
    "nothing": (
        b"",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        None,
    ),
}


@pytest.mark.parametrize("name", VECTORS)
def test_digests_are_the_scanners(name, tmp_path):
    content, sha256, autov3 = VECTORS[name]
    path = tmp_path / "file"
    path.write_bytes(content)

    assert hash_file(path) == FileDigests(sha256, autov3, len(content))


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

    digests = hash_file(path)

    assert digests == FileDigests(
        hashlib.sha256(content).hexdigest(),
        hashlib.sha256(body).hexdigest()[:12],
        len(content),
    )


def test_progress_counts_the_bytes_of_the_file(tmp_path):
    path = write_safetensors(tmp_path / "a.safetensors", {"w": (5 * 1024 * 256,)})
    seen = []

    hash_file(path, report=seen.append)

    size = path.stat().st_size
    assert [(event.state, event.name, event.total) for event in seen] == [
        ("hashing", "a.safetensors", size)
    ] * 11
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
