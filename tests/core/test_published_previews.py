"""Published pictures: how they are fetched, and what becomes of those that cannot be had."""

from __future__ import annotations

import threading
from dataclasses import replace
from zlib import crc32

import pytest
from support.marketplace import Marketplace, Picture
from support.models import write_safetensors
from support.pictures import png
from support.workspaces import make_workspace

from satchel import published_previews
from satchel.errors import (
    BadResponseError,
    CancelledError,
    ForbiddenUrlError,
    PreviewsOffError,
)
from satchel.identity import ModelIdentity
from satchel.inventory import previews_here, take_inventory
from satchel.marketplaces import pictures
from satchel.marketplaces.pictures import PictureHosts, picture_address
from satchel.marketplaces.records import Preview, PublishedFile, PublishedVersion
from satchel.preview_cache import PreviewCache
from satchel.progress import Cancellation
from satchel.settings import Settings

CIVITAI = "https://image.civitai.com/xG1nkqKTMzGDvpLrqFT7WA/8a8bb7cd"


@pytest.fixture
def market():
    with Marketplace(keys=("secret",)) as running:
        yield running


@pytest.fixture
def space(tmp_path, market):
    return make_workspace(tmp_path, market, token="secret")


@pytest.fixture
def publish(tmp_path, market):
    """Makes a LoRA that is here and published, with pictures."""

    def publish_one(name, *shown, **options):
        path = write_safetensors(
            tmp_path / f"models/loras/{name}.safetensors", seed=crc32(name.encode())
        )
        told = market.publish(path, model_name=name, pictures=shown, **options)
        return told.sha256.lower()

    return publish_one


def fetch(space):
    """Identifies all files, with pictures; what those came to and the sentences about it."""
    inventory = take_inventory([], space, hash_unknown=True, look_up=True, previews=True)
    return PreviewCache.beside(space.catalog), inventory.failures


def asked(market):
    return [request for request in market.requests if request.origin == "images"]


def test_identifying_gets_a_picture_and_writes_nothing_beside_the_model(
    space, market, publish, tmp_path
):
    sha256 = publish("ink", Picture(png(40, 20)))

    cache, failures = fetch(space)

    assert cache.path(sha256).read_bytes() == png(40, 20)
    assert (cache.path(sha256).parent, failures) == (tmp_path / "previews", ())
    assert [path.name for path in (tmp_path / "models/loras").iterdir()] == ["ink.safetensors"]
    (request,) = asked(market)
    assert request.path.split("/")[3] == "width=450"
    assert "Authorization" not in request.headers
    assert "secret" not in str(request.query)
    assert "avif" not in request.headers["Accept"]


def test_a_model_that_shows_a_picture_gets_no_other(space, market, publish, tmp_path):
    publish("ink", Picture(png(40, 20)))
    (tmp_path / "models/loras/ink.png").write_bytes(b"mine")
    fetch(space)
    assert asked(market) == []

    (tmp_path / "models/loras/ink.png").unlink()
    assert previews_here([], space).fetched == 1
    assert previews_here([], space).fetched == 0
    assert len(asked(market)) == 1


def test_mature_pictures_and_videos_are_left_out(space, market, publish):
    mature, mixed = Picture(png(9, 9), nsfw_level=8), Picture(png(8, 8), nsfw_level=2)
    none = publish("red", mature, Picture(b"film", type="video"), nsfw=True)
    some = publish("both", mature, mixed, nsfw=True)

    cache, failures = fetch(space)

    assert (cache.known(), failures) == ({some}, ())
    assert cache.path(some).read_bytes() == png(8, 8)
    assert cache.path(none) is None
    assert len(asked(market)) == 1


def test_a_copy_with_another_header_gets_the_picture_of_its_tensors(space, publish, tmp_path):
    publish("ink", Picture(png(40, 20)))
    path = tmp_path / "models/loras/ink.safetensors"
    write_safetensors(path, seed=crc32(b"ink"), metadata={"other": "header"})

    cache, _ = fetch(space)

    (kept,) = cache.known()
    assert kept == space.catalog.digests(space.folders.get("loras", "ink.safetensors")).sha256


def test_what_only_a_sidecar_says_is_not_fetched(space, market, tmp_path):
    write_safetensors(tmp_path / "models/loras/ink.safetensors")
    take_inventory([], space, hash_unknown=True)
    (row,) = space.catalog.files.live()
    digests = (("SHA256", row.digests.sha256),)
    file = PublishedFile(ModelIdentity("loras", "ink", row.digests.sha256), digests=digests)
    preview = Preview(f"{CIVITAI}/original=true/1.jpeg", nsfw_level=1)
    told = PublishedVersion("civitai", "Ink", version_id="2", previews=(preview,), files=(file,))
    space.catalog.records.put([told], "sidecar")
    assert previews_here([], space).missed == 0
    assert asked(market) == []

    space.catalog.records.put([told])
    assert previews_here([], space).missed == 1


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"<html><body>no picture</body></html>", None),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"GIF89a" + bytes(50), None),
        (png(60_000, 60_000, b""), None),
        (png(8, 8), ("swollen", {"by": pictures.MAX_BYTES})),
        (png(8, 8), ("redirect_private", {})),
        (png(8, 8), ("redirect", {"location": "https://evil.example/1.png"})),
        (png(8, 8), ("redirect_loop", {})),
        (png(8, 8), ("status", {"status": 404})),
    ],
    ids=["html", "svg", "gif", "pixels", "bytes", "private", "elsewhere", "circles", "gone"],
)
def test_what_is_no_picture_is_refused_and_not_asked_for_again(
    space, market, publish, content, fault
):
    publish("ink", Picture(content))
    if fault:
        market.fault(fault[0], times=None, origin="images", **fault[1])

    cache, failures = fetch(space)
    requests = len(asked(market))

    assert (cache.known(), failures) == (set(), ())
    assert previews_here([], space) == published_previews.FetchedPreviews()
    assert (len(asked(market)), requests > 0) == (requests, True)


