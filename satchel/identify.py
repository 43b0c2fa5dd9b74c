"""What a model file is, from its own bytes: digests, what its header tells, what is published."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .catalog.notes import Claim, Written
from .claims import header_claims
from .errors import ModelNotFoundError
from .examine import SAFETENSORS, examine, facts_of
from .folders import LocalModel
from .hashes import DEFAULT_KINDS, FileDigests, computable, unavailable
from .lora.identify import explain_refusals
from .lora.training import read_training
from .model_info import model_info
from .safetensors_header import read_header
from .workspace import Workspace

if TYPE_CHECKING:
    from .references.values import DigestKind

_NO_FACTS: dict[str, Any] = {
    "architecture": None,
    "candidates": [],
    "dialect": None,
    "algorithm": None,
    "rank": {"min": None, "mode": None, "max": None},
    "trainer": None,
    "trigger_words": [],
    "claimed_base_model": None,
}


def identify_file(
    path: Path,
    workspace: Workspace,
    kinds: Collection[DigestKind] = DEFAULT_KINDS,
    *,
    explain: bool = False,
) -> dict[str, Any]:
    """Facts about one file, in the shape that `satchel identify --json` prints.

    Args:
        kinds: digests to compute beside those that are known.
        explain: adds `ruled_out`, why a LoRA is of no other architecture and in no other dialect.

    Raises:
        ModelNotFoundError: there is no such file.
        SafetensorsHeaderError: a .safetensors file that is none.
        CancelledError: the workspace's work was cancelled.
    """
    if not path.is_file():
        raise ModelNotFoundError(
            f"There is no file {path}.", hint="Check the path.", name=str(path)
        )
    facts: dict[str, Any] = _NO_FACTS
    claims: tuple[Claim, ...] = ()
    resolution: list[int] | None = None
    ruled_out: dict[str, dict[str, str]] = {}
    if path.suffix.lower() in SAFETENSORS:
        header = read_header(path)
        facts, claims = facts_of(header), header_claims(header.metadata)
        resolution = list(read_training(header.metadata).resolution or ()) or None
        ruled_out = explain_refusals(header) if explain else {}
    kind = workspace.folders.kind_of(path)
    model = LocalModel.at(kind or "", path.name, path)
    digests = _digests(model, workspace, kinds)
    workspace.catalog.notes.put_all([Written(model, claims=claims, facts=facts)])
    info = model_info([model], workspace.catalog)[0]
    known = info.to_json()
    return {
        "name": path.name,
        "path": str(path),
        "size": digests.size,
        "sha256": digests.sha256,
        "autov3": digests.autov3,
        "digests": dict(digests.by_kind()),
        "unavailable": dict(unavailable(kinds, digests)),
        "kind": kind or ("loras" if facts["algorithm"] else None),
        **facts,
        "training_resolution": resolution,
        **({"ruled_out": ruled_out} if explain else {}),
        "claims": [
            {"kind": claim.kind, "hex": claim.hex, "origin": claim.origin,
             "true": digests.by_kind().get("AutoV3") == claim.hex}
            for claim in claims
        ],
        "published": None if info.version is None else {
            key: known[key]
            for key in ("identified", "source", "model", "version", "air", "page", "base_model",
                        "trigger_words", "licence", "permissions", "nsfw_level", "status")
        },
    }  # fmt: skip


def _digests(model: LocalModel, workspace: Workspace, kinds: Collection[DigestKind]) -> FileDigests:
    known = workspace.catalog.digests(model)
    wanted = set(computable(kinds, model.size)) - {"AutoV3"}  # which comes with every SHA256
    if known is not None and wanted <= known.by_kind().keys():
        return known
    return examine(
        model, workspace.catalog, {*DEFAULT_KINDS, *kinds},
        report=workspace.report, cancellation=workspace.cancellation,
    )  # fmt: skip
