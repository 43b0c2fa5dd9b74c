"""What an image file carries, for each of the formats that a save node writes.

PNG has room for everything, each in a text of its own. WebP and JPEG have one EXIF block, with the
graphs where the host puts them and one comment; in JPEG it ends at 64 KB.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .containers import exif
from .lock import LOCK_KEY

Format = Literal["png", "webp", "jpeg"]
FORMATS: tuple[Format, ...] = ("png", "webp", "jpeg")
SUFFIX: Mapping[Format, str] = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}

JPEG_EXIF_BYTES = 65533 - len(b"Exif\0\0")
"""A segment's length has 16 bits and counts itself."""
_GIVEN_UP = (LOCK_KEY, "workflow", "prompt")
"""What a JPEG does without, in this order, when not everything fits: a file beside it has it."""


@dataclass(frozen=True, slots=True)
class ImageTexts:
    """Texts of an image, `prompt` and `workflow` first."""

    texts: Mapping[str, str] = field(default_factory=dict)
    parameters: str = ""
    """A1111 text."""
    civitai: str = ""
    """What Civitai reads in WebP and JPEG, unless there is A1111 text."""

    @property
    def comment(self) -> str:
        """The one comment that an EXIF block has."""
        return self.parameters or self.civitai


@dataclass(frozen=True, slots=True)
class Block:
    """An EXIF block, and what found no place in it."""

    exif: bytes
    left_out: tuple[str, ...] = ()


def texts_of(prompt: Any, pnginfo: Any) -> dict[str, str]:
    """What the host's own nodes write: the prompt, and a text for each key of `extra_pnginfo`."""
    texts = {"prompt": json.dumps(prompt)} if prompt else {}
    rest = pnginfo.items() if isinstance(pnginfo, dict) else ()
    return texts | {str(key): json.dumps(value) for key, value in rest}


def exif_block(told: ImageTexts, format_: Format) -> Block:
    """The EXIF block of a WebP or JPEG."""
    texts, left_out = dict(told.texts), []
    comment: str | None = told.comment or None
    block = exif.make_block(texts, comment)
    if format_ != "jpeg":
        return Block(block)
    for key in _GIVEN_UP:
        if len(block) <= JPEG_EXIF_BYTES:
            break
        if texts.pop(key, None) is not None:
            left_out.append(key)
            block = exif.make_block(texts, comment)
    if len(block) > JPEG_EXIF_BYTES:  # a comment, or texts of other packs
        left_out += [*texts, *(["comment"] if comment else [])]
        block = exif.make_block({})
    return Block(block, tuple(left_out))


def beside(told: ImageTexts) -> str:
    """The .json file that has what did not fit: a graph that can be opened, with the lock in it.

    An API graph has no place for a lock.
    """
    lock = json.loads(told.texts[LOCK_KEY]) if LOCK_KEY in told.texts else None
    graph = json.loads(told.texts.get("workflow", "null"))
    if isinstance(graph, dict):
        extra = graph.get("extra")
        if lock is not None:
            graph["extra"] = {**(extra if isinstance(extra, dict) else {}), LOCK_KEY: lock}
        return json.dumps(graph)
    return told.texts.get("prompt", "{}")
