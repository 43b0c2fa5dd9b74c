"""What other programs left beside models: understood, capped, and believed only so far."""

from __future__ import annotations

import hashlib
import json
import os

import pytest
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel import sidecars
from satchel.model_info import model_info
from satchel.scan import scan
from satchel.sidecars import import_sidecars


@pytest.fixture
def space(tmp_path):
    return make_workspace(tmp_path)


@pytest.fixture
def lora(tmp_path):
    return write_safetensors(tmp_path / "models/loras/style/ink.safetensors", seed=1)


def sha256_of(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def version_body(path, **fields):
    """As Civitai's API answers for a version."""
    return {
        "id": 20,
        "modelId": 10,
        "name": "v2",
        "baseModel": "SDXL 1.0",
        "trainedWords": ["inkstyle", "line art"],
        "air": "urn:air:sdxl:lora:civitai:10@20",
        "model": {"name": "Ink", "type": "LORA", "nsfw": False},
        "files": [
            {
                "id": 30,
                "name": "ink.safetensors",
                "type": "Model",
                "primary": True,
                "sizeKB": path.stat().st_size / 1024,
                "hashes": {"SHA256": sha256_of(path).upper()},
            }
        ],
        **fields,
    }


def lora_manager(path):
    return "ink.metadata.json", {
        "file_name": "ink",
        "model_name": "Ink",
        "file_path": "D:/other/machine/ink.safetensors",
        "size": path.stat().st_size,
        "modified": 1.0,
        "sha256": sha256_of(path),
        "base_model": "SDXL 1.0",
        "notes": "use it softly",
        "tags": ["style"],
        "usage_tips": '{"strength": 0.7}',
        "civitai": version_body(path),
    }


def civitai_info(path):
    return "ink.civitai.info", version_body(path)


def rgthree(path):
    return "ink.safetensors.rgthree-info.json", {
        "file": "style/ink.safetensors",
        "path": "/home/somebody/ink.safetensors",
        "sha256": sha256_of(path),
        "name": "Ink - v2",
        "baseModel": "SDXL 1.0",
        "userNote": "use it softly",
        "trainedWords": [
            {"word": "inkstyle", "civitai": True},
            {"word": "line art", "user": True},
            {"word": "1girl", "count": 90, "metadata": True},
        ],
        "raw": {"civitai": version_body(path)},
    }


def stability_matrix(path):
    return "ink.cm-info.json", {
        "ModelId": 10,
        "ModelName": "Ink",
        "ModelDescription": "<p>Lines</p>",
        "Nsfw": False,
        "Tags": ["style"],
        "ModelType": "LORA",
        "VersionId": 20,
        "VersionName": "v2",
        "BaseModel": "SDXL 1.0",
        "RemoteFileId": 30,
        "RemoteFileName": "ink.safetensors",
        "Hashes": {"SHA256": sha256_of(path).upper(), "CRC32": "01234567"},
        "TrainedWords": ["inkstyle", "line art"],
    }


def webui(path):
    return "ink.json", {
        "description": "a card",
        "sd version": "SDXL",
        "activation text": "inkstyle, line art",
        "preferred weight": 0.7,
        "negative text": "blurry",
        "notes": "use it softly",
        "sha256": sha256_of(path).upper(),
    }


def bare(path):
    return "ink.sha256", sha256_of(path)


def sha256sum(path):
    return "ink.safetensors.sha256", f"{sha256_of(path).upper()} *ink.safetensors\n"


ALL = (lora_manager, civitai_info, rgthree, stability_matrix, webui, bare, sha256sum)
WITH_RECORD = (lora_manager, civitai_info, rgthree, stability_matrix)


def leave(path, name, content):
    target = path.with_name(name)
    target.write_text(content if isinstance(content, str) else json.dumps(content))
    return target


def learn(space):
    models = scan(space.folders, space.catalog).models
    count = import_sidecars(models, space.catalog)
    (info,) = model_info([model for model in models if model.kind == "loras"], space.catalog)
    return count, info


@pytest.mark.parametrize("made_by", ALL)
def test_every_format_claims_the_digest(space, lora, made_by):
    leave(lora, *made_by(lora))

    count, info = learn(space)

    assert count == 1
    assert [(c.kind, c.hex, c.plausible) for c in info.claims] == [
        ("SHA256", sha256_of(lora), True)
    ]
    assert info.digests is None


@pytest.mark.parametrize("made_by", WITH_RECORD)
def test_a_record_is_known_without_network_or_hashing(space, lora, made_by):
    leave(lora, *made_by(lora))

    _, info = learn(space)

    assert info.identified == "claim"
    assert (info.version.model_id, info.version.version_id) == ("10", "20")
    assert info.version.model_name == "Ink"
    assert info.base_model == "SDXL 1.0"
    assert set(info.trigger_words) == {"inkstyle", "line art"}
    assert info.file.identity.sources[0].file_id == 30
    assert info.records[0].origin == "sidecar"


@pytest.mark.parametrize("made_by", [lora_manager, rgthree, webui])
def test_notes_and_words_come_along(space, lora, made_by):
    leave(lora, *made_by(lora))

    _, info = learn(space)

    assert any("use it softly" in note.text for note in info.notes)
    assert {"inkstyle", "line art"} == set(info.trigger_words)
    assert all("somebody" not in str(note) and "machine" not in str(note) for note in info.notes)


def test_a_preferred_strength_comes_along(space, lora):
    leave(lora, *webui(lora))

    assert [note.strength for note in learn(space)[1].notes] == [0.7]


def test_only_hashing_makes_a_claim_true(space, lora):
    name, text = bare(lora)
    leave(lora, name, "ab" * 32)

    _, info = learn(space)
    assert [claim.plausible for claim in info.claims] == [True]
    digests = space.library().digests(info.model)

    assert digests.sha256 == sha256_of(lora) == text
    assert space.catalog.files.with_digest("SHA256", "ab" * 32) == []
    assert model_info([info.model], space.catalog)[0].claims == ()


def test_a_sidecar_older_than_the_file_or_of_another_size_is_not_plausible(space, lora):
    old = leave(lora, *rgthree(lora))
    os.utime(old, ns=(1, 1))
    name, content = lora_manager(lora)
    leave(lora, name, {**content, "size": content["size"] + 1})

    _, info = learn(space)

    assert [claim.plausible for claim in info.claims] == [False, False]
    assert (info.identified, info.version) == ("no", None)


def test_a_version_with_no_file_of_that_size_claims_nothing(space, lora):
    body = version_body(lora)
    body["files"][0]["sizeKB"] += 5
    leave(lora, "ink.civitai.info", body)

    assert learn(space)[1].claims == ()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("ink.json", {"model": {"target": "ldm.models"}}),
        ("ink.json", "[1, 2]"),
        ("ink.json", "{"),
        ("ink.json", "[" * 100_000),
        ("ink.civitai.info", {"id": "20", "modelId": None}),
        ("ink.civitai.info", {"error": "Model not found"}),
        ("ink.metadata.json", {"_class_name": "FluxPipeline"}),
        ("ink.metadata.json", {"sha256": 7, "base_model": [], "civitai": "x", "tags": {"a": 1}}),
        ("ink.cm-info.json", {"ModelId": {}, "ModelName": 3, "Hashes": []}),
        ("ink.safetensors.rgthree-info.json", {"raw": 3, "sha256": None, "trainedWords": "x"}),
        ("ink.sha256", ""),
        ("ink.sha256", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("ink.sha256", "0" * 64),
        ("ink.sha256", "not a digest"),
    ],
)
def test_anything_else_is_left_alone(space, lora, name, content):
    leave(lora, name, content)

    _, info = learn(space)

    assert (info.claims, info.version) == ((), None)


def test_texts_are_cut_and_huge_files_ignored(space, lora, monkeypatch):
    name, content = webui(lora)
    leave(
        lora, name, {**content, "notes": "x" * 100_000, "activation text": "w," * 100 + "v" * 9999}
    )
    _, info = learn(space)
    assert max(len(note.text) for note in info.notes) < 60_000
    assert max(map(len, info.trigger_words)) <= 500

    monkeypatch.setattr(sidecars, "MAX_BYTES", 10)
    leave(lora, *rgthree(lora))
    assert learn(space)[0] == 0


def test_unchanged_sidecars_are_read_once_and_changed_ones_again(space, lora):
    path = leave(lora, *webui(lora))
    assert [learn(space)[0], learn(space)[0]] == [1, 0]

    leave(lora, "ink.json", {"activation text": "other"})
    os.utime(path, ns=(3, 3))

    count, info = learn(space)
    assert (count, info.trigger_words) == (1, ("other",))


def test_nothing_is_written_beside_the_models(space, lora, tmp_path):
    for made_by in ALL:
        leave(lora, *made_by(lora))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "models").rglob("*")}

    learn(space)
    space.library().digests(space.folders.get("loras", "style/ink.safetensors"))

    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "models").rglob("*")} == before
