"""Civitai's stand-in, what it publishes, and our view of it."""

from __future__ import annotations

import pytest
from support.civitai import KEY
from support.marketplace import Marketplace
from support.models import write_safetensors
from support.workspaces import sources_of

from satchel.catalog import Catalog
from satchel.marketplaces.civitai import Civitai
from satchel.marketplaces.resolver import Resolver
from satchel.settings import Settings, origin_of


@pytest.fixture
def market():
    with Marketplace(keys=(KEY,)) as market:
        yield market


@pytest.fixture
def settings(market):
    return Settings(
        sources_of(market),
        trusted_origins=frozenset({origin_of(market.storage_url)}),
    )


@pytest.fixture
def civitai(settings):
    return Civitai(settings)


@pytest.fixture
def resolve(settings, tmp_path):
    return Resolver(settings, Catalog(tmp_path / "catalog.sqlite3")).resolve


@pytest.fixture
def publish(market, tmp_path):
    def build(name="a.safetensors", seed=0, **options):
        path = write_safetensors(tmp_path / "published" / f"{seed}-{name}", seed=seed)
        return market.publish(path, **{"model_name": "Ink", "file_name": name, **options})

    return build
