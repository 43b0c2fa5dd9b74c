"""A marketplace and a machine for workflows to move between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.marketplace import Marketplace
from support.workspaces import make_workspace

from satchel.workspace import Workspace


@pytest.fixture
def market() -> Iterator[Marketplace]:
    with Marketplace() as running:
        yield running


@pytest.fixture
def author(tmp_path: Path, market: Marketplace) -> Workspace:
    return make_workspace(tmp_path / "author", market)


@pytest.fixture
def recipient(tmp_path: Path, market: Marketplace) -> Workspace:
    return make_workspace(tmp_path / "recipient", market)
