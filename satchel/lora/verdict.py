"""Says in a sentence why a LoRA does not fit a model."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .architectures import ARCHITECTURES

_GENERATION = re.compile(r".*?\d[\w.]*")
"""A title up to its version: `FLUX.2` of `FLUX.2 klein 4B`."""
_SHOWN = 3


def mismatch_sentence(
    whole: str, lora: Sequence[str], model: Sequence[str], matched: int, modules: int, parts: str
) -> str:
    """The verdict on a LoRA that does not fit.

    Args:
        whole: what it does not fit, `model` or `CLIP`.
        lora, model: the architectures that each may be for; empty if unknown.
        parts: what became of its modules.
    """
    if not may_carry_over(lora, model):
        return (
            f"trained for {title_of(lora)}, the {whole} is {title_of(model)}: {matched} of "
            f"{modules} modules match; {_carry_over(lora, model)}. Of {modules} modules, {parts}."
        )
    if lora and model:
        told = f", although both are {title_of(lora)}"
    elif lora:
        told = f", it was trained for {title_of(lora)}"
    else:
        told = f", which is {title_of(model)}" if model else ""
    return f"it does not fit the {whole}{told}: of {modules} modules, {parts}."


def may_carry_over(lora: Sequence[str], model: Sequence[str]) -> bool:
    """Whether a LoRA may be for a model, by the architectures that each may be; yes if one of them
    is not known."""
    return not lora or not model or bool(_families(lora) & _families(model))


def title_of(candidates: Sequence[str]) -> str:
    """What architectures are called: `FLUX.2 klein 4B`, `FLUX.1` for several of one kind,
    `A, B or C`."""
    titles = [ARCHITECTURES[id_].title for id_ in candidates]
    if len(titles) > 1:
        titles = list(dict.fromkeys(map(_generation, titles)))
    if len(titles) > _SHOWN:
        return f"{', '.join(titles[:_SHOWN])} or {len(titles) - _SHOWN} others"
    return " or ".join(filter(None, (", ".join(titles[:-1]), titles[-1])))


def _carry_over(lora: Sequence[str], model: Sequence[str]) -> str:
    kinds = [{_generation(ARCHITECTURES[id_].title) for id_ in ids} for ids in (lora, model)]
    if len(kinds[0]) == len(kinds[1]) == 1 and kinds[0] != kinds[1]:
        return f"{kinds[0].pop()} LoRAs do not carry over to {kinds[1].pop()}"
    return f"{title_of(lora)} LoRAs do not carry over to {title_of(model)}"


def _generation(title: str) -> str:
    found = _GENERATION.match(title)
    return found[0] if found else title


def _families(candidates: Sequence[str]) -> set[str]:
    return {ARCHITECTURES[id_].family_id for id_ in candidates}
