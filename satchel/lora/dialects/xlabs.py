"""FLUX.1 attention processors: 1 is the image side, 2 the text side."""

from __future__ import annotations

from .dialect import Dialect, Signature

DIALECT = Dialect(
    "xlabs",
    "XLabs x-flux",
    (
        Signature(
            ("",),
            ("plain",),
            marks=(".processor.qkv_lora", ".processor.proj_lora"),
            not_marks=("_lora\n",),
        ),
    ),
    (
        "double_blocks.0.processor.qkv_lora1.down.weight",
        "double_blocks.0.processor.proj_lora2.up.weight",
    ),
)
