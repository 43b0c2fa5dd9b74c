"""Published pictures: for which models they are wanted, and where they are asked for."""

from __future__ import annotations

import pytest

from satchel.catalog.previews import PublishedPreview
from satchel.marketplaces.pictures import picture_address
from satchel.published_previews import plan_previews
from satchel.settings import Settings, SourceSettings

SHA256 = "a" * 64
CIVITAI = "https://image.civitai.com/xG1nkqKTMzGDvpLrqFT7WA/8a8bb7cd"
HUB = "https://huggingface.co/owner/name/resolve/0123abcd/images/one.png"


def published(url=f"{CIVITAI}/original=true/1.jpeg", *, source="civitai", type="image", nsfw=1,
              version=1):  # fmt: skip
    return PublishedPreview(source, url, type, nsfw, version)


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        (published(), True),
        (published(nsfw=2), True),  # PG13
        (published(nsfw=4), False),  # R
        (published(nsfw=8), False),
        (published(nsfw=16), False),
        (published(nsfw=32), False),  # blocked
        (published(nsfw=5), False),
        (published(nsfw=1, version=28), True),  # a picture for everybody of a mature model
        (published(nsfw=0, version=28), False),  # not rated counts as its version
        (published(nsfw=0, version=0), True),
        (published(type="video"), False),
        (published("https://example.com/1.jpeg"), False),
        (published("http://image.civitai.com/a/width=450/1.jpeg"), False),
        (published("https://image.civitai.com:8443/a/width=450/1.jpeg"), False),
        (published("https://image.civitai.com.evil.com/a/width=450/1.jpeg"), False),
        (published("https://image.civitai.com:99999/1.jpeg"), False),
        (published(HUB, source="huggingface", nsfw=0, version=0), True),
        (published(HUB, source="civitai"), False),
        (published(source="civarchive"), False),
        (published(source="https"), False),
    ],
)
def test_pictures_that_are_fit_to_show_are_wanted(told, wanted):
    plan = plan_previews({SHA256: "ink.safetensors"}, {SHA256: [told]}, (), Settings())

    assert [one.addresses[0].url for one in plan] == ([told.url] if wanted else [])


def test_the_first_fit_pictures_are_tried_in_order():
    told = [
        published(f"{CIVITAI}{number}/original=true/1.jpeg", nsfw=level)
        for number, level in enumerate((8, 1, 1, 1, 1))
    ]
    refused = {told[1].url}

    (one,) = plan_previews({SHA256: "ink.safetensors"}, {SHA256: told}, refused, Settings())

    assert [address.url for address in one.addresses] == [told[2].url, told[3].url, told[4].url]
    assert (one.sha256, one.name) == (SHA256, "ink.safetensors")


@pytest.mark.parametrize(
    "settings",
    [Settings(previews=False), Settings(sources={"civitai": SourceSettings("")})],
    ids=["no pictures", "no Civitai"],
)
def test_the_operator_can_turn_it_off(settings):
    assert plan_previews({SHA256: "ink"}, {SHA256: [published()]}, (), settings) == ()


@pytest.mark.parametrize(
    ("source", "url", "settings", "asked"),
    [
        ("civitai", f"{CIVITAI}/original=true/1.jpeg", {}, f"{CIVITAI}/width=450/1.jpeg"),
        ("civitai", f"{CIVITAI}/anim=false,width=96/1.jpeg", {}, f"{CIVITAI}/width=450/1.jpeg"),
        ("civitai", f"{CIVITAI}/original=true/1.jpeg?token=x#y", {}, f"{CIVITAI}/width=450/1.jpeg"),
        ("civitai", "https://image.civitai.com/1.jpeg", {}, "https://image.civitai.com/1.jpeg"),
        ("civitai", f"{CIVITAI}/original=true/1.jpeg",
         {"civitai_images_url": "http://nas:8080"},
         "http://nas:8080/xG1nkqKTMzGDvpLrqFT7WA/8a8bb7cd/width=450/1.jpeg"),
        ("huggingface", HUB, {}, HUB),
        ("huggingface", HUB, {"sources": {"huggingface": SourceSettings("https://hub.example")}},
         HUB.replace("https://huggingface.co", "https://hub.example")),
        ("huggingface", "https://cdn-uploads.huggingface.co/production/uploads/1/a.png", {},
         "https://cdn-uploads.huggingface.co/production/uploads/1/a.png"),
    ],
)  # fmt: skip
def test_a_picture_is_asked_for_small_and_at_a_mirror(source, url, settings, asked):
    assert picture_address(source, url, Settings(**settings)) == asked
