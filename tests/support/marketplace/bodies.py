"""JSON bodies: which keys each answer shows, in the site's order.

The by-id answer of a model drops nulls and empty arrays from its versions; the list keeps them.
Answers keyed by version show other keys again, and `primary: false` where the others show none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from .values import File, Model, Version, air
from .vocabulary import BASE_MODEL_TYPES, ECOSYSTEMS, FILE_TYPES, MODEL_TYPES

_MODEL = (
    *("id", "name", "description", "allowNoCredit", "allowCommercialUse", "allowDerivatives"),
    *("allowDifferentLicense", "type", "minor", "sfwOnly", "poi", "nsfw", "nsfwLevel", "mode"),
    *("availability", "userId", "baseModels", "cosmetic", "supportsGeneration", "stats"),
    *("creator", "tags"),
)
_VERSION_BY_MODEL_ID = (
    *("id", "index", "name", "baseModel", "baseModelType", "createdAt", "publishedAt", "status"),
    *("flags", "availability", "nsfwLevel", "description", "trainedWords", "vaeId", "covered"),
    *("earlyAccessDeadline", "paidAccess", "stats", "files", "images", "downloadUrl"),
)
_VERSION_IN_LIST = (
    *("id", "index", "name", "baseModel", "baseModelType", "publishedAt", "flags"),
    *("availability", "nsfwLevel", "description", "trainedWords", "vaeId", "earlyAccessDeadline"),
    *("paidAccess", "stats", "supportsGeneration", "files", "images", "downloadUrl"),
)
_VERSION_ALONE = (
    *("id", "modelId", "name", "nsfwLevel", "createdAt", "updatedAt", "status", "publishedAt"),
    *("trainedWords", "trainingStatus", "trainingDetails", "baseModel", "baseModelType"),
    *("description", "uploadType", "usageControl", "licensingFee", "paidAccess", "air", "stats"),
    *("model", "files", "images", "downloadUrl"),
)
_FILE = (
    *("id", "sizeKB", "name", "overrideName", "type", "pickleScanResult", "pickleScanMessage"),
    *("virusScanResult", "virusScanMessage", "scannedAt", "metadata", "hashes"),
)


def model_body(model: Model, base_url: str) -> dict[str, Any] | None:
    """GET /models/{id}; None when versions exist and none of them may be seen."""
    visible = visible_versions(model)
    if model.versions and not visible:
        return None
    versions = []
    for index, version in enumerate(visible):
        fields = _pick(_VERSION_BY_MODEL_ID, _version_of_model(model, version, index, base_url))
        versions.append({key: value for key, value in fields.items() if value not in (None, [])})
    return {**_model_fields(model), "modelVersions": versions}


def list_item(model: Model, base_url: str) -> dict[str, Any]:
    """One element of GET /models."""
    versions = [
        _pick(_VERSION_IN_LIST, _version_of_model(model, version, index, base_url))
        for index, version in enumerate(visible_versions(model))
        if version.fields["availability"] == "Public"
    ]
    return {**_model_fields(model), "modelVersions": versions}


def visible_versions(model: Model) -> list[Version]:
    return [
        version for version in model.versions if version.is_published and has_file(model, version)
    ]


def has_file(model: Model, version: Version) -> bool:
    """A primary file; an archived model's versions keep their place without showing one."""
    return version.primary is not None or model.mode == "Archived"


def version_body(
    model: Model, version: Version, base_url: str, *, by_hash: bool = False
) -> dict[str, Any]:
    """GET /model-versions/{id}, and with `by_hash` the lookups by hash."""
    fields = {**version.fields, "id": version.id, "modelId": model.id, "air": air(model, version)}
    stats = version.fields["stats"]
    fields["stats"] = {key: stats[key] for key in ("downloadCount", "thumbsUpCount")}
    fields["model"] = _pick(("name", "type", "nsfw", "poi", "mode"), model.fields)
    fields["images"] = version.fields.get("imagesWithMeta", version.fields["images"])[:10]
    fields["files"] = [] if model.mode == "Archived" else _alone_files(version, base_url, by_hash)
    if model.mode == "TakenDown":
        fields["images"] = []
    if model.mode != "Archived":
        fields["downloadUrl"] = download_url(version, None, base_url)
    else:
        fields.pop("downloadUrl", None)
    return _pick(_VERSION_ALONE, fields)


