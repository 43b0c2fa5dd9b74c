"""Stable Diffusion 3 and 3.5: joint blocks, three text encoders."""

from __future__ import annotations

import re

from .base import BlockLayout, slot_rule

LAYOUT = BlockLayout(
    id="sd3",
    blocks=(
        slot_rule("J", r"joint_blocks\.(?P<n>\d+)\."),
        slot_rule("OUT", r"final_layer\."),
    ),
    rest="IN",
    encoders=(slot_rule("CLIPL", r"clip_l\."), slot_rule("CLIPG", r"clip_g\.")),
    encoder_rest="T5",
    order=("CLIPL", "CLIPG", "T5", "IN", "J", "OUT"),
    signature=(re.compile(r"joint_blocks\.\d+\."),),
    encoder_sets=(
        frozenset({"clip_l", "clip_g", "t5xxl"}),
        frozenset({"clip_g", "t5xxl"}),
    ),
)
