"""Vectors of the Inspire Pack's `Lora Loader (Block Weight)`, and Impact's `LBW=` text for it.

    inspire:1,0,0.5,R,A,1 0.5;A=4;B=1;seed=5;inverse=1    a vector with its parameters
    LBW=PRESET;A=4;B=1;                                   Impact's form of the same
    %default=0.5,base=1,in1-4=0.25,double=0               by section and number

The first value is for the base: everything outside of the blocks, text encoders too. The others
count the blocks that are *present in the LoRA file*: UNet input, middle and output blocks, then
Flux double and single blocks; `middle_block.0`, `.1` and `.2` are three. A short vector goes on
with its last value, surplus values are ignored. Values separated by blanks go to the weights of
their block one after the other, in the host's order. `R` is random from 0 to 3, `U` from -1.5 to
1.5; `A`, `B` are the parameters (4 and 1), `a`, `b` half of them; `inverse` makes each value
1 - value.

Unlike that pack's node, two blocks of one number at the end of a section and the start of the
next are two blocks here, not one.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...errors import BlockWeightSyntaxError
from .parameters import read_number, split_parameters
from .positional import SECTIONS, InspireSpec, InspireVector
from .reader import Reader, close_to
from .rules import BlockWeights
from .text import PRESET_NAME, find_preset, in_preset, parse_seed
from .values import MAX_WEIGHT

_KEYS = {"A": "A", "B": "B", "seed": "seed", "inverse": "inverse", "LBW": "LBW"}
_PREFIX = re.compile(r"inspire\s*:\s*", re.IGNORECASE)
_ENTRY = re.compile(r"[^,\s]+")
_COMMA = re.compile(r"\s*,\s*")
_BLANK = re.compile(r"[ \t]+(?=[^\s,])")
_ITEM = re.compile(r"(default|base|in|mid|out|double|single)(?:([0-9]+)(?:-([0-9]+))?)?\s*=\s*")
_IS_VECTOR = re.compile(r"(?:[^:,]*:)?\s*(?:[+-]?[0-9.]+|[RrUuAaBb])(?:\s*[ ,:]|$)")


def is_inspire(reader: Reader) -> bool:
    """Whether a text is of this form: it begins with `inspire:`, `LBW=` or `%`."""
    return bool(reader.look(_PREFIX) or reader.look(re.compile(r"LBW\s*=|%")))


def parse_inspire(reader: Reader, presets: Mapping[str, str]) -> BlockWeights:
    """Reads a vector or a `%` text; it gets its meaning from `BlockWeights.named`.

    Raises:
        BlockWeightSyntaxError: with the position and what was expected there.
    """
    text = reader.text
    reader.take(_PREFIX)
    if reader.look(re.compile("%")):
        start, end = reader.position + 1, reader.end
        cut = text.find(";", start, end)
        _, values = split_parameters(reader.part(end if cut < 0 else cut, end), ";", _KEYS)
        spec = reader.part(start, end if cut < 0 else cut)
        return BlockWeights(positional=_spec(spec, _inverse(values)), text=text)
    head, values = split_parameters(reader, ";", _KEYS)
    vector = values.get("LBW", head)
    seed = parse_seed(values["seed"]) if "seed" in values else None
    letters = {
        name: read_number(values[name]) if name in values else value
        for name, value in (("A", 4.0), ("B", 1.0))
    }
    parser = _Vector(letters, _inverse(values), seed)
    return BlockWeights(positional=parser.parse(vector, presets), text=text)


def _inverse(values: Mapping[str, Reader]) -> bool:
    return "inverse" in values and values["inverse"].rest().lower() not in {"", "0", "false"}


@dataclass(slots=True)
class _Vector:
    """Reads one vector. Draws are those of that pack: its entries from the second on, then the
    first, from numpy's generator with the same seed."""

    letters: Mapping[str, float]
    inverse: bool
    seed: int | None

    def parse(self, reader: Reader, presets: Mapping[str, str]) -> InspireVector:
        text = reader.text
        if reader.look(_IS_VECTOR):
            return self._vector(reader, "", text)
        start, match = reader.position, reader.take(PRESET_NAME)
        if match is None or not reader.done:
            raise reader.expected("a vector such as 1,0,0.5,R, or the name of a preset", start)
        label = find_preset(reader, match[0], start, presets)
        content = Reader(presets[label])
        content.take(_PREFIX)
        if not content.look(_IS_VECTOR):
            hint = close_to(label, presets)
            raise reader.expected("a preset that is a vector", start, hint)
        with in_preset(label, start):
            return self._vector(content, label, text)

    def _vector(self, reader: Reader, label: str, text: str) -> InspireVector:
        # Of `LABEL:vector:more` only the middle counts.
        parts = reader.rest().split(":")
        if len(parts) > 1:
            start = reader.position + len(parts[0]) + 1
            label = label or parts[0].strip()
            reader = reader.part(start, start + len(parts[1]))
        words = list(self._words(reader))
        uniform = _numpy_uniform(self.seed) if self.seed is not None else None
        entries = [
            tuple(self._number(reader, word, uniform) for word in entry)
            for entry in (*words[1:], words[0])
        ]
        return InspireVector((entries[-1], *entries[:-1]), _safe_label(label), text)

    def _words(self, reader: Reader) -> Iterator[list[re.Match[str]]]:
        while True:
            entry: list[re.Match[str]] = []
            while not entry or reader.take(_BLANK):
                match = reader.take(_ENTRY)
                if match is None:
                    raise reader.expected("a number, or one of R U A B a b")
                entry.append(match)
            yield entry
            reader.blanks()
            if reader.done:
                return
            if not reader.take(_COMMA):
                raise reader.expected("a comma")

    def _number(
        self, reader: Reader, word: re.Match[str], uniform: Iterator[float] | None
    ) -> float:
        letter = word[0]
        if letter.upper() in self.letters and len(letter) == 1:
            value = self.letters[letter.upper()] / (1 if letter.isupper() else 2)
        elif letter in {"R", "r", "U", "u"}:
            if uniform is None:
                raise needs_seed(reader, word.start(), "; seed=123")
            low, high = (0.0, 3.0) if letter in "Rr" else (-1.5, 1.5)
            value = round(low + (high - low) * next(uniform), 2)
        else:
            part = Reader(reader.text, word.start(), word.end())
            value = read_number(part)
        value = round(1 - value, 6) if self.inverse else value
        if abs(value) > MAX_WEIGHT:
            raise reader.expected(f"a weight from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}", word.start())
        return value


