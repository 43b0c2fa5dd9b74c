"""A stand-in that has what was recorded from Civitai."""

from __future__ import annotations

import pytest
from support.civitai import DATA
from support.marketplace import Marketplace
from support.workspaces import sources_of

from satchel.marketplaces.civitai import Civitai
from satchel.settings import Settings, origin_of


@pytest.fixture
def market():
    with Marketplace() as market:
        market.load_fixtures(DATA)
        yield market


@pytest.fixture
def civitai(market):
    origins = frozenset({origin_of(market.storage_url)})
    return Civitai(Settings(sources_of(market), trusted_origins=origins))
