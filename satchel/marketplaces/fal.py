"""fal: what its trainers made, by the address of a request or of a file.

A trainer answers `{"diffusers_lora_file" or "lora_file": File, "config_file": File, ...}`, for two
experts with `high_noise_lora` beside it; `File` is `{"url", "file_name"?, "file_size"?}`. Requests
are asked with the key, files lie on public addresses that nobody can guess and that expire.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
import yaml

from ..errors import (
    AccessDeniedError,
    BadResponseError,
    ForbiddenUrlError,
    GoneError,
    LoginRequiredError,
    MarketplaceError,
    NotFoundError,
    UnavailableError,
)
from ..file_names import portable_name
from ..identity import ModelIdentity, Source
from ..progress import Cancellation
from ..references.values import Reference, TrainingReference
from ..settings import SOURCES, Settings, origin_of
from .answers import raise_for_overload, read_body
from .base import Availability, TokenState
from .fields import count, items, table, text
from .hub_files import FORMAT_OF_EXTENSION, chosen_file
from .partial import (
    WithoutLookups,
    WithoutSearch,
    availabilities,
    checked,
    trusted_at_first,
)
from .records import PublishedFile, PublishedVersion
from .transport import Transport
from .url_policy import UrlPolicy

MARKETPLACE = "fal"
MAX_CONFIG_BYTES = 256 * 1024

FILES = {
    "diffusers_lora_file": "", "lora_file": "", "low_noise_lora": "low-noise",
    "high_noise_lora": "high-noise",
}  # fmt: skip
"""Members of an answer that are weights, and which expert they are for."""
_TRIGGER_KEYS = ("trigger_word", "trigger_phrase", "instance_prompt")
_GENERIC_SUFFIXES = ("pytorch_lora_weights", "lora", "adapter_model", "weights", "model")


class Fal(WithoutLookups, WithoutSearch):
    """Trainings on fal."""

    kind = MARKETPLACE
    label = "fal"

    def __init__(self, settings: Settings, cancellation: Cancellation | None = None) -> None:
        own = settings.source(MARKETPLACE)
        self._base = own.url
        self._has_token = own.token is not None
        policy = UrlPolicy.of_source(MARKETPLACE, settings)
        # Files are fetched from addresses that a lock may name: never with the key.
        self._files = Transport(policy, cancellation=cancellation)
        self._transport = Transport(
            policy,
            token=own.token,
            token_origin=origin_of(own.url),
            scheme="Key",
            cancellation=cancellation,
        )

    def knows(self, reference: Reference) -> bool:
        return isinstance(reference, TrainingReference) and reference.source == MARKETPLACE

    def versions(self, reference: Reference) -> tuple[PublishedVersion, ...]:
        assert isinstance(reference, TrainingReference), "asked only about what it knows"
        parts = urlsplit(reference.url)
        if origin_of(reference.url) not in (SOURCES[MARKETPLACE].url, origin_of(self._base)):
            name = f"fal-{_telling_part(parts.path)}"
            return (_version("", "", (_file({"url": reference.url}, name),), ()),)
        app, _, request_id = parts.path.strip("/").removesuffix("/status").partition("/requests/")
        result = self._result(f"/{app}/requests/{request_id}" if request_id else parts.path)
        words = self._trigger_words(table(result.get("config_file")).get("url"))
        stem = "-".join([*words[:1], request_id[:8]] if words else ["fal", request_id[:8]])
        found = {
            key: part for key, part in FILES.items() if text(table(result.get(key)).get("url"))
        }
        if "high_noise_lora" in found and "diffusers_lora_file" in found:
            found["diffusers_lora_file"] = "low-noise"
        files = [
            _file(table(result[key]), f"{stem}-{part}" if part else stem, primary=len(found) == 1)
            for key, part in found.items()
        ]
        if not files:
            raise NotFoundError(
                "This request on fal made no LoRA.",
                hint="Give the address of a training's request, or of the file it made.",
                marketplace=MARKETPLACE,
            )
        return (_version(app, request_id, tuple(files), words),)

    def choose(self, versions: Sequence[PublishedVersion], reference: Reference) -> PublishedFile:
        return chosen_file(versions, self.label, f"The request {versions[0].version_id}".strip())

    def availability(self, wanted: Sequence[tuple[Source, str]]) -> Sequence[Availability]:
        return availabilities(self._try, wanted)

    def open_download(self, source: Source, headers: Mapping[str, str]) -> requests.Response:
        response = self._files.open("GET", source.url, headers=headers)
        return checked(response, _raise_for_download)

    def check_token(self) -> TokenState:
        return "unknown" if self._has_token else "unset"

    def _result(self, path: str) -> Mapping[str, Any]:
        status, body, _ = self._transport.json("GET", self._base + path)
        if status == 200 and isinstance(body, dict):
            return body
        raise self._refusal(status, table(body))

    def _refusal(self, status: int, body: Mapping[str, Any]) -> MarketplaceError:
        facts = {"marketplace": MARKETPLACE, "status": status}
        details = items(body.get("detail"))
        said = text(body.get("detail")) or "; ".join(text(one.get("msg")) for one in details)
        said = f" It says: {said[:300]}" if said else ""
        if status in (401, 403):
            error = AccessDeniedError if self._has_token else LoginRequiredError
            return error(
                f"fal does not show this request{' to this key' if self._has_token else ''}.{said}",
                hint="Set a key of the account that trained it: satchel auth set fal, or FAL_KEY in"
                " the server's environment.",
                **facts,
            )
        if status in (202, 400):
            return UnavailableError(
                f"The request on fal is not finished.{said}",
                hint="Try again when the training is done.",
                **facts,
            )
        if status in (404, 410):
            return NotFoundError(
                f"fal has no such request (any more).{said}",
                hint="Results are kept for a limited time. Use the file's own address, or its"
                " copy elsewhere.",
                **facts,
            )
        if status == 422:
            return NotFoundError(
                f"The training on fal failed.{said}", hint="Start it again on fal.", **facts
            )
        return BadResponseError(
            f"fal refused the request (HTTP {status}).{said}",
            hint="This is a fault in Satchel or a change at fal; please report it.",
            **facts,
        )

    def _trigger_words(self, config_url: Any) -> tuple[str, ...]:
        """From the training's settings; a nicety, so that nothing about them is an error."""
        try:
            with self._files.open("GET", text(config_url)) as response:
                body = read_body(response, MAX_CONFIG_BYTES) if response.status_code == 200 else b""
            # JSON, or YAML, of which JSON is a part.
            config = table(yaml.safe_load(body)) if len(body) <= MAX_CONFIG_BYTES else {}
        except (MarketplaceError, ForbiddenUrlError, yaml.YAMLError, ValueError, RecursionError):
            return ()
        words = (" ".join(text(config.get(key)).split()) for key in _TRIGGER_KEYS)
        return tuple(word for word in words if 0 < len(word) <= 80)[:1]

    def _try(self, source: Source, sha256: str) -> str:
        self.open_download(source, {"Range": "bytes=0-0"}).close()
        return ""


