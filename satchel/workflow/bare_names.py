"""Models that a text names without their extension: LoRA tags, embeddings, Lora Manager's rows.

    a cat <lora:ink:0.8>, <lyco:style/wash>, (embedding:easyneg:1.2)

`embedding:` is the core's own (comfy/sd1_clip.py); tags are what prompt nodes of many packs read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath

from ..folders import posix_name, without_extension

# No blank may be matched by two parts of these: a text of blanks would take hours.
_LORA = re.compile(r"<(?:lora|lyco):([^:<>]{1,600})(?=[:>])", re.IGNORECASE)
_EMBEDDING = re.compile(r"(?<![\w./-])embedding:([^\s,:;|<>()\[\]{}\"']{1,500})", re.IGNORECASE)
_FORMS = (("loras", _LORA), ("embeddings", _EMBEDDING))
_MAX_NAME = 500

CORE_PROMPTS = "CLIPTextEncode"
"""The core's own prompt nodes, whose type begins so, take embeddings and pass tags on as text."""
ROWS_OF = "LoraManager"
"""Node types with this in their name hold rows `{name, strength, ...}` without extensions."""


def names_in_text(text: str, class_type: str) -> Iterator[tuple[str, str]]:
    """(kind, name as written) of each model that a text names, each once."""
    for kind, form in _FORMS:
        if kind == "loras" and class_type.startswith(CORE_PROMPTS):
            continue
        for name in dict.fromkeys(map(str.strip, form.findall(text))):
            if _is_name(name):
                yield kind, name


def may_hold_names(text: str) -> bool:
    """Whether it is worth the time to look for names in a text."""
    return len(text) > 7 and ":" in text and ("<" in text or "embedding:" in text.lower())


def with_names(text: str, names: Mapping[tuple[str, str], str]) -> str:
    """The text with other names in place of (kind, name), all of them in one pass."""
    for kind, form in _FORMS:
        text = form.sub(lambda match, kind=kind: _renamed(match, kind, names), text)  # type: ignore[misc]
    return text


def _is_name(text: str) -> bool:
    return 0 < len(text) <= _MAX_NAME and "\n" not in text


def _renamed(match: re.Match[str], kind: str, names: Mapping[tuple[str, str], str]) -> str:
    written = match[1]
    name = written.strip()
    if not _is_name(name):
        return match[0]
    start = match.start(1) - match.start() + len(written) - len(written.lstrip())
    new = names.get((kind, name), name)
    return f"{match[0][:start]}{new}{match[0][start + len(name) :]}"


class BareNames:
    """Names that bare ones are compared with, looked through once."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        self._stems: dict[str, list[str]] = {}
        self._bases: dict[str, list[str]] = {}
        for known in self._names:
            base = PurePosixPath(known).name
            self._stems.setdefault(without_extension(known), []).append(known)
            for form in {base, without_extension(base)}:
                self._bases.setdefault(form, []).append(known)

    def match(self, name: str) -> str | None:
        """The one of the names that a bare name means: as it is, without its extension, or without
        its folders too; None when there is none, or more than one of a kind."""
        wanted = posix_name(name)
        if wanted in self._names:
            return wanted
        found = self._stems.get(wanted) or self._bases.get(wanted) or []
        return found[0] if len(found) == 1 else None
