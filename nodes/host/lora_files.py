"""LoRA files: read, matched with what is connected, and kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
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
from ...satchel.tensors.assemble import assemble, find_alphas
from ...satchel.tensors.loaded_lora import LoadedLora
from ...satchel.tensors.lora_cache import LoraCache, LoraFile
from ...satchel.tensors.lora_reader import SMALL, TensorReader, check_finite, stamp_of
from ...satchel.tensors.patches import Patch, Target, bias_target
from .adapters import host_patch, own_patch

SAFETENSORS_SUFFIXES = frozenset({".safetensors", ".sft"})


@cache
def lora_cache() -> LoraCache:
    """The files that all nodes share."""
    return LoraCache(lora_cache_bytes())


def load_lora(path: Path, key_map: KeyMap) -> tuple[LoadedLora, dict[str, str]]:
    """Matches a LoRA file with what is connected, by its names and shapes.

    Returns the matched LoRA, whose patches are outlines until `realize` reads their tensors, and
    the file's metadata.

    Raises:
        LoraFileError: the file is no model file, or its tensors contradict each other.
        LoraMismatchError: it holds several LoRAs, and nothing says which one is meant.
    """
    file = lora_cache().get(path, lambda: _open_lora(path))
    lora = file.matched(key_map.signature, lambda: _match(path.name, file, key_map))
    return lora, dict(file.metadata)


def _match(file_name: str, file: LoraFile, key_map: KeyMap) -> LoadedLora:
    small = [name for name, tensor in file.tensors.items() if tensor.nbytes <= SMALL]
    lora_cache().complete(file, small)
    raw = dict(file.tensors)
    # The host's converters only rename; the report speaks of the names in the file.
    names = {id(tensor): name for name, tensor in raw.items()}
    tensors = comfy.lora_convert.convert_lora(raw)
    origins = {name: name if name in raw else names.get(id(tensor))
               for name, tensor in tensors.items()}  # fmt: skip
    modules = read_modules({name: tuple(tensor.shape) for name, tensor in tensors.items()})
    modules, other_half, notes = pick_half(modules, key_map.model_file)
    targets = find_targets(modules, key_map)
    used = [module for module in modules if module.name in targets]
    match = _Match(file_name, file, key_map, tensors, origins, used, targets)
    scale_notes = match.find_alphas()
    embeddings = {name for name in raw if name.startswith(EMBEDDING_PREFIX)}
    return LoadedLora(
        frozenset(raw) - embeddings - match.spelled(other_half),
        frozenset(match.spelled(used)),
        {name: targets[module.name]
         for module in used for name in modules_of(match.spelled([module]))},
        match.patches(used),
        (*notes, *scale_notes, *_embedding_note(embeddings)),
        match.realize,
    )  # fmt: skip


@dataclass
class _Match:
    """How one file meets one set of models."""

    file_name: str
    file: LoraFile
    key_map: KeyMap
    tensors: dict[str, torch.Tensor]
    """As the host's converters name them."""
    origins: dict[str, str | None]
    """The same names -> those in the file; None for what a converter made up."""
    used: list[FileModule]
    targets: dict[str, Target]
    """Module name -> target."""
    alphas: dict[str, float] = field(default_factory=dict)
    real: dict[Target, Patch] = field(default_factory=dict)
    """Patches whose tensors have been read."""

    def find_alphas(self) -> list[str]:
        """Finds out all modules' scales; returns notes for the report."""
        self.alphas, notes = find_alphas(
            self.used, self.tensors, self.file.metadata, lambda name: self._read([name])[name]
        )
        return notes

    def realize(self, wanted: Collection[Target]) -> Mapping[Target, Patch]:
        """Patches with their numbers, for these targets at least; reads what is missing."""
        missing = {target for target in wanted if target not in self.real}
        if missing:
            modules = [
                module for module in self.used
                if not missing.isdisjoint(_targets_of(self.targets[module.name]))
            ]  # fmt: skip
            self._read([name for module in modules for name in module.tensors.values()])
            self.real |= self.patches(modules)
        return self.real

    def patches(self, modules: list[FileModule]) -> dict[Target, Patch]:
        """The patches of these modules, as far as their tensors have been read."""
        assembled = assemble(modules, self.targets, self.tensors, self.alphas, self.key_map)
        found = comfy.lora.load_lora(assembled.tensors, assembled.targets, log_missing=False)
        patches = {target: host_patch(target, value) for target, value in found.items()}
        for built in assembled.built:
            if built.target in patches:
                key = key_of(built.target)
                raise LoraFileError(
                    f"{key} is changed under two names.",
                    hint="The file is damaged: get it again, or ask its author.",
                    key=key,
                    name=self.file_name,
                )
            patches[built.target] = own_patch(built)
        return patches

    def spelled(self, modules: list[FileModule]) -> set[str]:
        """The names in the file of all tensors of these modules."""
        named = {self.origins[name] for module in modules for name in module.tensors.values()}
        return {name for name in named if name is not None}

    def _read(self, names: list[str]) -> dict[str, torch.Tensor]:
        origins = {name: origin for name in names if (origin := self.origins[name]) is not None}
        lora_cache().complete(self.file, origins.values())
        self.tensors |= {name: self.file.tensors[origin] for name, origin in origins.items()}
        return self.tensors


def _targets_of(target: Target) -> tuple[Target, Target]:
    """What a module with this target may change."""
    return target, bias_target(target)


def _open_lora(path: Path) -> LoraFile:
    """A file's tensors and metadata; of a safetensors file, only what its header says."""
    try:
        if path.suffix.lower() in SAFETENSORS_SUFFIXES:
            return _outlined(path)
        raw, metadata = comfy.utils.load_torch_file(str(path), safe_load=True, return_metadata=True)
        file = LoraFile(_only_tensors(raw), dict(metadata or {}))
    except (MemoryError, LoraFileError):
        raise
    except SafetensorsHeaderError as error:
        raise _unreadable(path, str(error.details["reason"])) from error
    except Exception as error:  # whatever torch and pickle raise for a broken file
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise _unreadable(path, reason) from error
    check_finite(file.tensors, path.name)
    return file


def _outlined(path: Path) -> LoraFile:
    if _is_pickle(path):
        raise _unreadable(path, "it is a pickle, although its name says safetensors")
    stamp = stamp_of(path.stat())
    header = read_header(path)
    reader = TensorReader(path, header, stamp)
    return LoraFile(reader.outlines(), header.metadata, reader)


def _unreadable(path: Path, reason: str) -> LoraFileError:
    return LoraFileError(
        f"the file cannot be read: {reason.rstrip('.')}.",
        hint="Download it again, or check where it came from.", name=path.name,
    )  # fmt: skip


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
