"""The stand-in marketplace, and files that it has."""

from __future__ import annotations

import pytest
from support.marketplace import Marketplace, Published
from support.stand_in_requests import KEY, safetensors


@pytest.fixture
def market():
    with Marketplace(keys=(KEY,)) as market:
        yield market


@pytest.fixture
def publish(market, tmp_path):
    def build(content: bytes | None = None, **options) -> Published:
        number = len(list(tmp_path.iterdir()))
        path = tmp_path / f"lora_{number}.safetensors"
        path.write_bytes(safetensors(str(number)) if content is None else content)
        return market.publish(path, **{"model_name": "Ink Wash Lines", **options})

    return build
