"""ComfyUI-Lora-Manager: Lora Loader, Lora Stacker, LoRA Text Loader and TriggerWord Toggle.

Rows are objects `{"name", "strength", "clipStrength", "active"}` in a list that is one of the saved
values: the second of `["<tags>", [rows]]`, or the third of `[{"version": 1}, "<tags>", [rows]]`. An
API graph has them as `{"loras": {"__value__": [rows]}}`. The text with the tags has no say.
Names have no extension and mostly no folder. Early releases padded it with `__dummy_item`s.

A TriggerWord Toggle saves `group_mode, default_active, allow_strength_adjustment, [words], text`
with words `{"text", "active", "strength"}`, and gives the active ones joined by commas.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...errors import ConversionError, InvalidInputError, ModelNotFoundError
from ...lora.lora_names import match_name
from .nodes import (
    CLIP,
    LORA_STACK,
    MODEL,
    PROMPT_NODE,
    TRIGGER_NODE,
    TRIGGER_VALUES,
    TRIGGER_WORDS,
    Link,
    NewNode,
    Pack,
    Row,
    SavedNode,
    Surroundings,
    as_number,
    lora_name,
    within_range,
)

_LOADER_SOCKETS = {"model": "model", "clip": "clip", "lora_stack": "lora_stack"}
_LOADER_OUTPUTS = (
    ("MODEL", MODEL), ("CLIP", CLIP), ("trigger_words", TRIGGER_WORDS), ("loaded_loras", None),
)  # fmt: skip
_STACKER_OUTPUTS = (
    ("LORA_STACK", LORA_STACK), ("trigger_words", TRIGGER_WORDS), ("active_loras", None),
)  # fmt: skip


def _lora_loader(node: SavedNode, surroundings: Surroundings) -> NewNode:
    rows, notes = _rows(node, surroundings)
    return NewNode(_LOADER_SOCKETS, _LOADER_OUTPUTS, rows, notes=notes, without_effect=_TEXT)


def _lora_stacker(node: SavedNode, surroundings: Surroundings) -> NewNode:
    rows, notes = _rows(node, surroundings)
    sockets = {"lora_stack": "lora_stack"}
    return NewNode(sockets, _STACKER_OUTPUTS, rows, notes=notes, without_effect=_TEXT)


_TEXT = frozenset({"text"})


def _text_loader(node: SavedNode, _: Surroundings) -> NewNode:
    values = node.named(lambda saved: {"lora_syntax": saved[0]} if saved else {})
    prompt = values.get("lora_syntax", "")
    if not isinstance(prompt, str | Link):
        raise ConversionError(f"Its lora_syntax is {prompt!r}, which is no text.")
    return NewNode(
        _LOADER_SOCKETS,
        _LOADER_OUTPUTS,
        values={"prompt": prompt, "dialect": "comfy"},
        class_type=PROMPT_NODE,
    )


def _word_toggle(node: SavedNode, _: Surroundings) -> NewNode:
    values = node.named(_words_layout)
    words = _table(values.get("toggle_trigger_words"))
    if words is None:
        raise ConversionError("It has no list of words.")
    grouped = values.get("group_mode", True) is not False
    weighted = values.get("allow_strength_adjustment") is True
    active = [
        _word(word, grouped=grouped, weighted=weighted)
        for word in words
        if word.get("active") and word.get("text")
    ]
    return NewNode(
        {},
        (("filtered_trigger_words", 0),),
        values={**TRIGGER_VALUES, "extra": ", ".join(active)},
        class_type=TRIGGER_NODE,
        notes=(
            "Its words are the ones that were active; they no longer follow the LoRAs. Connect a "
            "LORA_STACK to add the words that files name.",
        ),
        without_effect=frozenset({"trigger_words"}),
    )


def _words_layout(saved: list[Any]) -> dict[str, Any]:
    """The words are the last list: some releases left lists in the places of switches."""
    lists = [value for value in saved if _table(value) is not None]
    return {
        "group_mode": saved[0] if saved else True,
        "allow_strength_adjustment": saved[2] if len(saved) > 2 else False,
        "toggle_trigger_words": lists[-1] if lists else None,
    }


def _word(word: Mapping[str, Any], *, grouped: bool, weighted: bool) -> str:
    text, strength = str(word["text"]).strip(), word.get("strength")
    bare = re.sub(r"^\((.+):[0-9.]+\)$", r"\1", text)
    if not weighted:
        return text if grouped else bare
    if strength is None:
        return text
    return f"({bare}:{as_number(f'strength of {bare}', strength):.2f})"


def _rows(node: SavedNode, surroundings: Surroundings) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    rows, notes = [], []
    for saved in _saved_rows(node):
        name = lora_name(saved.get("name"))
        if not name or isinstance(name, Link):
            notes.append("A row without a name is left out.")
            continue
        name, problem = _file_of(name, surroundings)
        notes += [problem] if problem else []
        model = as_number(f"strength of {name}", saved.get("strength"))
        clip = saved.get("clipStrength")
        clip = model if clip is None else as_number(f"clipStrength of {name}", clip)
        rows.append(Row(saved.get("active") is True, name, model, clip))
    kept, clamped = within_range(rows)
    return kept, (*notes, *clamped)


def _saved_rows(node: SavedNode) -> list[Mapping[str, Any]]:
    """The node's rows.

    Raises:
        ConversionError: there is no list of rows among its values.
    """
    if node.is_api:
        found = [node.inputs.get("loras")]
    elif isinstance(node.widgets, Mapping):
        found = [node.widgets.get("loras")]
    else:
        found = list(node.widgets) if isinstance(node.widgets, list) else []
    for value in found:
        rows = _table(value)
        if rows is not None:
            return [row for row in rows if not _is_padding(row)]
    raise ConversionError("It has no list of LoRAs.")


def _table(value: Any) -> list[Mapping[str, Any]] | None:
    """The value, if it is a list of objects."""
    is_table = isinstance(value, list) and all(isinstance(row, Mapping) for row in value)
    return value if is_table else None


def _is_padding(row: Mapping[str, Any]) -> bool:
    return row.get("_isDummy") is True or str(row.get("name")).startswith("__dummy_item")


def _file_of(name: str, surroundings: Surroundings) -> tuple[str, str]:
    """The file that a name means and an empty text; else the name itself and what is wrong."""
    if surroundings.names is None:
        return name, (
            f"{name}: that pack's names have no extension, and it is not known which files are "
            "here; choose the file in this row."
        )
    try:
        return match_name(name, surroundings.names, "This row"), ""
    except ModelNotFoundError:
        return name, f"{name}: no file here is called so; get it, then choose it in this row."
    except InvalidInputError as error:
        candidates = ", ".join(error.details["candidates"])
        return name, f"{name}: may be {candidates}; choose the file in this row."


_RANDOM = "It chooses its LoRAs anew for each run; the rows of a stack are fixed."

PACK = Pack(
    "ComfyUI-Lora-Manager",
    {
        "Lora Loader (LoraManager)": _lora_loader,
        "Lora Stacker (LoraManager)": _lora_stacker,
        "LoRA Text Loader (LoraManager)": _text_loader,
        "TriggerWord Toggle (LoraManager)": _word_toggle,
    },
    refused={
        "Lora Randomizer (LoraManager)": _RANDOM,
        "Lora Cycler (LoraManager)": _RANDOM,
        "Lora Stack Combiner (LoraManager)": "A LoRA Stack takes one stack; chain them instead.",
    },
)
