"""Inspire Pack: Lora Loader (Block Weight), and Make LBW with Apply LBW.

Saved values of the loader: `category_filter, lora_name, strength_model, strength_clip, inverse,
seed, control_after_generate, A, B, preset, block_vector, bypass`; Make LBW has no strengths. The
first releases have no `category_filter` and no `bypass`. The preset menu only fills in the vector:
its values are whole lines, `NAME:vector`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ...errors import BlockWeightSyntaxError, ConversionError
from ...lora.weights import parse_block_weights
from .nodes import (
    CLIP,
    MODEL,
    NewNode,
    Pack,
    Row,
    SavedNode,
    Surroundings,
    as_number,
    constant,
    lora_name,
    strength,
    within_range,
)

_LOADER = "LoraLoaderBlockWeight //Inspire"
_MAKE = "MakeLBW //Inspire"
_APPLY = "ApplyLBW //Inspire"
_CONTROLS = ("fixed", "increment", "decrement", "randomize")
_LETTERS = {"A": 4.0, "B": 1.0}
_TAIL = ("A", "B", "preset", "block_vector", "bypass")
_IDLE = frozenset({"category_filter", "preset"})
"""Inputs that do nothing when the graph runs."""


def _loader(node: SavedNode, surroundings: Surroundings) -> NewNode:
    values = node.named(_layout)
    row, notes, idle = _row(values, surroundings)
    row = replace(row, strength_model=strength(values, "strength_model"),
                  strength_clip=strength(values, "strength_clip"))  # fmt: skip
    rows, clamped = within_range([row] if row.lora else [])
    return NewNode(
        {"model": "model", "clip": "clip"},
        (("model", MODEL), ("clip", CLIP), ("populated_vector", None)),
        rows,
        notes=(*notes, *clamped),
        without_effect=_IDLE | idle,
    )


def _apply(node: SavedNode, surroundings: Surroundings) -> NewNode:
    values = node.named(
        lambda saved: dict(zip(("strength_model", "strength_clip"), saved, strict=False))
    )
    link = node.links.get("lbw_model")
    found = node.upstream(link) if link is not None else None
    if found is None or found[1].class_type != _MAKE:
        raise ConversionError(
            "Its lbw_model does not come straight from a Make LBW node.",
            hint="Only what Make LBW says can become a row; its files cannot be read.",
        )
    key, maker = found
    made = maker.named(_layout)
    if linked := {name for name in maker.links if name not in ("model", "clip", *_IDLE)}:
        raise ConversionError(
            f"The input {min(linked)} of its Make LBW comes from another node.",
            hint="Set it on the node itself, then convert again.",
        )
    row, notes, idle = _row(made, surroundings)
    row = replace(row, strength_model=strength(values, "strength_model"),
                  strength_clip=strength(values, "strength_clip"))  # fmt: skip
    rows, clamped = within_range([row] if row.lora else [])
    return NewNode(
        {"model": "model", "clip": "clip"},
        (("MODEL", MODEL), ("CLIP", CLIP)),
        rows,
        notes=(*notes, *clamped),
        without_effect=idle | {"lbw_model"},
        absorbs=key,
    )


def _layout(saved: list[Any]) -> Mapping[str, Any]:
    """Names the values of a loader or a Make LBW of any release."""
    switch = next((at for at, value in enumerate(saved) if isinstance(value, bool)), None)
    if switch is None or not 1 <= switch <= 4 or len(saved) < switch + 2:
        raise ConversionError("Its saved values are not those of any release that is known.")
    names = {1: ("lora_name",), 2: ("category_filter", "lora_name"),
             3: ("lora_name", "strength_model", "strength_clip"),
             4: ("category_filter", "lora_name", "strength_model", "strength_clip")}  # fmt: skip
    rest = saved[switch + 2 :]
    found = dict(zip((*names[switch], "inverse", "seed"), saved, strict=False))
    if rest and rest[0] in _CONTROLS:
        found["control_after_generate"] = rest.pop(0)
    return found | dict(zip(_TAIL, rest, strict=False))


def _row(
    values: Mapping[str, Any], surroundings: Surroundings
) -> tuple[Row, list[str], frozenset[str]]:
    """The row without its strengths, notes, and the inputs that do nothing for this vector."""
    vector = constant(values, "block_vector", "")
    if not isinstance(vector, str) or not vector.strip():
        raise ConversionError("It has no block vector.")
    inverse = constant(values, "inverse", False) is True
    on = constant(values, "bypass", False) is not True
    notes: list[str] = []
    if vector.lstrip().startswith("%"):
        text, ignored = _spec(vector.strip())
        notes += [f"Ignored by that pack, so left out: {item}." for item in ignored]
        used: set[str] = set()
    else:
        text, used = _vector(vector, values, surroundings)
    for letter in sorted(used & set(_LETTERS)):
        value = as_number(letter, constant(values, letter, _LETTERS[letter]))
        text += f";{letter}={value:g}"
    if "seed" in used:
        seed = _seed(constant(values, "seed", 0)) % 2**31  # as that pack does
        text += f";seed={seed}"
        if values.get("control_after_generate", "fixed") != "fixed":
            notes.append(
                f"Its seed changed after each run; it stays {seed} now, and the random weights too."
            )
    text += ";inverse=1" if inverse else ""
    _check(text, surroundings)
    idle = frozenset({*_LETTERS, "seed"} - used)
    return Row(on, lora_name(values.get("lora_name")), 1.0, 1.0, text), notes, idle


def _seed(value: Any) -> int:
    """A whole number of up to 64 bits, which a float would round."""
    return value if isinstance(value, int) else int(as_number("seed", value))


def _vector(
    vector: str, values: Mapping[str, Any], surroundings: Surroundings
) -> tuple[str, set[str]]:
    """A vector in our form, and what of `A`, `B` and `seed` it uses."""
    parts = vector.split(":")
    content = " ".join((parts[1] if len(parts) > 1 else parts[0]).split())
    entries = [entry.strip() for entry in content.split(",")]
    if not all(_ENTRY.fullmatch(entry) for entry in entries):
        content = _preset(entries[0], values, surroundings)
    letters = set(re.findall(r"(?<![\w.])[RrUuAaBb](?![\w.])", content))
    used = {"seed" for letter in letters if letter in "RrUu"}
    return f"inspire:{content}", used | {letter.upper() for letter in letters if letter in "AaBb"}


_ENTRY = re.compile(
    r"(?:-?[0-9]+(?:\.[0-9]+)?|[RrUuAaBb])(?: (?:-?[0-9]+(?:\.[0-9]+)?|[RrUuAaBb]))*"
)


def _preset(name: str, values: Mapping[str, Any], surroundings: Surroundings) -> str:
    """The vector that a preset's name stands for: in the node's own menu, or in a user's files."""
    shown, _, content = str(values.get("preset")).partition(":")
    if shown.strip() == name and content:
        return content.split(":")[0].strip()
    known = surroundings.presets.get(name, "")
    if known.startswith("inspire:"):
        return known.removeprefix("inspire:").strip()
    raise ConversionError(
        f"Its block vector is {name!r}, neither a vector nor a preset that is known here.",
        hint="Copy that pack's lbw-preset.txt into user/__satchel/presets, then convert again.",
    )


