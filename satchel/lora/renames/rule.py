"""What a rename rule declares.

Rules speak of flat paths (`keys.split_prefix`): no prefix, dots as underscores. So one rule serves
`transformer.transformer_blocks.0.attn.to_q`, `base_model.model.transformer_blocks.0.attn.to_q`
and `lora_unet_transformer_blocks_0_attn_to_q` alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a fused weight [rows, columns], in terms of its shape."""

    layout: Literal["qkv", "qkv_mlp"]
    """`qkv`: query rows as many as columns, the rest shared by key and value. `qkv_mlp`: query,
    key and value rows as many as columns each, the rest is the MLP's."""
    first: int
    count: int = 1

    def of(self, shape: Shape) -> tuple[int, int]:
        """(start, length) of these rows."""
        rows, columns = shape[0], shape[1]
        half = (rows - columns) // 2
        if self.layout == "qkv":
            sizes = [columns, half, half]
        else:
            sizes = [columns, columns, columns, rows - 3 * columns]
        return sum(sizes[: self.first]), sum(sizes[self.first : self.first + self.count])


class Renamed(NamedTuple):
    """A path that the model may know."""

    path: str
    rows: Rows | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """Other names of one family's modules."""

    name: str
    model: str
    """The rule is for models that have a module with this flat path."""
    renames: Mapping[str, Renamed | str]
    """Pattern of a whole flat path, `#` for a block number and `*` for the rest of the name, ->
    the model's path, with the same signs in the same order."""
    _patterns: tuple[tuple[re.Pattern[str], Renamed], ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        patterns = tuple(
            (_compile(pattern), Renamed(new) if isinstance(new, str) else new)
            for pattern, new in self.renames.items()
        )
        object.__setattr__(self, "_patterns", patterns)

    def apply(self, path: str) -> Renamed | None:
        """The model's name for a path; None when the rule does not know it."""
        for pattern, new in self._patterns:
            match = pattern.fullmatch(path)
            if match:
                return Renamed(_fill(new.path, match.groups()), new.rows)
        return None


def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\#", r"(\d+)").replace(r"\*", "(.+)"))


def _fill(path: str, parts: Sequence[str]) -> str:
    remaining = iter(parts)
    return re.sub(r"[#*]", lambda _: next(remaining), path)


def prefixed(old: str, new: str, names: Mapping[str, Renamed | str]) -> dict[str, Renamed | str]:
    """A table of names inside a block, as a table of whole paths."""
    return {
        old + name: Renamed(new + to.path, to.rows) if isinstance(to, Renamed) else new + to
        for name, to in names.items()
    }


def split_qkv(names: tuple[str, str, str], fused: str) -> dict[str, Renamed | str]:
    """Three names for the thirds (or the query, key and value rows) of one fused weight."""
    return {name: Renamed(fused, Rows("qkv", i)) for i, name in enumerate(names)}
