"""The canonical text form of block weights: `IN04-08=0.5, M00=1, *=0`.

    text     = item { separator item }            separators: , ; : blanks, line breaks
    item     = selector "=" value | "seed=" INT | PRESET | LABEL "{" text "}"
    selector = slots [ "." third ] [ "?" ] { "." element }
    slots    = "*" | SLOT | STACK | SLOT "-" (SLOT | NUMBER) | GROUP
    third    = "early" | "mid" | "late"
    element  = [ "!" ] word { "|" word }          word: a name, or any text in single quotes
    value    = NUMBER | "linear(a,b)" | "cosine(a,b)" | "random(low,high)"

`*=weight` gives way to every other item, wherever it stands; of the others, later items win. What
nothing names weighs 1. Names ignore case and leading zeros.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import groupby

from ...errors import BlockWeightSyntaxError
from .elements import Element
from .reader import Reader, close_to
from .rules import BlockWeights, Rule
from .selectors import ALL, ELEMENT_GROUPS, GROUPS, THIRDS, Ends, Selector
from .slots import Slot, parse_slot
from .values import Constant, Curve, Draw, Value

Parser = Callable[[Reader, "Mapping[str, str]"], BlockWeights]
"""Reads any dialect; presets and the text in braces may be in any."""

# A path such as TEXT.LAYERS.7 is a name only where the generic layout makes one.
_NAME = r"(?:(?:\w+\.)*?\w*(?:BLOCKS|LAYERS|REFINER)(?:\.[0-9]+)?(?!\w)|[A-Za-z_]\w*)"
_WORD = r"(?:\w+|'[^'{}\n]+')"
_SELECTOR = re.compile(
    rf"(?P<first>\*|{_NAME})(?:\s*-\s*(?P<last>{_NAME}|[0-9]+))?"
    rf"(?P<third>\.(?:{'|'.join(THIRDS)})(?!\w))?(?P<optional>\?)?"
    rf"(?P<elements>(?:\.!?{_WORD}(?:\|{_WORD})*)*)",
    re.IGNORECASE,
)
_ELEMENT = re.compile(rf"\.(!?)({_WORD}(?:\|{_WORD})*)")
_WORDS = re.compile(_WORD)
_SEPARATORS = re.compile(r"[\s,;:]*")
_EQUALS = re.compile(r"\s*=\s*")
_SEED = re.compile(r"seed\s*=\s*", re.IGNORECASE)
_INTEGER = re.compile(r"[0-9]{1,18}(?![\w.])")
_FUNCTION = re.compile(r"(linear|cosine|random)\s*\(\s*", re.IGNORECASE)
_COMMA = re.compile(r"\s*,\s*")
_CLOSE = re.compile(r"\s*\)")
PRESET_NAME = re.compile(r"[A-Za-z0-9_][\w.+/-]*")


def parse_text(reader: Reader, presets: Mapping[str, str], parse: Parser) -> BlockWeights:
    """Reads the canonical form.

    Raises:
        BlockWeightSyntaxError: with the position and what was expected there.
    """
    rules: list[Rule] = []
    seed: int | None = None
    reader.take(_SEPARATORS)
    while not reader.done:
        if reader.take(_SEED):
            seed = parse_seed(reader)
        elif (selector := _peek_selector(reader)) is not None:
            rules.append(_parse_rule(reader, selector))
        else:
            weights = _parse_label(reader, presets, parse)
            reader.take(_SEPARATORS)
            if weights.positional is not None:
                if rules or not reader.done:
                    raise reader.expected(
                        "nothing else: a preset in Inspire's form stands alone", 0
                    )
                return replace(weights, text=reader.text)
            rules += weights.rules
            seed = weights.seed if seed is None else seed
        reader.take(_SEPARATORS)
    return BlockWeights(_normalized(rules), seed, text=reader.text)


def format_block_weights(weights: BlockWeights) -> str:
    """The canonical text: upper-case slots, two-digit numbers, `*` last. Parsing it gives the
    same weights again."""
    if weights.positional is not None:
        return str(weights.positional)
    items: list[str] = []
    for label, rules in groupby(weights.rules, key=lambda rule: rule.label):
        text = ", ".join(map(str, rules))
        items.append(f"{label}{{{text}}}" if label else text)
    if weights.seed is not None:
        items.append(f"seed={weights.seed}")
    return ", ".join(items)


def parse_seed(reader: Reader) -> int:
    match = reader.take(_INTEGER)
    if match is None:
        raise reader.expected("a whole number from 0 on")
    return int(match[0])


def _normalized(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Only the last `*=weight` counts. It goes to the end of what it came with; 1 goes without
    saying, except in a preset, which has to keep some content."""
    rules = list(rules)
    default = next((rule for rule in reversed(rules) if rule.is_default), None)
    named = [rule for rule in rules if not rule.is_default]
    if default is None or (default.value == Constant(1.0) and not default.label):
        return tuple(named)
    at = len(named)
    if default.label:
        at = max((i + 1 for i, rule in enumerate(named) if rule.label == default.label), default=at)
    return (*named[:at], default, *named[at:])


def _peek_selector(reader: Reader) -> re.Match[str] | None:
    """The selector that starts here, if it is one or nothing else that is known."""
    match = reader.look(_SELECTOR)
    if match is None:
        return None
    following = Reader(reader.text, match.end(), reader.end)
    if following.look(_EQUALS):
        return match
    word = reader.look(PRESET_NAME)
    return None if word is not None else match


