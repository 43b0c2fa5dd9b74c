"""What every command returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Result:
    """What a command found."""

    value: Any
    """For `--json`."""
    text: str
    status: int = 0
    complaints: tuple[str, ...] = ()
    """Sentences for stderr: what was refused, or could not be done."""
