"""The list of all LoRAs: from what is known, the same as is told of one file."""

from __future__ import annotations

import pytest
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.catalog.notes import Claim, Note
from satchel.errors import CancelledError
from satchel.hashes import hash_file
from satchel.identity import ModelIdentity
from satchel.lora_cards import family_titles, lora_cards, read_headers, unread
from satchel.marketplaces.records import PublishedFile, PublishedVersion
from satchel.model_info import model_info
from satchel.progress import Cancellation
from satchel.scan import scan

SDXL = {
    "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_down.weight": (4, 640),
    "lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q.lora_up.weight": (640, 4),
    "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (4, 1280),
    "lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_up.weight": (5120, 4),
}


@pytest.fixture
def space(tmp_path):
    return make_workspace(tmp_path)


def add(tmp_path, name, **options):
    return write_safetensors(tmp_path / "models" / "loras" / name, **options)


def listed(space):
    return scan(space.folders, space.catalog, ["loras"]).models


def cards(space):
    return {card.name: card for card in lora_cards(listed(space), space.catalog)}


def publish(space, kind, hex_, *, origin="marketplace", **options):
    identity = ModelIdentity("loras", "x.safetensors", hex_ if kind == "SHA256" else None)
    file = PublishedFile(identity, digests=((kind, hex_),))
    version = PublishedVersion(
        "civitai", "Ink", version_id="2", files=(file,), **{"model_id": "1", **options}
    )
    space.catalog.records.put([version], origin)


def test_a_header_is_read_once_and_tells_for_which_models_a_file_is(space, tmp_path):
    words = {"modelspec.trigger_phrase": "ink wash"}
    add(tmp_path, "style/ink.safetensors", shapes=SDXL, metadata=words)
    (tmp_path / "models/loras/old.pt").write_bytes(b"x")
    assert cards(space)["style/ink.safetensors"].to_json() == {"name": "style/ink.safetensors"}

    models = listed(space)
    assert [model.name for model in read_headers(models, space.catalog, Cancellation())] == [
        "style/ink.safetensors"
    ]
    assert unread(models, space.catalog) == []
    assert cards(space)["style/ink.safetensors"].to_json() == {
        "name": "style/ink.safetensors",
        "families": ("sdxl",),
        "base": "SDXL",
        "words": ("ink wash",),
    }
    assert cards(space)["old.pt"].to_json() == {"name": "old.pt"}
    assert space.catalog.files.digests(models) == {}  # nothing was hashed


def test_a_changed_file_is_read_again_and_a_broken_one_only_once(space, tmp_path):
    add(tmp_path, "ink.safetensors", shapes=SDXL)
    (tmp_path / "models/loras/broken.safetensors").write_bytes(b"no header")
    tried = read_headers(listed(space), space.catalog, Cancellation())
    assert read_headers(listed(space), space.catalog, Cancellation(), tried) == []

    add(tmp_path, "ink.safetensors", shapes={"lora_unet_x.lora_down.weight": (1, 9)})
    again = read_headers(listed(space), space.catalog, Cancellation(), tried)

    assert [model.name for model in again] == ["ink.safetensors"]
    assert cards(space)["ink.safetensors"].families == ()


def test_what_is_told_of_many_is_what_is_told_of_one(space, tmp_path):
    add(tmp_path, "noted.safetensors", shapes=SDXL)
    add(tmp_path, "published.safetensors", seed=1, metadata={"modelspec.trigger_phrase": "head"})
    add(tmp_path, "copy.safetensors", seed=1, metadata={"modelspec.trigger_phrase": "head"})
    add(tmp_path, "claimed.safetensors", seed=2)
    add(tmp_path, "doubtful.safetensors", seed=3)
    by_name = {model.name: model for model in listed(space)}
    read_headers(list(by_name.values()), space.catalog, Cancellation())
    put = space.catalog.notes.put
    put(by_name["noted.safetensors"], [Note(words=("mine",)), Note("webui", base_model="Pony",
        words=("theirs", "mine"))])  # fmt: skip
    for name in ("published.safetensors", "copy.safetensors"):
        space.catalog.remember(by_name[name], hash_file(by_name[name].path))
    put(by_name["copy.safetensors"], [Note(words=("of both",))])
    sha256 = hash_file(by_name["published.safetensors"].path).sha256
    publish(space, "SHA256", sha256, base_model="Illustrious", trigger_words=("ink", "wash"))
    put(by_name["claimed.safetensors"], [], [Claim("AutoV3", "ab" * 6, "header", plausible=True)])
    put(by_name["doubtful.safetensors"], [], [Claim("AutoV3", "cd" * 6, "webui")])
    publish(space, "AutoV3", "ab" * 6, model_id="8", base_model="SD 1.5", trigger_words=("c",))
    publish(space, "AutoV3", "cd" * 6, model_id="9", base_model="Wrong")

    told = cards(space)

    assert told["noted.safetensors"].base == "Pony"
    assert told["published.safetensors"].words == ("of both", "ink", "wash", "head")
    assert told["claimed.safetensors"].base == "SD 1.5"
    assert told["doubtful.safetensors"].base == ""
    for info in model_info(list(by_name.values()), space.catalog):
        card = told[info.model.name]
        assert card.words == info.trigger_words, info.model.name
        if card.base not in family_titles().values():
            assert card.base == info.base_model, info.model.name


def test_a_preview_is_told_by_the_time_of_its_change(space, tmp_path):
    add(tmp_path, "ink.safetensors")
    picture = tmp_path / "models/loras/ink.png"
    picture.write_bytes(b"x")

    assert cards(space)["ink.safetensors"].preview == picture.stat().st_mtime_ns // 1_000_000


def test_reading_headers_can_be_cancelled(space, tmp_path):
    add(tmp_path, "ink.safetensors")
    cancellation = Cancellation()
    cancellation.cancel()

    with pytest.raises(CancelledError):
        read_headers(listed(space), space.catalog, cancellation)


def test_each_family_has_one_title():
    titles = family_titles()

    assert titles["flux1"] == "FLUX.1"
    assert titles["sdxl"] == "SDXL"
    assert len(set(titles.values())) == len(titles)
