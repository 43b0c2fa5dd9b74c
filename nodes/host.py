"""The only module that talks to ComfyUI: model folders, server, model patching."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import comfy.hooks
import comfy.lora
import comfy.lora_convert
import comfy.model_patcher
import comfy.utils
import comfy.weight_adapter
import comfyui_version
import folder_paths
import torch
from server import PromptServer

from ..satchel.errors import LoraFileError, SafetensorsHeaderError
from ..satchel.folders import KINDS, LEGACY_KINDS, ModelFolders
from ..satchel.lora.module_names import modules_of
from ..satchel.lora.renames import find_targets
from ..satchel.lora.renames.file_modules import EMBEDDING_PREFIX, FileModule, read_modules
from ..satchel.lora.renames.key_map import MODEL_PREFIX, KeyMap, key_of
from ..satchel.lora.renames.wan22 import pick_half
from ..satchel.safetensors_header import read_header
from ..satchel.settings import lora_cache_bytes
from ..satchel.tensors.adapters import OWN_ADAPTERS, Dora
from ..satchel.tensors.adapters.fused import add_product, adds_in_place
from ..satchel.tensors.assemble import Built, assemble, first_not_finite
from ..satchel.tensors.fuse import PairSum, ScaledPatch, Wave
from ..satchel.tensors.lora_cache import LoraCache, LoraFile
from ..satchel.tensors.patches import DORA_PLACES, Patch, Shape, Target
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

SAFETENSORS_SUFFIXES = frozenset({".safetensors", ".sft"})
APPLIED = "satchel_lora_stack"
"""Attachment of a patcher: ids of the stack entries that its patches come from."""


def lora_names() -> list[str]:
    """All LoRAs that the host lists, with `/`."""
    return [name.replace("\\", "/") for name in folder_paths.get_filename_list("loras")]


def lora_key_map(model: Any, clip: Any) -> KeyMap:
    """The host's names of LoRA modules -> targets, for what is connected."""
    # The host's functions have a mutable default argument: maps of other models would leak in.
    names: dict[str, Target] = {}
    if model is not None:
        names = comfy.lora.model_lora_keys_unet(model.model, names)
    if clip is not None:
        names = comfy.lora.model_lora_keys_clip(clip.cond_stage_model, names)

    @cache
    def shapes() -> dict[str, Shape | None]:
        found = {} if model is None else weight_shapes(model, MODEL_PREFIX)
        return found if clip is None else found | weight_shapes(clip.patcher)

    return KeyMap(names, lambda key: shapes().get(key), _model_file(model))


def _model_file(model: Any) -> str:
    """Name of the file that a model was loaded from; "" where its loader did not say."""
    _, arguments, *_ = getattr(model, "cached_patcher_init", None) or (None, ())
    first = arguments[0] if arguments else ""
    return Path(first).name if isinstance(first, str) else ""


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


@cache
def lora_cache() -> LoraCache:
    """The files that all nodes share."""
    return LoraCache(lora_cache_bytes())


def load_lora(path: Path, key_map: KeyMap) -> tuple[LoadedLora, dict[str, str]]:
    """Reads a LoRA file, unless it is known, and matches it with what is connected.

    Returns the matched LoRA and the file's metadata.

    Raises:
        LoraFileError: the file is no model file, or its tensors contradict each other.
        LoraMismatchError: it holds several LoRAs, and nothing says which one is meant.
    """
    file = lora_cache().get(path, lambda: _read_lora(path))
    lora = file.matched(key_map.signature, lambda: _match(path.name, file, key_map))
    return lora, dict(file.metadata)


def _read_lora(path: Path) -> LoraFile:
    raw, metadata = _read_tensors(path)
    broken = first_not_finite(raw)
    if broken is not None:
        raise LoraFileError(
            f"{broken} holds numbers that are not finite (NaN or infinite).",
            hint="The training broke down or the file is damaged.", key=broken, name=path.name,
        )  # fmt: skip
    return LoraFile(raw, metadata)


