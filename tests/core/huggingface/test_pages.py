"""Hugging Face as a source: what its pages say, and what a search finds."""

from __future__ import annotations

from support.hub import INK, chosen, ref

from satchel.marketplaces.records import SearchQuery
from satchel.references.values import DigestReference, HubReference, UrlReference


def test_a_page_tells_licence_base_model_and_trigger_words(site, publish):
    publish(
        tags=("lora", "flux", "base_model:adapter:black-forest-labs/FLUX.1-dev", "license:other"),
        card={"license": "other", "license_name": "flux-1-dev-non-commercial-license",
              "instance_prompt": "inkwash"},
    )  # fmt: skip

    (version,) = site().versions(ref())

    assert version.licence == "flux-1-dev-non-commercial-license"
    assert version.base_model == "black-forest-labs/FLUX.1-dev"
    assert version.trigger_words == ("inkwash",)
    assert version.tags == ("lora", "flux")
    assert (version.author, version.model_name) == ("brushfox", "ink-wash-flux-lora")
    assert version.page_url == f"https://huggingface.co/{INK}"
    assert version.status == "open"


def test_odd_values_of_a_page_are_taken_as_missing(site, publish):
    publish(card={"license": 5, "instance_prompt": {"a": 1}, "base_model": [None, "x/y"]})

    (version,) = site().versions(ref())

    assert (version.licence, version.trigger_words, version.base_model) == ("", (), "x/y")


def test_the_hubs_own_scan_is_passed_on(site, publish):
    publish("old.ckpt", scans={"old.ckpt": "unsafe"})

    assert "scan calls it unsafe" in chosen(site(), ref("old.ckpt")).warnings[0]


def test_search_pages_through_what_it_finds(site, publish):
    for number in range(3):
        publish(repository=f"brushfox/ink-{number}", seed=number)
    publish(repository="brushfox/ink-adult", seed=8, tags=("lora", "not-for-all-audiences"))
    publish(repository="brushfox/ink-base", seed=9, tags=())
    query = SearchQuery("ink", kinds=("loras",), limit=2)
    market = site()

    first = market.search(query)
    second = market.search(SearchQuery("ink", kinds=("loras",), limit=2, cursor=first.cursor))

    names = [version.model_id for version in (*first.versions, *second.versions)]
    assert names == ["brushfox/ink-0", "brushfox/ink-1", "brushfox/ink-2"]
    assert second.cursor == ""


def test_there_is_no_lookup_by_digest(site):
    market = site()

    assert market.find_sources(["a" * 64]) == {"a" * 64: ()}
    assert market.find_version(DigestReference("SHA256", "a" * 64)) is None
    assert not market.knows(DigestReference("SHA256", "a" * 64))
    assert not market.knows(UrlReference("https://huggingface.co/a/b"))
    assert not market.knows(HubReference("modelscope", "a/b"))
    assert market.knows(ref())
