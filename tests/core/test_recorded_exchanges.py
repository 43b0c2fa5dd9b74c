"""Answers as the real sites' sources and documents show them, read by the marketplaces."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.marketplace.replay import Replay

from satchel.errors import (
    GoneError,
    LoginRequiredError,
    NotFoundError,
    UnavailableError,
)
from satchel.identity import Source
from satchel.marketplaces.fal import Fal
from satchel.marketplaces.hosts import HOSTS
from satchel.marketplaces.huggingface import HuggingFace
from satchel.marketplaces.modelscope import ModelScope
from satchel.marketplaces.replicate import Replicate
from satchel.references.values import HubReference, TrainingReference
from satchel.settings import Settings, SourceSettings, origin_of

RECORDINGS = Path(__file__).resolve().parents[1] / "data" / "marketplace"
INK = "brushfox/ink-wash-flux-lora"
COMMIT = "361e934dafe65b50f34fd8d75e3340fef7977a15"
SHA256 = "800a1fe8e0a90f4587e8a1486295fca936566cee0da797df241a0683f5bcbfda"
REQUEST = "764cabcf-b745-4b3e-ae38-1200304cf45b"
TRAINING = "zz4ibbonubfz7carwiefibzgga"


@pytest.fixture
def replayed():
    """Marketplaces that talk to a recording."""
    running = []

    def build(make, *, without=()):
        sites = {"fal": {"queue.fal.run"}, "replicate": {"api.replicate.com", "replicate.com"}}
        hosts = sites.get(make.kind, HOSTS[make.kind].site)
        replay = Replay(RECORDINGS / f"{make.kind}.json", hosts, without=without)
        replay.start()
        running.append(replay)
        settings = Settings(
            {make.kind: SourceSettings(replay.site_url, "token")},
            trusted_origins=frozenset({origin_of(replay.storage_url)}),
        )
        return make(settings)

    yield build
    for replay in running:
        replay.stop()
        assert replay.errors == []


def only_version(market, reference):
    (version,) = market.versions(reference)
    return version


# --- Hugging Face --------------------------------------------------------------------------------


def test_a_recorded_repository_has_the_digests_of_lfs_and_no_others(replayed):
    version = only_version(replayed(HuggingFace), HubReference("huggingface", INK))

    found = {file.identity.name: file.identity.sha256 for file in version.files}
    assert found == {
        "ink_wash_flux.safetensors": SHA256,
        "ink wash (v1) #2.safetensors":
            "71134adb26744759ebad6a6e4816a005579cbbfdbd0112a811030d84d3103276",
        "水墨_v1.safetensors": "71db7c27940c659817990e38200532023995e3bb6233ee804e796877b492ca8e",
        "tiny_non_lfs.safetensors": None,
    }  # fmt: skip
    assert version.version_id == COMMIT
    assert version.licence == "flux-1-dev-non-commercial-license"
    assert version.base_model == "black-forest-labs/FLUX.1-dev"
    assert version.trigger_words == ("inkwash",)
    base = f"https://huggingface.co/{INK}/resolve/{COMMIT}"
    assert [preview.url for preview in version.previews] == [f"{base}/images/1.png"]
    assert all(file.identity.sources[0].url.startswith(base) for file in version.files)


@pytest.mark.parametrize(
    ("path", "sha256", "access"),
    [
        ("main/ink_wash_flux.safetensors", SHA256, "open"),
        ("main/ink_wash_flux.safetensors", "a" * 64, "gone"),
        ("refs%2Fpr%2F3/checkpoints/step-000500/ink%20wash%20%28v1%29%20%232.safetensors",
         "71134adb26744759ebad6a6e4816a005579cbbfdbd0112a811030d84d3103276", "open"),
        ("main/nothing.safetensors", SHA256, "gone"),
    ],
)  # fmt: skip
def test_recorded_headers_tell_what_is_served(replayed, path, sha256, access):
    source = Source("huggingface", f"https://huggingface.co/{INK}/resolve/{path}")

    (answer,) = replayed(HuggingFace).availability([(source, sha256)])

    assert answer.access == access


def test_a_recorded_rename_is_followed(replayed):
    url = "https://huggingface.co/old-owner/ink/resolve/main/ink_wash_flux.safetensors"

    (answer,) = replayed(HuggingFace).availability([(Source("huggingface", url), SHA256)])

    assert answer.access == "open"


def test_a_recorded_account_accepts_its_token(replayed):
    assert replayed(HuggingFace).check_token() == "accepted"


# --- ModelScope ----------------------------------------------------------------------------------


def test_a_recorded_listing_has_a_digest_for_its_model(replayed):
    reference = HubReference("modelscope", "brushfox/ink-wash")
    market = replayed(ModelScope)

    file = market.choose(market.versions(reference), reference)

    assert file.identity.sha256 == SHA256
    assert file.identity.size == 343805320
    assert file.identity.sources[0].url == (
        "https://www.modelscope.cn/models/brushfox/ink-wash/resolve/master/ink_wash.safetensors"
    )


def test_a_recorded_missing_repository_is_not_found(replayed):
    with pytest.raises(NotFoundError):
        replayed(ModelScope).versions(HubReference("modelscope", "x/nope"))


# --- fal -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("app", "names"),
    [
        ("fal-ai/flux-lora-fast-training", ["fal-764cabcf.safetensors"]),
        ("fal-ai/wan-22-image-trainer",
         ["fal-764cabcf-low-noise.safetensors", "fal-764cabcf-high-noise.safetensors"]),
        ("fal-ai/ltx-video-trainer", ["fal-764cabcf.safetensors"]),
    ],
)  # fmt: skip
def test_recorded_answers_of_trainers_name_their_files(replayed, app, names):
    url = f"https://queue.fal.run/{app}/requests/{REQUEST}"

    version = only_version(replayed(Fal), TrainingReference("fal", url))

    assert [file.identity.name for file in version.files] == names
    assert all(file.identity.sources[0].url.startswith("https://v3.fal.media/files/")
               for file in version.files)  # fmt: skip


@pytest.mark.parametrize(
    ("without", "said"),
    [((), "made no LoRA"), (("result_images",), "Failed to download LoRA weights")],
)
def test_recorded_answers_without_weights_say_why(replayed, without, said):
    url = f"https://queue.fal.run/fal-ai/flux-lora/requests/{REQUEST}"

    with pytest.raises(NotFoundError, match=said):
        replayed(Fal, without=without).versions(TrainingReference("fal", url))


# --- Replicate -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("training", "without", "error"),
    [
        (TRAINING, ("training_succeeded", "training_failed"), UnavailableError),
        (TRAINING, ("training_processing", "training_succeeded"), NotFoundError),
        ("x", (), LoginRequiredError),
        ("x", ("unauthorized",), NotFoundError),
    ],
)
def test_recorded_trainings_without_weights_say_why(replayed, training, without, error):
    url = f"https://api.replicate.com/v1/trainings/{training}"

    with pytest.raises(error):
        replayed(Replicate, without=without).versions(TrainingReference("replicate", url))


def test_a_recorded_training_names_its_tar(replayed):
    market = replayed(Replicate, without=("training_processing",))
    reference = TrainingReference("replicate", f"https://replicate.com/p/{TRAINING}")

    file = market.choose(market.versions(reference), reference)

    assert file.identity.name == "ink-wash-883840a2.safetensors"
    assert file.identity.sources[0].url == (
        "https://replicate.delivery/xezq/FIXTURE/trained_model.tar"
    )
    with pytest.raises(GoneError):
        # Only the redirect to the tar was recorded, not the tar.
        market.versions(
            TrainingReference("replicate", f"{market._base}/brushfox/ink-wash/versions/"
                              "883840a2ddfc7da3984487c659cdcdb0d76195692b2a9cc03bc481aa22175e50")
        )  # fmt: skip
