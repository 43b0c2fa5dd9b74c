"""ComfyUI and this package in one process, as benchmarks need them."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PACK = "satchel_benchmarked"


def open_host() -> None:
    """Puts ComfyUI on the path, on the CPU; it reads `sys.argv` itself, once."""
    if os.environ.get("SATCHEL_HOST_DIR"):
        sys.path.insert(0, os.environ["SATCHEL_HOST_DIR"])
    sys.path.insert(1, str(ROOT / "tests"))
    # There, our nodes/ would hide the host's nodes.py.
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != ROOT]
    arguments, sys.argv = sys.argv, [sys.argv[0], "--cpu"]
    try:
        import comfy.options

        comfy.options.enable_args_parsing()
        import comfy.cli_args
    except ImportError:
        sys.exit("ComfyUI is not on the path: set SATCHEL_HOST_DIR to its source folder.")
    finally:
        sys.argv = arguments
    logging.disable(logging.INFO)


def load_pack() -> Any:
    """The package as the host loads it, under the name `PACK`, from wherever this file lies."""
    spec = importlib.util.spec_from_file_location(
        PACK, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACK] = package
    spec.loader.exec_module(package)
    importlib.import_module(f"{PACK}.nodes.lora")
    return package
