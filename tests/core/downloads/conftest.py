"""A marketplace, and a machine that fetches from it."""

from __future__ import annotations

import pytest
from support.downloads import KEY, SIZE, NoWaits, identity
from support.marketplace import Marketplace, Published
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.downloads import Downloader, TransferLimits
from satchel.downloads.bandwidth import TokenBucket


@pytest.fixture
def market():
    with Marketplace(keys=(KEY,)) as market:
        yield market


@pytest.fixture
def publish(market, tmp_path):
    def build(seed=0, elements=SIZE // 4, **options) -> Published:
        path = tmp_path / "published" / f"{seed}.safetensors"
        if not path.exists():
            write_safetensors(path, {"w": (elements,)}, seed=seed)
        return market.publish(path, model_name="Ink", **options)

    return build


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "models" / "loras"


@pytest.fixture
def downloader(market, tmp_path):
    """A downloader as a process of its own would have it."""

    def build(cancellation=None, report=None, connections=1, bandwidth=None, settings=None):
        limits = TransferLimits(connections, bandwidth or TokenBucket())
        resolver = make_workspace(tmp_path, market, **(settings or {})).resolver()
        return Downloader(
            resolver, report or (lambda event: None), cancellation or NoWaits(), limits
        )

    return build


@pytest.fixture
def fetch(downloader, folder):
    """Fetches a published file to `loras/a.safetensors`."""

    def run(*published: Published, name="a.safetensors", **options):
        ours = {"cancellation", "report", "connections", "bandwidth", "settings"}
        made = downloader(**{key: options.pop(key) for key in ours & set(options)})
        return made.fetch(identity(*published, name=name, **options), folder / name)

    return run
