"""What marketplaces tell about models, in one shape for all of them.

Everything here is untrusted text from the net: names, descriptions and words are shown as text,
never as markup, and file names go through `satchel.file_names` before they reach a disk.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Literal

from ..identity import ModelIdentity

MATURE = 4
"""The first bit of Civitai's NSFW level (R) that is not for everybody."""

SortOrder = Literal["relevance", "downloads", "newest", "rating"]


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """One file as a marketplace offers it."""

    identity: ModelIdentity
    """Kind, the name as it is published (not yet checked), digests as far as they are published,
    and this source. `kind` is empty when nothing tells the folder."""
    file_type: str = ""
    """The marketplace's own word: `Model`, `VAE`, `Training Data`, ..."""
    format: str = ""
    """`SafeTensor`, `GGUF`, `PickleTensor`, ..."""
    precision: str = ""
    """`fp16`, `bf16`, `fp8`, `Q4_K_M`, ..."""
    primary: bool = False
    """Whether it is what the page's own download button gives."""
    digests: tuple[tuple[str, str], ...] = ()
    """(kind, lower-case hex) of every digest that is published."""
    warnings: tuple[str, ...] = ()
    """Sentences: a failed virus or pickle scan, a login, a deadline."""
    about_bytes: int | None = None
    """The size that is told where it is only roughly right: for people, never for a check."""

    def to_json(self) -> dict[str, Any]:
        return {
            **self.identity.to_json(),
            "file_type": self.file_type,
            "format": self.format,
            "precision": self.precision,
            "primary": self.primary,
            "digests": dict(self.digests),
            "warnings": list(self.warnings),
            "about_bytes": self.about_bytes,
        }


@dataclass(frozen=True, slots=True)
class PublishedVersion:
    """One version of a model, with its files: what a page, a card or a catalog row shows."""

    source: str
    """`Source.kind`."""
    model_name: str
    version_name: str = ""
    model_id: str = ""
    version_id: str = ""
    page_url: str = ""
    air: str = ""
    model_type: str = ""
    """The marketplace's own word: `LORA`, `Checkpoint`, ..."""
    base_model: str = ""
    """As the marketplace writes it; unknown strings pass through."""
    author: str = ""
    description: str = ""
    """Plain text: markup is removed."""
    trigger_words: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    licence: str = ""
    """A licence's id (Hugging Face), or empty where flags say it."""
    permissions: tuple[tuple[str, bool | str], ...] = ()
    """Civitai's licence flags, by their API names."""
    nsfw_level: int = 0
    """Civitai's bit mask (PG 1, PG13 2, R 4, X 8, XXX 16, blocked 32); 0: not rated."""
    published_at: str = ""
    """ISO 8601, or empty."""
    status: Literal[
        "open", "early_access", "archived", "taken_down", "gated", "generation_only"
    ] = "open"
    early_access_until: str = ""
    previews: tuple[Preview, ...] = ()
    files: tuple[PublishedFile, ...] = field(default=())
    """The primary one first."""

    def to_json(self) -> dict[str, Any]:
        value = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        value |= {key: list(value[key]) for key in ("trigger_words", "tags")}
        return {
            **value,
            "permissions": dict(self.permissions),
            "previews": [preview.to_json() for preview in self.previews],
            "files": [file.to_json() for file in self.files],
        }


@dataclass(frozen=True, slots=True)
class Preview:
    """A picture or video of what a model makes."""

    url: str
    type: Literal["image", "video"] = "image"
    nsfw_level: int = 0
    width: int = 0
    height: int = 0

    def to_json(self) -> dict[str, Any]:
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """What to look for; empty fields do not restrict."""

    text: str = ""
    kinds: tuple[str, ...] = ()
    """Host folder names."""
    base_models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    author: str = ""
    nsfw: bool = False
    sort: SortOrder = "relevance"
    limit: int = 20
    cursor: str = ""
    """`SearchPage.cursor` of the page before; the source's own, opaque text."""


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Newest matching version of each model found; may be empty and still have a next page."""

    versions: tuple[PublishedVersion, ...]
    cursor: str = ""
    """Empty when there is no next page."""
