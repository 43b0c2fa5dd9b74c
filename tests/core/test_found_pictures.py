"""Pictures of what a search found: by key only, never mature, and not asked for without end."""

from __future__ import annotations

from zlib import crc32

import pytest
from support.marketplace import Marketplace, Picture
from support.models import write_safetensors
from support.pictures import png
from support.workspaces import make_workspace

from satchel.errors import MarketplaceError, ModelNotFoundError, NotFoundError, UnavailableError
from satchel.found_pictures import FoundPictures
from satchel.marketplaces.records import SearchQuery
from satchel.searching import search_marketplaces


@pytest.fixture
def market():
    with Marketplace(keys=("secret",)) as running:
        yield running


@pytest.fixture
def space(tmp_path, market):
    return make_workspace(tmp_path, market, token="secret")


@pytest.fixture
def publish(tmp_path, market):
    def publish_one(name, *shown, **options):
        path = write_safetensors(tmp_path / f"{name}.safetensors", seed=crc32(name.encode()))
        market.publish(path, model_name=name, pictures=shown, **options)

    return publish_one


def keys(space, pictures, text, **query):
    """Search result -> key of its picture."""
    page = search_marketplaces(SearchQuery(text, **query), space.resolver()).pages["civitai"]
    shown = pictures.keys_of(page.versions, space)
    return {version.model_name: key for version, key in zip(page.versions, shown, strict=True)}


def asked(market):
    return [request for request in market.requests if request.origin == "images"]


def test_what_a_search_told_is_fetched_without_a_token(space, market, publish):
    publish("ink wash", Picture(png(40, 20)), Picture(png(8, 8)))
    publish("ink pen")
    pictures = FoundPictures()

    found = keys(space, pictures, "ink")
    assert (asked(market), found["ink pen"]) == ([], None)

    assert pictures.fetch(found["ink wash"], space) == png(40, 20)
    (request,) = asked(market)
    assert "Authorization" not in request.headers
    assert request.path.split("/")[3] == "width=450"
    assert keys(space, pictures, "ink") == found


def test_mature_pictures_and_videos_have_no_key(space, market, publish):
    mature, film = Picture(png(9, 9), nsfw_level=8), Picture(b"film", type="video")
    publish("red ink", mature, film, nsfw=True)
    publish("blue ink", mature, Picture(png(8, 8), nsfw_level=2), nsfw=True)
    pictures = FoundPictures()

    found = keys(space, pictures, "ink", nsfw=True)

    assert found["red ink"] is None
    assert pictures.fetch(found["blue ink"], space) == png(8, 8)


@pytest.mark.parametrize("key", ["", "x", "https://image.civitai.com/a/b/width=450/1.jpeg"])
def test_nothing_is_fetched_that_no_search_told(space, market, key):
    with pytest.raises(ModelNotFoundError) as caught:
        FoundPictures().fetch(key, space)

    assert caught.value.hint
    assert market.requests == []


def test_the_keys_of_old_searches_are_forgotten(space, market, publish):
    for name in ("ink a", "ink b", "ink c"):
        publish(name, Picture(png(9, 9)))
    pictures = FoundPictures(most=2)
    first = keys(space, pictures, "ink a")["ink a"]
    assert pictures.fetch(first, space)

    found = {**keys(space, pictures, "ink b"), **keys(space, pictures, "ink c")}

    with pytest.raises(ModelNotFoundError):
        pictures.fetch(first, space)
    assert pictures.fetch(found["ink b"], space)
    assert pictures.fetch(found["ink c"], space)
    assert keys(space, pictures, "ink a")["ink a"] != first


def test_what_could_not_be_had_has_no_key_for_a_while(space, market, publish):
    publish("ink", Picture(png(9, 9), missing=True))
    pictures = FoundPictures()
    key = keys(space, pictures, "ink")["ink"]

    with pytest.raises(NotFoundError):
        pictures.fetch(key, space)

    assert keys(space, pictures, "ink") == {"ink": None}


@pytest.mark.parametrize(("fault", "most"), [("html_502", 3), ("status_429", 1)])
def test_a_host_in_trouble_is_left_in_peace(space, market, publish, fault, most):
    names = [f"ink {letter}" for letter in "abcd"]
    for name in names:
        publish(name, Picture(png(9, 9)))
    market.fault(fault, times=None, origin="images")
    pictures = FoundPictures()
    found = keys(space, pictures, "ink")

    for name in names[:most]:
        with pytest.raises(MarketplaceError):
            pictures.fetch(found[name], space)
    market.clear_faults()
    market.clear_requests()

    with pytest.raises(UnavailableError, match="right now"):
        pictures.fetch(found["ink d"], space)
    assert asked(market) == []


def test_the_operator_can_turn_pictures_off(tmp_path, market, publish):
    publish("ink", Picture(png(9, 9)))
    space = make_workspace(tmp_path, market, token="secret", previews=False)

    assert keys(space, FoundPictures(), "ink") == {"ink": None}
