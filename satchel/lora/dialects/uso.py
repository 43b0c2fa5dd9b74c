"""XLabs' attention processors, single blocks included."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "uso",
    "ByteDance USO",
    (Signature(("",), ("plain",), marks=("single_blocks.#.processor.", ".processor.qkv_lora\n")),),
    (
        "single_blocks.0.processor.qkv_lora.down.weight",
        "double_blocks.0.processor.qkv_lora1.up.weight",
    ),
)
