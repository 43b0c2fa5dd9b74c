"""Civitai's model and version bodies as `PublishedVersion`s.

Shapes as read in civitai/civitai at `ebed661` (2026-08-08), and those of 2023 and 2024. Every field
may be missing, null or of an odd type, and every enum value may be a new one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Literal, get_args

from ..identity import SHA256_HEX, ModelIdentity, Source
from ..references.values import DigestKind
from ..settings import SOURCES
from .fields import count, items, plain_text, table, text, texts
from .records import Preview, PublishedFile, PublishedVersion

MARKETPLACE = "civitai"

KIND_OF_TYPE = {
    "Checkpoint": "checkpoints", "LORA": "loras", "LoCon": "loras", "DoRA": "loras",
    "VAE": "vae", "TextualInversion": "embeddings", "Hypernetwork": "hypernetworks",
    "Controlnet": "controlnet", "Upscaler": "upscale_models", "UNet": "diffusion_models",
    "TextEncoder": "text_encoders", "CLIP": "text_encoders", "CLIPVision": "clip_vision",
}  # fmt: skip
"""Host folder of a Civitai model type."""

KIND_OF_FILE_TYPE = {
    "VAE": "vae", "Text Encoder": "text_encoders", "Diffusion Model": "diffusion_models",
    "UNet": "diffusion_models", "CLIPVision": "clip_vision", "Vision Encoder": "clip_vision",
    "ControlNet": "controlnet", "Upscaler": "upscale_models", "Negative": "embeddings",
    "Enhancement LoRA": "loras",
}  # fmt: skip
"""Host folder of a file whose own type says more than the model's."""

NO_MODEL_FILE = frozenset({"Training Data", "Config", "Archive", "Workflow"})
"""File types that belong in no model folder, whatever the model is."""

PERMISSIONS = ("allowNoCredit", "allowDerivatives", "allowDifferentLicense", "allowCommercialUse")

_OLD_NSFW = {"None": 1, "Soft": 2, "Mature": 4, "X": 8}
"""Levels of pictures as they were named until 2024."""
_LENGTH = {"SHA256": 64, "BLAKE3": 64, "AutoV1": 8, "AutoV2": 10, "AutoV3": 12, "CRC32": 8}


def download_url(version_id: int, file_id: int | None = None) -> str:
    """The canonical public URL of a file, as locks and `properties.models` carry it."""
    query = f"?fileId={file_id}" if file_id is not None else ""
    return f"{SOURCES[MARKETPLACE].url}/api/download/models/{version_id}{query}"


def versions_of_model(model: Any) -> tuple[PublishedVersion, ...]:
    """The versions inside a model's body, newest first as the site has them."""
    versions = items(table(model).get("modelVersions"))
    return tuple(version_of(version, model) for version in versions if count(version.get("id")))


def version_of(version: Mapping[str, Any], model: Mapping[str, Any]) -> PublishedVersion:
    """One version's body; what it does not say is taken from the model's body, if there is one."""
    owner = {**table(version.get("model")), **model}
    model_id = count(version.get("modelId")) or count(model.get("id"))
    version_id = count(version.get("id"))
    status, until = _status(version, owner)
    page = f"{SOURCES[MARKETPLACE].url}/models/{model_id}?modelVersionId={version_id}"
    level = count(version.get("nsfwLevel")) or count(owner.get("nsfwLevel"))
    return PublishedVersion(
        source=MARKETPLACE,
        model_name=text(owner.get("name")),
        version_name=text(version.get("name")),
        model_id=str(model_id or ""),
        version_id=str(version_id or ""),
        page_url=page if model_id else download_url(version_id or 0),
        air=text(version.get("air")),
        model_type=text(owner.get("type")),
        base_model=text(version.get("baseModel")),
        author=text(table(owner.get("creator")).get("username")),
        description=plain_text(version.get("description") or owner.get("description")),
        trigger_words=texts(version.get("trainedWords")),
        tags=texts(owner.get("tags")),
        permissions=tuple(_permissions(owner)),
        nsfw_level=level or (16 if owner.get("nsfw") is True else 0),
        published_at=text(version.get("publishedAt")),
        status=status,
        early_access_until=until,
        previews=tuple(_previews(version.get("images"))),
        files=tuple(_files(version, owner, model_id)),
    )


Status = Literal["open", "early_access", "archived", "taken_down", "gated", "generation_only"]


def _status(version: Mapping[str, Any], owner: Mapping[str, Any]) -> tuple[Status, str]:
    """A version's state, and until when its early access lasts (empty: for ever, or none)."""
    mode = owner.get("mode")
    if mode == "Archived":
        return "archived", ""
    if mode == "TakenDown":
        return "taken_down", ""
    usage = version.get("usageControl")
    if isinstance(usage, str) and usage != "Download":
        return "generation_only", ""
    paid = table(version.get("paidAccess"))
    until = text(paid.get("endsAt")) or text(version.get("earlyAccessDeadline"))
    until = until or text(version.get("earlyAccessEndsAt"))
    if (paid or until or version.get("availability") == "EarlyAccess") and not _is_past(until):
        return "early_access", until
    return "open", ""


