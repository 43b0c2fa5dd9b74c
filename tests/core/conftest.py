"""Pauses before another attempt are taken, but short: a test sees that there is one, or counts it
with a `Cancellation` of its own."""

from __future__ import annotations

import pytest

from satchel.progress import Cancellation

SHORTER = 0.02


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    wait = Cancellation.wait
    monkeypatch.setattr(
        Cancellation, "wait", lambda self, seconds: wait(self, min(seconds, SHORTER))
    )
