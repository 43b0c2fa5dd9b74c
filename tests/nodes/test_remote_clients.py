"""Which routes a client on another machine may use."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from support.coroutines import run_async

OPEN = {
    "/status", "/plan", "/export", "/convert", "/block-weights", "/find", "/model-info", "/queue",
    "/auth", "/jobs/{id}", "/jobs/{id}/cancel", "/blocks", "/run", "/updates/known",
    "/bundle", "/bundle/{id}", "/loras", "/preview", "/library", "/library/details",
    "/library/used-in", "/block-norms", "/stack-presets",
    *(f"/stack-presets/{action}" for action in ("save", "delete", "share", "import")),
}  # fmt: skip
"""They read what ComfyUI shows anyway, ask about digests of a graph at most, and change nothing but
stack presets, which every user of ComfyUI may keep as they do their workflows;
`/run` queues what needs no installation, as ComfyUI's own route does, and refuses the rest;
`/bundle` refuses to pack models."""


class _Transport:
    def __init__(self, address: str) -> None:
        self._address = address

    def get_extra_info(self, name: str) -> Any:
        return (self._address, 50000) if name == "peername" else None


class _Request:
    """As much of a request as the guard sees; what is asked is refused by who gets that far."""

    content_type = "text/plain"
    headers: ClassVar[dict[str, str]] = {}
    query: ClassVar[dict[str, str]] = {}

    def __init__(self, address: str) -> None:
        self.transport = _Transport(address)


@pytest.fixture
def guarded(pack):
    import importlib

    routes = importlib.import_module(f"{pack.__name__}.nodes.routes")
    return [
        (path, handler)
        for topic in routes._TOPICS
        for _, path, handler in topic.ROUTES
        if path not in OPEN
    ]


@pytest.mark.parametrize(
    "address", ["192.168.1.20", "203.0.113.9", "fe80::1%eth0", "::ffff:10.0.0.1"]
)
def test_another_machine_may_not(pack, guarded, address, monkeypatch):
    monkeypatch.setenv("SATCHEL_CREDENTIALS", "off")
    errors = pack.satchel.errors

    assert len(guarded) >= 18
    for _, handler in guarded:
        with pytest.raises(errors.InstallNotAllowedError, match="only from the machine"):
            run_async(handler(_Request(address)))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1", ""])
def test_this_machine_may(pack, guarded, address, monkeypatch):
    monkeypatch.setenv("SATCHEL_CREDENTIALS", "off")
    errors = pack.satchel.errors

    for _, handler in guarded:
        with pytest.raises((errors.UnsupportedMediaTypeError, errors.InvalidInputError)):
            run_async(handler(_Request(address)))


def test_others_may_where_the_operator_says_so(pack, guarded, monkeypatch):
    monkeypatch.setenv("SATCHEL_CREDENTIALS", "off")
    monkeypatch.setenv("SATCHEL_ALLOW_REMOTE_INSTALL", "1")
    errors = pack.satchel.errors

    for _, handler in guarded:
        with pytest.raises((errors.UnsupportedMediaTypeError, errors.InvalidInputError)):
            run_async(handler(_Request("192.168.1.20")))
