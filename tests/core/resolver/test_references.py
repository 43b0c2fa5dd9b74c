"""One model, several places: what is told where the place of a reference does not have it."""

from __future__ import annotations

import pytest
from support.resolving import MIRROR

from satchel.errors import GoneError, NotFoundError
from satchel.references import CivitaiReference, FileNameReference


def lost_on_civitai(market, publish, **options):
    """A version that Civitai does not serve, kept in the archive."""
    published = publish(**options)
    sha256 = published.sha256.lower()
    mirror = {"source": "huggingface", "url": MIRROR.format("ink.safetensors")}
    file = {"name": "ink.safetensors", "sha256": sha256, "mirrors": [mirror]}
    model = {"id": str(published.model_id), "name": "Ink", "type": "LORA", "platform": "civitai",
             "version": {"id": str(published.version_id), "files": [file]}}  # fmt: skip
    path = f"/api/v1/civitai/models/{published.model_id}/versions/{published.version_id}"
    market.archive.answer(path, model)
    return published


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ({"archived": True}, None),
        ({"unpublished": True}, None),
        ({}, ("status", 401)),
        ({}, ("status", 403)),
        ({}, ("status", 410)),
        ({}, ("status_429", None)),
        ({}, ("region_451", None)),
        ({}, ("html_502", None)),
    ],
)
def test_a_page_that_its_site_does_not_give_is_looked_for_in_the_archive(
    market, space, publish, options, fault
):
    published = lost_on_civitai(market, publish, **options)
    if fault:
        market.fault(fault[0], times=None, **({"status": fault[1]} if fault[1] else {}))

    model = space.resolver().resolve(CivitaiReference(published.model_id, published.version_id))

    assert (model.sha256, model.kind) == (published.sha256.lower(), "loras")
    assert [source.kind for source in model.sources] == ["huggingface"]
    assert all("Authorization" not in request.headers for request in market.archive.requests)


def test_when_nobody_has_it_the_first_refusal_is_told_with_all_that_was_tried(
    market, space, publish
):
    published = publish(archived=True)

    with pytest.raises(GoneError, match="archived on Civitai") as caught:
        space.resolver().resolve(CivitaiReference(published.model_id, published.version_id))

    assert [tried["source"] for tried in caught.value.details["tried"]] == ["civitai", "civarchive"]
    assert "CivArchive does not have it" in caught.value.details["tried"][1]["error"]


def test_a_reference_that_nobody_can_look_up_is_told(space):
    with pytest.raises(NotFoundError, match=r"ink\.safetensors is nothing that a marketplace"):
        space.resolver().resolve(FileNameReference("ink.safetensors"))


NAMES = {
    "ink wash.safetensors": "ink wash.safetensors",
    "墨_🎨.safetensors": "墨_🎨.safetensors",
    "styles%2Fink.safetensors": "styles/ink.safetensors",
    "styles\\ink.safetensors": "styles/ink.safetensors",
    "..%2F..%2Fevil.safetensors": "evil.safetensors",
    "..\\evil.safetensors": "evil.safetensors",
    "C:\\evil.safetensors": "C_/evil.safetensors",
    "%2Fetc%2Fevil.safetensors": "etc/evil.safetensors",
    "CON.safetensors": "_CON.safetensors",
    "a.safetensors.": "a.safetensors",
    ".hidden.safetensors": "hidden.safetensors",
    "a%0Ab.safetensors": "ab.safetensors",
    "a%E2%80%AEsrotcnesefas.safetensors": "asrotcnesefas.safetensors",
    'a"b.safetensors': "a_b.safetensors",
    "a|b.safetensors": "a_b.safetensors",
}


@pytest.mark.parametrize(("name", "portable"), NAMES.items(), ids=map(ascii, NAMES))
def test_a_published_name_is_made_one_that_every_system_takes(space, publish, name, portable):
    """As creators upload them; the site decodes percent signs in what it lists."""
    published = publish(file_name=name)
    reference = CivitaiReference(published.model_id, published.version_id)

    assert space.resolver().resolve(reference).name == portable
