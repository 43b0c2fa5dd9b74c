"""Real ComfyUI servers with this checkout, and the stand-in marketplace they ask."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from satchel_tools.base_directory import make_base_directory
from satchel_tools.comfyui import ComfyUI
from satchel_tools.demo_models import ALL_FILES
from satchel_tools.host import Host
from support.marketplace import Marketplace, Published

TOKEN = "0123456789abcdef0123456789abcdef"
"""Planted in every server's environment: it must turn up nowhere."""


@pytest.fixture(scope="session")
def market() -> Iterator[Marketplace]:
    """A marketplace; `published` fills it."""
    with Marketplace(keys=(TOKEN,)) as running:
        yield running


@pytest.fixture(scope="session")
def published(market: Marketplace, demo_models: Path) -> dict[str, Published]:
    """The demo's files on the marketplace, by title."""
    return {
        file.title: market.publish(
            demo_models / file.kind / file.name,
            model_name=file.title,
            type=file.type,
            file_type=file.file_type,
        )
        for file in ALL_FILES
    }


@pytest.fixture(autouse=True)
def _no_faults_left(market: Marketplace) -> Iterator[None]:
    yield
    market.clear_faults()


StartServer = Callable[..., ComfyUI]


@contextmanager
def servers(
    host: Host, market: Marketplace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartServer]:
    """What starts servers that know the marketplace; they are stopped at the end."""
    running: list[ComfyUI] = []

    def start(
        name: str,
        files: Mapping[str, str] = {},
        preload: str | None = None,
        env: Mapping[str, str] = {},
        **options: Any,
    ) -> ComfyUI:
        base = tmp_path_factory.mktemp(name)
        make_base_directory(base)
        for path, text in files.items():
            (base / path).write_text(text, "utf-8")
        environment = {
            **market.environment,
            "CIVITAI_API_TOKEN": TOKEN,
            "SATCHEL_PRELOAD": preload,
            **env,
        }
        server = ComfyUI(host, base, env=environment, **options)
        running.append(server)
        return server.start()

    try:
        yield start
    finally:
        for server in running:
            server.stop()


@pytest.fixture(scope="module")
def start_server(
    host: Host, market: Marketplace, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartServer]:
    """Starts servers that know the marketplace, and stops them at the module's end.

    `files` are put into the base directory first, by their path in it; `env` has more variables.
    """
    with servers(host, market, tmp_path_factory) as start:
        yield start


@pytest.fixture(scope="session")
def author(
    host: Host,
    market: Marketplace,
    tmp_path_factory: pytest.TempPathFactory,
    demo_models: Path,
    published: dict[str, Published],
) -> Iterator[ComfyUI]:
    """A server that has all models of the demo, which are all published; no test changes it."""
    with servers(host, market, tmp_path_factory) as start:
        server = start("author")
        for file in ALL_FILES:
            link = server.base / "models" / file.kind / file.name
            link.parent.mkdir(parents=True, exist_ok=True)
            os.link(demo_models / file.kind / file.name, link)
        yield server


@pytest.fixture(scope="module")
def recipient(start_server: StartServer) -> ComfyUI:
    """A server without models."""
    return start_server("recipient")
