"""Which modules of each architecture trainers adapt, on ComfyUI's names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple


class Weight(NamedTuple):
    """A module of a model."""

    name: str
    """Without `diffusion_model.` and `.weight`."""
    shape: tuple[int, ...]
    has_bias: bool


SD_UNETS = frozenset({"sd15", "sd21", "sdxl", "sdxl_refiner"})

_UNET = (
    r"\.transformer_blocks\.\d+\.(attn[12]\.to_(q|k|v|out\.0)|ff\.net\.(0\.proj|2))$"
    r"|\.1\.proj_(in|out)$"
)
_UNET_CONVOLUTIONS = r"(in_layers\.2|out_layers\.3|emb_layers\.1|skip_connection|\.op|\.conv)$"
_FLUX = (
    r"^(double|single)_blocks\.\d+\.(\w+_attn\.(qkv|proj)|\w+_mlp\.[02]|linear[12]|\w+_mod\.lin"
    r"|modulation\.lin)$"
)
_LUMINA = (
    r"^(layers|noise_refiner|context_refiner)\.\d+\."
    r"(attention\.(qkv|out)|feed_forward\.w[123]|adaLN_modulation\.\d)$"
)
_TARGETS = (
    (r"sd3.*", r"^joint_blocks\.\d+\.(x|context)_block\."
               r"(attn2?\.(qkv|proj)|mlp\.fc[12]|adaLN_modulation\.1)$"),
    (r"sd.*", _UNET),
    (r"flux.*|chroma.*|hunyuan.*", _FLUX),
    (r"wan.*", r"^blocks\.\d+\.((self_attn|cross_attn)\.(q|k|v|o|k_img|v_img)|ffn\.[02])$"),
    (r"z_image|lumina2", _LUMINA),
    (r"anima|cosmos.*", r"^blocks\.\d+\.((self_attn|cross_attn)\.\w+_proj|mlp\.layer[12])$"),
    (r"ltx.*", r"^transformer_blocks\.\d+\.((audio_)?(attn[12]|to_video_attn|ff)"
               r"|(audio_to_video_attn|video_to_audio_attn)\.to_)"),
    (r"qwen_image", r"^transformer_blocks\.\d+\.(attn\.(to_|add_)\w+(\.0)?"
                    r"|(img|txt)_mlp\.net\.(0\.proj|2)|(img|txt)_mod\.1)$"),
    (r"hidream_i1", r"stream_blocks\.\d+\.block\."
                    r"(attn1\.to_\w+|ff_[it]\.(shared_experts\.)?w[123])$"),
    (r"auraflow", r"^(double|single)_layers\.\d+\.(attn\.w\d\w|mlp\w?\.c_\w+)$"),
    (r"pixart_sigma", r"^blocks\.\d+\.(attn\.(qkv|proj)"
                      r"|cross_attn\.(q_linear|kv_linear|proj)|mlp\.fc[12])$"),
    (r"omnigen2", r"^(layers|noise_refiner|context_refiner|ref_image_refiner)\.\d+\."
                  r"(attn\.to_(q|k|v|out\.0)|feed_forward\.linear_\d)$"),
    (r"krea2", r"^(txtfusion\.\w+_)?blocks\.\d+\."
               r"(attn\.(wq|wk|wv|wo|gate)|mlp\.(gate|up|down))$"),
    (r"ernie_image", r"^layers\.\d+\.(self_attention\.to_(q|k|v|out\.0)"
                     r"|mlp\.(gate_proj|up_proj|linear_fc2))$"),
    (r"ideogram4", r"^layers\.\d+\.(attention\.(qkv|o)|feed_forward\.w[123])$"),
)  # fmt: skip
"""Pattern of an architecture -> pattern of what is adapted; the first that matches."""
_CONTROL = (
    r"|^(img_in|txt_in|time_in\.\w+|vector_in\.\w+|guidance_in\.\w+|final_layer\.linear"
    r"|final_layer\.adaLN_modulation\.1)$"
)


def weights_of(shapes: Mapping[str, tuple[int, ...]]) -> list[Weight]:
    """The weights in a diffusion model's state dict."""
    return [
        Weight(
            key.removeprefix("diffusion_model.").removesuffix(".weight"), shape,
            f"{key.removesuffix('.weight')}.bias" in shapes,
        )
        for key, shape in shapes.items()
        if key.startswith("diffusion_model.") and key.endswith(".weight")
    ]  # fmt: skip


def adapted_modules(
    architecture: str, weights: list[Weight], convolutions: bool, control: bool = False
) -> list[Weight]:
    """Those that a trainer adapts by default."""
    pattern = next(what for who, what in _TARGETS if re.fullmatch(who, architecture))
    if convolutions and architecture in SD_UNETS:
        pattern = f"{pattern}|{_UNET_CONVOLUTIONS}"
    if control:
        pattern += _CONTROL
    return [w for w in weights if len(w.shape) > 1 and re.search(pattern, w.name)]


def norms(weights: list[Weight]) -> list[Weight]:
    return [w for w in weights if len(w.shape) == 1 and "norm" in w.name]


_CLIPS = {"clip_l": (12, 768, 3072), "clip_g": (32, 1280, 5120), "clip_h": (24, 1024, 4096)}


def encoder_modules(encoder: str) -> Iterator[tuple[str, tuple[int, int]]]:
    """(module inside that text encoder, shape)."""
    if encoder in _CLIPS:
        layers, width, hidden = _CLIPS[encoder]
        for i in range(layers):
            for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
                yield f"text_model.encoder.layers.{i}.self_attn.{part}", (width, width)
            yield f"text_model.encoder.layers.{i}.mlp.fc1", (hidden, width)
            yield f"text_model.encoder.layers.{i}.mlp.fc2", (width, hidden)
    elif encoder == "t5xxl":
        for i in range(24):
            for part in "qkvo":
                yield f"encoder.block.{i}.layer.0.SelfAttention.{part}", (4096, 4096)
            for part, shape in (("wi_0", (10240, 4096)), ("wi_1", (10240, 4096)),
                                ("wo", (4096, 10240))):  # fmt: skip
                yield f"encoder.block.{i}.layer.1.DenseReluDense.{part}", shape
    elif encoder == "qwen3_06b":
        for i in range(28):
            for part, shape in (
                ("self_attn.q_proj", (2048, 1024)), ("self_attn.k_proj", (1024, 1024)),
                ("self_attn.v_proj", (1024, 1024)), ("self_attn.o_proj", (1024, 2048)),
                ("mlp.gate_proj", (3072, 1024)), ("mlp.up_proj", (3072, 1024)),
                ("mlp.down_proj", (1024, 3072)),
            ):  # fmt: skip
                yield f"layers.{i}.{part}", shape
