"""What travels between the listeners and the two origins: a request in, a reply out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Any

CHUNK_BYTES = 1 << 20
INVERT = bytes(255 - value for value in range(256))
BROWSER = re.compile("mozilla|chrome|safari|firefox|opera|edge", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Request:
    origin: str
    """`site`, `storage` or `images`."""
    method: str
    target: str
    """Path and query as they came over the wire."""
    path: str
    """Percent-decoded."""
    query: Mapping[str, tuple[str, ...]]
    headers: Message
    """Looks names up without regard to case."""
    body: bytes

    def arg(self, name: str) -> str | None:
        return self.query.get(name, (None,))[0]

    @property
    def base_url(self) -> str:
        """The origin the client believes to talk to: Civitai builds most URLs from it."""
        return f"http://{self.headers.get('Host', 'undefined')}"

    @property
    def is_browser(self) -> bool:
        return bool(BROWSER.search(self.headers.get("User-Agent", "")))


@dataclass(frozen=True, slots=True)
class FileRange:
    """A part of a file, sent without being held in memory."""

    path: Path
    start: int
    length: int
    inverted: bool = False
    """Every bit flipped: same length, other content."""
    padding: int = 0
    """Zero bytes that follow the part."""

    @property
    def size(self) -> int:
        """Of the whole file."""
        return self.path.stat().st_size

    def __len__(self) -> int:
        return self.length + self.padding

    def chunks(self, most: int) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            file.seek(self.start)
            left = self.length
            while left and (chunk := file.read(min(most, left))):
                left -= len(chunk)
                yield chunk.translate(INVERT) if self.inverted else chunk
        yield from chunked(b"\0" * self.padding, most)


def chunked(body: bytes, most: int) -> Iterator[bytes]:
    for start in range(0, len(body), most):
        yield body[start : start + most]


@dataclass(frozen=True, slots=True)
class Pace:
    """How an answer is sent; all offsets count from the first byte of its body."""

    head_s: float = 0.0
    """Pause before the status line."""
    stall_after: int | None = None
    stall_s: float = 0.0
    cut_after: int | None = None
    bytes_per_s: int | None = None


@dataclass(frozen=True, slots=True)
class Reply:
    """`Content-Length` is added when it is sent."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | FileRange = b""
    pace: Pace | None = None


def json_reply(status: int, body: Any, **headers: str) -> Reply:
    """Keyword `Cache_Control` is the header `Cache-Control`."""
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return text_reply(status, text, "application/json; charset=utf-8", **headers)


def html_reply(status: int, text: str, **headers: str) -> Reply:
    return text_reply(status, text, "text/html; charset=utf-8", **headers)


def text_reply(
    status: int, text: str, content_type: str = "text/plain; charset=UTF-8", **headers: str
) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(status, {"Content-Type": content_type, **named}, text.encode())


def redirect_reply(location: str, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Reply(307, {"Location": location, **named})
