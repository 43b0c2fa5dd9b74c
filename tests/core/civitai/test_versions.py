"""Civitai as a marketplace: which file a version means."""

from __future__ import annotations

import pytest
from support.civitai import answer

from satchel.errors import BadResponseError, NotFoundError, UnavailableError
from satchel.references import CivitaiReference


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({}, "loras"),
        ({"type": "LoCon"}, "loras"),
        ({"type": "DoRA"}, "loras"),
        ({"type": "Checkpoint"}, "checkpoints"),
        ({"type": "Checkpoint", "file_type": "Diffusion Model"}, "diffusion_models"),
        ({"type": "TextualInversion"}, "embeddings"),
        ({"type": "VAE"}, "vae"),
        ({"type": "Upscaler"}, "upscale_models"),
    ],
)
def test_a_version_is_its_primary_file_in_its_folder(resolve, publish, options, kind):
    lora = publish(**options)

    model = resolve(CivitaiReference(None, lora.version_id))

    assert (model.kind, model.name, model.sha256) == (kind, lora.name, lora.sha256.lower())
    assert model.autov3 == lora.hashes["AutoV3"].lower()
    assert [source.file_id for source in model.sources] == [lora.file_id]


def test_a_file_id_and_a_folder_of_the_users_choice_win(resolve, publish):
    lora = publish(seed=1)
    vae = publish("b.safetensors", seed=2, in_version=lora, file_type="VAE")

    assert resolve(CivitaiReference(None, lora.version_id, vae.file_id)).kind == "vae"
    assert (
        resolve(CivitaiReference(None, lora.version_id, vae.file_id), "unet").kind
        == "diffusion_models"
    )
    assert resolve(CivitaiReference(None, lora.version_id), "vae").name == lora.name


def test_a_version_that_cannot_be_resolved_says_why(resolve, publish):
    lora = publish()
    odd = publish(type="Poses")

    with pytest.raises(NotFoundError, match="does not have it"):
        resolve(CivitaiReference(None, 1))
    with pytest.raises(NotFoundError, match="no such file"):
        resolve(CivitaiReference(None, lora.version_id, 1))
    with pytest.raises(BadResponseError, match="Poses"):
        resolve(CivitaiReference(None, odd.version_id))


@pytest.mark.parametrize(
    ("hostile", "name"),
    [
        ("..%2F..%2Fx.safetensors", "x.safetensors"),
        ("CON.safetensors", "_CON.safetensors"),
        ("a\u202eb.safetensors", "ab.safetensors"),
    ],
)
def test_a_hostile_name_on_the_site_is_made_harmless(resolve, publish, hostile, name):
    lora = publish(file_name=hostile)

    assert resolve(CivitaiReference(None, lora.version_id)).name == name


@pytest.mark.parametrize("sha256", [None, "", "../../../etc/passwd", "g" * 64, "AB12"])
def test_a_file_without_a_true_sha256_cannot_be_resolved(resolve, market, monkeypatch, sha256):
    file = {"id": 8, "primary": True, "name": "a.safetensors", "hashes": {"SHA256": sha256}}
    body = {"id": 7, "model": {"type": "LORA"}, "files": [file]}
    answer(market, monkeypatch, body, r"/api/v1/model-versions/([^/]+)")

    with pytest.raises(UnavailableError, match="SHA256"):
        resolve(CivitaiReference(None, 7))
