"""Tokens: by environment or in a file that only its owner reads, and never anywhere else."""

from __future__ import annotations

import io
import json
import logging
import os
import stat
import sys
from pathlib import Path

import pytest
from support.marketplace import Marketplace
from support.models import write_safetensors

from satchel.cli import main
from satchel.credentials import CredentialFile, credentials_path
from satchel.errors import CredentialsError, InvalidInputError
from satchel.settings import Settings

TOKEN = "s3cr3t-0123456789abcdef"
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="permissions are not read there")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "settings" / "credentials.json"


@pytest.fixture
def market():
    with Marketplace(keys=[TOKEN]) as running:
        yield running


@pytest.fixture
def auth(path, market, monkeypatch, capsys):
    """Runs `satchel auth`, with a text on stdin."""
    for name, value in {**market.environment, "SATCHEL_CREDENTIALS": str(path)}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: str, stdin: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        try:
            status = main(["auth", *arguments])
        except SystemExit as stopped:
            status = int(stopped.code or 0)
        printed = capsys.readouterr()
        assert TOKEN not in printed.out + printed.err
        assert "Traceback" not in printed.err
        return status, printed.out, printed.err

    return run


# --- the file ------------------------------------------------------------------------------------


def test_a_token_is_stored_read_and_forgotten(path):
    file = CredentialFile(path)
    assert file.read() == {}

    file.set("civitai", TOKEN)
    file.set("huggingface", "other")

    assert file.read() == {"civitai": TOKEN, "huggingface": "other"}
    assert file.clear("civitai")
    assert not file.clear("civitai")
    assert file.read() == {"huggingface": "other"}
    assert sorted(entry.name for entry in path.parent.iterdir() if entry.suffix != ".lock") == [
        path.name
    ]


@posix_only
def test_nobody_else_can_read_the_file_or_its_folder(path):
    CredentialFile(path).set("civitai", TOKEN)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@posix_only
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620, 0o601])
def test_a_file_that_others_can_open_is_not_used(path, mode):
    CredentialFile(path).set("civitai", TOKEN)
    path.chmod(mode)

    with pytest.raises(CredentialsError, match="read or changed by others") as caught:
        CredentialFile(path).read()

    assert "chmod 600" in caught.value.hint
    assert TOKEN not in json.dumps(caught.value.to_json())


@posix_only
def test_a_file_of_another_user_is_not_used(path, monkeypatch):
    CredentialFile(path).set("civitai", TOKEN)
    owner = path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    if owner == 0:  # a file of the administrator's may be used by all whom it lets read it
        assert CredentialFile(path).read() == {"civitai": TOKEN}
        return

    with pytest.raises(CredentialsError, match="belongs to another user"):
        CredentialFile(path).read()


@pytest.mark.parametrize("text", ["", "x", "[]", "7", '{"civitai": 7}', '{"a": {}}', "[" * 20_000,
                                  '{"a": "' + "x" * 70_000 + '"}', "\xff"])  # fmt: skip
def test_a_file_of_another_kind_is_told(path, text):
    path.parent.mkdir()
    path.write_bytes(text.encode("latin-1"))
    path.chmod(0o600)

    with pytest.raises(CredentialsError, match="no file of tokens"):
        CredentialFile(path).read()


@posix_only
def test_a_folder_in_its_place_is_told(path):
    path.mkdir(parents=True)

    with pytest.raises(CredentialsError, match="cannot be read"):
        CredentialFile(path).read()


@pytest.mark.parametrize(
    ("environ", "end"),
    [
        ({"SATCHEL_CREDENTIALS": "/x/tokens.json"}, "/x/tokens.json"),
        ({"SATCHEL_CREDENTIALS": "off", "HOME": "/home/ann"}, None),
        ({}, None),
    ],
)
def test_where_the_file_is(environ, end):
    found = credentials_path(environ)

    assert (found.as_posix() if found else None) == end


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have other places")
def test_where_the_file_is_without_a_setting():
    assert credentials_path({"HOME": "/home/ann"}) == Path(
        "/home/ann/.config/satchel/credentials.json"
    )
    assert credentials_path({"HOME": "/home/ann", "XDG_CONFIG_HOME": "/c"}) == Path(
        "/c/satchel/credentials.json"
    )


# --- settings ------------------------------------------------------------------------------------


def test_the_environment_counts_before_the_file(path):
    CredentialFile(path).set("civitai", TOKEN)
    CredentialFile(path).set("huggingface", "stored")
    environ = {"SATCHEL_CREDENTIALS": str(path), "CIVITAI_API_TOKEN": "from-env"}

    settings = Settings.from_environment(environ)

    civitai, hub = settings.source("civitai"), settings.source("huggingface")
    assert (civitai.token, civitai.token_from) == ("from-env", "CIVITAI_API_TOKEN")
    assert (hub.token, hub.token_from) == ("stored", "file")
    assert settings.source("fal").token is None
    assert not {"stored", "from-env", TOKEN} & set(repr(settings).replace("'", " ").split())