def _parse_rule(reader: Reader, match: re.Match[str]) -> Rule:
    start, reader.position = reader.position, match.end()
    selector = _selector(reader, match)
    if not reader.take(_EQUALS):
        raise reader.expected(f"= and a weight after {match[0]}")
    return Rule(selector, _parse_value(reader), position=start)


def _selector(reader: Reader, match: re.Match[str]) -> Selector:
    elements = tuple(
        Element(tuple(_folded(word[0]) for word in _WORDS.finditer(words)), bool(inverted))
        for inverted, words in _ELEMENT.findall(match["elements"])
    )
    third = (match["third"] or "")[1:].lower()
    optional = match["optional"] is not None
    name = match["first"].lower()
    if name in {ALL, *GROUPS, *THIRDS, *ELEMENT_GROUPS}:
        if match["last"] is not None:
            raise reader.expected("the names of slots at both ends of a range", match.start())
        if name in ELEMENT_GROUPS:
            return Selector(ALL, None, third, (ELEMENT_GROUPS[name], *elements), optional)
        return Selector(name, None, third, elements, optional)
    return Selector("", _ends(reader, match), third, elements, optional)


def _folded(word: str) -> str:
    return word if word.startswith("'") else word.lower()


def _ends(reader: Reader, match: re.Match[str]) -> Ends:
    """`IN04`, `IN04-08`, `IN04-IN08` or `IN04-OUT05` as its two ends."""
    first = parse_slot(match["first"])
    if match["last"] is None:
        return first, first
    written, position = match["last"], match.start("last")
    last = Slot(first.prefix, int(written)) if written.isdigit() else parse_slot(written)
    if last.prefix == first.prefix and (first.number < 0 or last.number < 0):
        raise reader.expected("a range of numbers, such as IN04-08", position)
    if last.prefix == first.prefix and last.number < first.number:
        raise reader.expected(f"a number of at least {first.number}", position)
    return first, last


def _parse_value(reader: Reader) -> Value:
    function = reader.take(_FUNCTION)
    if function is None:
        return Constant(reader.weight())
    first = reader.weight()
    if not reader.take(_COMMA):
        raise reader.expected("a comma and a second number")
    second = reader.weight()
    if not reader.take(_CLOSE):
        raise reader.expected(")")
    name = function[1].lower()
    if name == "random":
        return Draw(first, second)
    return Curve("linear" if name == "linear" else "cosine", first, second)


def _parse_label(reader: Reader, presets: Mapping[str, str], parse: Parser) -> BlockWeights:
    """A preset by name, or a name with the content in braces, which then decides."""
    start = reader.position
    match = reader.take(PRESET_NAME)
    if match is None:
        raise reader.expected("a slot name such as IN04, a range IN04-08, * or a preset")
    name = match[0]
    if reader.text.startswith("{", reader.position, reader.end):
        close = reader.text.find("}", reader.position, reader.end)
        if close < 0:
            raise reader.expected("a closing }", reader.end)
        content = reader.part(reader.position + 1, close)
        reader.position = close + 1
        return _labelled(parse(content, presets), name)
    name = find_preset(reader, name, start, presets)
    return _labelled(parse_preset(name, presets, parse, start), name, start)


def find_preset(reader: Reader, name: str, start: int, presets: Mapping[str, str]) -> str:
    """The preset's name as it is known; case counts only if two differ in nothing else.

    Raises:
        BlockWeightSyntaxError: there is none; names that are close are listed.
    """
    if name in presets:
        return name
    folded = [known for known in presets if known.casefold() == name.casefold()]
    if folded:
        return folded[0]
    if parse_slot(name).number >= 0 or name.lower() in {*GROUPS, *THIRDS}:
        raise reader.expected(f"= and a weight after {name}", start + len(name))
    hint = close_to(name, [*presets, *GROUPS, *THIRDS])
    raise reader.expected("the name of a preset, or a slot and =", start, hint)


def parse_preset(name: str, presets: Mapping[str, str], parse: Parser, start: int) -> BlockWeights:
    """What a preset says. It may use other presets, but never itself.

    Raises:
        BlockWeightSyntaxError: its content is malformed; the position is that of its name.
    """
    others = {other: text for other, text in presets.items() if other != name}
    with in_preset(name, start):
        return parse(Reader(presets[name]), others)


@contextmanager
def in_preset(name: str, start: int) -> Iterator[None]:
    """Makes errors say in which preset they are, and where the text names it."""
    try:
        yield
    except BlockWeightSyntaxError as error:
        raise BlockWeightSyntaxError(
            f"Preset {name}: {error}",
            hint=error.hint,
            **{**error.details, "position": start, "preset": name},
        ) from error


def _labelled(weights: BlockWeights, label: str, position: int | None = None) -> BlockWeights:
    if weights.positional is not None:
        return replace(weights, positional=weights.positional.labelled(label))
    rules = tuple(
        replace(rule, label=label, position=rule.position if position is None else position)
        for rule in weights.rules
    )
    if not rules:
        rules = (Rule(Selector(ALL), Constant(1.0), label, position or 0),)
    return replace(weights, rules=_normalized(rules))
