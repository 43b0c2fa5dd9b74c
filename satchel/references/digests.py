"""Bare digests: `5c31…`, `sha256:5c31…`, `autov3:d4a3…`.

Lengths as Civitai publishes them: SHA256 and BLAKE3 64 hex digits, AutoV3 12 (64 in bodies of 2023
and in `sshs_model_hash`), AutoV2 10, AutoV1 and CRC32 8.
"""

from __future__ import annotations

import re

from .grammar import refuse
from .values import DigestKind, DigestReference

GRAMMAR = "a digest of 64, 12, 10 or 8 hex digits, such as sha256:… , autov3:… or crc32:…"
_KINDS: dict[str, DigestKind] = {
    "sha256": "SHA256", "autov1": "AutoV1", "autov2": "AutoV2", "autov3": "AutoV3",
    "blake3": "BLAKE3", "crc32": "CRC32",
}  # fmt: skip
_LENGTHS: dict[DigestKind, tuple[int, ...]] = {
    "SHA256": (64,), "BLAKE3": (64,), "AutoV3": (12, 64), "AutoV2": (10,), "AutoV1": (8,),
    "CRC32": (8,),
}  # fmt: skip
_BY_LENGTH: dict[int, tuple[DigestKind, ...]] = {
    64: ("SHA256", "BLAKE3", "AutoV3"), 12: ("AutoV3",), 10: ("AutoV2",), 8: ("AutoV1", "CRC32"),
}  # fmt: skip
_PREFIX = re.compile(r"(sha256|autov[123]|blake3|crc32)(?:\s*[:=]\s*|\s+)", re.IGNORECASE)
_HEX = re.compile(r"[0-9a-f]*", re.IGNORECASE)
_OF_NOTHING = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""SHA256 of no bytes: some trainers wrote it as every model's hash."""


def parse(text: str) -> DigestReference | None:
    prefix = _PREFIX.match(text)
    start = prefix.end() if prefix else 0
    digits = text[start:]
    if prefix is None and (len(digits) not in _BY_LENGTH or not re.fullmatch(_HEX, digits)):
        return None
    good = _HEX.match(digits)
    if good is not None and good.end() < len(digits):
        raise refuse(text, start + good.end(), "that is no hex digit", GRAMMAR)
    kinds = (_KINDS[prefix[1].lower()],) if prefix else _BY_LENGTH[len(digits)]
    if len(digits) not in _LENGTHS[kinds[0]]:
        lengths = " or ".join(str(length) for length in _LENGTHS[kinds[0]])
        raise refuse(text, len(text), f"a {kinds[0]} has {lengths} hex digits", GRAMMAR)
    value = digits.lower()
    if set(value) == {"0"} or _OF_NOTHING.startswith(value):
        raise refuse(text, start, "it is the digest of nothing", GRAMMAR)
    if kinds == ("AutoV3",):
        value = value[:12]
    return DigestReference(kinds[0], value, kinds[1:])


def to_text(reference: DigestReference) -> str:
    if _BY_LENGTH.get(len(reference.hex)) == reference.kinds:
        return reference.hex
    return f"{reference.kind.lower()}:{reference.hex}"
