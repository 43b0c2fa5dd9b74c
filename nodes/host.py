"""The only module that talks to ComfyUI: model folders, server, model patching."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import comfy.lora
import comfy.lora_convert
import comfy.utils
import comfy.weight_adapter
import comfyui_version
import folder_paths
import torch
from server import PromptServer

from ..satchel.errors import LoraFileError
from ..satchel.folders import KINDS, LEGACY_KINDS, ModelFolders
from ..satchel.tensors.fuse import LowRank, Wave
from ..satchel.tensors.patches import Patch, Shape, Target
from ..satchel.tensors.plan import LoadedLora


def model_folders() -> ModelFolders:
    """The host's own table of model folders, restricted to kinds that hold models.

    Other packs may register kinds of their own (`ultralytics`, `ipadapter`, ...): they count too.
    """
    not_models = {"custom_nodes", "configs", "datasets", *LEGACY_KINDS}
    return ModelFolders(
        {
            kind: tuple(Path(root) for root in roots)
            for kind, (roots, _) in folder_paths.folder_names_and_paths.items()
            if kind not in not_models and roots and (kind in KINDS or _holds_models(kind))
        }
    )


def _holds_models(kind: str) -> bool:
    """Whether a kind that another pack registered lies inside the models directory."""
    models = Path(folder_paths.models_dir).resolve()
    roots = folder_paths.get_folder_paths(kind)
    return all(Path(root).resolve().is_relative_to(models) for root in roots)


def system_user_directory() -> Path:
    """Where Satchel keeps its catalog: `user/__satchel`, which the host does not serve."""
    return Path(folder_paths.get_system_user_directory("satchel"))


def versions() -> dict[str, str]:
    """Versions of ComfyUI and its frontend, as far as they are known."""
    found = {"comfyui": comfyui_version.__version__}
    with suppress(PackageNotFoundError):
        found["frontend"] = version("comfyui-frontend-package")
    return found


def add_route(method: str, path: str, handler: Any) -> None:
    """Adds a route to the host's server, which serves it under /api, too."""
    PromptServer.instance.routes.route(method, path)(handler)


def send_event(event: str, data: dict[str, Any], client_id: str | None = None) -> None:
    """Sends a websocket event to one client, or to all; safe from any thread."""
    PromptServer.instance.send_sync(event, data, client_id)


def node_progress(total: int) -> Callable[[], None]:
    """A function to call after each step: moves the running node's progress bar."""
    bar = comfy.utils.ProgressBar(total)
    return lambda: bar.update(1)


# --- LoRA patching ----------------------------------------------------------------------------

APPLIED = "satchel_lora_stack"
"""Attachment of a patcher: ids of the stack entries that its patches come from."""


def lora_names() -> list[str]:
    """All LoRAs that the host lists, with `/`."""
    return [name.replace("\\", "/") for name in folder_paths.get_filename_list("loras")]


def lora_key_map(model: Any, clip: Any) -> dict[str, Target]:
    """The host's names of LoRA modules -> targets, for what is connected; later ones win."""
    # The host's functions have a mutable default argument: maps of other models would leak in.
    key_map: dict[str, Target] = {}
    if model is not None:
        key_map = comfy.lora.model_lora_keys_unet(model.model, key_map)
    if clip is not None:
        key_map = comfy.lora.model_lora_keys_clip(clip.cond_stage_model, key_map)
    return key_map


def weight_shapes(patcher: Any, prefix: str = "") -> dict[str, Shape | None]:
    """State-dict key -> shape that a new patch will meet; None where the storage does not tell.

    Only keys that start with `prefix`: a diffusion model's dict holds its noise schedule too.

    The model in memory may be patched by another clone at the moment, so backups come first;
    patches that are already queued may reshape.
    """
    shapes: dict[str, Shape | None] = {}
    for key, live in patcher.model.state_dict().items():
        if not key.startswith(prefix):
            continue
        backup = patcher.backup.get(key)
        weight = live if backup is None else backup.weight
        queued = patcher.patches.get(key, [])
        # Quantised weights of other packs are packed into integers.
        known = weight.is_floating_point()
        shapes[key] = tuple(comfy.lora.calculate_shape(queued, weight, key)) if known else None
    return shapes


