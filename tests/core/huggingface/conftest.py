"""Hugging Face's stand-in, what it publishes, and our view of it."""

from __future__ import annotations

import pytest
from support.hub import GOOD, INK
from support.marketplace.huggingface import HuggingFace as Hub
from support.models import write_safetensors

from satchel.marketplaces.huggingface import HuggingFace
from satchel.settings import Settings, SourceSettings, origin_of


@pytest.fixture
def hub():
    with Hub(tokens=(GOOD, "hf_other")) as hub:
        yield hub


@pytest.fixture
def publish(hub, tmp_path):
    def build(path="ink.safetensors", repository=INK, seed=0, **options):
        file = write_safetensors(tmp_path / "published" / f"{seed}.safetensors", seed=seed)
        return hub.publish(repository, path, file, **{"tags": ("lora",), **options})

    return build


@pytest.fixture
def site(hub):
    """The marketplace, with or without a token."""

    def build(token=None):
        return HuggingFace(
            Settings(
                {"huggingface": SourceSettings(hub.site_url, token)},
                trusted_origins=frozenset({origin_of(hub.storage_url)}),
            )
        )

    return build
