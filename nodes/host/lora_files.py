"""LoRA files: read, matched with what is connected, and kept."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import comfy.lora
import comfy.lora_convert
import comfy.utils
import torch

from ...satchel.errors import LoraFileError, SafetensorsHeaderError
from ...satchel.lora.module_names import modules_of
from ...satchel.lora.renames import find_targets
from ...satchel.lora.renames.file_modules import EMBEDDING_PREFIX, FileModule, read_modules
from ...satchel.lora.renames.key_map import KeyMap, key_of
from ...satchel.lora.renames.wan22 import pick_half
from ...satchel.safetensors_header import read_header
from ...satchel.settings import lora_cache_bytes
from ...satchel.tensors.assemble import assemble, first_not_finite
from ...satchel.tensors.lora_cache import LoraCache, LoraFile
from ...satchel.tensors.plan import LoadedLora
from .adapters import host_patch, own_patch

SAFETENSORS_SUFFIXES = frozenset({".safetensors", ".sft"})


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
    patches = {target: host_patch(target, value) for target, value in found.items()}
    for built in assembled.built:
        if built.target in patches:
            key = key_of(built.target)
            raise LoraFileError(f"{key} is changed under two names.", key=key, name=file_name)
        patches[built.target] = own_patch(built)

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
