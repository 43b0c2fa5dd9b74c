"""Element filters: parts of a block by what their weights are called.

Written after a slot: `.attn` (one kind of weight), `.attn|mlp` (either), `.!norm` (all others),
`.attn2.to_q` (both). A word of `KINDS` means the same in every architecture; any other word is
looked for in the weight's name within its slot, dots as underscores (`ff_net`); digits alone
are the first part of that name (`M00.1`: the attention of the middle block); a quoted text is
looked for in the whole key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .slots import Place

_HEAD = r"(?:^|\.)"
_TAIL = r"(?:\.|$)"


def _projection(letter: str) -> re.Pattern[str]:
    names = (rf"to_{letter}(?:_t)?", rf"{letter}(?:_img)?", rf"w[12]?{letter}",
             rf"(?:add_)?{letter}_proj")  # fmt: skip
    return re.compile(rf"{_HEAD}(?:{'|'.join(names)}){_TAIL}", re.IGNORECASE)


KINDS: dict[str, re.Pattern[str]] = {
    "attn": re.compile(r"attn|attention", re.IGNORECASE),
    "mlp": re.compile(
        rf"{_HEAD}(?:(?:img_|txt_|audio_)?(?:mlp[CX]?|ffn?|ff_[it])|feed_forward|experts"
        rf"|DenseReluDense){_TAIL}",
        re.IGNORECASE,
    ),
    "to_q": _projection("q"),
    "to_k": _projection("k"),
    "to_v": _projection("v"),
    "to_out": re.compile(
        rf"{_HEAD}(?:to_out(?:_t)?|to_add_out|o|w[12]?o|o_proj|out_proj|output_proj"
        rf"|attention\.out|(?:img_|txt_|self_)?attn2?\.proj){_TAIL}",
        re.IGNORECASE,
    ),
    "mod": re.compile(
        rf"modulation|adaln|{_HEAD}(?:img_|txt_)?mod[CX]*{_TAIL}",
        re.IGNORECASE,
    ),
    "conv": re.compile(r"conv|in_layers|out_layers|skip_connection|\.op\.", re.IGNORECASE),
}
"""Words that mean the same in every architecture -> names that weights of that kind have."""
KINDS |= {"ff": KINDS["mlp"], "ffn": KINDS["mlp"], "attention": KINDS["attn"]}


@dataclass(frozen=True, slots=True)
class Element:
    """Some weights of a slot: those that any of the words fits, or none of them."""

    words: tuple[str, ...]
    """Lower-case; a quoted text keeps its quotes and its case."""
    inverted: bool = False

    def __str__(self) -> str:
        return ("!" if self.inverted else "") + "|".join(self.words)

    def fits(self, place: Place) -> bool:
        return any(_fits(word, place) for word in self.words) != self.inverted


def _fits(word: str, place: Place) -> bool:
    if word.startswith("'"):
        return word[1:-1].replace(".", "_") in place.key.replace(".", "_")
    if word.isdigit():
        return place.name.split(".", 1)[0] == word
    pattern = KINDS.get(word)
    if pattern is not None:
        return pattern.search(place.name) is not None
    return word in place.name.lower().replace(".", "_")
