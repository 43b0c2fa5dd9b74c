"""Civitai: models by SHA256 in batches, versions, downloads.

Wire behaviour as read in civitai/civitai at `ebed661` (2026-08-08). Its answers' `downloadUrl` is
only a hint (the batch route answers `https://undefined/...`): URLs are rebuilt from ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import requests

from ..errors import (
    BadResponseError,
    ForbiddenUrlError,
    MarketplaceError,
    NotFoundError,
    UnavailableError,
)
from ..file_names import checked_name
from ..folders import LEGACY_KINDS
from ..identity import SHA256_HEX, ModelIdentity, Source
from ..progress import Cancellation
from ..settings import SOURCES, Settings, origin_of
from .base import Availability
from .civitai_errors import (
    MARKETPLACE,
    login_required,
    message,
    raise_for_download,
    region_blocked,
    unexpected,
)
from .transport import Transport
from .url_policy import UrlPolicy

BATCH = 100
"""Most digests that one by-hash request takes."""

KIND_OF_TYPE = {
    "Checkpoint": "checkpoints", "LORA": "loras", "LoCon": "loras", "DoRA": "loras",
    "VAE": "vae", "TextualInversion": "embeddings", "Hypernetwork": "hypernetworks",
    "Controlnet": "controlnet", "Upscaler": "upscale_models", "UNet": "diffusion_models",
    "TextEncoder": "text_encoders", "CLIP": "text_encoders", "CLIPVision": "clip_vision",
}  # fmt: skip
"""Host folder of a Civitai model type."""

KIND_OF_FILE_TYPE = {
    "VAE": "vae", "Text Encoder": "text_encoders", "Diffusion Model": "diffusion_models",
    "UNet": "diffusion_models", "CLIPVision": "clip_vision", "ControlNet": "controlnet",
}  # fmt: skip
"""Host folder of a file whose own type says more than the model's."""


def download_url(version_id: int, file_id: int | None = None) -> str:
    """The canonical public URL of a file, as locks and `properties.models` carry it."""
    query = f"?fileId={file_id}" if file_id is not None else ""
    return f"{SOURCES[MARKETPLACE].url}/api/download/models/{version_id}{query}"


class Civitai:
    """The Civitai marketplace, or a mirror that speaks its API."""

    kind = MARKETPLACE

    def __init__(self, settings: Settings, cancellation: Cancellation | None = None) -> None:
        own = settings.source(MARKETPLACE)
        self._base = own.url
        self._has_token = own.token is not None
        self._transport = Transport(
            UrlPolicy.of_source(MARKETPLACE, settings),
            token=own.token,
            token_origin=origin_of(own.url),
            cancellation=cancellation,
        )

    def find_sources(self, sha256s: Sequence[str]) -> Mapping[str, tuple[Source, ...]]:
        found: dict[str, tuple[Source, ...]] = dict.fromkeys(sha256s, ())
        wanted = list(found)
        for start in range(0, len(wanted), BATCH):
            batch = [sha256.upper() for sha256 in wanted[start : start + BATCH]]
            versions = self._api("POST", "/api/v1/model-versions/by-hash", json_body=batch)
            if not isinstance(versions, list):
                raise unexpected("by-hash")
            for version in versions:
                for source, sha256 in _sources_in(version):
                    if sha256 in found and not found[sha256]:
                        found[sha256] = (source,)
        return found

    def availability(self, source: Source, sha256: str) -> Availability:
        if source.version_id is None:
            return Availability("unknown", "The lock does not say which version it is.")
        query = f"?modelFileId={source.file_id}" if source.file_id is not None else ""
        try:
            mini = self._api("GET", f"/api/v1/model-versions/mini/{source.version_id}{query}")
        except NotFoundError:
            return Availability("gone", "Civitai does not have it any more.")
        except (MarketplaceError, ForbiddenUrlError) as error:
            return Availability("unknown", f"{error} {error.hint}".strip())
        if not isinstance(mini, dict):
            return Availability("unknown", "Civitai's answer could not be understood.")
        now = _digest(mini, "SHA256")
        if now and now != sha256:
            return Availability("gone", "Civitai now serves another file in its place.")
        if (mini.get("requireAuth") or mini.get("checkPermission")) and not self._has_token:
            refusal = login_required()
            return Availability("login", f"{refusal} {refusal.hint}")
        return Availability("open")

    def resolve(self, version_id: int, file_id: int | None, kind: str | None) -> ModelIdentity:
        version = self._api("GET", f"/api/v1/model-versions/{version_id}")
        if not isinstance(version, dict) or not isinstance(version.get("files"), list):
            raise unexpected("model-versions")
        files = [file for file in version["files"] if isinstance(file, dict)]
        chosen = next(
            (
                file
                for file in files
                if (file.get("id") == file_id if file_id is not None else file.get("primary"))
            ),
            None,
        )
        if chosen is None:
            raise NotFoundError(
                f"Version {version_id} has no such file on Civitai.",
                hint="Open the version's page to see which files it has.",
                marketplace=self.kind,
            )
        return _identity(version, chosen, kind)

    def open_download(self, source: Source, headers: Mapping[str, str]) -> requests.Response:
        if source.version_id is None:
            raise NotFoundError(
                "The source names no Civitai version.", hint="Export the workflow again."
            )
        path = urlsplit(download_url(source.version_id, source.file_id))
        url = f"{self._base}{path.path}" + (f"?{path.query}" if path.query else "")
        response = self._transport.open("GET", url, headers=headers)
        try:
            raise_for_download(response, origin_of(self._base))
        except Exception:
            response.close()
            raise
        return response

    def _api(self, method: str, path: str, *, json_body: Any = None) -> Any:
        status, body = self._transport.json(method, self._base + path, json_body=json_body)
        if status == 404:
            raise NotFoundError(
                "Civitai does not have it.",
                hint="It may be unpublished, or not on Civitai at all.",
                marketplace=self.kind,
                status=status,
            )
        if status == 451:
            raise region_blocked()
        if status >= 400:
            raise BadResponseError(
                f"Civitai refused a request (HTTP {status}): {message(body)}",
                hint="This is a fault in Satchel or a change at Civitai; please report it.",
                marketplace=self.kind,
                status=status,
            )
        return body


