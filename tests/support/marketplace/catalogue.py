"""What the stand-in has to offer, and how a file gets in."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from .defaults import MODEL_DEFAULTS, USER_ID, VERSION_DEFAULTS
from .hashing import civitai_hashes, sha256_hex
from .pictures import ImageHost, Picture
from .recorded import read_enums, read_models
from .values import File, Model, Published, Version, air
from .vocabulary import FORMATS

FIRST_PUBLISHED = datetime(2026, 3, 2, 18, 30, tzinfo=UTC)


class Catalogue:
    """Models by id. Values are replaced whole, so handler threads read without a lock."""

    def __init__(self) -> None:
        self.models: dict[int, Model] = {}
        self.images: dict[int, dict[str, Any]] = {}
        """Bodies of images, by id."""
        self.enums: dict[str, list[str]] | None = None
        self.image_host = ImageHost()
        self._lock = threading.Lock()
        self._published = 0

    def version(self, version_id: int) -> tuple[Model, Version] | None:
        for model in list(self.models.values()):
            for version in model.versions:
                if version.id == version_id:
                    return model, version
        return None

    def files(self) -> Iterator[tuple[Model, Version, File]]:
        for model in list(self.models.values()):
            for version in model.versions:
                for file in version.files:
                    yield model, version, file

    def by_hash(self, kinds: Iterable[str], value: str) -> list[tuple[Model, Version]]:
        """Published versions with such a file, earliest first; once per matching file."""
        wanted = value.upper()
        found = [
            (model, version)
            for model, version, file in self.files()
            if version.is_published
            and any(file.fields["hashes"].get(kind, "").upper() == wanted for kind in kinds)
        ]
        return sorted(found, key=lambda hit: (hit[1].fields["publishedAt"], hit[1].id))

    def publish(
        self,
        path: Path,
        *,
        model_name: str,
        type: str = "LORA",
        base_model: str = "SD 1.5",
        version_name: str = "v1.0",
        file_name: str | None = None,
        trained_words: Sequence[str] = (),
        file_type: str = "Model",
        metadata: Mapping[str, str] | None = None,
        nsfw: bool = False,
        require_login: bool = False,
        early_access_until: str | None = None,
        archived: bool = False,
        taken_down: bool = False,
        downloads_disabled: bool = False,
        private: bool = False,
        unpublished: bool = False,
        pictures: Sequence[Picture] = (),
        description: str = "<p>Published for a test.</p>",
        in_model: Published | None = None,
        in_version: Published | None = None,
    ) -> Published:
        """Offer the file at `path`, as a model of its own unless `in_model` or `in_version`.

        Args:
            path: read again for every download; must not change.
            file_name: as uploaded; percent escapes are decoded in listings, as the site does.
            metadata: `size`, `fp`, `quantType`, beside the `format` that the suffix gives.
            early_access_until: an ISO time with zone, or `permanent`.
            pictures: shown with the version, and served by the image origin.
            in_model: put it into that model, as its newest version.
            in_version: put it into that version, as another file; only the arguments that
                describe the file count then.
        """
        number = self._next_number()
        file = _file(Path(path), number, file_name or path.name, file_type, metadata or {})
        shared = _shared_fields(private, nsfw)
        named = {
            "name": model_name, "type": type, "nsfw": nsfw, "description": description,
        }  # fmt: skip
        model_fields = {**MODEL_DEFAULTS, **shared, **named, **_mode(archived, taken_down)}
        told = {"name": version_name, "baseModel": base_model, "trainedWords": list(trained_words)}
        terms = _terms(unpublished, downloads_disabled, early_access_until)
        images = {"images": [self.image_host.add(picture) for picture in pictures]}
        version_fields = {**VERSION_DEFAULTS, **shared, **_times(number), **told, **terms, **images}
        new_model = Model(1_000_000 + number, model_fields, ())
        new_version = Version(2_000_000 + number, version_fields, (), require_login)
        with self._lock:
            model, version = self._place(new_model, new_version, in_model, in_version)
            version = replace(version, files=(*version.files, file))
            model = self.models[model.id] = _with_version(model, version)
        return _published(model, version, file)

    def _next_number(self) -> int:
        with self._lock:
            self._published += 1
            return self._published

    def _place(
        self,
        new_model: Model,
        new_version: Version,
        in_model: Published | None,
        in_version: Published | None,
    ) -> tuple[Model, Version]:
        """The model and the version that a file goes into: new ones, or those that were named."""
        if in_version is not None:
            model = self.models[in_version.model_id]
            return model, next(v for v in model.versions if v.id == in_version.version_id)
        return (self.models[in_model.model_id] if in_model else new_model), new_version

    def load_fixtures(self, folder: Path) -> None:
        """Add the models of recorded answers; a download of one says `File not found`."""
        models = {model.id: model for model in read_models(folder)}
        with self._lock:
            self.models.update(models)
            self.enums = read_enums(folder) or self.enums


def _file(
    path: Path, number: int, uploaded_name: str, file_type: str, metadata: Mapping[str, str]
) -> File:
    suffix = path.suffix.lower()
    stem = re.sub("[^A-Za-z0-9]", "", path.stem)[:40] or "file"
    seed = hashlib.md5(f"{path}{number}".encode(), usedforsecurity=False).hexdigest()
    size = path.stat().st_size
    fields = {
        "sizeKB": size / 1024,
        "name": unquote(uploaded_name),
        "overrideName": None,
        "type": file_type,
        "pickleScanResult": "Success",
        "pickleScanMessage": "No Pickle imports",
        "virusScanResult": "Success",
        "virusScanMessage": None,
        "scannedAt": "2026-03-02T18:21:07.412Z",
        "metadata": {"format": FORMATS.get(suffix, "Other"), **metadata},
        "hashes": civitai_hashes(path),
    }
    return File(
        3_000_000 + number,
        fields,
        uploaded_name,
        path,
        storage_path=f"/{USER_ID}/model/{stem}.{seed[:4]}{number}{suffix}",
        # The shape of a multipart upload's ETag: opaque, no hash of the content.
        etag=f'"{seed}-{size // (8 << 20) + 1}"',
    )


def _with_version(model: Model, version: Version) -> Model:
    others = [known for known in model.versions if known.id != version.id]
    versions = sorted([*others, version], key=lambda known: -known.id)
    bases = list(dict.fromkeys(known.fields["baseModel"] for known in versions))
    return Model(model.id, {**model.fields, "baseModels": bases}, tuple(versions))


def _published(model: Model, version: Version, file: File) -> Published:
    assert file.path is not None
    hashes = file.fields["hashes"]
    return Published(
        model_id=model.id,
        version_id=version.id,
        file_id=file.id,
        air=air(model, version),
        sha256=hashes["SHA256"] if hashes else sha256_hex(file.path),
        hashes=hashes,
        name=file.fields["name"],
        size=file.path.stat().st_size,
        storage_path=file.storage_path,
    )


def _shared_fields(private: bool, nsfw: bool) -> dict[str, Any]:
    """What a model and its versions have alike."""
    return {
        "availability": "Private" if private else "Public",
        "nsfwLevel": 28 if nsfw else 1,
    }


def _mode(archived: bool, taken_down: bool) -> dict[str, str]:
    """A model that is neither has no such field."""
    if archived:
        return {"mode": "Archived"}
    return {"mode": "TakenDown"} if taken_down else {}


def _terms(
    unpublished: bool, downloads_disabled: bool, early_access_until: str | None
) -> dict[str, Any]:
    """On which terms a version can be had, if at all."""
    return {
        "status": "Unpublished" if unpublished else "Published",
        "usageControl": "Generation" if downloads_disabled else "Download",
        "paidAccess": _paid_access(early_access_until),
    }


def _paid_access(until: str | None) -> dict[str, Any] | None:
    if until is None:
        return None
    permanent = until == "permanent"
    return {"permanent": permanent, "endsAt": None if permanent else until}


def _times(number: int) -> dict[str, str]:
    """Later files are published later, so that the earliest version of a hash is the first."""
    published = FIRST_PUBLISHED + timedelta(minutes=number)
    text = published.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {"createdAt": text, "updatedAt": text, "publishedAt": text}
