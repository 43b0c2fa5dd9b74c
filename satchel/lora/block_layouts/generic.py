"""Models that no other layout knows: each numbered module list is a run of slots."""

from __future__ import annotations

from .base import BlockLayout, slot_rule
from .transformer import OUTPUT

LAYOUT = BlockLayout(
    id="generic",
    blocks=(
        # BLOCKS.7, TEXT.LAYERS.0, ...: the list's own path, so that no two lists share a slot.
        slot_rule("*", r"(?P<stack>.*?(?:blocks|layers|refiner))\.(?P<n>\d+)\."),
        slot_rule("OUT", OUTPUT),
    ),
    rest="IN",
    encoders=(),
    encoder_rest="TE",
    order=("TE", "IN", "*", "OUT"),
)
