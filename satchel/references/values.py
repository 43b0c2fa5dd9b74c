"""What a text can name: one frozen value per way of naming a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

DigestKind = Literal["SHA256", "AutoV1", "AutoV2", "AutoV3", "BLAKE3", "CRC32"]
"""Names as the marketplaces write them; `satchel.hashes` says what each one covers."""


@dataclass(frozen=True, slots=True)
class DigestReference:
    """A bare digest. Only SHA256 and BLAKE3 name one file beyond doubt."""

    kind: DigestKind
    hex: str
    """Lower case."""
    also: tuple[DigestKind, ...] = ()
    """What else a digest of that length may be, when the text does not say its kind."""

    @property
    def kinds(self) -> tuple[DigestKind, ...]:
        """All that it may be, likeliest first."""
        return (self.kind, *self.also)


@dataclass(frozen=True, slots=True)
class CivitaiReference:
    """A model page, one of its versions or one of their files; at least one id is set."""

    model_id: int | None = None
    version_id: int | None = None
    file_id: int | None = None
    image_id: int | None = None
    """An image page, whose resources are meant."""


@dataclass(frozen=True, slots=True)
class HubReference:
    """A repository, folder or file of Hugging Face or ModelScope."""

    source: Literal["huggingface", "modelscope"]
    repository: str
    """`owner/name`, or a single name for old ones."""
    revision: str | None = None
    """Branch, tag, commit or `refs/pr/N`; None is the site's default branch."""
    path: str | None = None
    """Of a file or folder, with `/`; None is the whole repository."""


@dataclass(frozen=True, slots=True)
class ArchiveReference:
    """A CivArchive page: of a digest, or of a model of some platform."""

    sha256: str | None = None
    platform: str | None = None
    model_id: str | None = None
    version_id: str | None = None


@dataclass(frozen=True, slots=True)
class TrainingReference:
    """What a training service made: a request or training of it, or a file that it serves."""

    source: Literal["fal", "replicate"]
    url: str
    """Of the file, or of the answer that names the files; https, without a query."""


@dataclass(frozen=True, slots=True)
class UrlReference:
    """A plain https address of a file; whether it may be opened is decided elsewhere."""

    url: str


@dataclass(frozen=True, slots=True)
class FileNameReference:
    """The name of a local file, with `/` between folders."""

    name: str


Reference: TypeAlias = (
    DigestReference
    | CivitaiReference
    | HubReference
    | ArchiveReference
    | TrainingReference
    | UrlReference
    | FileNameReference
)
