"""The containers under atheris: arguments are libFuzzer's, then a folder of whole files."""

from __future__ import annotations

import sys

import atheris

from .core_import import make_core_importable

with atheris.instrument_imports(include=["satchel.workflow"]):
    make_core_importable()
    from .fuzz_targets import TARGETS

(CONTAINERS,) = (target for target in TARGETS if target.name == "containers")


def read_one(data: bytes) -> None:
    CONTAINERS.feed(data)


if __name__ == "__main__":
    atheris.Setup(sys.argv, read_one)
    atheris.Fuzz()
