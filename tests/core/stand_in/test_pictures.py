"""The stand-in's image origin: what it serves, and to whom."""

from __future__ import annotations

import pytest
import requests
from support.marketplace import Picture
from support.models import write_safetensors
from support.pictures import png


@pytest.fixture
def images(market, tmp_path):
    """The image objects that the API lists of a version: a picture, a video, a broken link."""
    shown = [Picture(png(8, 8), nsfw_level=4), Picture(b"film", type="video"),
             Picture(b"", missing=True)]  # fmt: skip
    told = market.publish(
        write_safetensors(tmp_path / "a.safetensors"), model_name="Ink", pictures=shown
    )
    url = f"{market.site_url}/api/v1/model-versions/{told.version_id}"
    return requests.get(url, timeout=5).json()["images"]


def get(market, image, transform="width=450", **headers):
    path = image["url"].removeprefix("https://image.civitai.com")
    path = path.replace("original=true", transform)
    return requests.get(market.images_url + path, headers=headers, timeout=5)


def test_pictures_are_listed_with_the_sites_own_host_and_served_by_the_image_origin(market, images):
    assert [(image["type"], image["nsfwLevel"]) for image in images] == [
        ("image", 4), ("video", 1), ("image", 1),
    ]  # fmt: skip
    assert all(image["url"].startswith("https://image.civitai.com/") for image in images)
    for transform in ("width=450", "original=true"):
        answer = get(market, images[0], transform)
        assert (answer.content, answer.headers["Content-Type"]) == (png(8, 8), "image/png")
    assert get(market, images[1]).content == b"film"


def test_what_it_does_not_serve(market, images):
    assert get(market, images[0], Authorization="Bearer x").status_code == 400
    assert get(market, images[0], "plain").status_code == 404
    assert get(market, images[2]).status_code == 404


def test_an_answer_can_go_on_and_on(market, images):
    market.fault("swollen", by=1000)

    assert get(market, images[0]).content == png(8, 8) + bytes(1000)
