"""The model that a workflow wants, and where it is published."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.marketplace import Marketplace, Published
from support.models import write_safetensors


@pytest.fixture
def ink(tmp_path: Path) -> Path:
    """The file that the workflows of these tests want."""
    return write_safetensors(tmp_path / "author/ink.safetensors", seed=1)


@pytest.fixture
def published(market: Marketplace, ink: Path) -> Published:
    return market.publish(ink, model_name="Ink")
