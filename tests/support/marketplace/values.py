"""The values the marketplace holds: models, versions, files; and how the site picks and names them.

`fields` hold JSON values under the site's own key names, the union over all of its answers; which
of them an answer shows is decided in `bodies`. So published files and recorded bodies are alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .vocabulary import AIR_TYPES, ECOSYSTEMS, PRIMARY_FILE_TYPES


@dataclass(frozen=True, slots=True)
class File:
    id: int
    fields: Mapping[str, Any]
    uploaded_name: str
    path: Path | None = None
    """None for a file of a recorded body: listed, but nothing to download."""
    storage_path: str = ""
    etag: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    id: int
    fields: Mapping[str, Any]
    files: tuple[File, ...]
    require_login: bool = False

    @property
    def is_published(self) -> bool:
        return self.fields["status"] == "Published"

    def choose_file(
        self, preferences: Mapping[str, str], file_type: str | None = None
    ) -> File | None:
        """The file the site takes for `preferences` (format, size, fp, quantType)."""
        eligible = [file for file in self.files if file.fields["type"] != "Training Data"]
        if file_type is not None:
            eligible = [file for file in self.files if file.fields["type"] == file_type]
        return max(eligible, key=lambda file: _file_score(file, preferences), default=None)

    @property
    def primary(self) -> File | None:
        """As a recorded body says, else what the site would choose."""
        recorded = (file for file in self.files if file.fields.get("primary"))
        return next(recorded, None) or self.choose_file({})


@dataclass(frozen=True, slots=True)
class Model:
    id: int
    fields: Mapping[str, Any]
    versions: tuple[Version, ...]
    """Newest first."""

    @property
    def mode(self) -> str | None:
        return self.fields.get("mode")


@dataclass(frozen=True, slots=True)
class Published:
    """What a test needs to know of a file it published."""

    model_id: int
    version_id: int
    file_id: int
    air: str
    sha256: str
    """Upper case, of the file on disk."""
    hashes: Mapping[str, str]
    """As the site lists them; empty when its scanner would have failed."""
    name: str
    size: int
    storage_path: str


def air(model: Model, version: Version, file_id: int | None = None) -> str:
    """`urn:air:{ecosystem}:{type}:civitai:{model}@{version}[+{file}]`, as the site writes it."""
    base_model = version.fields["baseModel"]
    ecosystem = ECOSYSTEMS.get(base_model, base_model.lower())
    kind = AIR_TYPES.get(model.fields["type"], "unknown")
    if version.primary is not None:
        overrides = {"Diffusion Model": "diffusionmodel", "UNet": "unet"}
        kind = overrides.get(version.primary.fields["type"], kind)
    suffix = f"+{file_id}" if file_id else ""
    return f"urn:air:{ecosystem}:{kind}:civitai:{model.id}@{version.id}{suffix}"


def _file_score(file: File, preferences: Mapping[str, str]) -> float:
    wanted = {"format": "SafeTensor", "size": "pruned", "fp": "fp16", "quantType": "Q4_K_M"}
    wanted.update(preferences)
    weights = {"format": 100, "size": 10, "fp": 1, "quantType": 0.5}
    score = 1000 if file.fields["type"] in PRIMARY_FILE_TYPES else 0
    metadata = file.fields["metadata"]
    return score + sum(weights[key] for key in weights if metadata.get(key) == wanted[key])
