"""Key tables: the header of a LoRA file, folded into patterns so that a fixture stays small.

A table is JSON: `{"architecture", "dialect", "algorithm", "rank", "metadata", "tensors": [[name
pattern, shape], ...]}`. `{0-18}` or `{1,2,4}` in a pattern stands for each of these numbers.

    python tests/support/lora_key_tables.py FILE ARCHITECTURE DIALECT > TABLE.json

folds the header of a real file.
"""

from __future__ import annotations

import itertools
import json
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from satchel.lora.identify import identify_lora
from satchel.safetensors_header import SafetensorsHeader, read_header
from satchel.tensor_info import TensorInfo

TABLES = Path(__file__).parents[1] / "data" / "lora"
_NUMBER = re.compile(r"\d+")
_RANGE = re.compile(r"\{([\d,-]+)\}")

Shapes = dict[str, tuple[int, ...]]


def load_table(path: Path) -> dict[str, Any]:
    """Reads a table; its `tensors` become name -> shape."""
    table: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    table["tensors"] = unfold(table["tensors"])
    return table


def header_of(shapes: Mapping[str, Iterable[int]], **metadata: str) -> SafetensorsHeader:
    """A header with these tensors; offsets are not what identification looks at."""
    tensors = {name: TensorInfo("F16", tuple(shape), 0, 0) for name, shape in shapes.items()}
    return SafetensorsHeader(tensors, metadata, 0)


def unfold(rows: Iterable[tuple[str, list[int]]]) -> Shapes:
    """Writes every name out."""
    shapes: Shapes = {}
    for pattern, shape in rows:
        parts = _RANGE.split(pattern)
        choices = [_numbers(part) if i % 2 else [part] for i, part in enumerate(parts)]
        for name in itertools.product(*choices):
            shapes["".join(name)] = tuple(shape)
    return shapes


def fold(shapes: Mapping[str, Iterable[int]]) -> list[tuple[str, list[int]]]:
    """The opposite of `unfold`: names that differ in numbers only share a row."""
    groups: dict[tuple[str, tuple[int, ...]], list[tuple[str, ...]]] = {}
    for name, shape in shapes.items():
        key = (_NUMBER.sub("#", name), tuple(shape))
        groups.setdefault(key, []).append(tuple(_NUMBER.findall(name)))
    return [
        (pattern, list(shape))
        for (skeleton, shape), numbers in groups.items()
        for pattern in _patterns(skeleton, numbers)
    ]


def _patterns(skeleton: str, numbers: list[tuple[str, ...]]) -> list[str]:
    columns = [sorted(set(column), key=int) for column in zip(*numbers, strict=True)]
    size = 1
    for column in columns:
        size *= len(column)
    if size != len(numbers):  # no product of ranges: split at the first number that varies
        at = next(i for i, column in enumerate(columns) if len(column) > 1)
        parts = [[row for row in numbers if row[at] == value] for value in columns[at]]
        return [pattern for part in parts for pattern in _patterns(skeleton, part)]
    pieces = skeleton.split("#")
    texts = [_range(column) for column in columns]
    return ["".join(itertools.chain(*itertools.zip_longest(pieces, texts, fillvalue="")))]


def _range(values: list[str]) -> str:
    if len(values) == 1:
        return values[0]
    if values == [str(n) for n in range(int(values[0]), int(values[-1]) + 1)]:
        return f"{{{values[0]}-{values[-1]}}}"
    return "{" + ",".join(values) + "}"


def _numbers(text: str) -> list[str]:
    first, dash, last = text.partition("-")
    return [str(n) for n in range(int(first), int(last) + 1)] if dash else text.split(",")


def dump_table(table: Mapping[str, Any]) -> str:
    """One row a line, so that a difference can be read."""
    rows = ",\n".join(f"  {json.dumps(row, separators=(',', ':'))}" for row in table["tensors"])
    rest = {key: value for key, value in table.items() if key != "tensors"}
    return json.dumps(rest, indent=1)[:-2] + f',\n "tensors": [\n{rows}\n ]\n}}\n'


def main(file: str, architecture: str, dialect: str) -> None:
    """Prints the table of a real file, with what identification says of it now."""
    header = read_header(Path(file))
    identity = identify_lora(header)
    shapes = {name: tensor.shape for name, tensor in header.tensors.items()}
    rank = identity.rank
    table = {
        "architecture": architecture, "dialect": dialect, "algorithm": identity.algorithm,
        "rank": [rank.min, rank.mode, rank.max], "metadata": dict(header.metadata),
        "tensors": fold(shapes),
    }  # fmt: skip
    sys.stdout.write(dump_table(table))


if __name__ == "__main__":
    main(*sys.argv[1:])
