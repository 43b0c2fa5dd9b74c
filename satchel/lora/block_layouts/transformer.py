"""Transformers whose stacks have well-known names: Wan, Qwen-Image, Z-Image, LTX, HiDream, ..."""

from __future__ import annotations

import re

from .base import BlockLayout, slot_rule

_STACKS = {
    "B": r"(blocks|transformer_blocks)",
    "L": r"layers",
    "D": r"(double_stream_blocks|double_layers)",
    "S": r"(single_stream_blocks|single_layers)",
    "V": r"vace_blocks",
    "CR": r"context_refiner",
    "NR": r"noise_refiner",
    "RR": r"ref_image_refiner",
    "A": r"llm_adapter\.blocks",
    "VC": r"video_embeddings_connector\.transformer_1d_blocks",
    "AC": r"audio_embeddings_connector\.transformer_1d_blocks",
    "TB": r"txtfusion\.layerwise_blocks",
    "TR": r"txtfusion\.refiner_blocks",
}
"""Slot prefix -> name of the module list, as ComfyUI 0.30.0 names it."""

OUTPUT = (
    r"(audio_)?(final_layer|final_linear|final_norm|last_layer|last|head|proj_out|norm_out"
    r"|scale_shift_table)(\.|$)"
)
"""Modules after the last block."""

LAYOUT = BlockLayout(
    id="transformer",
    blocks=(
        *(slot_rule(prefix, rf"{stack}\.(?P<n>\d+)\.") for prefix, stack in _STACKS.items()),
        slot_rule("OUT", OUTPUT),
    ),
    rest="IN",
    encoders=(
        slot_rule("CLIPL", r"clip_l\."),
        slot_rule("CLIPG", r"clip_g\."),
        slot_rule("T5", r"t5xxl\."),
        slot_rule("LLM", r"llama\."),
    ),
    encoder_rest="TE",
    order=("CLIPL", "CLIPG", "T5", "LLM", "TE", "IN", "VC", "AC", "A", "TB", "TR", "CR", "NR",
           "RR", "D", "S", "B", "L", "V", "OUT"),
    signature=(
        re.compile(
            r"(blocks|transformer_blocks|layers|double_stream_blocks|double_layers)\.\d+\."
        ),
    ),
    encoder_sets=(),
)  # fmt: skip
