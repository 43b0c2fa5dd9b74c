"""Pictures that people and other programs keep beside model files; found here, never opened.

Names: `NAME.preview.png` (A1111's web UI, Civitai Helper), `NAME.png` (rgthree-comfy,
ComfyUI-Lora-Manager and others), with the endings of the formats that pages can show.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from .errors import ModelNotFoundError
from .folders import MODEL_EXTENSIONS, LocalModel, ModelFolders

_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
ENDINGS = tuple(middle + suffix for middle in (".preview", "") for suffix in _PICTURES)
"""What follows a model's name without its own ending; the first that is there counts."""
MAX_BYTES = 64 * 1024 * 1024
"""Larger ones are no previews."""


def previews_beside(models: Iterable[LocalModel]) -> dict[LocalModel, int]:
    """The models that have a preview, with the time of its last change in milliseconds.

    Lists each folder once.
    """
    listings: dict[Path, Mapping[str, os.DirEntry[str]]] = {}
    found: dict[LocalModel, int] = {}
    for model in models:
        folder = model.path.parent
        if folder not in listings:
            listings[folder] = _pictures_in(folder)
        listing = listings[folder]
        names = _names(model.path.name) if listing else ()
        stamps = (_stamp(listing[name]) for name in names if name in listing)
        stamp = next((stamp for stamp in stamps if stamp is not None), None)
        if stamp is not None:
            found[model] = stamp
    return found


def find_preview(kind: str, name: str, folders: ModelFolders) -> Path:
    """The picture of one model.

    It lies in the very folder that the model lies in, however that is reached: a link in there
    that leads out is not followed.

    Raises:
        ModelNotFoundError: there is no such model, or no picture beside it.
    """
    model = folders.find(kind, name)
    if model is not None and PurePosixPath(model.name).suffix.lower() in MODEL_EXTENSIONS:
        listing = _pictures_in(model.path.parent)
        for wanted in _names(model.path.name):
            if wanted in listing and _stamp(listing[wanted]) is not None:
                return Path(listing[wanted].path)
    raise ModelNotFoundError(
        f"{name!r} has no preview in the {kind} folders.",
        hint="Put a picture of the same name beside the model file, such as NAME.preview.png.",
        name=name,
        directory=kind,
    )


def _names(model: str) -> list[str]:
    stem = PurePosixPath(model).stem.lower()
    return [stem + ending for ending in ENDINGS]


def _pictures_in(folder: Path) -> Mapping[str, os.DirEntry[str]]:
    """Pictures by their names in lower case; nothing if the folder cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return {
                entry.name.lower(): entry
                for entry in entries
                if entry.name.lower().endswith(_PICTURES)
            }
    except OSError:
        return {}


def _stamp(entry: os.DirEntry[str]) -> int | None:
    """When a picture was changed; None for what is none, such as a link that leads elsewhere."""
    try:
        status = entry.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            return None
        if entry.is_symlink():
            folder, target = os.path.split(os.path.realpath(entry.path))
            if folder != os.path.realpath(os.path.dirname(entry.path)):
                return None
            if not target.lower().endswith(_PICTURES):
                return None
    except OSError:
        return None
    return status.st_mtime_ns // 1_000_000