_NUMBER = r"=([0-9.]+)"
_SECTION = r"(in|out|mid|double|single)"
_DEFAULT = re.compile(rf"(default|base){_NUMBER}")
_RANGE = re.compile(rf"{_SECTION}([0-9]+)-([0-9]+){_NUMBER}")
_SINGLE = re.compile(rf"{_SECTION}([0-9]+){_NUMBER}")
_WHOLE = re.compile(rf"{_SECTION}{_NUMBER}")


def _spec(text: str) -> tuple[str, list[str]]:
    """A `%` text as that pack reads it: what it ignores is not in it, but listed."""
    kept: list[str] = []
    ignored: list[str] = []
    for item in (item.strip() for item in text[1:].split(",")):
        read = next(_spec_item(item), "")
        (kept if read else ignored).append(read or item)
    return "%" + (",".join(kept) or "default=1"), [item for item in ignored if item]


def _spec_item(item: str) -> Iterator[str]:
    """One item in its plain form; nothing if it has no effect."""
    if match := _DEFAULT.match(item) or _WHOLE.match(item):
        yield f"{match[1]}={match[2]}"
    elif match := _RANGE.match(item):
        first, last = max(1, int(match[2])), int(match[3])
        if first <= last:
            yield f"{match[1]}{first}-{last}={match[4]}"
    elif (match := _SINGLE.match(item)) and int(match[2]) > 0:
        yield f"{match[1]}{int(match[2])}={match[3]}"


def _check(text: str, surroundings: Surroundings) -> None:
    try:
        parse_block_weights(text, surroundings.presets)
    except BlockWeightSyntaxError as error:
        raise ConversionError(
            f"Its block vector has no counterpart here. {error}", hint=error.hint
        ) from error


_FILES = "Block-weighted LoRA files of that pack cannot be read."

PACK = Pack(
    "Inspire Pack",
    {_LOADER: _loader, _APPLY: _apply},
    refused={
        _MAKE: "It makes an LBW_MODEL, which only Apply LBW of that pack takes.",
        "LoadLBW //Inspire": _FILES,
        "SaveLBW //Inspire": _FILES,
    },
)
