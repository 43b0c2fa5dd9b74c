"""The six hashes Civitai lists for a file, as its scanner computes them (upper-case hex).

AutoV1  SHA256 of bytes [0x100000, 0x110000), 8 digits; none for a file under 2 MiB.
AutoV2  SHA256, 10 digits.
AutoV3  SHA256 of what follows the safetensors header, 12 digits; when the header length reads as
        16 MiB or more (the file is no safetensors) it covers everything from byte 8.
CRC32   digest bytes in little-endian order: zlib's `0D4A1185` is listed as `85114A0D`.
SHA256, BLAKE3  whole file.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from pathlib import Path

try:
    from blake3 import blake3
except ImportError:  # optional: ComfyUI ships it, a bare Python does not
    blake3 = None

CHUNK_BYTES = 1 << 20
AUTOV1_START, AUTOV1_END, AUTOV1_MIN_BYTES = 0x100000, 0x110000, 0x200000
AUTOV3_MAX_HEADER_BYTES = 16 << 20


def sha256_hex(path: Path) -> str:
    """SHA256 of the whole file, upper case."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest().upper()


def civitai_hashes(path: Path) -> dict[str, str]:
    """Kind -> hex, in the site's order.

    Empty for a file the scanner fails on: under 8 bytes, or a header length past the end.
    """
    size = path.stat().st_size
    body_start = _tensor_bytes_start(path, size)
    if body_start is None:
        return {}
    sha256, autov3, crc = hashlib.sha256(), hashlib.sha256(), 0
    whole_blake3 = blake3() if blake3 else None
    with path.open("rb") as file:
        offset = 0
        while chunk := file.read(CHUNK_BYTES):
            sha256.update(chunk)
            crc = zlib.crc32(chunk, crc)
            if whole_blake3:
                whole_blake3.update(chunk)
            autov3.update(memoryview(chunk)[max(0, body_start - offset) :])
            offset += len(chunk)
        file.seek(AUTOV1_START)
        autov1 = hashlib.sha256(file.read(AUTOV1_END - AUTOV1_START))
    whole = sha256.hexdigest()
    hashes = {
        "AutoV1": autov1.hexdigest()[:8] if size >= AUTOV1_MIN_BYTES else None,
        "AutoV2": whole[:10],
        "SHA256": whole,
        "CRC32": struct.pack("<I", crc).hex(),
        "BLAKE3": whole_blake3.hexdigest() if whole_blake3 else None,
        "AutoV3": autov3.hexdigest()[:12],
    }
    return {kind: value.upper() for kind, value in hashes.items() if value}


def _tensor_bytes_start(path: Path, size: int) -> int | None:
    """Where AutoV3 starts to hash, or None where the scanner throws."""
    if size < 8:
        return None
    with path.open("rb") as file:
        (header_bytes,) = struct.unpack("<Q", file.read(8))
    if header_bytes >= AUTOV3_MAX_HEADER_BYTES:
        return 8
    return 8 + header_bytes if 8 + header_bytes <= size else None
