"""Recorded answers, given again word for word; anything that was not recorded is a 404."""

from __future__ import annotations

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from .messages import Reply, Request, json_reply, text_reply
from .service import Service


class Replay(Service):
    """The site answers what was recorded of `hosts`, the storage what was of all others."""

    def __init__(
        self, recording: Path, hosts: Collection[str], *, without: Collection[str] = ()
    ) -> None:
        """`without` are the names of exchanges that are left out: the first that fits counts."""
        exchanges = json.loads(recording.read_text("utf-8"))
        self._exchanges = [one for one in exchanges if one["name"] not in without]
        self._hosts = frozenset(hosts)
        super().__init__(self._answer_of(True), self._answer_of(False))

    def _answer_of(self, at_site: bool) -> Any:
        def answer(request: Request) -> Reply:
            asked = _key(request.method, request.target)
            for exchange in self._exchanges:
                url = exchange["request"]["url"]
                here = (urlsplit(url).hostname in self._hosts) == at_site
                if here and _key(exchange["request"]["method"], url) == asked:
                    return self._reply(exchange["response"])
            return json_reply(404, {"error": "not recorded"})

        return answer

    def _reply(self, response: dict[str, Any]) -> Reply:
        headers = dict(response["headers"])
        if "://" in headers.get("Location", ""):
            parts = urlsplit(headers["Location"])
            base = self.site_url if parts.hostname in self._hosts else self.storage_url
            headers["Location"] = f"{base}{parts.path}?{parts.query}"
        if "body" in response:
            reply = json_reply(response["status"], response["body"])
        else:
            reply = text_reply(response["status"], response.get("body_text", ""))
        return Reply(response["status"], {**reply.headers, **headers}, reply.body)


def _key(method: str, url: str) -> tuple[str, str, frozenset[tuple[str, str]]]:
    parts = urlsplit(url)
    return method, parts.path, frozenset(parse_qsl(parts.query))
