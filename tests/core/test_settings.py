"""The operator's settings come from the environment and from nowhere else."""

from __future__ import annotations

import pytest

from satchel.errors import InvalidInputError
from satchel.policy import Policy
from satchel.settings import SOURCES, Settings, SourceSettings, origin_of


def test_without_an_environment_nothing_is_allowed():
    settings = Settings.from_environment({})

    assert settings.source("civitai") == SourceSettings("https://civitai.com")
    assert all(settings.source(kind) == Settings().source(kind) for kind in SOURCES)
    assert settings.trusted_origins == frozenset()
    assert not settings.allow_pickle
    assert settings.policy == Policy()


def test_all_of_it_can_be_set():
    settings = Settings.from_environment(
        {
            "SATCHEL_CIVITAI_URL": " http://127.0.0.1:8000/ ",
            "SATCHEL_TRUSTED_ORIGINS": "https://Mirror.example:443, http://nas:8080/models",
            "SATCHEL_ALLOW_PICKLE": "Yes",
            "SATCHEL_ALLOW_REMOTE_INSTALL": "1",
            "CIVITAI_API_TOKEN": " secret\n",
        }
    )

    assert settings.source("civitai") == SourceSettings("http://127.0.0.1:8000", "secret")
    assert settings.trusted_origins == {"https://mirror.example", "http://nas:8080"}
    assert (settings.allow_pickle, settings.policy.remote) == (True, "anyone")


@pytest.mark.parametrize("text", ["0", "no", "off", "false", "", "maybe"])
def test_anything_but_a_yes_is_a_no(text):
    assert not Settings.from_environment({"SATCHEL_ALLOW_PICKLE": text}).allow_pickle


@pytest.mark.parametrize(
    "variable", ["SATCHEL_CIVITAI_URL", "SATCHEL_CIVITAI_IMAGES_URL", "SATCHEL_TRUSTED_ORIGINS"]
)
@pytest.mark.parametrize(
    "text",
    [
        "civitai.com",
        "ftp://civitai.com",
        "https://",
        "https://host:99999",
        "https://host:0",
        "https://[::1",
        "https://user:password@host",
        "file:///etc/passwd",
    ],
)
def test_a_malformed_url_is_refused_by_the_variables_name(variable, text):
    with pytest.raises(InvalidInputError, match=variable) as caught:
        Settings.from_environment({variable: text})

    assert "password" not in str(caught.value)


@pytest.mark.parametrize("token", ["sec\nret", "sécret", "sec​ret", "two words"])
def test_a_token_that_no_header_can_carry_is_refused_without_showing_it(token):
    with pytest.raises(InvalidInputError, match="CIVITAI_API_TOKEN") as caught:
        Settings.from_environment({"CIVITAI_API_TOKEN": token})

    assert token not in str(caught.value.to_json())


def test_a_token_is_not_in_the_text_of_the_settings():
    assert "secret" not in repr(SourceSettings("https://civitai.com", "secret"))


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://civitai.com/models/1?x=2", "https://civitai.com"),
        ("HTTPS://CIVITAI.com:443/", "https://civitai.com"),
        ("http://host:80", "http://host"),
        ("http://host:443", "http://host:443"),
        ("https://[::1]:8443/a", "https://[::1]:8443"),
    ],
)
def test_an_origin_is_canonical(url, origin):
    assert origin_of(url) == origin


def test_nodes_download_only_where_that_is_said_in_so_many_words():
    for text, policy in (("", "ask"), ("ask", "ask"), ("ALLOW", "allow")):
        settings = Settings.from_environment({"SATCHEL_NODE_DOWNLOADS": text})
        assert settings.node_downloads == policy
    with pytest.raises(InvalidInputError, match="SATCHEL_NODE_DOWNLOADS"):
        Settings.from_environment({"SATCHEL_NODE_DOWNLOADS": "1"})


def test_pictures_may_be_fetched_unless_that_is_turned_off():
    for text, previews in (("", True), ("on", True), ("1", True), ("Off", False), ("0", False)):
        assert Settings.from_environment({"SATCHEL_PREVIEWS": text}).previews is previews
    with pytest.raises(InvalidInputError, match="SATCHEL_PREVIEWS"):
        Settings.from_environment({"SATCHEL_PREVIEWS": "sometimes"})
    mirror = Settings.from_environment({"SATCHEL_CIVITAI_IMAGES_URL": "http://nas:8080/"})
    assert mirror.civitai_images_url == "http://nas:8080"
    assert Settings.from_environment({}).civitai_images_url == ""


def test_nothing_is_hashed_unasked():
    assert not Settings.from_environment({}).background_hashing
    assert Settings.from_environment({"SATCHEL_BACKGROUND_HASHING": "1"}).background_hashing