class _Consulted(dict[str, torch.Tensor]):
    """A LoRA's tensors that remembers which ones the host's loader took."""

    def __init__(self, tensors: dict[str, torch.Tensor]) -> None:
        super().__init__(tensors)
        self.taken: set[str] = set()

    def __getitem__(self, name: str) -> torch.Tensor:
        tensor = super().__getitem__(name)
        self.taken.add(name)
        return tensor

    def get(self, name: str, default: Any = None) -> Any:
        return self[name] if name in self else default  # noqa: SIM401 (it would recurse)


def load_lora(path: Path, key_map: dict[str, Target]) -> tuple[LoadedLora, dict[str, str]]:
    """Reads a LoRA file with the host's own loader and matches it with a key map.

    Returns the matched LoRA and the file's metadata.

    Raises:
        LoraFileError: the file is no model file, or its tensors contradict each other.
    """
    try:
        raw, metadata = comfy.utils.load_torch_file(str(path), safe_load=True, return_metadata=True)
        tensors = _Consulted(comfy.lora_convert.convert_lora(_only_tensors(raw)))
    except MemoryError:
        raise
    except Exception as error:  # whatever torch, pickle and safetensors raise for a broken file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise LoraFileError(f"the file cannot be read: {reason}", name=path.name) from error
    for name, tensor in tensors.items():
        if name.endswith(".alpha") and tensor.numel() != 1:
            raise LoraFileError(
                f"{name} holds {tensor.numel()} numbers instead of one.", key=name, name=path.name
            )
    try:
        found = comfy.lora.load_lora(tensors, key_map, log_missing=False)
    except KeyError as error:
        key = error.args[0]
        raise LoraFileError(
            f"{key} is missing, its other half is there.",
            hint="The file is damaged or incomplete; get it again.", key=key, name=path.name,
        ) from error  # fmt: skip
    patches = {target: _patch(target, value) for target, value in found.items()}
    names = frozenset(tensors)
    return LoadedLora(names, frozenset(tensors.taken), key_map, patches), dict(metadata or {})


def _only_tensors(raw: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Old pickled files hold plain numbers (alphas) and text beside the tensors."""
    tensors = {}
    for name, value in raw.items():
        if isinstance(value, (int, float)):
            value = torch.tensor(value)
        if isinstance(value, torch.Tensor):
            tensors[name] = value
    return tensors


def _patch(target: Target, value: Any) -> Patch:
    if isinstance(value, comfy.weight_adapter.WeightAdapterBase):
        return Patch(target, value.name, tuple(value.weights), value)
    algorithm, weights = value
    return Patch(target, algorithm, tuple(weights), value)


def applied_entries(patcher: Any) -> frozenset[str]:
    """Ids of the stack entries that a patcher's patches come from."""
    return patcher.get_attachment(APPLIED) or frozenset()


def add_waves(
    patcher: Any, waves: list[Wave], entry_ids: frozenset[str], metadata: dict[str, str]
) -> None:
    """Hands patches to a clone, in order; one call per wave, since each call lists all weights."""
    for wave in waves:
        patcher.add_patches(
            {target: _adapter(value) for target, value in wave.patches.items()}, wave.strength
        )
    patcher.set_attachments(APPLIED, applied_entries(patcher) | entry_ids)
    if metadata:
        patcher.set_attachments("lora_metadata", metadata)  # as the core's loader does


def _adapter(value: Patch | LowRank) -> Any:
    if isinstance(value, Patch):
        return value.value
    alpha = value.scale * value.down.shape[0]  # the host divides by the rank
    weights = (value.up, value.down, alpha, None, None, None)
    return comfy.weight_adapter.LoRAAdapter(set(), weights)
