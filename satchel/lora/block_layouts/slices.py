"""Slices of fused weights: which of the projections that one weight holds a slice is.

Files in other spellings than the model's own change slices: `to_q` of a file is the first part of
the model's `qkv`. As ComfyUI 0.30.0 maps them (`comfy/utils.py`): queries first, then
keys, then values.
"""

from __future__ import annotations

_QKV = ("to_q", "to_k", "to_v")
_LINEAR1 = ("attn.to_q", "attn.to_k", "attn.to_v", "mlp")


def parts_of(key: str) -> tuple[str, ...]:
    """The parts of a fused weight, in order; none for any other weight."""
    *path, name = key.removesuffix(".weight").removesuffix(".bias").split(".")
    if name == "qkv" or name.endswith("_qkv"):
        return _QKV
    if name == "kv_linear":
        return _QKV[1:]
    return _LINEAR1 if name == "linear1" and "single_blocks" in path else ()


def part_at(key: str, start: int, length: int, size: int | None) -> str:
    """What the slice of `length` rows from `start` on is; empty if the weight is not fused.

    Args:
        size: rows of the whole weight; None when they are not known.
    """
    parts = parts_of(key)
    if not parts or start == 0:
        return parts[0] if parts else ""
    # Lengths differ where queries are wider than keys (Lumina), and for the mlp in linear1.
    if start + length == size:
        return parts[-1]
    return parts[min(max(start // length, 1), len(parts) - 2)]