@posix_only
def test_settings_do_not_go_on_without_a_file_that_may_not_be_used(path):
    CredentialFile(path).set("civitai", TOKEN)
    path.chmod(0o644)

    with pytest.raises(CredentialsError):
        Settings.from_environment({"SATCHEL_CREDENTIALS": str(path)})


def test_a_stored_token_that_no_header_can_carry_is_refused(path):
    path.parent.mkdir()
    path.write_text('{"civitai": "two words"}')
    path.chmod(0o600)

    with pytest.raises(InvalidInputError, match=r"credentials\.json holds a character") as caught:
        CredentialFile(path).read()

    assert "two words" not in json.dumps(caught.value.to_json())


# --- the command ---------------------------------------------------------------------------------


def test_a_token_is_set_from_stdin_shown_as_set_and_cleared(auth, path):
    assert auth("set", "civitai", stdin=f"{TOKEN}\nmore\n")[0] == 0
    assert CredentialFile(path).read() == {"civitai": TOKEN}

    status, out, _ = auth("status")
    assert status == 0
    assert out.splitlines()[0].split() == ["civitai", "set", "from", "file"]
    assert "huggingface  not set" in out

    assert auth("clear", "civitai")[:2] == (0, "Forgot the token of civitai.\n")
    assert auth("clear", "civitai")[:2] == (0, "No token of civitai was stored.\n")
    assert CredentialFile(path).read() == {}


def test_a_token_is_asked_for_on_a_terminal_without_showing_it(auth, path, monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda prompt: TOKEN)
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(io, "StringIO", lambda text: terminal)

    assert auth("set", "civitai")[0] == 0
    assert CredentialFile(path).read() == {"civitai": TOKEN}


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (("set", "civitai"), "", "No token was given"),
        (("set", "civitai"), "\n", "No token was given"),
        (("set", "civitai"), "two words\n", "a character that no API key has"),
        (("set", "civarchive"), "x", "invalid choice"),
        (("set",), "x", "required"),
        (("set", "civitai", "a-token"), "", "unrecognized arguments"),
        (("clear",), "", "required"),
    ],
)
def test_what_is_no_token_and_no_source_is_refused(auth, path, arguments, stdin, message):
    status, out, error = auth(*arguments, stdin=stdin)

    assert (status, out) == (2, "")
    assert message in error
    assert not path.exists()


def test_a_status_with_a_check_says_whether_the_source_accepts_it(auth, path):
    auth("set", "civitai", stdin=TOKEN)
    assert "set; the source accepts it" in auth("status", "civitai", "--check")[1]

    auth("set", "civitai", stdin="expired")
    status, out, _ = auth("status", "civitai", "--check", "--json")

    assert status == 1
    assert json.loads(out) == [
        {"source": "civitai", "set": True, "from": "file", "state": "refused"}
    ]


def test_a_token_of_the_environment_is_named_beside_a_stored_one(auth, monkeypatch):
    monkeypatch.setenv("CIVITAI_API_TOKEN", "from-env")

    assert "CIVITAI_API_TOKEN is set, too" in auth("set", "civitai", stdin=TOKEN)[2]
    assert "from CIVITAI_API_TOKEN" in auth("status", "civitai")[1]
    assert "CIVITAI_API_TOKEN is still set" in auth("clear", "civitai")[2]


@posix_only
def test_a_file_that_others_can_read_is_refused_with_what_to_do(auth, path):
    CredentialFile(path).set("civitai", TOKEN)
    path.chmod(0o644)

    status, out, error = auth("status")

    assert (status, out) == (1, "")
    assert "can be read or changed by others" in error
    assert "chmod 600" in error


# --- a token that is planted ---------------------------------------------------------------------


def test_a_planted_token_is_found_nowhere_but_in_its_file(
    auth, path, market, tmp_path, monkeypatch, capsys, caplog
):
    caplog.set_level(logging.DEBUG)
    auth("set", "civitai", stdin=TOKEN)
    home = tmp_path / "here"
    (home / "models").mkdir(parents=True)
    monkeypatch.setenv("SATCHEL_CATALOG", str(home / "catalog.sqlite3"))
    lora = market.publish(
        write_safetensors(tmp_path / "ink.safetensors"), model_name="Ink", require_login=True
    )
    link = f"https://civitai.com/models/{lora.model_id}?modelVersionId={lora.version_id}"
    capsys.readouterr()

    assert main(["get", f"{link}&token={TOKEN}", "--models", str(home / "models")]) == 0
    assert main(["resolve", link, "--json", "--models", str(home / "models")]) == 0
    market.fault("html_502", times=None)
    assert main(["search", "ink", "--models", str(home / "models")]) == 1

    printed = capsys.readouterr()
    assert TOKEN not in printed.out + printed.err + caplog.text
    for file in [found for found in home.rglob("*") if found.is_file()]:
        assert TOKEN.encode() not in file.read_bytes()
    for request in market.requests:
        assert TOKEN not in str(request.query) + request.path
        assert request.origin == "site" or "Authorization" not in request.headers
