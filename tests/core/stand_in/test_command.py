"""The stand-in marketplace as a program: all sites, from one command, as the CLI then sees them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.hashes import hash_file
from satchel.obtain import obtain
from satchel.references import parse_reference
from satchel.settings import Settings

PROGRAM = Path(__file__).resolve().parents[2] / "support" / "marketplace"


def test_it_offers_a_file_at_every_site(tmp_path: Path):
    file = write_safetensors(tmp_path / "ink.safetensors")
    command = [sys.executable, str(PROGRAM), str(file), "--key", "k3y"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            lines = [process.stdout.readline().strip() for _ in range(3 + 4 + 9)]
            references = [line.split()[0] for line in lines[2:7]]
            environ = dict(line.split("=", 1) for line in lines[7:])
            environ |= {"FAL_KEY": "k3y", "REPLICATE_API_TOKEN": "k3y"}
            settings = Settings.from_environment(environ)
            got = []
            for number, reference in enumerate(references):
                space = make_workspace(
                    tmp_path / str(number),
                    sources=settings.sources,
                    trusted_origins=settings.trusted_origins,
                )
                got.append(obtain(parse_reference(reference), "loras", space))
        finally:
            process.terminate()

    assert {one.digests.sha256 for one in got} == {hash_file(file).sha256}
    assert [one.pinned for one in got] == [True, True, True, False, False]
