"""A marketplace, and a machine that asks it."""

from __future__ import annotations

import pytest
from support.marketplace import Marketplace
from support.models import write_safetensors
from support.resolving import KEY, Patient
from support.workspaces import make_workspace, sources_of

from satchel.settings import SourceSettings


@pytest.fixture
def market():
    with Marketplace(keys=(KEY,)) as market:
        yield market


@pytest.fixture
def space(market, tmp_path):
    # `Elsewhere` goes by Hugging Face's name, which is therefore not switched off.
    sources = {**sources_of(market), "huggingface": SourceSettings(market.site_url)}
    space = make_workspace(tmp_path, market, sources=sources)
    return space.watched(lambda event: None, Patient())


@pytest.fixture
def publish(market, tmp_path):
    def build(seed=0, **options):
        path = write_safetensors(tmp_path / "published" / f"{seed}.safetensors", seed=seed)
        return market.publish(path, **{"model_name": "Ink", "file_name": "ink.sft", **options})

    return build
