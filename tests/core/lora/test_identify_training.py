"""Facts from the header's metadata."""

from __future__ import annotations

import json

import pytest

from satchel.lora.training import read_training

TRAINERS = [
    ({"ot_branch": "master"}, "OneTrainer"),
    ({"software": json.dumps({"name": "ai-toolkit", "version": "0.7"})}, "ai-toolkit"),
    ({"ss_network_module": "networks.lora_flux", "ss_base_model_version": "flux1"}, "sd-scripts"),
    ({"ss_network_module": "lycoris.kohya", "ss_base_model_version": "sd_v1"}, "sd-scripts"),
    ({"ss_network_module": "networks.lora_wan", "ss_base_model_version": "wan"}, "musubi-tuner"),
    ({"ss_network_module": "networks.lora_zimage"}, "musubi-tuner"),
    ({"lora_adapter_metadata": "{}"}, "diffusers"),
    ({"format": "pt"}, None),
    ({"software": "not json"}, None),
    ({"software": "[1]"}, None),
]


@pytest.mark.parametrize(("metadata", "trainer"), TRAINERS)
def test_the_trainer_is_told_by_its_own_keys(metadata: dict[str, str], trainer: str | None) -> None:
    assert read_training(metadata).trainer == trainer


def tags(**folders: dict[str, int | None]) -> str:
    return json.dumps(folders)


TRIGGERS = [
    ({}, ()),
    ({"modelspec.trigger_phrase": "ohwx man"}, ("ohwx man",)),
    ({"modelspec.trigger_phrase": "None"}, ()),
    ({"ss_tag_frequency": json.dumps({"1_sks": {"sks": 1}})}, ("sks",)),
    ({"ss_tag_frequency": json.dumps({"10_sks man": {"sks": 20, "1girl": 20, "hat": 3}})},
     ("sks man", "sks")),
    ({"ss_tag_frequency": json.dumps({"10_img": {"zkz": 19, "hat": 3}}),
      "ss_dataset_dirs": json.dumps({"10_img": {"n_repeats": 10, "img_count": 20}})}, ("zkz",)),
    ({"ss_tag_frequency": json.dumps({"10_img": {"zkz": 12}}),
      "ss_dataset_dirs": json.dumps({"10_img": {"img_count": 20}})}, ()),
    ({"ss_tag_frequency": json.dumps({"0": {"5_abc": {"abc": 9}}})}, ("abc",)),
    ({"ss_tag_frequency": json.dumps({"10_x": {"a": None}})}, ("x",)),
    ({"ss_tag_frequency": "{broken"}, ()),
    ({"ss_tag_frequency": "[1, 2]"}, ()),
    ({"ss_tag_frequency": json.dumps({"1_": {}})}, ()),
    ({"modelspec.trigger_phrase": "sks", "ss_tag_frequency": json.dumps({"1_sks": {"sks": 1}})},
     ("sks",)),
]  # fmt: skip


@pytest.mark.parametrize(("metadata", "words"), TRIGGERS)
def test_trigger_words_come_from_phrase_folders_and_common_tags(
    metadata: dict[str, str], words: tuple[str, ...]
) -> None:
    assert read_training(metadata).trigger_words == words


def test_trigger_words_are_bounded() -> None:
    many = {f"1_word{n}": {"x" * 500: 3} for n in range(100)}

    words = read_training({"ss_tag_frequency": json.dumps(many)}).trigger_words

    assert len(words) == 20
    assert all(len(word) <= 200 for word in words)


RESOLUTIONS = [
    ({}, None),
    ({"modelspec.resolution": "1024x768"}, (1024, 768)),
    ({"ss_resolution": "(512, 640)"}, (512, 640)),
    ({"ss_resolution": "1024"}, (1024, 1024)),
    ({"ss_resolution": "None"}, None),
    ({"ss_datasets": json.dumps([{"resolution": [960, 544]}])}, (960, 544)),
    ({"ot_config": json.dumps({"resolution": "768"})}, (768, 768)),
    ({"ss_datasets": "[]"}, None),
]


@pytest.mark.parametrize(("metadata", "resolution"), RESOLUTIONS)
def test_the_training_resolution_is_width_and_height(
    metadata: dict[str, str], resolution: tuple[int, int] | None
) -> None:
    assert read_training(metadata).resolution == resolution


BASE_MODELS = [
    ({}, None),
    ({"ss_sd_model_name": "ponyDiffusionV6XL.safetensors", "ss_base_model_version": "sdxl_base"},
     "ponyDiffusionV6XL.safetensors"),
    ({"ss_sd_model_name": "/home/someone/models/noob.safetensors"}, "noob.safetensors"),
    ({"ss_sd_model_name": "C:\\models\\noob.safetensors"}, "noob.safetensors"),
    ({"ss_sd_model_name": "runwayml/stable-diffusion-v1-5"}, "runwayml/stable-diffusion-v1-5"),
    ({"ss_sd_model_name": "None", "ss_base_model_version": "flux1"}, "flux1"),
    ({"modelspec.architecture": "Flux.2-dev/lora"}, "Flux.2-dev"),
    ({"ot_config": json.dumps({"model_type": "FLUX_DEV_1"})}, "FLUX_DEV_1"),
]  # fmt: skip


@pytest.mark.parametrize(("metadata", "name"), BASE_MODELS)
def test_the_claimed_base_model_is_a_name_and_never_a_path(
    metadata: dict[str, str], name: str | None
) -> None:
    assert read_training(metadata).claimed_base_model == name


def test_architecture_claims_are_spelled_plainly() -> None:
    claims = read_training({
        "ss_base_model_version": "flux_2_klein_4b",
        "modelspec.architecture": "Flux.2-klein-4b/lora",
        "ot_config": json.dumps({"model_type": "FLUX_2"}),
        "ss_v2": "True",
    }).architecture_claims  # fmt: skip

    assert claims == ("flux2klein4b", "flux2klein4b", "flux2", "sdv2")
