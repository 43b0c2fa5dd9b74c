"""Requests to the stand-in marketplace, as its own tests send them, and bytes to publish."""

from __future__ import annotations

import json
import struct

import requests
from support.marketplace import Marketplace

KEY = "0123456789abcdef0123456789abcdef"
AGENT = {"User-Agent": "stand-in-test/1"}
LOGGED_IN = {**AGENT, "Authorization": f"Bearer {KEY}"}
BYTES = bytes(range(256)) * 200


def safetensors(salt: str = "", size: int = len(BYTES)) -> bytes:
    header = json.dumps({"__metadata__": {"salt": salt}}).encode()
    return struct.pack("<Q", len(header)) + header + BYTES[:size]


def get(market: Marketplace, path: str, headers=AGENT, **options) -> requests.Response:
    options = {"allow_redirects": False, "timeout": 5, **options}
    return requests.get(market.site_url + path, headers=headers, **options)


def get_api(market: Marketplace, path: str, headers=AGENT):
    response = get(market, f"/api/v1{path}", headers)
    return response.status_code, response.json()


def get_download(market, published, query="", headers=AGENT, **options) -> requests.Response:
    path = f"/api/download/models/{published.version_id}{query}"
    return get(market, path, headers, **options)


def get_link(market, published) -> str:
    return get_download(market, published).headers["Location"]


def drain(response: requests.Response, into: bytearray) -> None:
    for chunk in response.iter_content(1):
        into += chunk


def post_batch(market: Marketplace, body, route="by-hash") -> requests.Response:
    url = f"{market.site_url}/api/v1/model-versions/{route}"
    return requests.post(url, json=body, headers=AGENT, timeout=5)
