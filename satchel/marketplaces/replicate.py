"""Replicate: what its trainers made, by the address of a training or of its weights.

`GET /v1/trainings/{id}` -> `{status, input, output: {version: "owner/name:id", weights: url}}`
(https://replicate.com/docs/reference/http#trainings.get). Weights are a tar that is public to
whoever knows its address; `satchel.archives` takes the one safetensors file out of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from ..archives import is_archive_url
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
from ..settings import Settings, origin_of
from .answers import raise_for_overload
from .base import Availability, TokenState
from .fields import table, text
from .hub_files import chosen_file
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

MARKETPLACE = "replicate"
SITE = "https://replicate.com"
TOKEN_HINT = (
    "Set a token of the account that trained it: satchel auth set replicate, or"
    " REPLICATE_API_TOKEN in the server's environment."
)
_UNFINISHED = frozenset({"starting", "processing", "queued"})


class Replicate(WithoutLookups, WithoutSearch):
    """Trainings on Replicate."""

    kind = MARKETPLACE
    label = "Replicate"

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
            cancellation=cancellation,
        )

    def knows(self, reference: Reference) -> bool:
        return isinstance(reference, TrainingReference) and reference.source == MARKETPLACE

    def versions(self, reference: Reference) -> tuple[PublishedVersion, ...]:
        assert isinstance(reference, TrainingReference), "asked only about what it knows"
        segments = [part for part in urlsplit(reference.url).path.split("/") if part]
        if is_archive_url(reference.url) or segments[-1].endswith(".safetensors"):
            stem = f"replicate-{segments[-2]}" if len(segments) > 1 else "replicate"
            return (_version(reference.url, stem),)
        training = next((b for a, b in pairwise(segments) if a in ("trainings", "p")), None)
        if training is not None:
            return (self._training(training),)
        owner_and_name = "/".join(segments[:2])
        url = f"{reference.url.rstrip('/').removesuffix('/_weights')}/_weights"
        version = segments[3] if segments[2:3] == ["versions"] and len(segments) > 3 else ""
        stem = "-".join(part for part in (*segments[1:2], version[:8]) if part)
        return (_version(self._weights_url(url), stem, model_id=owner_and_name, version=version),)

    def choose(self, versions: Sequence[PublishedVersion], reference: Reference) -> PublishedFile:
        return chosen_file(versions, self.label, "The training")

    def availability(self, wanted: Sequence[tuple[Source, str]]) -> Sequence[Availability]:
        return availabilities(self._try, wanted)

    def open_download(self, source: Source, headers: Mapping[str, str]) -> requests.Response:
        response = self._files.open("GET", source.url, headers=headers)
        return checked(response, _raise_for_download)

    def check_token(self) -> TokenState:
        if not self._has_token:
            return "unset"
        try:
            status = self._transport.json("GET", f"{self._base}/v1/account").status
        except (MarketplaceError, ForbiddenUrlError):
            return "unknown"
        return "accepted" if status == 200 else "refused" if status == 401 else "unknown"

    def _training(self, training_id: str) -> PublishedVersion:
        url = f"{self._base}/v1/trainings/{quote(training_id, safe='')}"
        status, body, _ = self._transport.json("GET", url)
        if status >= 400 or not isinstance(body, dict):
            raise self._refusal(status, table(body))
        state, output = text(body.get("status")), table(body.get("output"))
        facts = {"marketplace": MARKETPLACE, "status": state}
        if state in _UNFINISHED:
            raise UnavailableError(
                f"The training on Replicate is not finished ({state}).",
                hint="Try again when it is done.",
                **facts,
            )
        made, _, version = text(output.get("version")).partition(":")
        weights = text(output.get("weights"))
        if not weights and made and version:
            weights = self._weights_url(f"{SITE}/{made}/versions/{version}/_weights")
        if state != "succeeded" or not weights:
            reason = text(body.get("error")) or f"it is {state or 'in an unknown state'}"
            raise NotFoundError(
                f"The training on Replicate made no weights: {reason[:300]}",
                hint=f"Look at it on {SITE}/p/{training_id} .",
                **facts,
            )
        trigger = text(table(body.get("input")).get("trigger_word"))
        name = made.rpartition("/")[2] or trigger
        stem = "-".join(part for part in (name or "replicate", version or training_id) if part)
        return _version(
            weights,
            stem if not version else f"{name}-{version[:8]}",
            model_id=made,
            version=version or training_id,
            trigger=trigger,
            published_at=text(body.get("completed_at")),
        )

    def _weights_url(self, url: str) -> str:
        """Where a model's weights lie: its page redirects there."""
        with self._files.open("GET", url, headers={"Range": "bytes=0-0"}) as response:
            _raise_for_download(response)
            found = (response.url or "").partition("?")[0]
        if not is_archive_url(found):
            raise NotFoundError(
                "This model on Replicate has no weights to download.",
                hint="Only what was trained there has; for private models use the training's id.",
                marketplace=MARKETPLACE,
            )
        return found

    def _refusal(self, status: int, body: Mapping[str, Any]) -> MarketplaceError:
        facts = {"marketplace": MARKETPLACE, "status": status}
        said = text(body.get("detail"))
        said = f" It says: {said[:300]}" if said else ""
        if status == 401:
            sentence = "Replicate does not accept the token that is set."
            return LoginRequiredError(
                sentence if self._has_token else "Replicate asks for a login.",
                hint=TOKEN_HINT,
                **facts,
            )
        if status == 403:
            return AccessDeniedError(
                f"Replicate does not show this training to this account.{said}",
                hint=TOKEN_HINT,
                **facts,
            )
        if status == 404:
            return NotFoundError(
                "Replicate has no such training, or it belongs to another account.",
                hint=f"Check its id. {TOKEN_HINT}",
                **facts,
            )
        return BadResponseError(
            f"Replicate refused the request (HTTP {status}).{said}",
            hint="This is a fault in Satchel or a change at Replicate; please report it.",
            **facts,
        )

    def _try(self, source: Source, sha256: str) -> str:
        self.open_download(source, {"Range": "bytes=0-0"}).close()
        return ""


def _raise_for_download(response: requests.Response) -> None:
    status, content = response.status_code, response.headers.get("Content-Type", "")
    if status == 416 or (status in (200, 206) and "text/html" not in content):
        return
    raise_for_overload(response)
    raise GoneError(
        f"Replicate does not serve these weights (any more; HTTP {status}).",
        hint="Look at the training on Replicate: outputs are deleted after a while, and private"
        " models are shown to their account only.",
        marketplace=MARKETPLACE,
        status=status,
    )


def _version(
    url: str,
    stem: str,
    *,
    model_id: str = "",
    version: str = "",
    trigger: str = "",
    published_at: str = "",
) -> PublishedVersion:
    file = PublishedFile(
        ModelIdentity(
            kind="loras",
            name=portable_name(f"{stem.replace('/', '_')}.safetensors"),
            sources=(Source(MARKETPLACE, url),),
        ),
        file_type="Archive" if is_archive_url(url) else "Model",
        format="SafeTensor",
        primary=True,
        warnings=(trusted_at_first("Replicate"),),
    )
    return PublishedVersion(
        source=MARKETPLACE,
        model_name=PurePosixPath(file.identity.name).stem,
        version_name=version[:8],
        model_id=model_id,
        version_id=version,
        page_url=f"{SITE}/{model_id}" if model_id else "",
        model_type="lora",
        trigger_words=(trigger,) if trigger else (),
        published_at=published_at,
        files=(file,),
    )
