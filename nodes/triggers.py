"""Trigger words of LoRAs."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

from comfy_api.latest import io

from ..satchel.errors import CatalogError
from ..satchel.folders import LocalModel, ModelFolders
from ..satchel.known_words import KnownWords, known_words
from ..satchel.lora.rows import NO_LORA
from ..satchel.lora.stack import StackEntry, read_stack
from ..satchel.lora.trigger_words import header_words, merge_words
from . import host
from .planning import LoraStackType, file_stamps, find_lora, find_path, told_to_user
from .workspace import catalog

NONE = "None"
log = logging.getLogger(__name__)


def _catalog_words(path: Path) -> KnownWords:
    """What is known beside the header; nothing if the catalog cannot be used, which must not stop
    a run."""
    try:
        return known_words(LocalModel.at("loras", path.name, path), catalog())
    except CatalogError as error:
        log.warning("Trigger words come from headers only: %s", error)
        return KnownWords()


def _known_before(path: Path) -> tuple[str, ...]:
    return _catalog_words(path).before


def _known_after(path: Path) -> tuple[str, ...]:
    return _catalog_words(path).after


WORD_SOURCES: tuple[Callable[[Path], tuple[str, ...]], ...] = (
    _known_before, header_words, _known_after,
)  # fmt: skip
"""Where words of a file come from, in their order."""


class SatchelTriggerWords(io.ComfyNode):
    """The words that LoRAs were trained with, as text for a prompt."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SatchelTriggerWords",
            display_name="Trigger Words (Satchel)",
            category="Satchel/LoRA",
            description="The trigger words of LoRAs, as your notes, marketplaces and their files"
            " tell them, for a prompt.",
            search_aliases=["lora", "trigger", "activation text", "trained words", "lora keywords"],
            inputs=[
                LoraStackType.Input(
                    "lora_stack", optional=True, tooltip="LoRAs whose words are wanted."
                ),
                io.Combo.Input(
                    "lora", options=[NONE, *host.lora_names()], default=NONE, optional=True,
                    tooltip="One more LoRA, after those of the stack.",
                ),
                io.String.Input(
                    "extra", default="", optional=True, multiline=True,
                    tooltip="Words of your own, separated by commas; they come first.",
                ),
                io.String.Input(
                    "exclude", default="", optional=True, multiline=True,
                    tooltip="Words to leave out, separated by commas.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "words", display_name="words",
                    tooltip="All words, each once, separated by commas.",
                ),
                io.String.Output(
                    "per_lora", display_name="per LoRA",
                    tooltip="One line for each LoRA: its name and its own words.",
                ),
            ],
        )  # fmt: skip

    @classmethod
    def validate_inputs(cls, lora: str | None = None) -> bool:
        """Either separator in a name is fine, and a missing file gets a helpful sentence."""
        with told_to_user():
            for entry in _chosen(lora):
                find_lora(entry, host.model_folders())
        return True

    @classmethod
    def fingerprint_inputs(
        cls, lora_stack: Any = None, lora: str | None = None, **texts: Any
    ) -> Any:
        return file_stamps(_chosen(lora))

    @classmethod
    def execute(
        cls, lora_stack: Any = None, lora: str = NONE, extra: str = "", exclude: str = ""
    ) -> io.NodeOutput:
        folders = host.model_folders()
        with told_to_user():
            entries = [*read_stack(lora_stack), *_chosen(lora)]
            words = [_words(entry, folders) for entry in entries]
        lines = [
            f"{entry.name}: {_line(entry, own, exclude)}"
            for entry, own in zip(entries, words, strict=True)
        ]
        together = merge_words([[extra], *filter(None, words)], [exclude])
        return io.NodeOutput(", ".join(together), "\n".join(lines))


def _chosen(lora: str | None) -> list[StackEntry]:
    """The combo's LoRA."""
    if lora is None or lora in NO_LORA:
        return []
    return [StackEntry("lora", lora.replace("\\", "/"), 1.0, 1.0, "", "")]


def _words(entry: StackEntry, folders: ModelFolders) -> tuple[str, ...] | None:
    """The words in an entry's file, and none for a LoRA that is in the stack without any strength;
    None if the file is missing and to be skipped then."""
    path = find_path(entry, folders)
    if path is None:
        return None
    if _is_off(entry):
        return ()
    with entry.named():
        return tuple(word for source in WORD_SOURCES for word in source(path))


def _line(entry: StackEntry, words: tuple[str, ...] | None, exclude: str) -> str:
    if words is None:
        return "(SKIPPED: its file is missing)"
    if _is_off(entry):
        return "(off: both its strengths are 0)"
    if not words:
        return "(none are known)"
    return ", ".join(merge_words([words], [exclude])) or "(all are excluded)"


def _is_off(entry: StackEntry) -> bool:
    return entry.strength_model == 0 and entry.strength_clip == 0


TRIGGER_NODES: list[type[io.ComfyNode]] = [SatchelTriggerWords]
