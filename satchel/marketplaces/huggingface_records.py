"""Hugging Face's model and tree bodies as `PublishedVersion`s.

Shapes: https://huggingface.co/docs/hub/api and huggingface_hub 1.29. A file's SHA256 is `lfs.oid`
in trees and `lfs.sha256` in a model's `siblings`; `oid` and `blobId` are git's SHA1 of the pointer
or the file, and `xetHash` is a Merkle hash: neither is a digest of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from ..folders import MODEL_EXTENSIONS
from ..identity import SHA256_HEX, ModelIdentity, Source
from ..settings import SOURCES
from .fields import count, items, table, text, texts
from .hub_files import FORMAT_OF_EXTENSION, file_url, kind_of, name_of, primary_path
from .records import Preview, PublishedFile, PublishedVersion

MARKETPLACE = "huggingface"
SITE = SOURCES[MARKETPLACE].url
DEFAULT_BRANCH = "main"
ADULT_TAG = "not-for-all-audiences"

_TECHNICAL_TAGS = ("base_model:", "license:", "region:", "arxiv:", "dataset:", "doi:", "language:")
_UNSAFE = frozenset({"unsafe", "suspicious"})
_NO_DIGEST = (
    "Hugging Face publishes no SHA256 for it, as it is stored without LFS:"
    " what arrives first is trusted."
)


def version_of(
    info: Mapping[str, Any],
    entries: Iterable[Mapping[str, Any]],
    *,
    revision: str = "",
    named_path: str | None = None,
    warnings: tuple[str, ...] = (),
) -> PublishedVersion:
    """A repository at a commit.

    Args:
        info: the model's body.
        entries: of its tree, its `paths-info` or its `siblings`.
        revision: as it was asked for.
        named_path: the file that was asked for; it is listed whatever its format.
        warnings: sentences for every file.
    """
    repository, commit = text(info.get("id")), text(info.get("sha"))
    card, tags = table(info.get("cardData")), texts(info.get("tags"))
    facts = _model_files(entries, named_path)
    primary = named_path if named_path in facts else primary_path(facts)
    is_lora = "lora" in tags
    files = [
        _file(repository, commit, path, entry, is_lora, path == primary, warnings)
        for path, entry in facts.items()
    ]
    gated, disabled = info.get("gated") not in (False, None), info.get("disabled") is True
    return PublishedVersion(
        source=MARKETPLACE,
        model_name=repository.rpartition("/")[2],
        version_name=revision or commit[:8],
        model_id=repository,
        version_id=commit,
        page_url=f"{SITE}/{repository}",
        model_type="lora" if is_lora else text(info.get("pipeline_tag")),
        base_model=_base_model(card, tags),
        author=text(info.get("author")) or repository.partition("/")[0],
        trigger_words=texts(card.get("instance_prompt")) or _one(card.get("instance_prompt")),
        tags=tuple(tag for tag in tags if not tag.startswith(_TECHNICAL_TAGS)),
        licence=_licence(card, tags),
        published_at=text(info.get("lastModified")) or text(info.get("createdAt")),
        status="taken_down" if disabled else "gated" if gated else "open",
        previews=_previews(info, repository, commit),
        files=tuple(sorted(files, key=lambda file: not file.primary)),
    )


def _model_files(
    entries: Iterable[Mapping[str, Any]], named_path: str | None
) -> dict[str, Mapping[str, Any]]:
    """The entries of model files, and of the file that was asked for, by path."""
    found = {
        text(entry.get("path")) or text(entry.get("rfilename")): entry
        for entry in entries
        if entry.get("type") != "directory"
    }
    return {
        path: entry
        for path, entry in found.items()
        if path == named_path or PurePosixPath(path).suffix.lower() in MODEL_EXTENSIONS
    }


def sha256_of(entry: Mapping[str, Any]) -> str | None:
    """A file's SHA256 as a tree or a model's body has it; None for what is not in LFS."""
    lfs = table(entry.get("lfs"))
    digest = (text(lfs.get("oid")) or text(lfs.get("sha256"))).lower()
    return digest if SHA256_HEX.match(digest) else None


def _file(
    repository: str,
    commit: str,
    path: str,
    entry: Mapping[str, Any],
    is_lora: bool,
    primary: bool,
    warnings: tuple[str, ...],
) -> PublishedFile:
    sha256 = sha256_of(entry)
    scan = text(table(entry.get("securityFileStatus")).get("status"))
    if scan in _UNSAFE:
        warnings += (f"Hugging Face's own scan calls it {scan}.",)
    if sha256 is None and "oid" in entry:  # siblings without blobs have no digests at all
        warnings += (_NO_DIGEST,)
    source = Source(MARKETPLACE, file_url(SITE, repository, commit or DEFAULT_BRANCH, path))
    return PublishedFile(
        ModelIdentity(
            kind=kind_of(path, is_lora=is_lora),
            name=name_of(repository, path),
            sha256=sha256,
            size=count(entry.get("size")),
            sources=(source,),
        ),
        file_type="Model",
        format=FORMAT_OF_EXTENSION.get(PurePosixPath(path).suffix.lower(), "Other"),
        primary=primary,
        digests=(("SHA256", sha256),) if sha256 else (),
        warnings=warnings,
    )


def _base_model(card: Mapping[str, Any], tags: Iterable[str]) -> str:
    named = _one(card.get("base_model")) or texts(card.get("base_model"))
    tagged = [tag.rpartition(":")[2] for tag in tags if tag.startswith("base_model:")]
    return next(iter([*named, *tagged]), "")


def _licence(card: Mapping[str, Any], tags: Iterable[str]) -> str:
    named = _one(card.get("license")) or texts(card.get("license"))
    tagged = [tag.partition(":")[2] for tag in tags if tag.startswith("license:")]
    licence = next(iter([*named, *tagged]), "")
    return text(card.get("license_name")) or licence if licence == "other" else licence


def _one(value: Any) -> tuple[str, ...]:
    return (text(value),) if text(value) else ()


def _previews(info: Mapping[str, Any], repository: str, commit: str) -> tuple[Preview, ...]:
    """The pictures of a card's gallery; some name a file of the repository, some a URL."""
    found = []
    for example in items(info.get("widgetData")):
        url = text(table(example.get("output")).get("url"))
        if url and "://" not in url:
            url = file_url(SITE, repository, commit, url.removeprefix("./"))
        if url.startswith("https://"):
            is_video = url.lower().endswith((".mp4", ".webm"))
            found.append(Preview(url, "video" if is_video else "image"))
    return tuple(found)
