"""The right side of an item: a number, a curve along the slots, or a seeded draw."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Literal, TypeAlias

MAX_WEIGHT = 10.0


@dataclass(frozen=True, slots=True)
class Constant:
    """The same number for every slot."""

    number: float

    def __str__(self) -> str:
        return format_number(self.number)


@dataclass(frozen=True, slots=True)
class Curve:
    """From `start` at the first selected slot to `end` at the last one."""

    shape: Literal["linear", "cosine"]
    start: float
    end: float

    def __str__(self) -> str:
        return f"{self.shape}({format_number(self.start)},{format_number(self.end)})"

    def at(self, index: int, count: int) -> float:
        """The weight of slot `index` of `count`; a single slot has the start's."""
        t = index / (count - 1) if count > 1 else 0.0
        if self.shape == "cosine":  # half a wave: flat at both ends
            t = (1 - math.cos(math.pi * t)) / 2
        return round(self.start * (1 - t) + self.end * t, 6)


@dataclass(frozen=True, slots=True)
class Draw:
    """A random number for each slot, evenly spread from `low` to `high`, three decimals."""

    low: float
    high: float

    def __str__(self) -> str:
        return f"random({format_number(self.low)},{format_number(self.high)})"

    def draw(self, seed: int, name: str) -> float:
        """The number for a slot of this name.

        It depends on seed and name alone, so that the other items, the order and the machine
        make no difference: the first 53 bits of SHA-256 of `seed/name`, as a fraction.
        """
        digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
        fraction = (int.from_bytes(digest[:8], "big") >> 11) / 2**53
        return round(self.low + (self.high - self.low) * fraction, 3)


Value: TypeAlias = "Constant | Curve | Draw"


def format_number(number: float) -> str:
    """The shortest text that reads back as the same number."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)
