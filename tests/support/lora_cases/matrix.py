"""The cases: which dialects occur for each architecture, and which algorithms are tried where."""

from __future__ import annotations

from typing import NamedTuple

_DIALECTS = {
    "sd15": "kohya comfy_updown diffusers_old diffusers_peft_unet",
    "sd21": "kohya",
    "sdxl": "kohya kohya_difnames comfy comfy_updown diffusers_old diffusers_peft_unet "
            "diffusers_peft_unetAB omi",
    "sd3_medium": "kohya diffusers peft_base onetrainer lycoris comfy",
    "sd35_large": "kohya diffusers onetrainer",
    "sd35_medium": "kohya diffusers onetrainer",
    "flux_dev": "kohya comfy comfy_updown diffusers diffusers_bare peft_base fal_kontext "
                "onetrainer omi lycoris musubi musubi_conv xlabs uso native_bare",
    "flux_schnell": "kohya diffusers",
    "flux_fill": "kohya diffusers",
    "flux_canny": "bfl_control",
    "chroma": "kohya comfy onetrainer diffusers",
    "chroma_radiance": "comfy",
    "flux2_dev": "comfy musubi diffusers onetrainer_dotted fal_kontext",
    "flux2_klein_9b": "comfy musubi musubi_conv diffusers fal_kontext diffusers_bare",
    "flux2_klein_4b": "comfy musubi diffusers fal_kontext diffusers_comfyprefix",
    "qwen_image": "diffusers comfy musubi native_bare_default lycoris native_bare "
                  "onetrainer_dotted peft_base",
    "z_image": "diffusers_comfyprefix diffusers diffusers_bare comfy musubi lycoris peft_base "
               "onetrainer_dotted kohya zimage_dunder",
    "lumina2": "kohya comfy diffusers",
    "wan21_1_3b": "comfy musubi diffusers native_bare_default transformer_native wan_fun",
    "wan21_14b": "comfy comfy_updown musubi wan_fun diffusers lycoris",
    "wan21_i2v_14b": "comfy musubi",
    "wan22_5b": "comfy musubi",
    "wan22_i2v_14b": "comfy",
    "sdxl_refiner": "kohya",
    "wan21_vace_14b": "comfy",
    "hunyuan_video": "hunyuan_native comfy musubi musubi_conv diffusers",
    "hunyuan_video_15": "comfy musubi",
    "hunyuan_image_21": "musubi comfy kohya",
    "ltxv_2b": "comfy native_bare diffusers lycoris",
    "ltxv_13b": "comfy",
    "ltx2": "comfy native_bare diffusers",
    "hidream_i1": "comfy diffusers lycoris",
    "auraflow": "diffusers comfy kohya",
    "anima": "kohya comfy diffusers",
    "cosmos_predict2_2b": "comfy kohya",
    "cosmos_predict2_14b": "comfy",
    "pixart_sigma": "diffusers peft_base kohya",
    "omnigen2": "comfy native_bare diffusers",
    "krea2": "comfy musubi diffusers diffusers_bare fal_kontext",
    "ernie_image": "comfy diffusers",
    "ideogram4": "comfy musubi diffusers",
}  # fmt: skip
ENCODERS = {
    "sd15": ("clip_l",), "sd21": ("clip_h",), "sdxl": ("clip_l", "clip_g"),
    "sd3_medium": ("clip_l", "clip_g", "t5xxl"), "sd35_large": ("clip_l", "clip_g"),
    "sd35_medium": ("clip_l", "clip_g"), "flux_dev": ("clip_l", "t5xxl"),
    "flux_schnell": ("clip_l",), "flux_fill": ("clip_l",), "chroma": ("t5xxl",),
    "anima": ("qwen3_06b",),
}  # fmt: skip
"""Text encoders that trainers adapt."""
_ALGORITHMS = (
    "dora", "dora_in", "locon", "locon_tucker", "loha", "loha_tucker", "lokr", "lokr_full", "oft",
    "oft_kohya", "boft", "glora", "ia3", "full", "diffb", "norm", "aitk_dora", "peft_dora",
    "ot_oft",
)  # fmt: skip
_BASES = (("sd15", "kohya"), ("sdxl", "kohya"), ("flux_dev", "kohya"), ("wan21_1_3b", "comfy"),
          ("anima", "kohya"))  # fmt: skip
_TOO_LARGE_FOR_FLUX = frozenset({"oft", "boft", "full", "ia3"})
_SD = frozenset({"sd15", "sdxl"})


class Case(NamedTuple):
    architecture: str
    dialect: str
    algorithm: str
    with_encoders: bool


def all_cases() -> list[Case]:
    """Every dialect with plain LoRA, then the algorithms on five architectures, then pairings
    that are known from real files."""
    cases = [
        Case(architecture, dialect, "lora", architecture in ENCODERS)
        for architecture, dialects in _DIALECTS.items()
        for dialect in dialects.split()
    ]
    for algorithm in _ALGORITHMS:
        for architecture, dialect in _BASES:
            if algorithm in _TOO_LARGE_FOR_FLUX and architecture == "flux_dev":
                continue
            if algorithm.endswith("tucker") and architecture not in _SD:
                continue
            if algorithm == "oft_kohya" and architecture not in _SD | {"flux_dev"}:
                continue
            cases.append(Case(architecture, dialect, algorithm, False))
    return [
        *cases,
        Case("flux_dev", "lycoris", "lokr", False), Case("flux_dev", "comfy", "lokr_full", False),
        Case("qwen_image", "lycoris", "lokr", False),
        Case("qwen_image", "musubi", "lokr_full", False),
        Case("flux_dev", "onetrainer", "dora_in", True),
        Case("flux_dev", "diffusers", "diffb", False),
        Case("flux_dev", "diffusers", "dora", False),
        Case("flux_dev", "kohya", "splitqkv", False),
        Case("z_image", "diffusers_comfyprefix", "lokr", False),
        Case("flux2_klein_9b", "comfy", "lokr", False),
    ]  # fmt: skip
