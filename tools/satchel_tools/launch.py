"""Runs a script or a module in the host's Python, with all that it may import in place.

    <host python> launch.py TARGET [arguments]      TARGET: a file ending in .py, or a module

Importable there: ComfyUI (from `SATCHEL_HOST_DIR`), `satchel`, `satchel_tools`, and what lies
beside the script. The path is set here and not by PYTHONPATH, which the embedded Python of
ComfyUI's Windows package ignores.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path


def main() -> None:
    tools = Path(__file__).resolve().parents[1]
    target = sys.argv[1]
    # Python put this file's own folder first; its modules are only meant as satchel_tools.x.
    own = str(Path(__file__).resolve().parent)
    sys.path[:] = [entry for entry in sys.path if entry != own]
    sys.path[:0] = [os.environ["SATCHEL_HOST_DIR"], str(tools), str(tools.parent / "tests")]

    from satchel_tools.core_import import make_core_importable

    make_core_importable()
    sys.argv = sys.argv[1:]
    if target.endswith(".py"):
        sys.path.insert(0, str(Path(target).resolve().parent))
        runpy.run_path(target, run_name="__main__")
    else:
        runpy.run_module(target, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
