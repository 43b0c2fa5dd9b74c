"""Civitai as a marketplace: whether a source is still there, and open."""

from __future__ import annotations

import pytest
from support.civitai import KEY, LATER, answer, source_of

from satchel.catalog import Catalog
from satchel.errors import ForbiddenUrlError
from satchel.identity import ModelIdentity, Source
from satchel.marketplaces.civitai import Civitai
from satchel.marketplaces.resolver import Resolver
from satchel.settings import Settings, SourceSettings


def availability(civitai, source, sha256):
    (found,) = civitai.availability([(source, sha256)])
    return found


@pytest.mark.parametrize(
    ("options", "access", "reason"),
    [
        ({}, "open", ""),
        ({"require_login": True}, "login", "login"),
        ({"private": True}, "login", "login"),
        ({"early_access_until": LATER}, "login", "Early Access on Civitai until 20"),
        ({"early_access_until": "2020-01-01T00:00:00Z"}, "open", ""),
        ({"downloads_disabled": True}, "gone", "disabled downloads"),
        ({"archived": True}, "gone", "archived"),
        ({"unpublished": True}, "gone", "not have it any more"),
    ],
)
def test_a_source_tells_whether_it_is_open(civitai, publish, options, access, reason):
    lora = publish(**options)

    found = availability(civitai, source_of(lora), lora.sha256.lower())

    assert found.access == access
    assert reason in found.reason
    assert bool(found.reason) == (access != "open")


def test_a_login_is_no_obstacle_to_who_has_a_token(market, publish):
    lora = publish(require_login=True)
    civitai = Civitai(Settings({"civitai": SourceSettings(market.site_url, KEY)}))

    assert availability(civitai, source_of(lora), lora.sha256.lower()).access == "open"


def test_a_file_that_was_replaced_is_gone(civitai, publish):
    lora = publish()

    found = availability(civitai, source_of(lora), "0" * 64)

    assert (found.access, "another file" in found.reason) == ("gone", True)


def test_a_file_that_left_its_version_is_gone(civitai, publish):
    lora = publish()
    source = Source("civitai", "https://civitai.com/", version_id=lora.version_id, file_id=1)

    assert availability(civitai, source, lora.sha256.lower()).access == "gone"


def test_a_source_without_a_version_is_unknown(civitai, market):
    found = availability(civitai, Source("civitai", "https://civitai.com/"), "0" * 64)

    assert found.access == "unknown"
    assert market.requests == []


@pytest.mark.parametrize(
    "body", [None, [], "x", {"hashes": []}, {"hashes": "x"}, {"hashes": None}, {}]
)
def test_an_odd_answer_about_a_source_is_no_crash(civitai, market, publish, monkeypatch, body):
    lora = publish()
    answer(market, monkeypatch, body, r"/api/v1/model-versions/mini/([^/]+)")

    found = availability(civitai, source_of(lora), lora.sha256.lower())

    assert found.access == ("open" if isinstance(body, dict) else "unknown")


@pytest.mark.parametrize("fault", ["html_200", "region_451"])
def test_silence_about_a_source_is_unknown_and_not_gone(civitai, market, publish, fault):
    lora = publish()
    market.fault(fault, times=None)

    found = availability(civitai, source_of(lora), lora.sha256.lower())

    assert found.access == "unknown"
    assert found.reason.endswith(".")


def test_a_model_is_as_available_as_its_best_source(settings, publish, tmp_path):
    lora, locked = publish(seed=1), publish(seed=1, require_login=True)
    gone = publish(seed=1, unpublished=True)
    resolver = Resolver(settings, Catalog(tmp_path / "catalog.sqlite3"))

    def access(*published):
        sources = tuple(source_of(item) for item in published)
        model = ModelIdentity("loras", "a.safetensors", lora.sha256.lower(), sources=sources)
        return resolver.availability([model])[0].access

    assert access(gone, locked, lora) == "open"
    assert access(gone, locked) == "login"
    assert access(gone) == "gone"
    assert access() == "gone"


def test_a_source_of_an_unknown_kind_is_not_asked(settings, market, tmp_path):
    resolver = Resolver(settings, Catalog(tmp_path / "catalog.sqlite3"))
    source = Source("elsewhere", "https://evil.com/a")
    model = ModelIdentity("loras", "a.safetensors", "0" * 64, sources=(source,))

    assert resolver.usable_sources(model) == []
    assert resolver.availability([model])[0].access == "gone"
    with pytest.raises(ForbiddenUrlError, match="elsewhere"):
        resolver.marketplace("elsewhere")
    assert market.requests == []