def needs_seed(reader: Reader, position: int, example: str) -> BlockWeightSyntaxError:
    """An error to raise for a random value in a text without a seed."""
    return reader.expected(
        "a seed for the random values", position,
        f"Add a seed, such as {example.strip('; ,')}, at the end of the block weights: the same "
        "seed always gives the same numbers.",
    )  # fmt: skip


def _spec(reader: Reader, inverse: bool) -> InspireSpec:
    default, base = 1.0, None
    items: list[tuple[str, int, int, float]] = []
    text = reader.text
    while not reader.done:
        start, match = reader.position, reader.take(_ITEM)
        if match is None or (match[1] in {"default", "base"} and match[2]):
            raise reader.expected(f"default=, base=, or one of {', '.join(SECTIONS)} with a number",
                                  start)  # fmt: skip
        first = int(match[2] or 0)
        last = int(match[3] or first)
        if match[2] and not 1 <= first <= last:
            raise reader.expected("numbers from 1 on, the smaller one first", match.start(2))
        value = reader.weight()
        if match[1] == "default":
            default = value
        elif match[1] == "base":
            base = value
        else:
            items.append((match[1], first, last, value))
        reader.blanks()
        if not reader.done and not reader.take(_COMMA):
            raise reader.expected("a comma")
    base = default if base is None else base
    if inverse:
        default, base = round(1 - default, 6), round(1 - base, 6)
        items = [(name, first, last, round(1 - value, 6)) for name, first, last, value in items]
    return InspireSpec(default, base, tuple(items), text)


def _safe_label(label: str) -> str:
    """A label without what would read as something else."""
    return re.sub(r"[^\w.+/-]", "_", label)


def _numpy_uniform(seed: int) -> Iterator[float]:
    """The numbers of `numpy.random.seed(seed % 2**31)` and `numpy.random.random()`.

    Both are Mersenne Twister (MT19937) with 53-bit fractions, as Python's own generator; only
    the seeding differs. This is `init_genrand` of Matsumoto and Nishimura's mt19937ar.c.
    """
    state = [seed % 2**31]
    for i in range(1, 624):
        state.append((1812433253 * (state[-1] ^ (state[-1] >> 30)) + i) & 0xFFFFFFFF)
    generator = random.Random()
    generator.setstate((3, (*state, 624), None))
    while True:
        yield generator.random()