def _raise_for_download(response: requests.Response) -> None:
    status = response.status_code
    if status in (200, 206, 416):
        return
    raise_for_overload(response)
    raise GoneError(
        f"fal does not serve the file any more (HTTP {status}): its addresses expire.",
        hint="Download it again from the request's page on fal, or train it again.",
        marketplace=MARKETPLACE,
        status=status,
    )


def _version(
    app: str, request_id: str, files: tuple[PublishedFile, ...], words: tuple[str, ...]
) -> PublishedVersion:
    return PublishedVersion(
        source=MARKETPLACE,
        model_name=PurePosixPath(files[0].identity.name).stem,
        model_id=app,
        version_id=request_id,
        version_name=request_id[:8],
        model_type="lora",
        trigger_words=words,
        files=files,
    )


def _file(facts: Mapping[str, Any], stem: str, *, primary: bool = True) -> PublishedFile:
    url = text(facts.get("url")).partition("?")[0]
    extension = PurePosixPath(urlsplit(url).path).suffix or ".safetensors"
    return PublishedFile(
        ModelIdentity(
            kind="loras",
            name=portable_name(stem.replace("/", "_") + extension),
            size=count(facts.get("file_size")),
            sources=(Source(MARKETPLACE, url),),
        ),
        file_type="Model",
        format=FORMAT_OF_EXTENSION.get(extension.lower(), "Other"),
        primary=primary,
        warnings=(trusted_at_first("fal"),),
    )


def _telling_part(path: str) -> str:
    """What tells this file from others in an address: most files there have the same name."""
    parts = [part for part in unquote(path).split("/") if part]
    stem = PurePosixPath(parts[-1]).stem if parts else ""
    for suffix in _GENERIC_SUFFIXES:
        if stem == suffix:
            return parts[-2] if len(parts) > 1 else stem
        if stem.endswith(f"_{suffix}"):
            return stem.removesuffix(f"_{suffix}")
    return stem or "file"
