"""The demo itself, as `dev.py demo` runs it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from satchel_tools import ROOT
from satchel_tools.host import Host

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_the_demo_ends_with_identical_pixels(host: Host, tmp_path: Path) -> None:
    launcher = ROOT / "tools" / "satchel_tools" / "launch.py"
    command = [host.python, launcher, "satchel_tools.demo", "--json", "--output", tmp_path]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}

    done = subprocess.run(command, capture_output=True, text=True, env=environment)

    assert done.returncode == 0, done.stderr[-2000:]
    figures = json.loads(done.stdout)
    assert figures["ok"]
    assert figures["pixel_sha256"]["author"] == figures["pixel_sha256"]["recipient"]
    assert len(figures["installed"]) == figures["models_locked"] - 1
    for name in ("author.png", "recipient.png", "portable.png", "portable.json"):
        assert (tmp_path / name).stat().st_size > 0
