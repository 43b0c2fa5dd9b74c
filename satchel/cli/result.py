"""What every command is, and what it returns."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..workspace import Workspace


@dataclass(frozen=True, slots=True)
class Result:
    """What a command found."""

    value: Any
    """For `--json`."""
    text: str
    status: int = 0
    complaints: tuple[str, ...] = ()
    """Sentences for stderr: what was refused, or could not be done."""


Command: TypeAlias = Callable[[argparse.Namespace, Workspace], Result]
