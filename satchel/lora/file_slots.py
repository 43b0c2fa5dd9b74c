"""Which block slots a LoRA file changes, without a model: by its header and an architecture.

Files spell module paths flat or dotted, in the host's names or in those of diffusers. The host's
own are looked up in the architecture's table; of others the block's number is enough.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from ..safetensors_header import SafetensorsHeader
from .architectures import ARCHITECTURES
from .block_layouts import MODEL_PREFIX, BlockLayout
from .block_weights.slots import Slot, parse_slot
from .keys import Module, collect_modules
from .model_slots import architecture_keys, architecture_layout

_OUTPUT = re.compile(r"(proj_out|norm_out|conv_norm_out|conv_out|final_layer|last_layer|head)(_|$)")
_OTHER_NAMES: Mapping[str, tuple[tuple[str, re.Pattern[str]], ...]] = {
    "flux": (
        ("TR", re.compile(r"context_embedder_token_refiner_refiner_blocks_(\d+)_")),
        ("TR", re.compile(r"txt_in_individual_token_refiner_blocks_(\d+)_")),
        ("D", re.compile(r"(?:transformer|double)_blocks_(\d+)_")),
        ("S", re.compile(r"single_(?:transformer_)?blocks_(\d+)_")),
    ),
    "sd3": (("J", re.compile(r"(?:joint|transformer)_blocks_(\d+)_")),),
    "transformer": (
        ("D", re.compile(r"(?:joint_transformer_block|double_stream_block|double_layer)s_(\d+)_")),
        ("S", re.compile(r"single_(?:transformer_blocks|stream_blocks|layers)_(\d+)_")),
        ("V", re.compile(r"vace_blocks_(\d+)_")),
        ("CR", re.compile(r"context_refiner_(\d+)_")),
        ("NR", re.compile(r"noise_refiner_(\d+)_")),
        ("RR", re.compile(r"ref_image_refiner_(\d+)_")),
        ("B", re.compile(r"(?:transformer_)?blocks_(\d+)_")),
        ("L", re.compile(r"layers_(\d+)_")),
    ),
}  # fmt: skip
"""Layout -> slot prefixes and how paths in other names than the host's begin."""
_UNET = re.compile(
    r"(?P<way>down|up)_blocks_(?P<level>\d+)_"
    r"(?:(?:resnets|attentions)_(?P<n>\d+)_|(?P<sampler>(?:down|up)samplers)_)"
)
_ENCODER_NUMBER = re.compile(r"lora_te(\d)_|text_encoder_(\d)\.")
_ENCODER_NAME = re.compile(r"text_encoders\.(\w+)\.|(clip_l|clip_g|t5)\.")


def count_modules(header: SafetensorsHeader, architecture_id: str) -> Counter[Slot]:
    """How many modules of a file lie in each slot of an architecture, where there are any."""
    return slots_of(
        collect_modules((name, info.shape) for name, info in header.tensors.items()),
        architecture_id,
    )


def slots_of(modules: Iterable[Module], architecture_id: str) -> Counter[Slot]:
    """Like `count_modules`, for modules that have been read."""
    return Counter(slot for _, slot in module_slots(modules, architecture_id))


def module_slots(modules: Iterable[Module], architecture_id: str) -> Iterator[tuple[Module, Slot]]:
    """Each module with the slot that it lies in."""
    native = _native_slots(architecture_id)
    layout = architecture_layout(architecture_id)
    for module in modules:
        if module.is_text_encoder:
            yield module, _encoder_slot(module.prefix, layout, architecture_id)
        else:
            slot = native.get(module.path)
            yield module, _other_slot(module.path, layout) if slot is None else slot


def _other_slot(path: str, layout: BlockLayout) -> Slot:
    if layout.id == "sd_unet":
        return _unet_slot(path)
    for prefix, pattern in _OTHER_NAMES.get(layout.id, ()):
        match = pattern.match(path)
        if match is not None:
            return Slot(prefix, int(match[1]))
    return parse_slot("OUT" if _OUTPUT.match(path) else layout.rest)


def _unet_slot(path: str) -> Slot:
    """A level of diffusers' UNet is three of the original's blocks (`architectures/sd_unet.py`)."""
    match = _UNET.match(path)
    if match is None:
        if path.startswith("mid_block_"):
            return Slot("M", 0)
        return Slot("IN", 0) if path.startswith("conv_in") else Slot("OTHER")
    number = 3 * int(match["level"])
    if match["way"] == "down":
        return Slot("IN", number + (3 if match["sampler"] else int(match["n"]) + 1))
    return Slot("OUT", number + (2 if match["sampler"] else int(match["n"])))


def _encoder_slot(prefix: str, layout: BlockLayout, architecture_id: str) -> Slot:
    """`lora_te2_` is the second of the architecture's text encoders, `lora_te_` its first."""
    named, numbered = _ENCODER_NAME.match(prefix), _ENCODER_NUMBER.match(prefix)
    if named is not None:
        encoder = named[1] or named[2]
        encoder = "t5xxl" if encoder == "t5" else encoder
    else:
        encoders = ARCHITECTURES[architecture_id].text_encoders
        number = int(numbered[1] or numbered[2]) if numbered is not None else 1
        encoder = encoders[number - 1] if number <= len(encoders) else ""
    return layout.slot_of(f"{encoder}.transformer")


@cache
def _native_slots(architecture_id: str) -> dict[str, Slot]:
    """Flat path -> slot, for the host's own names."""
    layout = architecture_layout(architecture_id)
    return {
        key[len(MODEL_PREFIX) :].removesuffix(".weight").replace(".", "_"): layout.slot_of(key)
        for key in architecture_keys(architecture_id)
    }