def mini_body(
    model: Model, version: Version, file: File, base_url: str, *, by_file: bool, early: bool
) -> dict[str, Any]:
    """GET /model-versions/mini/{id}; `by_file` when the caller named the file."""
    private = version.fields["availability"] == "Private"
    url = f"{base_url}/api/download/models/{version.id}"
    metadata = file.fields["metadata"]
    early_access = {"freeTrialLimit": 5}
    if early and (ends_at := version.fields["paidAccess"]["endsAt"]):
        early_access = {"earlyAccessEndsAt": ends_at, **early_access}
    return {
        "air": air(model, version, file.id if by_file else None),
        "versionName": version.fields["name"],
        "modelName": model.fields["name"],
        "userId": model.fields["userId"],
        "baseModel": version.fields["baseModel"],
        "availability": version.fields["availability"],
        "publishedAt": version.fields["publishedAt"],
        "size": file.fields["sizeKB"],
        "fileType": file.fields["type"],
        "fileName": file.uploaded_name,
        "hashes": file.fields["hashes"],
        "downloadUrls": [f"{url}?fileId={file.id}" if by_file else url],
        **({"format": metadata["format"]} if "format" in metadata else {}),
        "canGenerate": model.fields["supportsGeneration"],
        "isFeatured": False,
        "requireAuth": version.require_login or early or private,
        "checkPermission": early or private,
        **(early_access if early else {}),
        "additionalResourceCharge": False,
        "minor": model.fields["minor"],
        "sfwOnly": model.fields["sfwOnly"],
        "fees": [],
        "payoutEnabled": True,
    }


def download_url(version: Version, file: File | None, base_url: str) -> str:
    """The primary file's URL has no query; the others are told apart by what they are."""
    url = f"{base_url}/api/download/models/{version.id}"
    if file is None or file is version.primary:
        return url
    wanted = {"type": file.fields["type"]}
    if file.fields["type"] != "Training Data":
        metadata = file.fields["metadata"]
        wanted |= {key: metadata.get(key) for key in ("format", "size", "fp", "quantType")}
    pairs = [f"{key}={quote(value, safe='')}" for key, value in wanted.items() if value]
    return f"{url}?{'&'.join(pairs)}"


def enums_body() -> dict[str, list[str]]:
    """GET /enums, over the words the stand-in knows."""
    bases = list(ECOSYSTEMS)
    return {
        "ModelType": list(MODEL_TYPES),
        "ModelFileType": list(FILE_TYPES),
        "ActiveBaseModel": bases,
        "BaseModel": bases,
        "BaseModelType": list(BASE_MODEL_TYPES),
    }


def me_body() -> dict[str, Any]:
    """GET /me with a personal API key."""
    return {
        "id": 771204,
        "username": "brushfox",
        "tier": "free",
        "status": "active",
        "isMember": False,
        "subscriptions": [],
        "tokenScope": 33554431,
        "buzzLimit": None,
        "subject": {"type": "apiKey", "id": 4411203},
    }


def _model_fields(model: Model) -> dict[str, Any]:
    return _pick(_MODEL, {**model.fields, "id": model.id})


def _version_of_model(model: Model, version: Version, index: int, base_url: str) -> dict[str, Any]:
    fields = {**version.fields, "id": version.id, "index": index}
    paid = version.fields["paidAccess"]
    if paid and paid["endsAt"]:
        fields["earlyAccessDeadline"] = paid["endsAt"]
    if model.mode == "TakenDown":
        fields["images"] = []
    if model.mode == "Archived":
        fields.pop("downloadUrl", None)
        return {**fields, "files": []}
    fields["files"] = [
        {
            **_pick(_FILE, {**file.fields, "id": file.id}),
            "downloadUrl": download_url(version, file, base_url),
            **({"primary": True} if file is version.primary else {}),
        }
        for file in version.files
    ]
    fields["downloadUrl"] = download_url(version, None, base_url)
    return fields


def _alone_files(version: Version, base_url: str, by_hash: bool) -> list[dict[str, Any]]:
    files = []
    for file in version.files:
        body = _pick(_FILE, {**file.fields, "id": file.id})
        if not by_hash:
            # Straight from SQL: no override column, and a time without its zone.
            body.pop("overrideName", None)
            body["scannedAt"] = body["scannedAt"] and body["scannedAt"].removesuffix("Z")
        body["primary"] = file is version.primary
        body["downloadUrl"] = download_url(version, file, base_url)
        files.append(body)
    return files


def _pick(keys: tuple[str, ...], fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: fields[key] for key in keys if key in fields}
