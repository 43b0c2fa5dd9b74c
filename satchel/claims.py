"""Digests that a file's own header claims: an identity at once, until the file was hashed.

- `sshs_model_hash` (kohya sd-scripts, ai-toolkit): the SHA256 of everything after the header,
  whose first 12 digits are AutoV3. It goes stale when a tool changes tensors and copies the
  metadata.
- `modelspec.hash_sha256` (OneTrainer, `0x` before it): the SHA256 of the tensors' bytes by key,
  which is the same where the file has them in that order.
- `sshs_legacy_hash` is left out: it is AutoV1 of a buffer that was never a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from .catalog.notes import Claim
from .hashes import HASH_OF_NOTHING

HEADER = "header"
_HEX = re.compile(r"[0-9a-f]{64}\Z")
_FIELDS = ("sshs_model_hash", "modelspec.hash_sha256")


def header_claims(metadata: Mapping[str, str]) -> tuple[Claim, ...]:
    """What a header claims; the first that can be true counts."""
    for field in _FIELDS:
        hex_ = metadata.get(field, "").strip().lower().removeprefix("0x")
        if can_be_true(hex_):
            return (Claim("AutoV3", hex_[:12], HEADER, plausible=True),)
    return ()


def can_be_true(sha256: str) -> bool:
    """Whether a text can be a model's SHA256: not the hash of nothing, nor all zeros.

    ai-toolkit wrote the hash of nothing for a long time, and Civitai knows a model by it
    (ostris/ai-toolkit issue 130).
    """
    return bool(_HEX.match(sha256)) and sha256 != HASH_OF_NOTHING and bool(sha256.strip("0"))
