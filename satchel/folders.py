"""Model folders: which directories hold which kind of model.

A *kind* is the host's folder name (`loras`, `checkpoints`, `text_encoders`, ...). The host's own
table is injected by the nodes; the command line builds one from `--models`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from .errors import InvalidInputError, ModelNotFoundError

KINDS = (
    "audio_encoders", "background_removal", "checkpoints", "classifiers", "clip_vision",
    "controlnet", "detection", "diffusers", "diffusion_models", "embeddings",
    "frame_interpolation", "geometry_estimation", "gligen", "hypernetworks",
    "latent_upscale_models", "loras", "model_patches", "optical_flow", "photomaker",
    "style_models", "text_encoders", "upscale_models", "vae", "vae_approx",
)  # fmt: skip
"""Folders of ComfyUI 0.30.0 that hold models (its `custom_nodes`, `configs`, ... do not)."""

LEGACY_KINDS = {"unet": "diffusion_models", "clip": "text_encoders", "t2i_adapter": "controlnet"}
"""Old folder names that the host still reads, and the kinds they belong to."""

SAFE_EXTENSIONS = frozenset({".safetensors", ".sft", ".gguf"})
PICKLE_EXTENSIONS = frozenset({".ckpt", ".pt", ".pt2", ".bin", ".pth", ".pkl", ".onnx"})
"""Formats that can run code or are not checked here; `.onnx` is one that Satchel cannot verify."""
MODEL_EXTENSIONS = SAFE_EXTENSIONS | PICKLE_EXTENSIONS


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model file found in a model folder."""

    kind: str
    name: str
    """Path below its root, with `/`."""
    path: Path
    size: int
    mtime_ns: int
    real_path: str = field(default="", compare=False)
    """Where all links end, as the catalog knows it; empty: not looked up yet."""
    file_id: tuple[int, int] = field(default=(0, 0), compare=False)
    """Device and inode; zeros where the system did not say."""

    @property
    def key(self) -> str:
        """The catalog's name of the file: its path behind all links."""
        return self.real_path or str(self.path.resolve())

    @classmethod
    def at(cls, kind: str, name: str, path: Path) -> LocalModel:
        """A file as it is on disk now.

        Raises:
            OSError: it is not there.
        """
        status = path.stat()
        place = (status.st_dev, status.st_ino)
        return cls(kind, name, path, status.st_size, status.st_mtime_ns, file_id=place)


@dataclass(frozen=True, slots=True)
class ModelFolders:
    """Ordered roots per kind, as the host searches them."""

    roots: Mapping[str, tuple[Path, ...]]

    def __contains__(self, kind: object) -> bool:
        return kind in self.roots

    def first_root(self, kind: str) -> Path:
        """The directory that new files of a kind go to: the one named after the kind, if any.

        The host lists `models/unet` before `models/diffusion_models`.
        """
        roots = self.roots[kind]
        return next((root for root in roots if root.name == kind), roots[0])

    def files(self, kinds: Iterable[str] | None = None) -> Iterator[LocalModel]:
        """All model files of the given kinds (all kinds by default), in stable order."""
        for kind in self.roots if kinds is None else kinds:
            seen: set[str] = set()
            for root in self.roots.get(kind, ()):
                for model in _walk(kind, root):
                    # The host shows a name once: the first root wins.
                    if model.name not in seen:
                        seen.add(model.name)
                        yield model

    def find(self, kind: str, name: str) -> LocalModel | None:
        """The file that the host opens for `name`, whichever way its separators lean."""
        relative = posix_name(name)
        parts = PurePosixPath(relative).parts
        if not parts or relative.startswith("/") or ".." in parts or ":" in parts[0]:
            return None
        for root in self.roots.get(kind, ()):
            path = root.joinpath(*parts)
            try:
                status = path.stat()
            except (OSError, ValueError):
                continue
            if stat.S_ISREG(status.st_mode):
                place = (status.st_dev, status.st_ino)
                return LocalModel(
                    kind, relative, path, status.st_size, status.st_mtime_ns, file_id=place
                )
        return None

    def get(self, kind: str, name: str) -> LocalModel:
        """Like `find`, but a missing file is an error.

        Raises:
            ModelNotFoundError: none of the roots has it.
        """
        model = self.find(kind, name)
        if model is None:
            raise ModelNotFoundError(
                f"{name!r} is in none of the {kind} folders.",
                hint="Run Check models, or `satchel plan` on the workflow, to see where to get it.",
                name=name,
                directory=kind,
            )
        return model

    def kind_of(self, path: Path) -> str | None:
        """The kind whose folder a file lies in; the longest root wins."""
        real = path.resolve()
        matches = [
            (len(root.resolve().parts), kind)
            for kind, roots in self.roots.items()
            for root in roots
            if real.is_relative_to(root.resolve())
        ]
        return max(matches)[1] if matches else None


def without_extension(name: str) -> str:
    """A name without its extension, if that is a model's."""
    suffix = PurePosixPath(name).suffix
    return name[: -len(suffix)] if suffix.lower() in MODEL_EXTENSIONS else name


def posix_name(name: str) -> str:
    """A model's name with forward slashes, as locks store it."""
    return name.replace("\\", "/")


