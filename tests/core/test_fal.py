"""fal as a source: what a training's answer names, and addresses that expire."""

from __future__ import annotations

import pytest
from support.marketplace.fal import Fal as Queue
from support.models import write_safetensors

from satchel.errors import (
    AccessDeniedError,
    AmbiguousReferenceError,
    BadResponseError,
    GoneError,
    LoginRequiredError,
    NotFoundError,
    UnavailableError,
)
from satchel.identity import Source
from satchel.marketplaces.fal import Fal
from satchel.references.values import TrainingReference
from satchel.settings import Settings, SourceSettings, origin_of

KEY = "fal-key"
APP = "fal-ai/flux-lora-fast-training"
REQUEST = "764cabcf-b745-4b3e-ae38-1200304cf45b"


@pytest.fixture
def queue():
    with Queue(keys=(KEY,)) as queue:
        yield queue


@pytest.fixture
def weights(queue, tmp_path):
    def build(key="/files/penguin/abc_pytorch_lora_weights.safetensors", seed=0):
        path = write_safetensors(tmp_path / f"{seed}" / "weights.safetensors", seed=seed)
        return queue.store_file(key, path)

    return build


@pytest.fixture
def fal(queue):
    def build(token=KEY):
        return Fal(
            Settings(
                {"fal": SourceSettings(queue.site_url, token)},
                trusted_origins=frozenset({origin_of(queue.storage_url)}),
            )
        )

    return build


def chosen(market, url):
    reference = TrainingReference("fal", url)
    return market.choose(market.versions(reference), reference)


@pytest.mark.parametrize("key", ["diffusers_lora_file", "lora_file"])
def test_a_training_gives_a_file_that_is_called_after_its_trigger_word(
    queue, fal, weights, tmp_path, key
):
    made = weights()
    url = queue.train(APP, REQUEST, {key: made}, {"trigger_word": "ink wash"}, tmp_path)

    reference = TrainingReference("fal", url)
    (version,) = fal().versions(reference)
    file = fal().choose((version,), reference)

    assert file.identity.name == "ink wash-764cabcf.safetensors"
    assert (file.identity.kind, file.identity.size) == ("loras", made["file_size"])
    assert version.trigger_words == ("ink wash",)
    assert (version.model_id, version.version_id) == (APP, REQUEST)


def test_nothing_published_proves_the_bytes_and_that_is_said(queue, fal, weights):
    file = chosen(fal(), queue.train(APP, REQUEST, {"lora_file": weights()}))

    assert file.identity.sha256 is None
    assert file.digests == ()
    assert "no SHA256" in file.warnings[0]


@pytest.mark.parametrize(
    "config",
    [None, {"trigger_word": ""}, {"instance_prompt": 5}, ["x"], {"trigger_word": "x" * 99}],
)
def test_without_a_trigger_word_the_request_names_the_file(queue, fal, weights, tmp_path, config):
    url = queue.train(APP, REQUEST, {"lora_file": weights()}, config, tmp_path)

    assert chosen(fal(), url).identity.name == "fal-764cabcf.safetensors"


def test_settings_that_are_gone_do_not_matter(queue, fal, weights):
    lost = {"url": f"{queue.storage_url}/files/gone.json"}
    elsewhere = {"url": "http://169.254.169.254/config.json"}
    for config in (lost, elsewhere):
        url = queue.train(APP, REQUEST, {"lora_file": weights(), "config_file": config})

        assert chosen(fal(), url).identity.name == "fal-764cabcf.safetensors"


def test_files_without_facts_are_files_too(queue, fal, weights):
    bare = {"url": weights()["url"], "file_name": None, "file_size": None, "content_type": None}

    assert chosen(fal(), queue.train(APP, REQUEST, {"lora_file": bare})).identity.size is None


