"""Which file of a Civitai page is meant, and what to say when several are."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import AmbiguousReferenceError
from ..references.values import CivitaiReference
from .records import PublishedFile, PublishedVersion

_NOISE = re.compile(r"(?<![a-z])(high|low)(?:[_ -]?noise)?(?![a-z])", re.IGNORECASE)


def candidates(version: PublishedVersion, reference: CivitaiReference) -> list[PublishedFile]:
    """The files of a version that a reference may mean."""
    if reference.file_id is not None:
        return [f for f in version.files if f.identity.sources[0].file_id == reference.file_id]
    primary = [file for file in version.files if file.primary]
    sides = {match[1].lower(): file for file in version.files if (match := _side(file))}
    if len(sides) == 2 and any(file in primary for file in sides.values()):
        return list(sides.values())
    return primary


def _side(file: PublishedFile) -> re.Match[str] | None:
    """High or low noise: the two halves of a LoRA for Wan 2.2, of which one alone is half."""
    return _NOISE.search(file.identity.name) if file.identity.kind == "loras" else None


def ambiguous(
    versions: Sequence[PublishedVersion], files: Sequence[PublishedFile]
) -> AmbiguousReferenceError:
    pair = len(versions) == 1
    names = []
    for file in files:
        version = next(one for one in versions if file in one.files)
        name = file.identity.name if pair else f"{version.model_name} {version.version_name}"
        names.append(f"{file.identity.sources[0].url} ({name})")
    return AmbiguousReferenceError(
        f"It means {len(files)} files on Civitai: "
        + ("the two halves of a pair." if pair else "of several versions or models."),
        hint="Name one of them:\n" + "\n".join(names[:20]),
        files=[file.identity.sources[0].url for file in files],
    )