def test_the_next_picture_is_taken_when_one_is_broken(space, market, publish):
    sha256 = publish("ink", Picture(b"broken"), Picture(b"", missing=True), Picture(png(7, 7)))

    cache, failures = fetch(space)

    assert cache.path(sha256).read_bytes() == png(7, 7)
    assert failures == ()


def test_a_broken_picture_is_asked_for_again_after_a_while(space, market, publish, monkeypatch):
    publish("ink", Picture(b"broken"))
    monkeypatch.setattr(published_previews, "BROKEN_S", -1)
    fetch(space)

    previews_here([], space)

    assert len(asked(market)) == 2


@pytest.mark.parametrize(
    ("fault", "most"), [("html_200", 7), ("html_502", 7), ("challenge_403", 7), ("status_429", 5)]
)
def test_a_host_in_trouble_is_left_alone(space, market, publish, fault, most):
    for number in range(12):
        publish(f"ink{number:02}", Picture(png(8, 8)))
    market.fault(fault, times=None, origin="images")

    cache, failures = fetch(space)
    failed = len(asked(market))

    assert (len(failures), cache.known(), failed <= most) == (1, set(), True)
    market.clear_faults()
    assert previews_here([], space).fetched == 12 - failed  # the others after some minutes


def test_it_can_be_cancelled_while_a_host_says_nothing(space, market, publish):
    publish("ink", Picture(png(8, 8)))
    take_inventory([], space, hash_unknown=True, look_up=True)
    market.fault("slow_header", origin="images", seconds=60)
    cancellation = Cancellation()
    threading.Timer(0.1, cancellation.cancel).start()

    with pytest.raises(CancelledError):
        previews_here([], space.watched(lambda _: None, cancellation))

    market.clear_faults()
    assert previews_here([], space).fetched == 1  # a stop is no answer


def test_it_tells_how_far_it_is(space, publish):
    for name in ("a", "b", "c"):
        publish(name, Picture(png(8, 8)))
    take_inventory([], space, hash_unknown=True, look_up=True)
    told = []

    previews_here([], space.watched(told.append))

    assert [(one.state, one.files_done, one.files_total) for one in told] == [
        ("previews", number, 3) for number in (1, 2, 3)
    ]


def test_nothing_is_fetched_where_the_operator_wants_none(space, market, publish):
    publish("ink", Picture(png(8, 8)))
    off = replace(space, settings=replace(space.settings, previews=False))

    cache, failures = fetch(off)

    assert (cache.known(), failures, asked(market)) == (set(), (), [])
    with pytest.raises(PreviewsOffError):
        previews_here([], off)


# --- where it may lead ------------------------------------------------------------------------


def test_only_image_hosts_are_asked_and_no_private_address(monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: [(2, 1, 6, "", ("10.0.0.1", 443))])
    hosts = PictureHosts(Settings())
    for host in ("https://civitai.com", "https://image-b2.civitai.com", "http://image.civitai.com",
                 "https://image.civitai.com"):  # fmt: skip
        with pytest.raises(ForbiddenUrlError):
            hosts.get("civitai", f"{host}/x.png")


def test_a_redirect_is_followed_to_where_the_operator_trusts(space, market, publish):
    sha256 = publish("ink", Picture(png(8, 8)))
    with Marketplace() as other:
        image = other.catalogue.image_host.add(Picture(png(6, 6)))
        path = image["url"].removeprefix("https://image.civitai.com")
        market.fault("redirect", origin="images", location=f"{other.images_url}{path}")
        origins = space.settings.trusted_origins | {other.images_url}
        trusting = replace(space, settings=replace(space.settings, trusted_origins=origins))

        cache, _ = fetch(trusting)

    assert cache.path(sha256).read_bytes() == png(6, 6)


def test_an_error_about_a_picture_says_where_and_no_secret(space, market):
    image = market.catalogue.image_host.add(Picture(b"<html>"))
    address = picture_address("civitai", image["url"], space.settings)

    with pytest.raises(BadResponseError, match="is no PNG") as caught:
        PictureHosts(space.settings).get("civitai", f"{address}?token=secret")

    assert "secret" not in str(caught.value.to_json())