def _match(file_name: str, file: LoraFile, key_map: KeyMap) -> LoadedLora:
    raw, metadata = dict(file.tensors), file.metadata
    # The host's converters only rename; the report speaks of the names in the file.
    names = {id(tensor): name for name, tensor in raw.items()}
    tensors = comfy.lora_convert.convert_lora(raw)
    origins = {name: name if name in raw else names.get(id(tensor))
               for name, tensor in tensors.items()}  # fmt: skip
    modules = read_modules({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    modules, other_half, notes = pick_half(modules, key_map.model_file)
    targets = find_targets(modules, key_map)
    assembled = assemble(modules, targets, tensors, metadata, key_map)
    found = comfy.lora.load_lora(assembled.tensors, assembled.targets, log_missing=False)
    patches = {target: _patch(target, value) for target, value in found.items()}
    for built in assembled.built:
        if built.target in patches:
            key = key_of(built.target)
            raise LoraFileError(f"{key} is changed under two names.", key=key, name=file_name)
        patches[built.target] = _own_patch(built)

    def spelled(modules: list[FileModule]) -> set[str]:
        named = {origins[tensor] for module in modules for tensor in module.tensors.values()}
        return {name for name in named if name is not None}

    embeddings = {name for name in raw if name.startswith(EMBEDDING_PREFIX)}
    used = [module for module in modules if module.name in targets]
    return LoadedLora(
        frozenset(raw) - embeddings - spelled(other_half),
        frozenset(spelled(used)),
        {name: targets[module.name] for module in used for name in modules_of(spelled([module]))},
        patches,
        (*notes, *assembled.notes, *_embedding_note(embeddings)),
    )


def _read_tensors(path: Path) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """All tensors of a file, and its metadata."""
    reason = ""
    try:
        if path.suffix.lower() in SAFETENSORS_SUFFIXES:
            if _is_pickle(path):
                raise LoraFileError("it is a pickle, although its name says safetensors")
            read_header(path)  # it explains what is wrong, which the host's loader does not
        raw, metadata = comfy.utils.load_torch_file(str(path), safe_load=True, return_metadata=True)
        return _only_tensors(raw), dict(metadata or {})
    except MemoryError:
        raise
    except SafetensorsHeaderError as error:
        reason, cause = str(error.details["reason"]), error
    except Exception as error:  # whatever torch, pickle and safetensors raise for a broken file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        cause = error
    raise LoraFileError(
        f"the file cannot be read: {reason.rstrip('.')}.",
        hint="Download it again, or check where it came from.", name=path.name,
    ) from cause  # fmt: skip


def _is_pickle(path: Path) -> bool:
    """Whether a file starts as torch.save writes it: a ZIP, or before 2020 a bare pickle."""
    with path.open("rb") as file:
        start = file.read(4)
    return start == b"PK\x03\x04" or (start[:1] == b"\x80" and start[1:2] in b"\x02\x03\x04\x05")


def _only_tensors(raw: dict[str, Any]) -> dict[str, torch.Tensor]:
    """Old pickled files hold plain numbers (alphas) and text beside the tensors."""
    tensors = {}
    for name, value in raw.items():
        if isinstance(value, (int, float)):
            value = torch.tensor(value)
        if isinstance(value, torch.Tensor):
            tensors[name] = value
    return tensors


def _embedding_note(embeddings: set[str]) -> list[str]:
    """OneTrainer's embeddings belong into the embeddings folder; a model cannot take them."""
    names = sorted({name.removeprefix(EMBEDDING_PREFIX).partition(".")[0] for name in embeddings})
    return [f"embeddings in the file, not applied: {', '.join(names)}"] if names else []


def _patch(target: Target, value: Any) -> Patch:
    if not isinstance(value, comfy.weight_adapter.WeightAdapterBase):
        algorithm, weights = value
        return Patch(target, algorithm, tuple(weights), value)
    weights = tuple(value.weights)
    place = DORA_PLACES[value.name]
    if weights[place] is not None:
        inner = (*weights[:place], None, *weights[place + 1 :])
        return Patch(target, value.name, weights, _own_adapter(
            "dora", (value.name, inner, weights[place])
        ))  # fmt: skip
    return Patch(target, value.name, weights, value)


def _own_patch(built: Built) -> Patch:
    if built.algorithm == "diff":
        return Patch(built.target, "diff", built.weights, ("diff", built.weights))
    adapter = _own_adapter(built.algorithm, built.weights)
    return Patch(built.target, built.algorithm, built.weights, adapter)


def _own_adapter(name: str, weights: tuple[Any, ...]) -> Any:
    return _OWN_CLASSES[name](set(), weights)


_OWN_CLASSES: dict[str, type] = {
    own.name: type(own.__name__, (own, comfy.weight_adapter.WeightAdapterBase), {})
    for own in OWN_ADAPTERS
}
"""Satchel's adapters as the host knows adapters."""
Dora.inner_adapters = {adapter.name: adapter for adapter in comfy.weight_adapter.adapters}


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


def _adapter(value: Patch | PairSum) -> Any:
    return value.value if isinstance(value, Patch) else FusedLora(set(), value.weights)


class FusedLora(comfy.weight_adapter.LoRAAdapter):
    """A sum of plain pairs, as the host's own adapter of one pair.

    Takes the host's tuple of weights, or a function that returns it: patching calls that and
    keeps nothing, and only who asks for `weights` (prefetch, bypass) makes it stay.
    """

    @property
    def weights(self) -> Any:
        if callable(self._weights):
            self._weights = self._weights()
        return self._weights

    @weights.setter
    def weights(self, weights: Any) -> None:
        self._weights = weights

    def calculate_shape(self, key: str) -> None:
        return None  # the host's looks into the weights for a reshape

    def calculate_weight(
        self, weight: torch.Tensor, key: str, strength: float, strength_model: float,
        offset: Any, function: Any, *rest: Any, **more: Any,
    ) -> Any:  # fmt: skip
        up, down, alpha = (self._weights() if callable(self._weights) else self._weights)[:3]
        if adds_in_place(weight, up, down, function):
            return add_product(weight, up, down, strength * alpha / down.shape[0])
        return super().calculate_weight(
            weight, key, strength, strength_model, offset, function, *rest, **more
        )


# --- hooks, and pictures ------------------------------------------------------------------------

HookPlan = Callable[[Any, str], list[Wave]]
"""(patcher, "model" or "clip") -> the patches that a hook adds to it."""


class StackHook(comfy.hooks.WeightHook):
    """A weight hook that plans its patches on the model which registers it.

    The core's own hook matches a file with the model at that moment, but gives every weight the
    same strength.
    """

    def __init__(self, plan: HookPlan | None = None) -> None:
        super().__init__()
        self.plan = plan
        """None only while the host clones the hook, which fills in what it made empty."""

    def add_hook_patches(
        self, model: Any, model_options: Any, target_dict: dict[str, Any], registered: Any
    ) -> bool:
        if not self.should_register(model, model_options, target_dict, registered):
            return False
        is_clip = target_dict.get("target") == comfy.hooks.EnumWeightTarget.Clip
        model.add_hook_patches(self, {})  # so that the model knows it even if it changes nothing
        for wave in self.plan(model, "clip" if is_clip else "model"):
            patches = {target: _adapter(value) for target, value in wave.patches.items()}
            model.add_hook_patches(self, patches, wave.strength)
        registered.add(self)
        return True

    def clone(self) -> StackHook:
        clone = super().clone()
        clone.plan = self.plan
        return clone


def stack_hooks(plan: HookPlan, strengths: list[tuple[float, float]], previous: Any) -> Any:
    """A group with one hook behind those of `previous`, which may be None.

    Args:
        strengths: (from this part of sampling on, 0 to 1; the hook's strength); empty for 1.
    """
    group = comfy.hooks.HookGroup()
    group.add(StackHook(plan))
    keyframes = comfy.hooks.HookKeyframeGroup()
    for start, strength in strengths:
        # Without guaranteed steps a keyframe counts only within its part.
        keyframes.add(comfy.hooks.HookKeyframe(strength, start, guarantee_steps=0))
    group.set_keyframes_on_hooks(keyframes)
    return group if previous is None else previous.clone_and_combine(group)


class TextEncoder:
    """As much of a CLIP as can be seen from the patcher that hooks get."""

    def __init__(self, patcher: Any) -> None:
        self.patcher = patcher
        self.cond_stage_model = patcher.model


def dense_change(patcher: Any, item: ScaledPatch) -> torch.Tensor:
    """What one patch adds to its whole weight without other patches, as [out, in * kernel]."""
    key = item.patch.key
    weight, _, convert = comfy.model_patcher.get_key_weight(patcher.model, key)
    backup = patcher.backup.get(key)
    weight = (weight if backup is None else backup.weight).to("cpu", torch.float32, copy=True)
    if convert is not None:
        weight = convert(weight, inplace=True)
    if item.patch.is_additive:
        weight.zero_()  # it does not matter, and the difference is exact
    before = weight.clone()
    target = item.patch.target
    offset, function = (None, None) if isinstance(target, str) else (*target[1:], None)[:2]
    patch = (item.strength, item.patch.value, 1.0, offset, function)
    after = comfy.lora.calculate_weight([patch], weight, key)
    return (after - before).reshape(before.shape[0], -1)


def image_of(width: int, height: int, rgb: bytes) -> torch.Tensor:
    """A picture as the host's IMAGE: [1, height, width, 3], 0 to 1."""
    pixels = torch.frombuffer(bytearray(rgb), dtype=torch.uint8)
    return pixels.reshape(1, height, width, 3).float() / 255
