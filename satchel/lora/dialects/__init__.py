"""The registry of dialects, in the order they are asked; the first that accepts a file names it.

To add one: a file beside this one, a line in `_MODULES`, a key table in `tests/data/lora`.
"""

from __future__ import annotations

from . import (
    bfl_control,
    comfy,
    comfy_updown,
    diffusers,
    diffusers_bare,
    diffusers_comfyprefix,
    diffusers_old,
    diffusers_peft_unet,
    diffusers_peft_unetab,
    fal_kontext,
    framepack,
    hunyuan_native,
    kohya,
    kohya_difnames,
    lycoris,
    musubi,
    musubi_conv,
    native_bare,
    native_bare_default,
    omi,
    onetrainer,
    onetrainer_dotted,
    peft_base,
    trailing_underscore,
    transformer_native,
    uso,
    wan22_combined,
    wan_fun,
    xlabs,
    zimage_dunder,
)
from .dialect import Dialect, KeyFacts, Signature

__all__ = ["DIALECTS", "Dialect", "KeyFacts", "Signature", "detect_dialect"]

_MODULES = (
    musubi,
    kohya,
    kohya_difnames,
    framepack,
    trailing_underscore,
    wan_fun,
    zimage_dunder,
    onetrainer,
    lycoris,
    comfy,
    comfy_updown,
    wan22_combined,
    musubi_conv,
    diffusers_comfyprefix,
    diffusers,
    hunyuan_native,
    transformer_native,
    onetrainer_dotted,
    omi,
    peft_base,
    fal_kontext,
    uso,
    xlabs,
    bfl_control,
    native_bare,
    native_bare_default,
    diffusers_bare,
    diffusers_old,
    diffusers_peft_unet,
    diffusers_peft_unetab,
)

DIALECTS: dict[str, Dialect] = {module.DIALECT.name: module.DIALECT for module in _MODULES}


def detect_dialect(facts: KeyFacts) -> str | None:
    """Names the first dialect that accepts the file; None when none does."""
    return next(
        (name for name, dialect in DIALECTS.items() if dialect.refusal(facts) is None), None
    )
