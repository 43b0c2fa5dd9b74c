"""`NAME.civitai.info` of Civitai Helper and many others: a version's body, as the API answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..catalog.notes import Claim, Note
from ..folders import LocalModel
from ..marketplaces.civitai_records import count, items, published_digests, table, version_of
from ..marketplaces.records import PublishedVersion
from .values import Sidecar, sha256_claims

FORMAT = "civitai.info"


def read(document: Mapping[str, Any], model: LocalModel, written_ns: int) -> Sidecar | None:
    versions = records(document)
    if not versions:
        return None
    return Sidecar(Note(FORMAT), claims_in(document, FORMAT, model, written_ns), versions)


def records(body: Any, owner: Mapping[str, Any] | None = None) -> tuple[PublishedVersion, ...]:
    """The record in a version's body; nothing if it is none."""
    version = table(body)
    if not count(version.get("id")) or not count(version.get("modelId")):
        return ()
    return (version_of(version, owner or {}),)


def claims_in(body: Any, origin: str, model: LocalModel, written_ns: int) -> tuple[Claim, ...]:
    """The SHA256 of the file of a version that has the model's size, if there is just one."""
    fitting = set()
    for file in items(table(body).get("files")):
        sha256 = dict(published_digests(file)).get("SHA256")
        kilobytes = file.get("sizeKB")
        # Steps of 1/1024: the size in bytes comes back but for rounding.
        if sha256 and isinstance(kilobytes, int | float) and abs(kilobytes * 1024 - model.size) < 2:
            fitting.add(sha256)
    if len(fitting) != 1:
        return ()
    return sha256_claims(fitting.pop(), origin, model, written_ns)
