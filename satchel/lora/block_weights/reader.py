"""A place in a text that is being read, and the error that names it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from ...errors import BlockWeightSyntaxError
from .values import MAX_WEIGHT

NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?![\w.])")
_BLANKS = re.compile(r"\s*")


@dataclass(slots=True)
class Reader:
    """Reads `text` from `position` up to `end`."""

    text: str
    position: int = 0
    end: int = -1
    """-1 until it is set: the end of the text."""

    def __post_init__(self) -> None:
        if self.end < 0:
            self.end = len(self.text)

    @property
    def done(self) -> bool:
        return self.position >= self.end

    def part(self, start: int, end: int) -> Reader:
        """A reader of a part of the same text, without the blanks around it."""
        part = self.text[start:end]
        return Reader(self.text, start + len(part) - len(part.lstrip()), start + len(part.rstrip()))

    def look(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What matches here, without moving."""
        return pattern.match(self.text, self.position, self.end)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """What matches here, moving behind it."""
        match = self.look(pattern)
        if match is not None:
            self.position = match.end()
        return match

    def blanks(self) -> None:
        self.take(_BLANKS)

    def rest(self) -> str:
        return self.text[self.position : self.end]

    def weight(self) -> float:
        """A number that may be a weight.

        Raises:
            BlockWeightSyntaxError: there is none.
        """
        start = self.position
        match = self.take(NUMBER)
        if match is None or not abs(float(match[0])) <= MAX_WEIGHT:
            raise self.expected(f"a number from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}", start)
        return float(match[0])

    def expected(
        self, what: str, position: int | None = None, hint: str = ""
    ) -> BlockWeightSyntaxError:
        """An error to raise: something else should stand here."""
        at = self.position if position is None else position
        found = repr(self.text[at : min(at + 12, self.end)]) if at < self.end else "the end"
        return BlockWeightSyntaxError(
            f"Block weights: expected {what} at character {at + 1}, found {found}.",
            hint=hint or "Write block weights like IN04-08=0.5, M00=1, *=0.",
            text=self.text,
            position=at,
            expected=what,
        )


def close_to(name: str, names: Iterable[str]) -> str:
    """`Close to it: A, B.`, or nothing; case does not count."""
    by_folded = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), by_folded, 3, cutoff=0.5)
    return f"Close to it: {', '.join(by_folded[match] for match in close)}." if close else ""