def _is_past(moment: str) -> bool:
    try:
        until = datetime.fromisoformat(moment.replace("Z", "+00:00"))
    except ValueError:
        return False
    return until.replace(tzinfo=until.tzinfo or timezone.utc) < datetime.now(timezone.utc)


def _permissions(owner: Mapping[str, Any]) -> Iterable[tuple[str, bool | str]]:
    """Licence flags; commercial use is a list now, and was a text or `{A,B}` before."""
    for name in PERMISSIONS:
        value = owner.get(name)
        if isinstance(value, bool):
            yield name, value
        elif isinstance(value, list):
            yield name, ", ".join(texts(value)) or "None"
        elif isinstance(value, str):
            yield name, ", ".join(part.strip() for part in value.strip("{}").split(",")) or "None"


def _previews(images: Any) -> Iterable[Preview]:
    for image in items(images):
        url = text(image.get("url"))
        if not url.startswith("https://") or image.get("type", "image") not in ("image", "video"):
            continue
        level = count(image.get("nsfwLevel")) or _OLD_NSFW.get(text(image.get("nsfw")), 0)
        yield Preview(
            url,
            "video" if image.get("type") == "video" else "image",
            level,
            count(image.get("width")) or 0,
            count(image.get("height")) or 0,
        )


def _files(
    version: Mapping[str, Any], owner: Mapping[str, Any], model_id: int | None
) -> list[PublishedFile]:
    files = [file_of(file, version, owner, model_id) for file in items(version.get("files"))]
    return sorted(files, key=lambda file: not file.primary)


def file_of(
    file: Mapping[str, Any],
    version: Mapping[str, Any],
    owner: Mapping[str, Any],
    model_id: int | None,
) -> PublishedFile:
    """One of a version's files."""
    digests = published_digests(file)
    by_kind = dict(digests)
    facts = table(file.get("metadata"))
    sha256 = by_kind.get("SHA256", "")
    identity = ModelIdentity(
        kind=_kind(file, owner),
        name=text(file.get("name")),
        sha256=sha256 if SHA256_HEX.match(sha256) else None,
        size=None,  # sizeKB is occasionally wrong: the download's own length and hash decide
        autov3=by_kind.get("AutoV3"),
        sources=(source_of(version, file, model_id),),
    )
    return PublishedFile(
        identity=identity,
        file_type=text(file.get("type")),
        format=text(facts.get("format")),
        precision=text(facts.get("quantType")) or text(facts.get("fp")),
        primary=file.get("primary") is True,
        digests=digests,
        warnings=tuple(_warnings(file)),
        about_bytes=_about_bytes(file.get("sizeKB")),
    )


def _about_bytes(kilobytes: Any) -> int | None:
    is_number = isinstance(kilobytes, (int, float)) and not isinstance(kilobytes, bool)
    return round(kilobytes * 1024) if is_number and 0 <= kilobytes < 1 << 40 else None


def _kind(file: Mapping[str, Any], owner: Mapping[str, Any]) -> str:
    file_type = text(file.get("type"))
    if file_type in NO_MODEL_FILE:
        return ""
    kind = KIND_OF_FILE_TYPE.get(file_type) or KIND_OF_TYPE.get(text(owner.get("type")), "")
    # Nothing loads a GGUF as a whole checkpoint: it holds the diffusion model alone.
    gguf = table(file.get("metadata")).get("format") == "GGUF"
    return "diffusion_models" if gguf and kind == "checkpoints" else kind


def _warnings(file: Mapping[str, Any]) -> Iterable[str]:
    for key, what in (("virusScanResult", "virus scan"), ("pickleScanResult", "pickle scan")):
        result = text(file.get(key))
        if result == "Danger":
            said = " ".join(text(file.get(key.replace("Result", "Message"))).split())[:300]
            yield f"Civitai's {what} found a danger in it" + (f": {said}" if said else ".")
        elif result == "Error":
            yield f"Civitai's {what} of it failed."
        elif result == "Pending":
            yield f"Civitai's {what} of it is not done yet."


def source_of(
    version: Mapping[str, Any], file: Mapping[str, Any], model_id: int | None = None
) -> Source:
    """Where a version's file is fetched."""
    file_id, version_id = count(file.get("id")), count(version.get("id")) or 0
    return Source(
        kind=MARKETPLACE,
        url=download_url(version_id, file_id),
        air=text(version.get("air")) or None,
        model_id=model_id or count(version.get("modelId")),
        version_id=version_id,
        file_id=file_id,
    )


def published_digests(file: Any) -> tuple[tuple[str, str], ...]:
    """(kind, lower-case hex) of a file's `hashes` that can be ones; long AutoV3s are cut to 12."""
    hashes = table(table(file).get("hashes"))
    found = []
    for kind in get_args(DigestKind):
        value = text(hashes.get(kind)).lower()
        if kind == "AutoV3":
            value = value[:12]
        if len(value) == _LENGTH[kind] and all(char in "0123456789abcdef" for char in value):
            found.append((kind, value))
    return tuple(found)
