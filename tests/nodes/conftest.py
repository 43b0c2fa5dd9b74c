"""Loads the pack as ComfyUI loads it, in this process, next to ComfyUI's own modules."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "satchel_pack_under_test"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.host)


@pytest.fixture(scope="session")
def host_modules(tmp_path_factory: pytest.TempPathFactory) -> None:
    """ComfyUI's source on the path, set to the CPU, with empty model folders of its own."""
    directory = os.environ.get("SATCHEL_HOST_DIR")
    if not directory:
        pytest.skip("SATCHEL_HOST_DIR does not name a ComfyUI source directory")
    sys.path.insert(0, directory)
    base = tmp_path_factory.mktemp("host")
    arguments, sys.argv = sys.argv, ["main.py", "--cpu", "--base-directory", str(base)]
    try:
        import comfy.options

        comfy.options.enable_args_parsing()
        import comfy.cli_args
    finally:
        sys.argv = arguments


@pytest.fixture(scope="session")
def pack(host_modules: None) -> ModuleType:
    """The package as the host imports a custom node: by path, under a name of its own."""
    spec = importlib.util.spec_from_file_location(
        PACKAGE, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = module
    spec.loader.exec_module(module)
    importlib.import_module(f"{PACKAGE}.nodes")
    return module


@pytest.fixture
def loras(pack: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty LoRA folder that the host knows."""
    import folder_paths

    directory = tmp_path / "loras"
    directory.mkdir()
    monkeypatch.setitem(
        folder_paths.folder_names_and_paths, "loras",
        ([str(directory)], folder_paths.supported_pt_extensions),
    )  # fmt: skip
    monkeypatch.setattr(folder_paths, "filename_list_cache", {})
    return directory


@pytest.fixture
def stack_node(pack: ModuleType) -> Any:
    return pack.nodes.lora.SatchelLoraStack


@pytest.fixture(scope="session")
def sd15(host_modules: None) -> Any:
    from support.tiny_models import tiny_sd15

    return tiny_sd15()


@pytest.fixture(scope="session")
def flux(host_modules: None) -> Any:
    from support.tiny_models import tiny_flux

    return tiny_flux()


@pytest.fixture(scope="session")
def clip(host_modules: None) -> Any:
    from support.tiny_models import clip_l

    return clip_l()
