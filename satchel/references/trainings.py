"""What fal and Replicate trained: the address of an answer or a file, or the answer itself.

fal: `{"diffusers_lora_file": {"url": …}, "high_noise_lora": …, "config_file": …}`, or a queue's
answer with a `response_url`. Replicate: a training's `{"output": {"weights": url}, "urls": {…}}`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Literal

from ..errors import AmbiguousReferenceError
from ..marketplaces.hosts import FAL, REPLICATE, Hosts
from .grammar import read_url, refuse, without_space
from .values import TrainingReference

GRAMMAR = (
    "the JSON that fal or Replicate answered for a training,"
    " https://v3.fal.media/files/… or https://replicate.delivery/…"
)
_FAL_FILES = ("diffusers_lora_file", "lora_file", "high_noise_lora", "low_noise_lora")
MAX_JSON = 1 << 20
"""Characters; a training's answer carries its log, which may be long."""


def parse(text: str) -> TrainingReference | None:
    if text.startswith("{"):
        return _of_json(text)
    url = read_url(text)
    if url is None:
        return None
    for source, hosts in _SERVICES:
        if _serves(hosts, url.host):
            if not url.segments:
                raise refuse(text, url.path_position, "it names no training and no file", GRAMMAR)
            return TrainingReference(source, _without_query(text))
    return None


_Service = Literal["fal", "replicate"]
_SERVICES: tuple[tuple[_Service, Hosts], ...] = (("fal", FAL), ("replicate", REPLICATE))


def _serves(hosts: Hosts, host: str) -> bool:
    return host in hosts.site or host.endswith(hosts.storage_suffixes)


def _without_query(url: str) -> str:
    bare = url.partition("#")[0].partition("?")[0]
    return without_space(f"https://{bare.partition('://')[2]}")


def _of_json(text: str) -> TrainingReference:
    try:
        if len(text) > MAX_JSON:
            raise ValueError
        answer = json.loads(text)
    except json.JSONDecodeError as error:
        raise refuse(text, error.pos, "it is no JSON", GRAMMAR) from None
    except (ValueError, RecursionError):
        raise refuse(text, 0, "it is too large", GRAMMAR) from None
    urls = _addresses(answer)
    found = [reference for url in urls if (reference := _service_url(url)) is not None]
    if not found:
        raise refuse(text, 0, "no file of fal or Replicate is in it", GRAMMAR)
    if len(found) > 1:
        raise AmbiguousReferenceError(
            "The training made several files, as for high and low noise.",
            hint="Give one of them: " + ", ".join(one.url for one in found),
            files=[one.url for one in found],
        )
    return found[0]


def _service_url(url: str) -> TrainingReference | None:
    return parse(url) if url.lower().startswith("https://") else None


def _addresses(answer: Mapping[str, Any]) -> list[str]:
    """The files' own addresses, else the address of the answer that will name them."""
    output = answer.get("output")
    inner = [answer, *([output] if isinstance(output, dict) else [])]
    inner += [value for key in ("data", "result") if isinstance(value := answer.get(key), dict)]
    files = [table.get(key) for table in inner for key in _FAL_FILES]
    urls = [file.get("url") for file in files if isinstance(file, dict)]
    urls += [table.get("weights") for table in inner]
    if not any(isinstance(url, str) for url in urls):
        links = answer.get("urls")
        urls = [answer.get("response_url"), links.get("get") if isinstance(links, dict) else None]
    return list(dict.fromkeys(url for url in urls if isinstance(url, str)))


def to_text(reference: TrainingReference) -> str:
    return reference.url
