"""What a search of Civitai finds, what its lists tell, and which models made an image."""

from __future__ import annotations

import pytest
from support.marketplace.messages import json_reply
from support.models import write_safetensors

from satchel.errors import NotFoundError
from satchel.marketplaces.records import SearchQuery
from satchel.references import CivitaiReference

# --- images --------------------------------------------------------------------------------------

IMAGE = {"id": 7, "url": "https://image.civitai.com/x", "meta": {"prompt": "ink"}}


@pytest.mark.parametrize(
    "facts",
    [
        {"modelVersionIds": [1020101, 1020201]},
        {"meta": {"civitaiResources": [{"modelVersionId": 1020201}, {"modelVersionId": 1020101}]}},
        {"meta": {"meta": {"modelVersionIds": [1020101, 1020201, "x", None]}}},
        {"meta": {"hashes": {"model": "4d790b7b27"}, "resources": [{"hash": "8A6C55EBD3"}, {}]}},
    ],
)
def test_an_image_names_the_models_that_made_it(civitai, market, facts):
    market.catalogue.images[7] = {**IMAGE, **facts}

    versions = civitai.versions(CivitaiReference(image_id=7))

    assert [version.version_id for version in versions] == ["1020201", "1020101"]


def test_an_image_without_facts_means_nothing_and_an_unknown_one_is_not_found(civitai, market):
    market.catalogue.images[7] = IMAGE

    assert civitai.versions(CivitaiReference(image_id=7)) == ()
    with pytest.raises(NotFoundError, match="this image"):
        civitai.versions(CivitaiReference(image_id=8))


# --- search --------------------------------------------------------------------------------------


def search(civitai, **fields):
    return [
        (one.model_name, one.base_model) for one in civitai.search(SearchQuery(**fields)).versions
    ]


def test_a_search_finds_by_words_kinds_base_models_and_author(civitai):
    assert search(civitai, text="ink") == [("Ink Wash Lines", "Illustrious")]
    assert search(civitai, text="ink", base_models=("SDXL 1.0",)) == [
        ("Ink Wash Lines", "SDXL 1.0")
    ]
    assert search(civitai, text="i", kinds=("vae",)) == []
    assert search(civitai, text="unscanned", kinds=("loras",)) == [
        ("Unscanned Thing", "Some Future Base 9000")
    ]
    assert search(civitai, author="nobody") == []
    assert ("Dolly Zoom (High + Low)", "Wan Video 2.2 I2V-A14B") in search(civitai, tags=("video",))


def test_parts_of_checkpoints_are_found_by_their_folder(civitai):
    assert search(civitai, text="quiet", kinds=("text_encoders",)) == [("Quiet Harbor", "Flux.1 D")]
    assert search(civitai, text="ink", kinds=("diffusion_models",)) == []


def test_a_kind_that_the_site_has_no_word_for_finds_nothing_instead_of_everything(civitai, market):
    assert search(civitai, text="ink", kinds=("audio_encoders",)) == []
    assert market.requests == []


def test_pages_follow_each_other_and_empty_ones_are_skipped(civitai, market, tmp_path):
    hidden = [write_safetensors(tmp_path / f"{n}.safetensors", seed=n) for n in range(3)]
    for path in hidden:
        market.publish(path, model_name="Ink hidden", nsfw=True)
    shown = market.publish(hidden[0], model_name="Ink shown")

    first = civitai.search(SearchQuery("ink", limit=1))
    second = civitai.search(SearchQuery("ink", limit=1, cursor=first.cursor))

    assert first.versions[0].model_name == "Ink Wash Lines"
    assert [one.model_id for one in second.versions] == [str(shown.model_id)]
    assert second.cursor == ""
    nsfw = civitai.search(SearchQuery("ink", limit=1, cursor=first.cursor, nsfw=True))
    assert nsfw.versions[0].model_name == "Ink hidden"


def test_a_search_of_empty_pages_hands_on_after_some(civitai, market):
    reply = {"items": [], "metadata": {"nextCursor": "88|900412"}}
    market.fault("recorded", times=None, reply=json_reply(200, reply))

    page = civitai.search(SearchQuery("ink"))

    assert (page.versions, page.cursor) == ((), "")  # a cursor that does not move is no next page
    assert len(market.requests) == 2


def test_models_are_listed_by_ids_a_hundred_to_a_request(civitai, market):
    found = civitai.versions_of_models(["910001", "910003", "910008", "x", *map(str, range(150))])

    assert set(found) == {"910001", "910003", "910008"}
    assert len(found["910001"]) == 2
    assert found["910003"][0].status == "archived"
    assert len(market.requests) == 2


def test_short_pages_of_a_list_by_ids_are_followed(civitai, market):
    page = {"items": [], "metadata": {"nextCursor": "9|0"}}
    market.fault("recorded", times=2, reply=json_reply(200, page))

    assert set(civitai.versions_of_models(["910001"])) == {"910001"}
    assert [request.query.get("cursor") for request in market.requests] == [
        None, ("9|0",), ("9|0",),
    ]  # fmt: skip


def test_the_words_of_the_site_are_asked_from_it(civitai):
    assert "Illustrious" in civitai.base_models()
    assert len(civitai.base_models()) > 50