def _sources_in(version: Any) -> list[tuple[Source, str]]:
    """Every file of a version body with its digest; null entries and odd files give none."""
    if not isinstance(version, dict) or not isinstance(version.get("id"), int):
        return []
    files = version.get("files")
    found = []
    for file in files if isinstance(files, list) else []:
        sha256 = _digest(file, "SHA256")
        if sha256:
            found.append((_source(version, file), sha256))
    return found


def _digest(file: Any, kind: str) -> str:
    """One of a file's `hashes` in lower case; empty when it has none."""
    hashes = file.get("hashes") if isinstance(file, dict) else None
    return str(hashes.get(kind) or "").lower() if isinstance(hashes, dict) else ""


def _source(version: Mapping[str, Any], file: Mapping[str, Any]) -> Source:
    file_id = file.get("id") if isinstance(file.get("id"), int) else None
    model_id = version.get("modelId")
    return Source(
        kind=Civitai.kind,
        url=download_url(version["id"], file_id),
        air=version.get("air") if isinstance(version.get("air"), str) else None,
        model_id=model_id if isinstance(model_id, int) else None,
        version_id=version["id"],
        file_id=file_id,
    )


def _identity(
    version: Mapping[str, Any], file: Mapping[str, Any], kind: str | None
) -> ModelIdentity:
    sha256 = _digest(file, "SHA256")
    if not SHA256_HEX.match(sha256):
        raise UnavailableError(
            "Civitai has not computed this file's SHA256 yet.", hint="Try again in an hour."
        )
    model_type = str((version.get("model") or {}).get("type"))
    guessed = KIND_OF_FILE_TYPE.get(str(file.get("type"))) or KIND_OF_TYPE.get(model_type)
    if kind is None and guessed is None:
        raise BadResponseError(
            f"Satchel does not know the folder of Civitai's model type {model_type!r}.",
            hint="Say where it belongs, for example with --to loras.",
        )
    autov3 = _digest(file, "AutoV3")[:12]
    return ModelIdentity(
        kind=LEGACY_KINDS.get(kind, kind) if kind else str(guessed),
        name=checked_name(str(file.get("name") or "")),
        sha256=sha256,
        size=None,  # sizeKB is occasionally wrong: the download's own length and hash decide
        autov3=autov3 or None,
        sources=(_source(version, file),),
    )
