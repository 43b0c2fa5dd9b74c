"""Files that carry a workflow beside what they are: images, videos, sounds, drawings, latents.

Every reader takes a whole file's bytes (mapped ones, too) and returns its texts by keyword:
`workflow`, `prompt`, `parameters`, `satchel`. The bytes decide what a file is, never its name.
Adding a container is one file and one line here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from . import audio, isobmff, jpeg, matroska, png, svg, tensors, webp
from .bounded import Buffer

HEAD_BYTES = 4096
"""How much of a file tells what it is."""


@dataclass(frozen=True, slots=True)
class Container:
    """One kind of file."""

    name: str
    is_it: Callable[[bytes], bool]
    """Whether a file's first bytes say so."""
    read_texts: Callable[[Buffer], dict[str, str]]
    with_texts: Callable[[bytes, Mapping[str, str]], bytes] | None = None
    """The same file with other texts, where that can be done without decoding it."""


def _is_png(head: bytes) -> bool:
    return head.startswith(png.SIGNATURE)


CONTAINERS = (
    Container("PNG", _is_png, png.read_texts, png.with_texts),
    Container("WebP", webp.is_webp, webp.read_texts, webp.with_texts),
    Container("JPEG", jpeg.is_jpeg, jpeg.read_texts),
    Container("video or AVIF", isobmff.is_isobmff, isobmff.read_texts),
    Container("WebM", matroska.is_matroska, matroska.read_texts),
    Container("FLAC", audio.is_flac, audio.read_flac),
    Container("Ogg", audio.is_ogg, audio.read_ogg),
    Container("MP3", audio.is_mp3, audio.read_mp3),
    Container("SVG", svg.is_svg, svg.read_texts),
    Container("safetensors", tensors.is_tensors, tensors.read_texts),
)
"""In the order to ask."""


def find_container(content: Buffer) -> Container | None:
    """The kind of file that these bytes are; None when they are none of them."""
    head = bytes(content[:HEAD_BYTES])
    return next((container for container in CONTAINERS if container.is_it(head)), None)
