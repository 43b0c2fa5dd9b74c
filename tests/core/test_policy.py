"""The operator's file: what it allows, what goes before it, and that mistakes allow nothing."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from satchel.errors import ForbiddenFormatError, ForbiddenSizeError, InvalidInputError, PolicyError
from satchel.identity import ModelIdentity
from satchel.policy import Policy, read_policy
from satchel.settings import Settings

pytestmark = pytest.mark.skipif(sys.version_info < (3, 11), reason="there is no reader of TOML")
TOKEN = "a-long-operator-token"


def written(tmp_path: Path, text: str, mode: int = 0o600) -> Path:
    path = tmp_path / "satchel.toml"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


FULL = f"""
preload = ["a.lock.json"]
[install]
remote = "token"
operator_token = "{TOKEN}"
formats = ["safetensors", ".CKPT"]
max_file_bytes = 1_000
max_total_bytes = 2000
[sources]
trusted_origins = ["https://models.example:8443"]
"""


def test_without_a_file_the_defaults_hold(tmp_path: Path):
    assert read_policy(tmp_path / "satchel.toml", {}) == Policy()
    assert read_policy(None, {}) == Policy(remote="token", operator_token=None)


def test_every_rule_of_a_file(tmp_path: Path):
    policy = read_policy(written(tmp_path, FULL), {})

    assert policy == Policy(
        "token", TOKEN, frozenset({".safetensors", ".ckpt"}), 1000, 2000,
        ("https://models.example:8443",), (tmp_path / "a.lock.json",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "text", "field", "value"),
    [
        ("SATCHEL_ALLOW_REMOTE_INSTALL", "1", "remote", "anyone"),
        ("SATCHEL_ALLOW_REMOTE_INSTALL", "0", "remote", "token"),
        ("SATCHEL_OPERATOR_TOKEN", "another-long-token", "operator_token", "another-long-token"),
        ("SATCHEL_FORMATS", ".gguf, sft", "formats", frozenset({".gguf", ".sft"})),
        ("SATCHEL_MAX_FILE_BYTES", "5", "max_file_bytes", 5),
        ("SATCHEL_MAX_TOTAL_BYTES", "6", "max_total_bytes", 6),
        ("SATCHEL_PRELOAD", os.pathsep.join(("/a", "/b")), "preload", (Path("/a"), Path("/b"))),
    ],
)
def test_the_environment_goes_before_the_file(
    tmp_path: Path, variable: str, text: str, field: str, value: Any
):
    assert getattr(read_policy(written(tmp_path, FULL), {variable: text}), field) == value


def test_settings_take_origins_from_the_file_unless_the_environment_names_some(tmp_path: Path):
    path = written(tmp_path, FULL)
    environment = {"SATCHEL_CREDENTIALS": "off"}

    from_file = Settings.from_environment(environment, path)
    named = {**environment, "SATCHEL_TRUSTED_ORIGINS": "https://other.example"}

    assert from_file.trusted_origins == {"https://models.example:8443"}
    assert Settings.from_environment(named, path).trusted_origins == {"https://other.example"}


@pytest.mark.parametrize(
    "text",
    [
        "[install", "install = 5", "[install]\nremote = 'everyone'", "[install]\nremot = 'nobody'",
        "[instal]\n", "[install]\noperator_token = 'short'", "[install]\noperator_token = 5",
        "[install]\nmax_file_bytes = '5'", "[install]\nmax_file_bytes = -1",
        "[install]\nmax_file_bytes = true", "[install]\nformats = ['.py']",
        "[install]\nformats = '.sft'", "preload = 'a'", "[sources]\ntrusted_origins = [5]",
        "x" * 300_000,
    ],
    ids=lambda text: text[:40],
)  # fmt: skip
def test_a_file_with_a_mistake_allows_nothing(tmp_path: Path, text: str):
    with pytest.raises(PolicyError) as caught:
        read_policy(written(tmp_path, text), {})

    assert caught.value.hint


def test_a_malformed_origin_is_refused_as_in_the_environment(tmp_path: Path):
    path = written(tmp_path, "[sources]\ntrusted_origins = ['models.example']")

    with pytest.raises(InvalidInputError):
        Settings.from_environment({"SATCHEL_CREDENTIALS": "off"}, path)


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are not read there")
@pytest.mark.parametrize(
    ("text", "mode", "allowed"),
    [
        (FULL, 0o600, True),
        (FULL, 0o640, False),
        (FULL, 0o604, False),
        ("preload = []", 0o644, True),
        ("preload = []", 0o664, False),
        ("preload = []", 0o646, False),
    ],
)
def test_nobody_else_may_change_the_file_nor_read_a_token(
    tmp_path: Path, text: str, mode: int, allowed: bool
):
    path = written(tmp_path, text, mode)

    if allowed:
        read_policy(path, {})
    else:
        with pytest.raises(PolicyError, match="others"):
            read_policy(path, {})


def test_a_file_that_is_named_must_be_there(tmp_path: Path):
    with pytest.raises(PolicyError, match="does not exist"):
        read_policy(None, {"SATCHEL_POLICY": str(tmp_path / "absent.toml")})


def test_the_token_is_in_no_text_of_the_policy(tmp_path: Path):
    policy = read_policy(written(tmp_path, FULL), {})

    assert TOKEN not in repr(policy)
    assert TOKEN not in repr(Settings(policy=policy))


@pytest.mark.parametrize(
    ("policy", "given", "accepted"),
    [
        (Policy(operator_token=TOKEN), TOKEN, True),
        (Policy(operator_token=TOKEN), TOKEN + "x", False),
        (Policy(operator_token=TOKEN), "", False),
        (Policy(operator_token=TOKEN), None, False),
        (Policy(operator_token=TOKEN), "\u00e9" * 16, False),
        (Policy(operator_token=None), "", False),
        (Policy("nobody", TOKEN), TOKEN, False),
    ],
)
def test_which_token_is_accepted(policy: Policy, given: str | None, accepted: bool):
    assert policy.accepts_token(given) is accepted


@pytest.mark.parametrize(
    ("policy", "name", "size", "error"),
    [
        (Policy(), "a.safetensors", None, None),
        (Policy(formats=frozenset({".gguf"})), "a.gguf", 5, None),
        (Policy(formats=frozenset({".gguf"})), "a.safetensors", 5, ForbiddenFormatError),
        (Policy(max_file_bytes=5), "a.safetensors", 5, None),
        (Policy(max_file_bytes=5), "a.safetensors", 6, ForbiddenSizeError),
        (Policy(max_file_bytes=5), "a.safetensors", None, ForbiddenSizeError),
    ],
)
def test_which_models_are_allowed(policy: Policy, name: str, size: int | None, error: Any):
    model = ModelIdentity("loras", name, "0" * 64, size)

    if error is None:
        policy.check(model)
    else:
        with pytest.raises(error):
            policy.check(model)


def test_an_installation_has_a_size_too():
    Policy(max_total_bytes=5).check_total(5)
    with pytest.raises(ForbiddenSizeError):
        Policy(max_total_bytes=5).check_total(6)
