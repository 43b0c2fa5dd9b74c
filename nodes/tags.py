"""LoRA tags of a prompt as stack entries."""

from __future__ import annotations

import uuid

from ..satchel.errors import InvalidInputError
from ..satchel.lora.lora_names import match_name
from ..satchel.lora.prompt_tags import DIALECTS, Dialect, PromptTag, find_tags
from ..satchel.lora.stack import StackEntry
from . import host
from .planning import with_presets_written_out


def entries_of_prompt(prompt: str, dialect: str) -> list[StackEntry]:
    """The LoRAs that a prompt names, in its order.

    Raises:
        SatchelError: about the first tag that is malformed or whose LoRA is not there.
    """
    tags = find_tags(prompt, read_dialect(dialect))
    names = set(host.lora_names()) if tags else set()
    return with_presets_written_out(
        [_entry(number, tag, names) for number, tag in enumerate(tags, 1)]
    )


def _entry(number: int, tag: PromptTag, names: set[str]) -> StackEntry:
    label = f"Tag {number} (character {tag.start + 1})"
    name = match_name(tag.name, names, label)
    return StackEntry(
        label, name, tag.strength_model, tag.strength_clip, tag.blocks, uuid.uuid4().hex, tag.window
    )


def read_dialect(value: str) -> Dialect:
    """
    Raises:
        InvalidInputError: there is no such dialect.
    """
    for known in DIALECTS:
        if known == value:
            return known
    raise InvalidInputError(f"dialect is {value!r}; it must be one of {', '.join(DIALECTS)}.")
