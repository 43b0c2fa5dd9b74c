"""From a file's tensors to what the host's loader and Satchel's own adapters want.

Names become the host's spelling of each role, magnitudes get the shape that DoRA needs, scales
become alphas. What the host has no adapter for, or the wrong formula, comes out as `Built`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from ..errors import LoraFileError
from ..lora.renames.alphas import SplitQkv, peft_alphas, split_qkv_modules
from ..lora.renames.file_modules import FileModule
from ..lora.renames.key_map import KeyMap, Target, key_of
from .patches import Shape, bias_target, slice_shape

_SUFFIXES = {
    "up": "lora_up.weight", "down": "lora_down.weight", "mid": "lora_mid.weight",
    "a1": "a1.weight", "a2": "a2.weight", "b1": "b1.weight", "b2": "b2.weight",
}  # fmt: skip
"""Role -> the host's suffix, where it is not the role itself."""
_HOSTS = frozenset({"lora", "loha", "lokr", "glora", "diff", "set", "norm"})
_HANDLED_HERE = frozenset({"magnitude", "dora_scale", "alpha", "up_bias", "diff_b", "b_norm"})


@dataclass(frozen=True, slots=True)
class Built:
    """A patch that the host's loader does not make."""

    target: Target
    algorithm: str
    weights: tuple[Any, ...]


@dataclass(slots=True)
class Assembled:
    """One file, sorted."""

    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    """For the host's loader, in its spelling."""
    targets: dict[str, Target] = field(default_factory=dict)
    """Its key map: module name -> target."""
    built: list[Built] = field(default_factory=list)


def assemble(
    modules: Iterable[FileModule],
    targets: Mapping[str, Target],
    tensors: Mapping[str, torch.Tensor],
    alphas: Mapping[str, float],
    key_map: KeyMap,
) -> Assembled:
    """Sorts the modules that have a target; tensors may be outlines without numbers.

    Args:
        alphas: of `find_alphas`, for all modules of the file together.
    """
    modules = [module for module in modules if module.name in targets]
    assembled = Assembled()
    for module in modules:
        target = targets[module.name]
        roles = {role: tensors[name] for role, name in module.tensors.items()}
        alpha = alphas.get(module.name)
        if module.algorithm in _HOSTS:
            _for_host(assembled, module.name, target, roles, alpha, key_map)
        elif module.algorithm != "bias":
            assembled.built.append(_own(target, module.algorithm, roles, alpha))
        bias = _bias(module, roles, alpha)
        if bias is not None:
            assembled.built.append(Built(bias_target(target), "diff", (bias,)))
    return assembled


def find_alphas(
    modules: list[FileModule],
    tensors: Mapping[str, torch.Tensor],
    metadata: Mapping[str, str],
    read: Callable[[str], torch.Tensor],
) -> tuple[dict[str, float], list[str]]:
    """Module name -> alpha, and notes for the report.

    Args:
        modules: all that will be applied; some scales show only in how they compare.
        tensors: alphas with their numbers, the others may be outlines.
        read: gives a tensor with its numbers.
    """
    alphas = {
        module.name: float(tensors[module.tensors["alpha"]])
        for module in modules
        if "alpha" in module.tensors
    }
    recorded, notes = peft_alphas(metadata, modules)
    ups = {module.name: module.tensors.get("up", "") for module in modules}
    split = {
        name: parts
        for name, parts in split_qkv_modules(metadata, modules, alphas).items()
        if is_block_diagonal(read(ups[name]), parts)
    }
    if split:
        notes = [*notes, f"trained with split_qkv: alpha of {len(split)} fused modules corrected"]
    return alphas | recorded | {name: alphas[name] * split[name].factor for name in split}, notes


def is_block_diagonal(up: torch.Tensor, parts: SplitQkv) -> bool:
    """Whether each part's rows read only the part's own share of the columns."""
    width, start = up.shape[1] // parts.factor, 0
    for i, length in enumerate(parts.rows):
        rows = up[start : start + length]
        if rows[:, : i * width].any() or rows[:, (i + 1) * width :].any():
            return False
        start += length
    return True


def _for_host(
    assembled: Assembled,
    name: str,
    target: Target,
    roles: Mapping[str, torch.Tensor],
    alpha: float | None,
    key_map: KeyMap,
) -> None:
    for role, tensor in roles.items():
        if role not in _HANDLED_HERE:
            assembled.tensors[f"{name}.{_SUFFIXES.get(role, role)}"] = tensor
    magnitude = roles.get("magnitude", roles.get("dora_scale"))
    if magnitude is not None:
        shape = key_map.shape_of(key_of(target))
        if shape is not None:
            magnitude = _shaped(magnitude, slice_shape(target, shape))
        assembled.tensors[f"{name}.dora_scale"] = magnitude
    if alpha is not None:
        assembled.tensors[f"{name}.alpha"] = torch.tensor(alpha, dtype=torch.float64)
    assembled.targets[name] = target


def _shaped(magnitude: torch.Tensor, shape: Shape) -> torch.Tensor:
    """PEFT and ai-toolkit store [out] (PEFT's convolutions [1, out, 1, 1]): one per row."""
    ones = (1,) * (len(shape) - 1)
    rows = (shape[0], *ones)
    columns = (1, *shape[1:2], *ones[1:])
    stored = tuple(magnitude.shape)
    if magnitude.numel() != shape[0] or stored in {rows, columns}:
        return magnitude
    return magnitude.reshape(rows)


def _own(
    target: Target, algorithm: str, roles: Mapping[str, torch.Tensor], alpha: float | None
) -> Built:
    if algorithm == "ia3":
        return Built(target, algorithm, (roles["weight"], bool(roles["on_input"])))
    if algorithm == "oft_input":
        return Built(target, algorithm, (roles["oft_R"],))
    rescale, blocks = roles.get("rescale"), roles.get("oft_blocks")
    if blocks is not None and blocks.dim() == 4:
        return Built(target, "boft", (blocks, rescale, alpha))
    if blocks is not None:
        return Built(target, algorithm, ((blocks,), rescale, alpha))
    parts = sorted(
        (int(role.rpartition(".")[2]), tensor)
        for role, tensor in roles.items()
        if role.startswith("oft_blocks.")
    )
    return Built(target, algorithm, (tuple(tensor for _, tensor in parts), rescale, alpha))


def _bias(
    module: FileModule, roles: Mapping[str, torch.Tensor], alpha: float | None
) -> torch.Tensor | None:
    """The change of the bias; PEFT's `lora_B.bias` is scaled as the pair is."""
    found = [role for role in ("diff_b", "b_norm", "up_bias") if role in roles]
    if len(found) > 1:
        names = " and ".join(module.tensors[role] for role in found)
        raise LoraFileError(
            f"{names} are two changes of one bias.",
            hint="The file is badly merged or converted; get it again.",
            key=module.tensors[found[1]],
        )
    if not found:
        return None
    bias = roles[found[0]]
    if found[0] == "up_bias" and alpha is not None:
        bias = bias.float() * (alpha / module.rank)
    return bias
