"""The stand-in computes the hashes that Civitai's scanner does."""

from __future__ import annotations

import base64
import struct

import pytest
from support.marketplace.hashing import civitai_hashes

# Computed with the scanner's own code; BLAKE3 is compared where the package is there.
TINY = (
    "IAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJzc19uZXR3b3JrX21vZHVsZSI6Im5ldHdvcmtzLmxvcmEiLCJzc2hzX21vZG"
    "VsX2hhc2giOiIwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAw"
    "MDAwIn0sImEubG9yYV9kb3duLndlaWdodCI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMiwyXSwiZGF0YV9vZmZzZXRzIj"
    "pbMCwxNl19LCJhLmxvcmFfdXAud2VpZ2h0Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsyLDJdLCJkYXRhX29mZnNldHMi"
    "OlsxNiwzMl19fSAgICAAAIA/AAAAQAAAQEAAAIBAAACgQAAAwEAAAOBAAAAAQQ=="
)
VECTORS = {
    "no safetensors": (
        b"hello world",
        {
            "SHA256": "B94D27B9934D3E08A52E52D7DA7DABFAC484EFE37A5380EE9088F7ACE2EFCDE9",
            "AutoV2": "B94D27B993",
            "AutoV3": "85C76DCAE229",
            "CRC32": "85114A0D",
            "BLAKE3": "D74981EFA70A0C880B8D8C1985D075DBCBF679B99A5F9914E5AAF96B831A9E24",
        },
    ),
    "tiny safetensors": (
        base64.b64decode(TINY),
        {
            "SHA256": "5C31228594C022CCE989F8586563FE36832F1EBFAB6AB7737834EA6DB6B960AE",
            "AutoV2": "5C31228594",
            "AutoV3": "AF7DE0621354",
            "CRC32": "E76EDFC0",
            "BLAKE3": "84D8DB660D8B047CEBB1515192AD82EF2E96B1325F39822A49AB1ECE1C0A65FA",
        },
    ),
    "just long enough for AutoV1": (
        bytes(0x200000),
        {
            "SHA256": "5647F05EC18958947D32874EEB788FA396A05D0BAB7C1B71F112CEB7E9B31EEE",
            "AutoV2": "5647F05EC1",
            "AutoV1": "DE2F2560",
            "AutoV3": "F40A75D5E289",
            "CRC32": "7E87898D",
            "BLAKE3": "8AC83F8CE09D064B023AB3C15880B02F2686CD1817FD25915B8153316EE059F8",
        },
    ),
    "one byte too short for AutoV1": (
        bytes(0x1FFFFF),
        {
            "SHA256": "3EAE3E14862B9061A2CBE9C782DF1366039096B2D1888C30850B66FB8D87813C",
            "AutoV2": "3EAE3E1486",
            "AutoV3": "E8A90C29DCAC",
            "CRC32": "39FBE08E",
            "BLAKE3": "0FD5D022ABFBBB8ED4CCF88AC5947ED06FA5813A2031E9F18D66185689808C1B",
        },
    ),
    "header longer than the file": (struct.pack("<Q", 1000) + b"{}", {}),
    "too short for a header": (b"PK", {}),
}


@pytest.mark.parametrize("name", VECTORS)
def test_hashes_are_the_scanners(name, tmp_path):
    content, expected = VECTORS[name]
    path = tmp_path / "file"
    path.write_bytes(content)

    hashes = civitai_hashes(path)

    assert hashes == {kind: expected[kind] for kind in expected if kind in hashes}
    assert expected.keys() - hashes.keys() <= {"BLAKE3"}
