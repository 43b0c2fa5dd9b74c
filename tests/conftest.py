"""No test talks to the world, and none sees the settings of the person who runs it."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from satchel_tools.core_import import make_core_importable

# Not by the repository root on sys.path: there our nodes/ would hide the host's nodes.py.
make_core_importable()

OPERATOR_SETTINGS = (
    "CIVITAI_API_TOKEN",
    "SATCHEL_ALLOW_PICKLE",
    "SATCHEL_ALLOW_REMOTE_INSTALL",
    "SATCHEL_CATALOG",
    "SATCHEL_CIVITAI_READY",
    "SATCHEL_CIVITAI_URL",
    "SATCHEL_EMBED_LOCK",
    "SATCHEL_MODELS",
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
