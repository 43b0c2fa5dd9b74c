"""Which clients may install, by address, by what a proxy says, and by token."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

import pytest

TOKEN = "the-operators-own-token"
SENT = {"X-Satchel-Token": TOKEN}


@pytest.fixture
def check(pack: ModuleType) -> Any:
    """(rule, token, address, headers) -> whether the client may install."""
    access = importlib.import_module(f"{pack.__name__}.nodes.access")
    policy = importlib.import_module(f"{pack.__name__}.satchel.policy")
    errors = importlib.import_module(f"{pack.__name__}.satchel.errors")

    def may(remote: str, token: str | None, peer: str, headers: dict[str, str]) -> bool:
        try:
            access.check_client(policy.Policy(remote, token), peer, headers)
        except errors.InstallNotAllowedError as error:
            return bool(TOKEN in f"{error} {error.hint}")  # it must never tell the token
        return True

    return may


@pytest.mark.parametrize(
    ("peer", "headers", "allowed"),
    [
        ("127.0.0.1", {}, True),
        ("127.8.8.8", {}, True),
        ("::1", {}, True),
        ("::ffff:127.0.0.1", {}, True),
        ("", {}, True),
        ("192.168.1.5", {}, False),
        ("::ffff:192.168.1.5", {}, False),
        ("fe80::1%eth0", {}, False),
        ("8.8.8.8", {}, False),
        ("nonsense", {}, False),
        ("127.0.0.1", {"X-Forwarded-For": "8.8.8.8"}, False),
        ("127.0.0.1", {"Forwarded": "for=8.8.8.8"}, False),
        ("127.0.0.1", {"X-Real-IP": "8.8.8.8"}, False),
        ("8.8.8.8", {"X-Forwarded-For": "127.0.0.1"}, False),
    ],
)
@pytest.mark.parametrize("remote", ["token", "nobody"])
def test_without_a_token_only_this_machine_may(
    check: Any, remote: str, peer: str, headers: dict[str, str], allowed: bool
):
    assert check(remote, None, peer, headers) is allowed
    assert check(remote, TOKEN, peer, headers) is allowed
    assert check("anyone", None, peer, headers)


@pytest.mark.parametrize(
    ("remote", "token", "headers", "allowed"),
    [
        ("token", TOKEN, SENT, True),
        ("token", TOKEN, {"X-Satchel-Token": TOKEN + "x"}, False),
        ("token", TOKEN, {"X-Satchel-Token": ""}, False),
        ("token", None, SENT, False),
        ("token", None, {"X-Satchel-Token": ""}, False),
        ("nobody", TOKEN, SENT, False),
    ],
)
def test_a_client_elsewhere_needs_the_token(
    check: Any, remote: str, token: str | None, headers: dict[str, str], allowed: bool
):
    assert check(remote, token, "192.168.1.5", headers) is allowed
