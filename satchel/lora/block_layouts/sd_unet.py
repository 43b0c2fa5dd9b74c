"""Stable Diffusion UNets (1.x, 2.x, XL, refiner): the slots that block weights began with."""

from __future__ import annotations

import re

from .base import BlockLayout, slot_rule

LAYOUT = BlockLayout(
    id="sd_unet",
    blocks=(
        slot_rule("IN", r"input_blocks\.(?P<n>\d+)\."),
        slot_rule("M00", r"middle_block\."),
        slot_rule("OUT", r"output_blocks\.(?P<n>\d+)\."),
    ),
    rest="OTHER",
    encoders=(),
    encoder_rest="BASE",
    order=("BASE", "IN", "M", "OUT", "OTHER"),
    signature=(re.compile(r"input_blocks\.\d+\."), re.compile(r"middle_block\.")),
    encoder_sets=(
        frozenset({"clip_l"}),
        frozenset({"clip_h"}),
        frozenset({"clip_g"}),
        frozenset({"clip_l", "clip_g"}),
    ),
)
