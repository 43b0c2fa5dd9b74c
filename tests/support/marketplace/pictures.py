"""The image origin: pictures of versions, behind addresses nobody guesses, for everybody."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass
from typing import Any

from .messages import Reply, Request, text_reply

ACCOUNT = "xG1nkqKTMzGDvpLrqFT7WA"
OWN_HOST = "https://image.civitai.com"
"""What answers name, whoever serves them."""
_TYPES = {b"\x89PNG": "image/png", b"\xff\xd8\xff\xe0": "image/jpeg", b"RIFF": "image/webp"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture or video to show with a version."""

    content: bytes
    nsfw_level: int = 1
    """The site's bits: PG 1, PG13 2, R 4, X 8, XXX 16; 0 for one that is not rated."""
    type: str = "image"
    missing: bool = False
    """Listed, but the image origin does not have it any more."""


class ImageHost:
    """`/{account}/{id}/{transform}/{name}`; all transforms give the picture as it is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._contents: dict[str, bytes] = {}
        self._count = 0

    def add(self, picture: Picture) -> dict[str, Any]:
        """Takes a picture in; returns the image object that the API lists."""
        with self._lock:
            self._count += 1
            number = 71_000_000 + self._count
            key = str(uuid.uuid5(uuid.NAMESPACE_URL, str(number)))
            if not picture.missing:
                self._contents[key] = picture.content
        suffix = "mp4" if picture.type == "video" else "jpeg"
        return {
            "url": f"{OWN_HOST}/{ACCOUNT}/{key}/original=true/{number}.{suffix}",
            "nsfwLevel": picture.nsfw_level,
            "width": 832,
            "height": 1216,
            "hash": "UDFFyU%M00of~qofM{ay00WB?bof",
            "type": picture.type,
            "minor": False,
            "poi": False,
            "hasMeta": False,
            "hasPositivePrompt": False,
            "onSite": False,
        }

    def answer(self, request: Request) -> Reply:
        if "Authorization" in request.headers or "Cookie" in request.headers:
            return text_reply(400, "Bad Request")
        parts = request.path.split("/")
        content = self._contents.get(parts[2]) if len(parts) == 5 and "=" in parts[3] else None
        if content is None or parts[1] != ACCOUNT:
            return text_reply(404, "Not Found")
        kind = _TYPES.get(content[:4], "application/octet-stream")
        return Reply(200, {"Content-Type": kind, "Cache-Control": "public, max-age=86400"}, content)
