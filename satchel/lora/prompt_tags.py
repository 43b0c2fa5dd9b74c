"""LoRA tags in prompts: `<lora:NAME:...>`, in the spellings that packs and the WebUI have.

    <lora:a>   <lora:a:0.5>   <lora:a:.5>   <lora:a:-1>     one strength for both
    <lora:a:0.8:0.5>             comfy order: model, then CLIP; webui order: CLIP, then model
    <lora:a:te=0.5:unet=0.8>     by name, in any order
    <lora:a:1:lbw=MIDD>   <lora:a:1:IN04,...>   w=   lbwe=   x=   seed=     block weights, WebUI
    <lora:a:1:1:LBW=SPEC;A=4;B=1;>                                       block weights, Impact Pack
    <lora:a:1:start=5>   <lora:a:1:stop=12>   <lora:a:1:step=5-12>       some steps, hako-mikan

`lora` and `lyco`, upper or lower case. The WebUI's and hako-mikan's first number is the text
encoder's (`extra_networks_lora.py`), the ComfyUI packs' is the model's. Block weights are passed
on as text, for `satchel.lora.weights` to read.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from ..errors import InvalidInputError
from .window import ALWAYS, Window, step_window

Dialect = Literal["auto", "comfy", "webui"]
"""Which strength comes first; `auto` is comfy, unless a tag has a key that only the WebUI has."""
DIALECTS: tuple[Dialect, ...] = ("auto", "comfy", "webui")
MAX_STRENGTH = 100.0
"""As for the core's own loader."""

MAX_PROMPT = 1_000_000
MAX_TAGS = 10_000

_OPENING = re.compile(r"<(?:lora|lyco):", re.IGNORECASE)
_ANGLE = re.compile(r"[<>]")
_KEY = re.compile(r"([A-Za-z]\w*)\s*=\s*")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SCHEDULE = re.compile(r":\s*[0-9.]+(?:\s*,\s*[0-9.]+)?\s*$")
_SCHEDULE_LENGTH = 100
"""Characters before a `]` that say when; all blanks counted."""
_IMPACT_LETTER = re.compile(r";\s*[AB]\s*=")
_KEYS = {"te": "te", "unet": "unet", "lbw": "lbw", "w": "lbw", "lbwe": "lbwe", "x": "x",
         "seed": "seed", "start": "start", "stop": "stop", "step": "step"}  # fmt: skip
_ONLY_WEBUI = frozenset({"te", "unet", "lbw", "lbwe", "x", "start", "stop", "step"})
_WINDOW = "For a LoRA that acts on some steps only, write start=, stop= or step=A-B in its tag."
_STEP = re.compile(r"[0-9]{1,6}")
_STEPS = re.compile(r"([0-9]{1,6})\s*-\s*([0-9]{1,6})")
_SIDES = {"te": "text encoder", "unet": "model"}


@dataclass(frozen=True, slots=True)
class PromptTag:
    """One tag, read."""

    name: str
    """As written; which file it means is for `lora_names.match_name` to say."""
    strength_model: float
    strength_clip: float
    blocks: str
    """Block weights in a form that `parse_block_weights` takes; empty means 1 everywhere."""
    start: int
    """0-based place of its `<` in the prompt."""
    end: int
    """Place behind its `>`."""
    window: Window = ALWAYS
    """In steps."""


@dataclass(frozen=True, slots=True)
class _Item:
    """One part of a tag between colons, without the blanks around it."""

    text: str
    position: int


@dataclass(slots=True)
class _Fields:
    """What a tag says, before it has a meaning."""

    prompt: str
    start: int
    end: int
    name: str = ""
    numbers: list[_Item] = field(default_factory=list)
    keyed: dict[str, _Item] = field(default_factory=dict)
    """te, unet, lbw, lbwe, x, seed, start, stop, step, and `LBW` for Impact's form."""
    last_key: str = ""
    """As written: empty as long as there are only positions."""
    is_webui: bool = False
    """Whether it has a key that only the WebUI knows."""

    def error(self, what: str, item: _Item, hint: str = "") -> InvalidInputError:
        tag = self.prompt[self.start : self.end]
        shown = tag if len(tag) <= 60 else f"{tag[:57]}..."
        return InvalidInputError(
            f"The LoRA tag {shown} at character {self.start + 1} {what} "
            f"(character {item.position + 1}).",
            hint=hint,
            text=self.prompt,
            position=item.position,
        )


def find_tags(prompt: str, dialect: Dialect = "auto") -> list[PromptTag]:
    """The tags of a prompt, in their order.

    Raises:
        InvalidInputError: a tag that is not closed, names nothing, has a key that is not
            supported, or says one thing twice; `position` is where in the prompt.
    """
    if len(prompt) > MAX_PROMPT:
        raise _too_much(f"The prompt has more than {MAX_PROMPT} characters.")
    tags = [_read_tag(fields, dialect) for fields in islice(_split_tags(prompt), MAX_TAGS + 1)]
    if len(tags) > MAX_TAGS:
        raise _too_much(f"The prompt has more than {MAX_TAGS} LoRA tags.")
    _refuse_schedules(prompt, tags)
    return tags


