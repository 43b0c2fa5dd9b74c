"""Vectors of hako-mikan's LoRA Block Weight extension for the WebUI.

    1,0,0,0,1,1,1,1,1,1,1,1,0,0,0,0,0                     a vector, of 12, 17, 20, 26 or 61 values
    R, U                                                  random from 0 to 1, from -0.5 to 1.5
    X, X+0.5, X-1                                         the parameter x, which is 1 if not given
    lbw=MIDD:lbwe=IN05-OUT05:attn:1:x=0.7; seed=5         a preset or vector, with parameters

Vectors of 12, 17 and 20 values are spread over the 26 slots of an SD 1.x UNet by name; slots that
they leave out get 0. Weights outside of all blocks keep 1. `lbwe` are elemental rules
`[ID:]BLOCKS:ELEMENTS:RATIO`, separated by commas; one that fits a weight replaces its ratio, and
later ones win. BLOCKS and ELEMENTS are lists separated by blanks; empty means all, a leading
`NOT` means all others.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from .elements import Element
from .parameters import list_names, read_number, split_parameters
from .reader import Reader, close_to
from .rules import BlockWeights, Rule
from .selectors import ALL, Selector
from .slots import Slot, parse_slot, slot_runs
from .text import PRESET_NAME, find_preset, in_preset, parse_seed
from .values import MAX_WEIGHT, Constant, Draw, Value


def _numbered(prefix: str, numbers: Iterable[int]) -> list[Slot]:
    return [Slot(prefix, number) for number in numbers]


_BASE, _MIDDLE = Slot("BASE"), Slot("M", 0)
UNET_SLOTS = [
    _BASE, *_numbered("IN", range(12)), _MIDDLE, *_numbered("OUT", range(12)),
]  # fmt: skip
FLUX_SLOTS = [
    Slot("CLIP"), Slot("T5"), Slot("IN"), *_numbered("D", range(19)), *_numbered("S", range(38)),
    Slot("OUT"),
]  # fmt: skip
VECTORS: dict[int, Sequence[Slot]] = {
    12: [_BASE, *_numbered("IN", (4, 5, 7, 8)), _MIDDLE, *_numbered("OUT", range(6))],
    17: [_BASE, *_numbered("IN", (1, 2, 4, 5, 7, 8)), _MIDDLE, *_numbered("OUT", range(3, 12))],
    20: [_BASE, *_numbered("IN", range(9)), _MIDDLE, *_numbered("OUT", range(9))],
    26: UNET_SLOTS,
    61: FLUX_SLOTS,
}
"""Length -> the slots of its values, in order."""

ELEMENTAL = {
    "ATTNDEEPON": "IN05-OUT05:attn:1",
    "ATTNDEEPOFF": "IN05-OUT05:attn:0",
    "PROJDEEPOFF": "IN05-OUT05:proj:0",
}
"""Elemental rules by name, as that extension ships them."""

UNIFORM = {"NONE": 0.0, "ALL": 1.0, "ALL0.5": 0.5}
"""Presets behind `lbw=` that are a vector of 17 times one value; elsewhere these names mean every
slot of any model."""

_KEYS = {key: key for key in ("lbw", "lbwe", "x", "seed")} | {"w": "lbw"}
_SEPARATORS = ";:, \t\r\n"
_ENTRY = r"(?:[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?|R|U|X(?:[+-][0-9.]+)?)"
_IS_VECTOR = re.compile(rf"(?:[\w.+-]+\s*:)?\s*{_ENTRY}\s*,")
_IS_TAGGED = re.compile(r"(?:lbwe?|w)\s*=")
_LABEL = re.compile(r"\s*([\w.+-]+)\s*:\s*")
_VALUE = re.compile(r"[^,\s]+")
_COMMA = re.compile(r"[\s,]*,\s*|\s+")
_X = re.compile(r"X(?:([+-])([0-9]*\.?[0-9]+))?")
_DRAWS = {"R": Draw(0.0, 1.0), "U": Draw(-0.5, 1.5)}


def is_hako_mikan(reader: Reader) -> bool:
    """Whether a text is of this form: it begins with a value and a comma, or with `lbw=`."""
    return bool(reader.look(_IS_VECTOR) or reader.look(_IS_TAGGED))


def parse_hako_mikan(reader: Reader, presets: Mapping[str, str]) -> BlockWeights:
    """Reads a vector or a tag's parameters into named slots.

    Raises:
        BlockWeightSyntaxError: a length that no vector has, an unknown preset, a bad value.
    """
    head, parameters = split_parameters(reader, _SEPARATORS, _KEYS)
    if not head.done and "lbw" in parameters:
        raise head.expected("one vector: either in front, or after lbw=")
    vector = parameters.get("lbw", head)
    x = read_number(parameters["x"]) if "x" in parameters else 1.0
    rules = _vector_or_preset(vector, x, presets) if not vector.done else []
    if "lbwe" in parameters:
        rules += _elemental(parameters["lbwe"])
    seed = parse_seed(parameters["seed"]) if "seed" in parameters else None
    return BlockWeights(tuple(rules), seed, text=reader.text)


def vector_rules(values: Sequence[Value], label: str = "", position: int = 0) -> list[Rule]:
    """The named rules of a vector whose length is in `VECTORS`."""
    slots = UNET_SLOTS if len(values) in {12, 17, 20} else VECTORS[len(values)]
    by_slot: dict[Slot, Value] = dict.fromkeys(slots, Constant(0.0))
    by_slot |= dict(zip(VECTORS[len(values)], values, strict=True))
    rules: list[Rule] = []
    for run in slot_runs(slots):
        start = 0
        for end in range(1, len(run) + 1):
            if end == len(run) or by_slot[run[end]] != by_slot[run[start]]:
                selector = Selector(ends=(run[start], run[end - 1]), optional=_may_lack(run[start]))
                rules.append(Rule(selector, by_slot[run[start]], label, position))
                start = end
    return rules


def _may_lack(slot: Slot) -> bool:
    """SDXL has fewer blocks than the vectors, Chroma has no CLIP; M00, D00 and S00 tell a model of
    another kind."""
    return slot.prefix in {"CLIP", "T5"} or (slot.prefix in {"IN", "OUT"} and slot.number >= 0)


def _vector_or_preset(reader: Reader, x: float, presets: Mapping[str, str]) -> list[Rule]:
    start = reader.position
    if not reader.look(_IS_VECTOR):
        match = reader.take(PRESET_NAME)
        if match is None or not reader.done:
            raise reader.expected("a vector, or the name of a preset", start)
        if match[0] in UNIFORM:
            return vector_rules([Constant(UNIFORM[match[0]])] * 17, match[0], start)
        label = find_preset(reader, match[0], start, presets)
        content = Reader(presets[label])
        if not content.look(_IS_VECTOR):
            raise reader.expected("a preset that is a vector", start, close_to(label, presets))
        with in_preset(label, start):
            return [Rule(rule.selector, rule.value, label, start) for rule in _vector(content, x)]
    return _vector(reader, x)


def _vector(reader: Reader, x: float) -> list[Rule]:
    label = reader.take(_LABEL)
    start = reader.position
    values: list[Value] = []
    while not reader.done:
        values.append(_value(reader, x))
        if not reader.done and not reader.take(_COMMA):
            raise reader.expected("a comma")
    if len(values) not in VECTORS:
        raise reader.expected(
            f"a vector of {list_names([str(length) for length in VECTORS])} values, not of "
            f"{len(values)},",
            start,
            _length_hint(len(values)),
        )
    return vector_rules(values, label[1] if label else "", start)


def _length_hint(length: int) -> str:
    hint = (
        "12 are for SDXL, 17 for SD 1.x, 20 for SDXL LoCon, 26 for SD 1.x LoCon, 61 for FLUX.1. "
        "Write a vector of the Inspire Pack, which counts the blocks in a file, as inspire:1,0,..."
    )
    return f"{hint} FLUX.1's begin with CLIP, T5 and IN." if length in {19, 57} else hint


def _value(reader: Reader, x: float) -> Value:
    match = reader.look(_VALUE)
    word = match[0] if match else ""
    if word in _DRAWS:
        reader.position += len(word)
        return _DRAWS[word]
    parameter = _X.fullmatch(word)
    if parameter is None:
        if word[:1] in "RUX" and word:
            raise reader.expected("R, U, X, X+n or X-n")
        return Constant(reader.weight())
    offset = float(f"{parameter[1]}{parameter[2]}") if parameter[1] else 0.0
    if abs(x + offset) > MAX_WEIGHT:
        raise reader.expected(f"a sum from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}")
    reader.position += len(word)
    return Constant(round(x + offset, 6))


def _elemental(reader: Reader) -> list[Rule]:
    """Elemental rules, by name or in full."""
    name = reader.rest()
    if name in ELEMENTAL:
        reader = Reader(ELEMENTAL[name])
    elif ":" not in name:
        raise reader.expected(
            "an elemental rule BLOCKS:ELEMENTS:RATIO, or the name of one",
            hint=close_to(name, ELEMENTAL),
        )
    rules: list[Rule] = []
    for match in re.finditer(r"[^,\n]+", reader.rest()):
        if match[0].strip():
            offset = reader.position
            rules += _elemental_rule(
                reader.part(offset + match.start(), offset + match.end()), first=not rules
            )
    return rules


def _elemental_rule(reader: Reader, first: bool) -> list[Rule]:
    start, parts = reader.position, reader.rest().split(":")
    if first and len(parts) == 4:
        start += len(parts.pop(0)) + 1
    if len(parts) != 3:
        raise reader.expected("BLOCKS:ELEMENTS:RATIO")
    blocks, elements, ratio = parts
    number = read_number(reader.part(reader.end - len(ratio), reader.end))
    filters = _elements(elements)
    return [
        Rule(selector, Constant(number), position=start)
        for selector in _blocks(reader.part(start, start + len(blocks)), filters)
    ]


def _elements(text: str) -> tuple[Element, ...]:
    """That extension looks for them as plain text in the whole key: hence the quotes."""
    words = text.split()
    inverted = words[:1] == ["NOT"]
    quoted = tuple(f"'{word}'" for word in words[inverted:])
    return (Element(quoted, inverted),) if quoted else ()


def _blocks(reader: Reader, elements: tuple[Element, ...]) -> Iterable[Selector]:
    words = list(re.finditer(r"\S+", reader.rest()))
    inverted = bool(words) and words[0][0] == "NOT"
    words = words[inverted:]
    if not words:  # a filter that fits every key: `*` alone would give way to other items
        return [Selector(ALL, elements=elements or (Element(("'.'",)),))]
    flux = any(parse_slot(word[0].split("-")[0]).prefix in {"D", "S", "CLIP", "T5"}
               for word in words)  # fmt: skip
    order = FLUX_SLOTS if flux else UNET_SLOTS
    chosen: set[Slot] = set()
    for word in words:
        chosen |= _named_blocks(reader, reader.position + word.start(), word[0], order)
    wanted = [slot for slot in order if (slot in chosen) != inverted]
    selectors = [
        Selector(
            ends=(run[0], run[-1]), elements=elements, optional=bool(elements) or _may_lack(run[0])
        )
        for run in slot_runs(wanted)
    ]
    if inverted and not flux:  # weights outside of all blocks have none of these names either
        selectors.append(Selector(ends=(Slot("OTHER"), Slot("OTHER")), elements=elements,
                                  optional=True))  # fmt: skip
    return selectors


def _named_blocks(reader: Reader, start: int, word: str, order: Sequence[Slot]) -> set[Slot]:
    """`IN05`, a stack `IN`, or a range `IN05-OUT05` in either direction."""
    first, _, last = word.partition("-")
    ends = [_positions(name, order) for name in ([first, last] if last else [first])]
    if not all(ends):
        raise reader.expected(
            f"names of blocks, from {order[0]} to {order[-1]}, or ranges of them", start
        )
    positions = [position for end in ends for position in end]
    if last:
        return set(order[min(positions) : max(positions) + 1])
    return {order[position] for position in positions}


def _positions(name: str, order: Sequence[Slot]) -> list[int]:
    return [i for i, slot in enumerate(order) if name and str(slot).startswith(name)]
