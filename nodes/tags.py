"""LoRA tags of a prompt as stack entries."""

from __future__ import annotations

import uuid
from typing import TypeVar

from ..satchel.errors import InvalidInputError, ModelNotFoundError
from ..satchel.folders import posix_name
from ..satchel.lora.lora_names import match_name
from ..satchel.lora.prompt_tags import DIALECTS, Dialect, PromptTag, find_tags
from ..satchel.lora.rows import ON_MISMATCH, OnMismatch
from ..satchel.lora.stack import StackEntry
from . import host
from .planning import with_presets_written_out

Choice = TypeVar("Choice", bound=str)


def entries_of_prompt(prompt: str, dialect: str, on_mismatch: str = "stop") -> list[StackEntry]:
    """The LoRAs that a prompt names, in its order.

    Args:
        on_mismatch: what all of them do that are missing or do not fit.

    Raises:
        SatchelError: about the first tag that is malformed or whose LoRA is not there.
    """
    what = _read(ON_MISMATCH, "on_mismatch", on_mismatch)
    tags = find_tags(prompt, read_dialect(dialect))
    names = set(host.lora_names()) if tags else set()
    return with_presets_written_out(
        [_entry(number, tag, names, what) for number, tag in enumerate(tags, 1)]
    )


def _entry(number: int, tag: PromptTag, names: set[str], on_mismatch: OnMismatch) -> StackEntry:
    label = f"Tag {number} (character {tag.start + 1})"
    try:
        name = match_name(tag.name, names, label)
    except ModelNotFoundError:
        if on_mismatch == "stop":
            raise
        name = posix_name(tag.name)
    return StackEntry(
        label, name, tag.strength_model, tag.strength_clip, tag.blocks, uuid.uuid4().hex,
        tag.window, on_mismatch,
    )  # fmt: skip


def read_dialect(value: str) -> Dialect:
    """A dialect by its name; InvalidInputError if there is none."""
    return _read(DIALECTS, "dialect", value)


def _read(choices: tuple[Choice, ...], field: str, value: str) -> Choice:
    for known in choices:
        if known == value:
            return known
    raise InvalidInputError(
        f"{field} is {value!r}; it must be one of {', '.join(choices)}.",
        hint="Choose one of them in the node.",
    )
