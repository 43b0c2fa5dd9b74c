"""Files with one module of any algorithm, and weights before and after a stack."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from .lora_cases.algorithms import Writer, Written
from .lora_cases.dialects import KOHYA, Style

Alter = Callable[[dict[str, torch.Tensor], Written], None]

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
CONV = "diffusion_model.input_blocks.2.0.in_layers.2.weight"
CONV_KOHYA = "lora_unet_down_blocks_0_resnets_1_conv1"
PROJ = "diffusion_model.input_blocks.1.1.proj_in.weight"
PROJ_KOHYA = "lora_unet_down_blocks_0_attentions_0_proj_in"
NAMES = {Q: Q_KOHYA, CONV: CONV_KOHYA, PROJ: PROJ_KOHYA}
QKV = "diffusion_model.double_blocks.1.img_attn.qkv.weight"
LINEAR1 = "diffusion_model.single_blocks.2.linear1.weight"


def weights(patcher: Any) -> dict[str, torch.Tensor]:
    """A copy of a patcher's weights without patches."""
    return {key: value.clone() for key, value in patcher.model.state_dict().items()}


def patched(patcher: Any) -> dict[str, torch.Tensor]:
    """The weights that sampling would use; the model is unpatched again."""
    patcher.unpatch_model()
    patcher.patch_model(torch.device("cpu"))
    try:
        return weights(patcher)
    finally:
        patcher.unpatch_model()


def run(node: Any, **inputs: Any) -> Any:
    return node.execute(**inputs).result


def off_by(result: torch.Tensor, base: torch.Tensor, delta: torch.Tensor) -> float:
    """How far a weight is from base + delta, relative to the largest change."""
    exact = base.double() + delta
    return ((result.double() - exact).abs().max() / delta.abs().max()).item()


def write_module(
    path: Path, algorithm: str, key: str, base: str, shape: tuple[int, ...], style: Style = KOHYA,
    alter: Alter | None = None, **more: Any,
) -> Written:  # fmt: skip
    """A file with one module; `alter` may change its tensors by name before they are written."""
    writer = Writer(7, torch.float32, style, 4, 3.0)
    writer.module(algorithm, base, key, (0, shape[0]), shape, **more)
    if alter is not None:
        alter(writer.tensors, writer.written[0])
    save_file({name: tensor.contiguous() for name, tensor in writer.tensors.items()}, path)
    return writer.written[0]


def tight(tensors: dict[str, torch.Tensor], written: Written) -> None:
    """A constraint that binds: the norm of Q is far above alpha * out."""
    for name in tensors:
        if ".oft_blocks" in name:
            tensors[name] *= 300
    written.tensors["alpha"] = torch.tensor(0.002)
    tensors[f"{written.base}.alpha"] = written.tensors["alpha"]


def rescaled(tensors: dict[str, torch.Tensor], written: Written) -> None:
    blocks = written.tensors["blocks"]
    rows = blocks.shape[-3] * blocks.shape[-1]
    written.tensors["rescale"] = torch.linspace(0.9, 1.2, rows).reshape(-1, 1)
    tensors[f"{written.base}.rescale"] = written.tensors["rescale"]


def without_alpha(tensors: dict[str, torch.Tensor], written: Written) -> None:
    del tensors[f"{written.base}.alpha"], written.tensors["alpha"]


def on_input(tensors: dict[str, torch.Tensor], written: Written) -> None:
    written.tensors["on_input"] = torch.tensor(1.0)
    tensors[f"{written.base}.on_input"] = written.tensors["on_input"]


def shared(tensors: dict[str, torch.Tensor], written: Written) -> None:
    one = written.tensors["vectors"][:1] * 30
    written.tensors["vectors"] = tensors[f"{written.base}.oft_R.weight"] = one


def flat_magnitude(tensors: dict[str, torch.Tensor], written: Written) -> None:
    flat = written.tensors["magnitude"].flatten()
    written.tensors["magnitude"] = tensors[f"{written.base}.dora_scale"] = flat