def _walk(kind: str, root: Path) -> Iterator[LocalModel]:
    """Model files below a root: those of a folder first, then those of its folders, by name."""
    above: tuple[str, ...] = ()  # real folders on the way here, out of which a link led
    pending = [(str(root), os.path.realpath(root), "", above)]
    while pending:
        directory, real, prefix, above = pending.pop()
        files, folders = _listed(directory)
        for entry in files:
            try:
                status = entry.stat()
                real_path = os.path.realpath(entry.path) if entry.is_symlink() else ""
            except OSError:
                continue  # deleted meanwhile, or a dangling link
            if not stat.S_ISREG(status.st_mode):
                continue  # whoever opened a pipe would wait for ever
            yield LocalModel(
                kind, prefix + entry.name, Path(entry.path), status.st_size, status.st_mtime_ns,
                real_path or os.path.join(real, entry.name), (status.st_dev, status.st_ino),
            )  # fmt: skip
        for folder in reversed(folders):
            target, passed = os.path.join(real, folder.name), above
            if folder.is_symlink():
                target, passed = os.path.realpath(folder.path), (*above, real)
                if any(_leads_back(one, target) for one in passed):
                    continue
            pending.append((folder.path, target, f"{prefix}{folder.name}/", passed))


def _listed(directory: str) -> tuple[list[os.DirEntry[str]], list[os.DirEntry[str]]]:
    """A folder's model files and its visible folders, sorted; nothing if it cannot be read."""
    files: list[os.DirEntry[str]] = []
    folders: list[os.DirEntry[str]] = []
    try:
        with os.scandir(directory) as entries:
            for entry in entries:
                if not _is_text(entry.name):
                    continue  # neither the catalog nor a page could name it
                if os.path.splitext(entry.name)[1].lower() in MODEL_EXTENSIONS:
                    (folders if _is_folder(entry) else files).append(entry)
                elif not entry.name.startswith(".") and _is_folder(entry):
                    folders.append(entry)
    except OSError:
        return [], []
    return sorted(files, key=_entry_name), sorted(folders, key=_entry_name)


def _is_text(name: str) -> bool:
    """Whether a name is Unicode; on Linux it may be any bytes, which Python shows as surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _entry_name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _leads_back(real: str, target: str) -> bool:
    """Whether a link in the folder `real` leads to a folder that it lies in: it would never end."""
    return real == target or real.startswith(target.rstrip(os.sep) + os.sep)


def open_folders(location: Path) -> ModelFolders:
    """Model folders from a models directory, a ComfyUI directory or an extra_model_paths.yaml.

    Raises:
        InvalidInputError: the location is none of the three.
    """
    if location.is_file() and location.suffix.lower() in {".yaml", ".yml"}:
        return _merge(_yaml_tables(location), first=location)
    if not location.is_dir():
        raise InvalidInputError(
            f"{location} is no folder and no extra_model_paths.yaml.",
            hint="Give a models folder, a ComfyUI folder, or an extra_model_paths.yaml.",
        )
    if not (location / "models").is_dir():
        return _merge([(_standard_roots(location), False)])
    tables = [(_standard_roots(location / "models"), False)]
    extra = location / "extra_model_paths.yaml"  # the host reads it from its own folder, too
    if extra.is_file():
        tables += _yaml_tables(extra)
    return _merge(tables)


def _standard_roots(models: Path) -> dict[str, list[Path]]:
    roots = {kind: [models / kind] for kind in KINDS}
    for old, kind in LEGACY_KINDS.items():
        roots[kind].append(models / old)
    return roots


_Table = tuple[dict[str, list[Path]], bool]
"""Roots per kind, and whether they go before those that are already known."""


def _yaml_tables(path: Path) -> list[_Table]:
    import yaml

    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidInputError(f"{path} is not valid YAML.", hint=str(error)) from error
    if not isinstance(document, dict):
        raise InvalidInputError(
            f"{path} holds no table of model paths.",
            hint="Write it as ComfyUI's extra_model_paths.yaml.example shows.",
        )
    return [_yaml_table(path.parent, section) for section in document.values() if section]


def _yaml_table(here: Path, section: Any) -> _Table:
    """One section of the host's extra_model_paths.yaml: `base_path`, `is_default`, the kinds."""
    if not isinstance(section, dict):
        raise InvalidInputError(
            "A section of the model paths file is no table.",
            hint="Write it as ComfyUI's extra_model_paths.yaml.example shows.",
        )
    base = Path(os.path.expandvars(os.path.expanduser(str(section.get("base_path") or ""))))
    base = here / base
    roots: dict[str, list[Path]] = {}
    for key, value in section.items():
        kind = LEGACY_KINDS.get(key, key)
        if kind in KINDS and isinstance(value, str):
            lines = [line.strip() for line in value.splitlines() if line.strip()]
            roots.setdefault(kind, []).extend(base / line for line in lines)
    return roots, bool(section.get("is_default"))


def _merge(tables: list[_Table], first: Path | None = None) -> ModelFolders:
    merged: dict[str, list[Path]] = {}
    for table, before in tables:
        for kind, roots in table.items():
            known = merged.setdefault(kind, [])
            # The host puts each of them in front of the last.
            known[:] = [*reversed(roots), *known] if before else [*known, *roots]
    if not merged:
        raise InvalidInputError(
            f"{first} names no model folder.",
            hint="Use --models with the folder of ComfyUI, or its models folder.",
        )
    return ModelFolders({kind: tuple(dict.fromkeys(roots)) for kind, roots in merged.items()})
