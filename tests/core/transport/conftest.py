"""A transport to a marketplace that has one LoRA."""

from __future__ import annotations

import pytest
from support.marketplace import Marketplace
from support.models import write_safetensors
from support.transports import TOKEN, Waits, make_transport


@pytest.fixture
def market():
    with Marketplace(keys=(TOKEN,)) as market:
        yield market


@pytest.fixture
def lora(market, tmp_path):
    return market.publish(write_safetensors(tmp_path / "a.safetensors"), model_name="Ink")


@pytest.fixture
def waits():
    return Waits()


@pytest.fixture
def transport(market, waits):
    return make_transport(waits, market.site_url, market.storage_url)