def _too_much(message: str) -> InvalidInputError:
    return InvalidInputError(message, hint="Check what is wired into the prompt.", position=0)


def clean_prompt(prompt: str, tags: Sequence[PromptTag]) -> str:
    """The prompt without its tags.

    Blanks and commas around a tag become one separator: line breaks if there were any, else a
    comma, else a blank; none at the ends of the prompt and inside of brackets. The rest of the
    prompt stays as it is.
    """
    if not tags:
        return prompt
    text = _with_marks(prompt, tags)

    def separator(match: re.Match[str]) -> str:
        before, after = text[: match.start()][-1:], text[match.end() :][:1]
        if not before or not after or before in "([{" or after in ")]}":
            return ""
        comma = "," if "," in match[0] else ""
        breaks = max(gap.count("\n") for gap in match[0].split("\0"))
        if breaks or match[0].strip("\0") == "":
            return comma + "\n" * breaks
        return f"{comma} "

    # Not from the middle of a run of blanks: a long one would be read again from each of them.
    return re.sub(r"(?<![\s,])[\s,]*(?:\0+[\s,]*)+", separator, text)


def _with_marks(prompt: str, tags: Sequence[PromptTag]) -> str:
    """The prompt with NUL characters in place of each tag; it keeps its length."""
    text, position = prompt.replace("\0", " "), 0
    parts: list[str] = []
    for tag in tags:
        parts += text[position : tag.start], "\0" * (tag.end - tag.start)
        position = tag.end
    return "".join((*parts, text[position:]))


def _split_tags(prompt: str) -> Iterator[_Fields]:
    position = 0
    while (match := _OPENING.search(prompt, position)) is not None:
        end = _ANGLE.search(prompt, match.end())
        if end is None or end[0] != ">":
            raise InvalidInputError(
                f"The LoRA tag at character {match.start() + 1} is not closed: its > is missing.",
                hint="Write it as <lora:name:0.8>.",
                text=prompt,
                position=match.start(),
            )
        position = end.end()
        fields = _Fields(prompt, match.start(), position)
        for item in _items(prompt, match.end(), end.start()):
            _take(fields, item)
        yield fields


def _items(prompt: str, start: int, end: int) -> Iterator[_Item]:
    """The parts between colons; Impact's `LBW=` reaches to the end of the tag."""
    while start <= end:
        colon = prompt.find(":", start, end)
        text = prompt[start : colon if colon >= 0 else end]
        if text.lstrip().startswith("LBW="):
            colon, text = -1, prompt[start:end]
        yield _Item(text.strip(), start + len(text) - len(text.lstrip()))
        if colon < 0:
            return
        start = colon + 1


def _take(fields: _Fields, item: _Item) -> None:
    """Sorts one part of a tag into its fields; the first is the name."""
    if not fields.name:
        if not item.text:
            raise fields.error("names no LoRA", item)
        fields.name = item.text
        return
    match = _KEY.match(item.text)
    if match is not None:
        _take_key(fields, item, match)
    elif fields.last_key == "lbwe" or (fields.last_key == "lbw" and "," in item.text):
        # An elemental rule BLOCKS:ELEMENTS:RATIO, or a vector behind its label.
        before = fields.keyed[fields.last_key]
        fields.keyed[fields.last_key] = _Item(f"{before.text}:{item.text}", before.position)
    elif _NUMBER.fullmatch(item.text):
        fields.numbers.append(item)
    elif "@" in item.text:
        raise fields.error("has strengths that change with the step", item, _WINDOW)
    elif not item.text:
        raise fields.error("has an empty part", item, "Leave out what is not needed.")
    elif len(fields.numbers) == 2:
        hint = f"Write lbw={item.text} for block weights, lbwe={item.text} for elemental ones."
        raise fields.error(f"has {item.text!r} behind its two strengths", item, hint)
    elif "lbw" in fields.keyed:
        raise fields.error(f"has block weights twice, {item.text!r} too", item)
    else:
        fields.keyed["lbw"] = item


def _take_key(fields: _Fields, item: _Item, match: re.Match[str]) -> None:
    written = match[1]
    key = "LBW" if written == "LBW" else _KEYS.get(written.lower())
    if key is None:
        known = "te=, unet=, lbw=, lbwe=, x=, seed=, start=, stop=, step= or LBW="
        raise fields.error(
            f"has {written}=, which is not supported", item,
            f"Write {known}. Block weights go behind lbw=.",
        )  # fmt: skip
    if key in fields.keyed:
        raise fields.error(f"has {written}= twice", item)
    text = item.text if key == "LBW" else item.text[match.end() :]
    if not text:
        raise fields.error(f"has nothing behind {written}=", item)
    fields.keyed[key] = _Item(text, item.position)
    fields.last_key = key
    fields.is_webui |= key in _ONLY_WEBUI