def test_two_experts_are_two_files_to_choose_from(queue, fal, weights, tmp_path):
    low, high = weights("/files/a/low.safetensors", 1), weights("/files/b/high.safetensors", 2)
    files = {"diffusers_lora_file": low, "high_noise_lora": high}
    url = queue.train(
        "fal-ai/wan-22-image-trainer", REQUEST, files, {"trigger_phrase": "ink"}, tmp_path
    )

    with pytest.raises(AmbiguousReferenceError) as caught:
        chosen(fal(), url)

    assert caught.value.details["files"] == [low["url"], high["url"]]
    (version,) = fal().versions(TrainingReference("fal", url))
    assert [file.identity.name for file in version.files] == [
        "ink-764cabcf-low-noise.safetensors",
        "ink-764cabcf-high-noise.safetensors",
    ]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/files/penguin/abc_pytorch_lora_weights.safetensors", "fal-abc.safetensors"),
        ("/files/penguin/Zx9/pytorch_lora_weights.safetensors", "fal-Zx9.safetensors"),
        ("/files/penguin/inkwash.safetensors", "fal-inkwash.safetensors"),
    ],
)
def test_a_files_own_address_is_enough(fal, queue, weights, path, name):
    weights(path)

    file = chosen(fal(None), queue.storage_url + path)

    assert file.identity.name == name
    assert file.identity.sources[0].url == queue.storage_url + path


def test_the_key_goes_to_the_queue_and_never_to_the_files(queue, fal, weights, tmp_path):
    url = queue.train(APP, REQUEST, {"lora_file": weights()}, {"trigger_word": "ink"}, tmp_path)
    market = fal()

    with market.open_download(chosen(market, url).identity.sources[0], {}) as response:
        response.raw.read()

    asked = {request.origin: request.headers.get("Authorization") for request in queue.requests}
    assert asked == {"site": f"Key {KEY}", "storage": None}


def test_an_address_that_a_lock_names_is_never_opened_with_the_key(queue, fal):
    with pytest.raises(GoneError):
        fal().open_download(Source("fal", f"{queue.site_url}/fal-ai/x/requests/1"), {})

    assert [request.headers.get("Authorization") for request in queue.requests] == [None]


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (400, {"detail": "Request is still in progress"}, UnavailableError, "is not finished"),
        (202, {"status": "IN_PROGRESS"}, UnavailableError, "is not finished"),
        (404, {"detail": "Request not found"}, NotFoundError, "It says: Request not found"),
        (422, {"detail": [{"msg": "no images"}]}, NotFoundError, "It says: no images"),
        (418, {"detail": 5}, BadResponseError, "HTTP 418"),
        (200, ["odd"], BadResponseError, "HTTP 200"),
        (200, {"images": [{"url": "https://v3.fal.media/x.jpeg"}]}, NotFoundError, "made no LoRA"),
    ],
)
def test_every_answer_without_a_file_says_why(queue, fal, status, body, error, said):
    url = queue.answer(APP, REQUEST, status, body)

    with pytest.raises(error, match=said) as caught:
        chosen(fal(), url)
    assert caught.value.hint


@pytest.mark.parametrize(("token", "error"), [(None, LoginRequiredError), ("x", AccessDeniedError)])
def test_a_request_without_the_right_key_asks_for_it(queue, fal, token, error):
    with pytest.raises(error) as caught:
        chosen(fal(token), queue.answer(APP, REQUEST, 200, {}))
    assert "FAL_KEY" in caught.value.hint


def test_a_status_address_means_its_request(queue, fal, weights):
    url = queue.train(APP, REQUEST, {"lora_file": weights()})

    assert chosen(fal(), f"{url}/status").identity.name == "fal-764cabcf.safetensors"


def test_a_file_that_expired_is_gone(queue, fal, weights):
    made = weights()
    file = chosen(fal(), queue.train(APP, REQUEST, {"lora_file": made}))
    source = file.identity.sources[0]
    assert fal().availability([(source, "")])[0].access == "open"
    queue.store.remove("/files/penguin/abc_pytorch_lora_weights.safetensors")

    with pytest.raises(GoneError, match="its addresses expire"):
        fal().open_download(source, {})
    assert fal().availability([(source, "")])[0].access == "gone"


def test_a_silent_host_is_unknown(queue, fal, weights):
    source = chosen(fal(), weights()["url"]).identity.sources[0]
    queue.fault("html_502", origin="storage")

    assert fal().availability([(source, "")])[0].access == "unknown"


def test_what_it_knows(fal):
    assert fal().knows(TrainingReference("fal", "https://v3.fal.media/files/x"))
    assert not fal().knows(TrainingReference("replicate", "https://replicate.delivery/x"))
    assert (fal(None).check_token(), fal().check_token()) == ("unset", "unknown")
