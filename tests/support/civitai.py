"""What tests of Civitai share: sources of published files, and answers of a test's own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from satchel.identity import Source
from satchel.marketplaces.civitai import download_url

KEY = "0123456789abcdef0123456789abcdef"
BATCH = "/api/v1/model-versions/by-hash"
LATER = (datetime.now(UTC) + timedelta(days=3)).isoformat()


def source_of(published) -> Source:
    return Source(
        "civitai",
        download_url(published.version_id, published.file_id),
        version_id=published.version_id,
        file_id=published.file_id,
    )


def answer(market, monkeypatch, body, path=BATCH) -> None:
    """Lets the stand-in answer an API route with a body of our own."""
    from support.marketplace import api

    routes = [
        (pattern, access, lambda site, request, *groups: api.json_reply(200, body))
        if pattern == path
        else (pattern, access, route)
        for pattern, access, route in api.ROUTES
    ]
    monkeypatch.setattr(api, "ROUTES", tuple(routes))


DATA = Path(__file__).resolve().parents[1] / "data" / "marketplace"


def recorded(name):
    return json.loads((DATA / f"civitai_{name}.json").read_text("utf-8"))
