"""Flux and its relatives: double-stream blocks, most with single-stream blocks after them.

Flux, Chroma, Flux.2 and the Hunyuan Video and Image family share these names.
"""

from __future__ import annotations

import re

from .base import BlockLayout, slot_rule

LAYOUT = BlockLayout(
    id="flux",
    blocks=(
        slot_rule("D", r"double_blocks\.(?P<n>\d+)\."),
        slot_rule("S", r"single_blocks\.(?P<n>\d+)\."),
        # Flux.2 modulates all blocks of a kind with one weight.
        slot_rule("MOD", r"(double_stream|single_stream)_modulation"),
        slot_rule("TR", r"txt_in\.individual_token_refiner\.blocks\.(?P<n>\d+)\."),
        slot_rule("N", r"nerf_blocks\.(?P<n>\d+)\."),
        slot_rule("OUT", r"(nerf_)?final_layer"),
    ),
    rest="IN",
    encoders=(slot_rule("CLIP", r"clip_l\."), slot_rule("T5", r"t5xxl\.")),
    encoder_rest="TE",
    order=("CLIP", "T5", "TE", "IN", "MOD", "TR", "D", "S", "N", "OUT"),
    signature=(re.compile(r"double_blocks\.\d+\."),),
    encoder_sets=(frozenset({"clip_l", "t5xxl"}), frozenset({"clip_l", "llama"})),
)
