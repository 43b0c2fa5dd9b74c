"""What the headers of an answer with a file say (RFC 9110, sections 8.8, 13.1.5, 14)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

from ..errors import BadResponseError

_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)\Z")
_COUNT = re.compile(r"[0-9]{1,18}\Z")


@dataclass(frozen=True, slots=True)
class Validator:
    """How a source names the state of a file, to ask for the rest of that state only."""

    source: str
    """`source_key` of it: another source may name the same bytes otherwise."""
    etag: str = ""
    """Empty unless it is a strong one."""
    last_modified: str = ""

    @property
    def if_range(self) -> str:
        """The value of `If-Range`; empty when there is nothing to compare by."""
        return self.etag or self.last_modified

    def to_json(self) -> dict[str, str]:
        return {"source": self.source, "etag": self.etag, "last_modified": self.last_modified}

    @classmethod
    def from_json(cls, value: Any) -> Validator | None:
        if not isinstance(value, Mapping):
            return None
        texts = [value.get(key) for key in ("source", "etag", "last_modified")]
        if not all(isinstance(text, str) for text in texts):
            return None
        return cls(*(str(text) for text in texts))


@dataclass(frozen=True, slots=True)
class Answer:
    """The facts of an answer whose status is 200, 206 or 416."""

    status: int
    start: int
    """Position in the file of the body's first byte."""
    total: int | None
    """Length of the whole file, when it says."""
    ranges: bool
    """Whether the server gives parts of it."""
    validator: Validator


def read_answer(response: requests.Response, source: str) -> Answer:
    """Reads an answer's headers.

    Raises:
        BadResponseError: a compressed body, or a part whose place is not told.
    """
    headers = response.headers
    encoding = headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        # Nothing asked for it, and what a few bytes unpack to has no limit.
        raise BadResponseError(
            f"The server compressed the file ({encoding}), which was not asked for.",
            hint="Another source may serve it as it is.",
            status=response.status_code,
        )
    etag = headers.get("ETag", "")
    validator = Validator(
        source, "" if etag.startswith("W/") else etag, headers.get("Last-Modified", "")
    )
    if response.status_code == 206:
        match = _CONTENT_RANGE.match(headers.get("Content-Range", ""))
        if match is None:
            raise BadResponseError(
                "The server sent a part of the file without saying which.", hint="Try again later."
            )
        total = None if match[3] == "*" else int(match[3])
        return Answer(206, int(match[1]), total, True, validator)
    length = headers.get("Content-Length", "")
    if response.status_code == 416:
        length = headers.get("Content-Range", "").removeprefix("bytes */")
    return Answer(
        response.status_code,
        0,
        int(length) if _COUNT.match(length) else None,
        "bytes" in headers.get("Accept-Ranges", "").lower(),
        validator,
    )
