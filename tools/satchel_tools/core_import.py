"""Makes `import satchel` find this checkout's core without the checkout on `sys.path`.

With the repository root on `sys.path`, our `nodes/` would hide the host's `nodes.py`.
"""

from __future__ import annotations

import importlib.util
import sys

from . import ROOT


def make_core_importable() -> None:
    """Loads the core package by its path, as ComfyUI loads a custom node; does nothing twice."""
    if "satchel" in sys.modules:
        return
    package = ROOT / "satchel"
    spec = importlib.util.spec_from_file_location(
        "satchel", package / "__init__.py", submodule_search_locations=[str(package)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["satchel"] = module
    spec.loader.exec_module(module)
