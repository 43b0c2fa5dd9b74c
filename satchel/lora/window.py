"""The part of sampling in which a LoRA acts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from ..errors import InvalidInputError

Unit = Literal["fraction", "step"]


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` on, up to but not including `stop`."""

    start: float = 0.0
    stop: float = 1.0
    """In steps, infinity for the end."""
    unit: Unit = "fraction"
    """`fraction`: of sampling, 0 to 1, as the host counts it, by the noise that is left.
    `step`: whole steps, the first one is 0."""

    def __post_init__(self) -> None:
        if not self.start < self.stop:
            raise InvalidInputError(
                f"There is nothing {self.describe()}.",
                hint="Let the stop be larger than the start.",
            )

    @property
    def is_always(self) -> bool:
        """Whether it is all of sampling."""
        return self.start <= 0 and self.stop >= (1 if self.unit == "fraction" else math.inf)

    @property
    def has_beginning(self) -> bool:
        """Whether it holds the first step."""
        return self.start <= 0

    def describe(self) -> str:
        """As a report says it: `from 0.3 to 0.8 of sampling`, `in steps 5 to 11`."""
        if self.unit == "fraction":
            return f"from {self.start:g} to {self.stop:g} of sampling"
        if math.isinf(self.stop):
            return f"from step {self.start + 1:g} on"
        return f"in steps {self.start + 1:g} to {self.stop:g}"

    def within(self, outer: Window) -> Window:
        """The part that lies in `outer` as well.

        Raises:
            InvalidInputError: there is none, or one counts steps and the other fractions.
        """
        if outer.is_always:
            return self
        if self.is_always:
            return outer
        if self.unit != outer.unit:
            raise InvalidInputError(
                f"It acts {self.describe()}, which cannot be combined with a window "
                f"{outer.describe()}: how many steps there will be is not known yet.",
                hint="Give one of the two windows only.",
            )
        start, stop = max(self.start, outer.start), min(self.stop, outer.stop)
        if not start < stop:
            raise InvalidInputError(
                f"It acts {self.describe()}, none of which is {outer.describe()}.",
                hint="Widen one of the two windows.",
            )
        return Window(start, stop, self.unit)

    def keyframes(self) -> list[tuple[float, float]]:
        """(from here on, strength) in its unit; empty if it is always."""
        if self.is_always:
            return []
        before = [(0.0, 0.0)] if self.start > 0 else []
        end = 1 if self.unit == "fraction" else math.inf
        after = [(self.stop, 0.0)] if self.stop < end else []
        return [*before, (self.start, 1.0), *after]


ALWAYS = Window()


def step_window(start: float | None, stop: float | None) -> Window:
    """A window as hako-mikan's extension counts: it acts from step `start` on, the first is 1, and
    no more from step `stop` on.

    sd-webui-lora-block-weight, `lora_block_weight.py`: on from the 0-based step `start - 1`, off
    from `stop - 1`.
    """
    first = 0.0 if start is None else max(0.0, start - 1)
    return Window(first, math.inf if stop is None else stop - 1, "step")
