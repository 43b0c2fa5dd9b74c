"""Block weights: how strongly a LoRA acts on each slot of a model.

The canonical text is described in `block_weights/text.py`. The forms that other packs use are read
as well, told by how they begin:

    1,0,0,0,1,...    a number and a comma, or lbw=: hako-mikan's (`block_weights/hako_mikan.py`)
    inspire:, LBW=, %                              Inspire's (`block_weights/inspire.py`)

Everything else is the canonical form.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import BlockWeightSyntaxError
from .block_weights.hako_mikan import is_hako_mikan, parse_hako_mikan
from .block_weights.inspire import is_inspire, needs_seed, parse_inspire
from .block_weights.reader import Reader
from .block_weights.rules import BlockWeights, Rule, SlotWeights
from .block_weights.slots import Place, Slot, describe_slots, parse_slot
from .block_weights.text import format_block_weights, parse_text
from .presets import builtin_presets

__all__ = [
    "BlockWeights", "Place", "Rule", "Slot", "SlotWeights", "compose", "describe_slots",
    "embed_presets", "format_block_weights", "parse_block_weights", "parse_slot",
]  # fmt: skip


def parse_block_weights(text: str, presets: Mapping[str, str] | None = None) -> BlockWeights:
    """Reads block weights in any form; the slots' names are checked later, against a model.

    Args:
        presets: name -> text of the presets to know; None means those that ship with Satchel.

    Raises:
        BlockWeightSyntaxError: with the position and what was expected there.
    """
    reader = Reader(text).part(0, len(text))
    weights = _parse(reader, builtin_presets() if presets is None else presets)
    if weights.is_random and weights.seed is None:
        drawn = next(rule for rule in weights.rules if rule.is_random)
        raise needs_seed(Reader(text), drawn.position, "seed=123")
    return weights


def embed_presets(
    text: str, presets: Mapping[str, str], known: Mapping[str, str] | None = None
) -> str:
    """The text with the content of the presets that it names, so that it means the same where
    they are not known; a text that names none stays as it is.

    Args:
        known: presets that are known there; default: none.

    Raises:
        BlockWeightSyntaxError: it is malformed.
    """
    weights = parse_block_weights(text, presets)
    try:
        if parse_block_weights(text, known or {}) == weights:
            return text
    except BlockWeightSyntaxError:  # it needs them
        pass
    return format_block_weights(weights)


def compose(first: str, text: str, seed: int, presets: Mapping[str, str]) -> str:
    """Items in canonical form with a text in any form behind them, as one text.

    Args:
        seed: for random values of a text that has no seed of its own.

    Raises:
        BlockWeightSyntaxError: the text is malformed.
    """
    reader = Reader(text).part(0, len(text))
    weights = _parse(reader, presets)
    canonical = not is_inspire(reader) and not is_hako_mikan(reader)
    needs = weights.is_random and weights.seed is None
    seeded = f"{text}{', ' if canonical else ';'}seed={seed}" if needs else text
    if not first:
        return seeded
    return f"{first}, {seeded}" if canonical else f"{first}, TEXT{{{seeded}}}"


def _parse(reader: Reader, presets: Mapping[str, str]) -> BlockWeights:
    if is_inspire(reader):
        return parse_inspire(reader, presets)
    if is_hako_mikan(reader):
        return parse_hako_mikan(reader, presets)
    return parse_text(reader, presets, _parse)