def _read_tag(fields: _Fields, dialect: Dialect) -> PromptTag:
    strengths = _strengths(fields, dialect)
    return PromptTag(
        fields.name,
        strengths.get("unet", strengths.get("te", 1.0)),
        strengths.get("te", strengths.get("unet", 1.0)),
        _blocks(fields),
        fields.start,
        fields.end,
        _window(fields),
    )


def _window(fields: _Fields) -> Window:
    """The steps in which the LoRA acts, as hako-mikan's extension counts them from 1: from `start`
    on, and no more from `stop` on; `step=A-B` is both."""
    start, stop, both = (fields.keyed.get(key) for key in ("start", "stop", "step"))
    first: int | None
    last: int | None
    if both is not None:
        if start or stop:
            raise fields.error("gives its steps twice", both, "Write step= or start= and stop=.")
        match = _STEPS.fullmatch(both.text)
        if match is None:
            raise fields.error(f"has {both.text!r} where two steps A-B belong", both)
        first, last = int(match[1]), int(match[2])
    else:
        for item in filter(None, (start, stop)):
            if not _STEP.fullmatch(item.text):
                raise fields.error(f"has {item.text!r} where the number of a step belongs", item)
        if not start and not stop:
            return ALWAYS
        first, last = (int(item.text) if item else None for item in (start, stop))
    try:
        return step_window(first, last)
    except InvalidInputError:
        end = next(item for item in (both, stop, start) if item is not None)
        raise fields.error(
            "acts in no step", end,
            "It acts from start= on, and no more from stop= on; the first step is 1.",
        ) from None  # fmt: skip


def _strengths(fields: _Fields, dialect: Dialect) -> dict[str, float]:
    """What is given for `te` and `unet`; each at most once."""
    webui = dialect == "webui" or (dialect == "auto" and fields.is_webui)
    order = ("te", "unet") if webui else ("unet", "te")
    if len(fields.numbers) > 2:
        raise fields.error("has a third strength", fields.numbers[2])
    strengths: dict[str, float] = {}
    given = [*zip(order, fields.numbers, strict=False),
             *((side, fields.keyed[side]) for side in order if side in fields.keyed)]  # fmt: skip
    for side, item in given:
        if side in strengths:
            raise fields.error(
                f"gives the {_SIDES[side]}'s strength twice", item,
                "Write te= for the text encoder and unet= for the model.",
            )  # fmt: skip
        strengths[side] = _number(fields, item)
    return strengths


def _number(fields: _Fields, item: _Item) -> float:
    if not _NUMBER.fullmatch(item.text) or not abs(float(item.text)) <= MAX_STRENGTH:
        limit = f"from {-MAX_STRENGTH:g} to {MAX_STRENGTH:g}"
        raise fields.error(f"has {item.text!r} where a number {limit} belongs", item)
    return float(item.text)


def _blocks(fields: _Fields) -> str:
    texts: Mapping[str, str] = {key: item.text for key, item in fields.keyed.items()}
    if "LBW" in texts:
        for key in ("lbw", "lbwe", "x", "seed"):
            if key in texts:
                raise fields.error(f"has both LBW= and {key}=", fields.keyed[key])
        return texts["LBW"]
    own = [key for key in ("lbw", "lbwe", "x") if key in texts]
    if not own or own == ["x"]:
        if loose := {"x", "seed"} & texts.keys():
            key = min(loose)
            raise fields.error(f"has {key}= without block weights", fields.keyed[key])
        return ""
    seed = f";seed={texts['seed']}" if "seed" in texts else ""
    if own != ["lbw"]:
        return ":".join(f"{key}={texts[key]}" for key in own) + seed
    impact = "LBW=" if _IMPACT_LETTER.search(texts["lbw"]) else ""
    return f"{impact}{texts['lbw']}{seed}"


def _refuse_schedules(prompt: str, tags: Sequence[PromptTag]) -> None:
    """`[<lora:a:1>::0.5]` and the like would lose their meaning together with the tag."""
    if not tags:
        return
    text = _with_marks(prompt, tags)
    starts = [tag.start for tag in tags]
    opened: list[int] = []
    last_bar = -1
    for match in re.finditer(r"\\.|[\[\]|]", text, re.DOTALL):
        if match[0] == "[":
            opened.append(match.end())
        elif match[0] == "|":
            last_bar = match.start()
        elif match[0] == "]" and opened:
            start = opened.pop()
            first = bisect_left(starts, start)
            has_tag = first < len(starts) and starts[first] < match.start()
            tail = text[max(start, match.start() - _SCHEDULE_LENGTH) : match.start()]
            if has_tag and (last_bar >= start or _SCHEDULE.search(tail)):
                tag = tags[first]
                raise InvalidInputError(
                    f"The LoRA tag at character {tag.start + 1} is part of a schedule "
                    f"(characters {start} to {match.end()}), which is not supported.",
                    hint=_WINDOW,
                    text=prompt,
                    position=tag.start,
                )
