"""No test talks to the world, and none sees the settings of the person who runs it."""

from __future__ import annotations

import ipaddress
import os
import socket
from pathlib import Path

import pytest
from hypothesis import settings
from satchel_tools.core_import import make_core_importable
from satchel_tools.host import Host, run_module

# What helpers assert is explained as what tests assert.
pytest.register_assert_rewrite("support")

# Whether a busy machine is slow is nothing that a test should find out.
settings.register_profile("satchel", deadline=None)
settings.load_profile("satchel")

# Not by the repository root on sys.path: there our nodes/ would hide the host's nodes.py.
make_core_importable()

OPERATOR_SETTINGS = (
    "CIVITAI_API_TOKEN",
    "SATCHEL_ALLOW_PICKLE",
    "SATCHEL_ALLOW_REMOTE_INSTALL",
    "SATCHEL_CATALOG",
    "SATCHEL_CIVITAI_READY",
    "SATCHEL_CIVITAI_IMAGES_URL",
    "SATCHEL_CIVITAI_URL",
    "SATCHEL_FORMATS",
    "SATCHEL_MAX_FILE_BYTES",
    "SATCHEL_MAX_TOTAL_BYTES",
    "SATCHEL_EMBED_LOCK",
    "SATCHEL_MODELS",
    "SATCHEL_OPERATOR_TOKEN",
    "SATCHEL_POLICY",
    "SATCHEL_PRELOAD",
    "SATCHEL_PREVIEWS",
    *(f"SATCHEL_{kind}_URL" for kind in ("CIVARCHIVE", "HUGGINGFACE", "MODELSCOPE", "FAL",
                                         "REPLICATE")),
    *("CIVITAI_TOKEN", "HF_TOKEN", "HF_ENDPOINT", "MODELSCOPE_API_TOKEN", "FAL_KEY",
      "REPLICATE_API_TOKEN"),
    "SATCHEL_TRUSTED_ORIGINS",
    "SATCHEL_UPDATE_CHECK_HOURS",
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OPERATOR_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("SATCHEL_CREDENTIALS", "off")


@pytest.fixture(autouse=True)
def _no_sockets_but_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: object) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            host = str(address[0])  # type: ignore[index]
            if host != "localhost" and not ipaddress.ip_address(host.split("%")[0]).is_loopback:
                pytest.fail(f"A test tried to connect to {address}.")
        connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def host() -> Host:
    """The ComfyUI that dev.py provides."""
    if "SATCHEL_HOST_DIR" not in os.environ:
        pytest.skip("no ComfyUI: run `python dev.py test`")
    return Host(Path(os.environ["SATCHEL_HOST_DIR"]), Path(os.environ["SATCHEL_HOST_PYTHON"]))


@pytest.fixture(scope="session")
def demo_models(host: Host, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with the demo's files, made by the host's own code."""
    models = tmp_path_factory.mktemp("demo") / "models"
    run_module(host, "satchel_tools.demo_models", models)
    return models


@pytest.fixture(scope="session")
def family_models(host: Host, demo_models: Path) -> Path:
    """The same folder, with models of seven families and LoRAs for them."""
    run_module(host, "support.tiny_checkpoints", demo_models)
    return demo_models
