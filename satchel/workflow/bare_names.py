"""Models that a text names without their extension: LoRA tags, embeddings, Lora Manager's rows.

    a cat <lora:ink:0.8>, <lyco:style/wash>, (embedding:easyneg:1.2)

`embedding:` is the core's own (comfy/sd1_clip.py); tags are what prompt nodes of many packs read.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath

from ..folders import posix_name, without_extension

_LORA = re.compile(r"(<(?:lora|lyco):\s*)([^:<>\n]{1,500}?)(?=\s*[:>])", re.IGNORECASE)
_EMBEDDING = re.compile(r"((?<![\w./-])embedding:)([^\s,:;|<>()\[\]{}\"']{1,500})", re.IGNORECASE)
_FORMS = (("loras", _LORA), ("embeddings", _EMBEDDING))

CORE_PROMPTS = "CLIPTextEncode"
"""The core's own prompt nodes, whose type begins so, take embeddings and pass tags on as text."""
ROWS_OF = "LoraManager"
"""Node types with this in their name hold rows `{name, strength, ...}` without extensions."""


def names_in_text(text: str, class_type: str) -> Iterator[tuple[str, str]]:
    """(kind, name as written) of each model that a text names."""
    for kind, form in _FORMS:
        if kind == "loras" and class_type.startswith(CORE_PROMPTS):
            continue
        for match in form.finditer(text):
            yield kind, match[2]


def with_names(text: str, names: Mapping[tuple[str, str], str]) -> str:
    """The text with other names in place of (kind, name), all of them in one pass."""
    for kind, form in _FORMS:
        text = form.sub(lambda m, kind=kind: m[1] + names.get((kind, m[2]), m[2]), text)  # type: ignore[misc]
    return text


def match_bare(name: str, names: Collection[str]) -> str | None:
    """The one of the names that a bare name means: as it is, without its extension, or without its
    folders too; None when there is none, or more than one of a kind."""
    wanted = posix_name(name)
    if wanted in names:
        return wanted
    for base in (False, True):
        found = [
            known for known in names
            if wanted == without_extension(PurePosixPath(known).name if base else known)
            or (base and wanted == PurePosixPath(known).name)
        ]  # fmt: skip
        if found:
            return found[0] if len(found) == 1 else None
    return None
