"""Replicate as a source: a training's weights, which lie in a tar."""

from __future__ import annotations

import pytest
from support.marketplace.replicate import Replicate as Trainer
from support.models import write_safetensors

from satchel.archives import extract_member, is_archive_url, is_weights
from satchel.errors import (
    BadResponseError,
    GoneError,
    LoginRequiredError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)
from satchel.identity import Source
from satchel.marketplaces.replicate import Replicate
from satchel.references.values import TrainingReference
from satchel.settings import Settings, SourceSettings, origin_of

TOKEN = "r8_good"
TRAINING = "zz4ibbonubfz7carwiefibzgga"
API = f"https://api.replicate.com/v1/trainings/{TRAINING}"


@pytest.fixture
def trainer():
    with Trainer(tokens=(TOKEN,)) as trainer:
        yield trainer


@pytest.fixture
def train(trainer, tmp_path):
    def build(**options):
        weights = write_safetensors(tmp_path / "lora.safetensors", seed=4)
        return trainer.train(TRAINING, weights, **options)

    return build


@pytest.fixture
def replicate(trainer):
    def build(token=TOKEN):
        return Replicate(
            Settings(
                {"replicate": SourceSettings(trainer.site_url, token)},
                trusted_origins=frozenset({origin_of(trainer.storage_url)}),
            )
        )

    return build


def chosen(market, url):
    reference = TrainingReference("replicate", url)
    return market.choose(market.versions(reference), reference)


@pytest.mark.parametrize("url", [API, f"https://replicate.com/p/{TRAINING}", f"{API}/cancel"])
def test_a_training_gives_its_tar_under_the_models_name(replicate, train, url):
    tar = train()

    reference = TrainingReference("replicate", url)
    (version,) = replicate().versions(reference)
    file = replicate().choose((version,), reference)

    assert file.identity.name == "ink-wash-88388838.safetensors"
    assert (file.identity.kind, file.identity.sha256) == ("loras", None)
    assert file.identity.sources[0].url == tar
    assert "no SHA256" in file.warnings[0]
    assert version.trigger_words == ("INKWSH",)
    assert version.page_url == "https://replicate.com/brushfox/ink-wash"


def test_the_lora_comes_out_of_the_tar(replicate, train, tmp_path):
    train()
    market = replicate()
    source = chosen(market, API).identity.sources[0]
    assert is_archive_url(source.url)

    with market.open_download(source, {}) as response:
        (tmp_path / "part").write_bytes(response.raw.read())
    name = extract_member(
        tmp_path / "part", tmp_path / "out.safetensors", wanted=is_weights, max_bytes=1 << 20
    )

    assert name == "output/flux_train_replicate/lora.safetensors"
    assert (tmp_path / "out.safetensors").read_bytes() == (
        tmp_path / "lora.safetensors"
    ).read_bytes()


@pytest.mark.parametrize("suffix", ["/_weights", ""])
def test_a_models_page_leads_to_its_weights(replicate, train, trainer, suffix):
    tar = train()
    page = f"{trainer.site_url}/brushfox/ink-wash/versions/{'8838' * 16}{suffix}"

    file = chosen(replicate(None), page)

    assert file.identity.sources[0].url == tar
    assert file.identity.name == "ink-wash-88388838.safetensors"


def test_a_model_without_weights_says_so(replicate, trainer):
    with pytest.raises(GoneError, match="does not serve these weights"):
        chosen(replicate(), f"{trainer.site_url}/brushfox/nothing")


def test_the_address_of_the_tar_is_enough(replicate, train):
    tar = train()

    file = chosen(replicate(None), tar)

    assert file.identity.name == f"replicate-{TRAINING}.safetensors"
    assert file.file_type == "Archive"


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"status": "starting", "output": None}, UnavailableError, r"not finished \(starting\)"),
        ({"status": "processing", "output": None}, UnavailableError, "not finished"),
        ({"status": "failed", "output": None, "error": "no images found in zip"}, NotFoundError,
         "no images found in zip"),
        ({"status": "canceled", "output": None}, NotFoundError, "it is canceled"),
        ({"status": "a new word", "output": None}, NotFoundError, "it is a new word"),
        ({"status": 5, "output": "odd"}, NotFoundError, "unknown state"),
    ],
)  # fmt: skip
def test_a_training_without_weights_says_why(replicate, train, changes, error, said):
    train(**changes)

    with pytest.raises(error, match=said) as caught:
        chosen(replicate(), API)
    assert caught.value.hint


def test_an_unknown_training_is_not_found(replicate):
    with pytest.raises(NotFoundError, match="no such training"):
        chosen(replicate(), API)


@pytest.mark.parametrize(
    ("token", "said"), [(None, "asks for a login"), ("r8_bad", "does not accept the token")]
)
def test_a_training_without_the_right_token_asks_for_it(replicate, train, token, said):
    train()

    with pytest.raises(LoginRequiredError, match=said) as caught:
        chosen(replicate(token), API)
    assert "REPLICATE_API_TOKEN" in caught.value.hint
    assert "r8_bad" not in f"{caught.value} {caught.value.hint} {caught.value.details}"


def test_a_long_pause_is_passed_on_and_an_unknown_refusal_reported(replicate, train, trainer):
    train()
    trainer.fault("status_429", retry_after="99", times=3)
    with pytest.raises(RateLimitedError):
        chosen(replicate(), API)
    trainer.clear_faults()
    trainer.fault("status", status=418)
    with pytest.raises(BadResponseError, match="418"):
        chosen(replicate(), API)


def test_the_token_goes_to_the_api_and_never_to_the_delivery(replicate, train, trainer):
    train()
    market = replicate()

    market.open_download(chosen(market, API).identity.sources[0], {}).close()

    asked = {request.origin: request.headers.get("Authorization") for request in trainer.requests}
    assert asked == {"site": f"Bearer {TOKEN}", "storage": None}


def test_an_address_that_a_lock_names_is_never_opened_with_the_token(replicate, trainer):
    with pytest.raises(GoneError):
        replicate().open_download(Source("replicate", f"{trainer.site_url}/v1/account"), {})

    assert [request.headers.get("Authorization") for request in trainer.requests] == [None]


def test_weights_that_were_deleted_are_gone(replicate, train, trainer):
    train()
    source = chosen(replicate(), API).identity.sources[0]
    assert replicate().availability([(source, "")])[0].access == "open"
    trainer.store.remove(f"/xezq/{TRAINING}/trained_model.tar")

    with pytest.raises(GoneError):
        replicate().open_download(source, {})
    assert replicate().availability([(source, "")])[0].access == "gone"


@pytest.mark.parametrize(
    ("token", "state"), [(None, "unset"), (TOKEN, "accepted"), ("r8_bad", "refused")]
)
def test_a_token_is_checked(replicate, token, state):
    assert replicate(token).check_token() == state


def test_what_it_knows(replicate):
    assert replicate().knows(TrainingReference("replicate", API))
    assert not replicate().knows(TrainingReference("fal", "https://v3.fal.media/files/x"))
