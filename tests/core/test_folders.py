"""Which folders hold which models, and what is found in them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from support.models import write_safetensors

from satchel.errors import InvalidInputError, ModelNotFoundError
from satchel.folders import KINDS, ModelFolders, open_folders


def names(folders, kind="loras"):
    return [model.name for model in folders.files([kind])]


def test_a_models_folder_has_every_kind(tmp_path):
    folders = open_folders(tmp_path)

    assert set(folders.roots) == set(KINDS)
    assert folders.roots["loras"] == (tmp_path / "loras",)
    assert folders.roots["text_encoders"] == (tmp_path / "text_encoders", tmp_path / "clip")
    assert "unet" not in folders
    assert "custom_nodes" not in folders
    assert folders.first_root("diffusion_models") == tmp_path / "diffusion_models"


def test_a_comfyui_folder_is_seen_by_its_models_and_its_extra_paths(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "extra_model_paths.yaml").write_text("a:\n  base_path: big\n  loras: loras\n")

    folders = open_folders(tmp_path)

    assert folders.roots["loras"] == (tmp_path / "models" / "loras", tmp_path / "big" / "loras")
    assert folders.roots["vae"] == (tmp_path / "models" / "vae",)


def test_a_file_of_model_paths_is_read_as_the_host_reads_it(tmp_path, monkeypatch):
    monkeypatch.setenv("BIG_DISK", str(tmp_path / "disk"))
    file = tmp_path / "paths.yaml"
    file.write_text(
        "a111:\n"
        "  base_path: $BIG_DISK/webui\n"
        "  checkpoints: models/Stable-diffusion\n"
        "  loras: |\n"
        "    models/Lora\n"
        "    models/LyCORIS\n"
        "\n"
        "  custom_nodes: nodes\n"
        "other:\n"
        "  loras: /elsewhere/loras\n"
        "  clip: relative/clip\n"
        "  unet: relative/unet\n"
        "commented:\n"
        "  # all of it\n",
        encoding="utf-8",
    )

    folders = open_folders(file)

    web = tmp_path / "disk" / "webui" / "models"
    assert folders.roots == {
        "checkpoints": (web / "Stable-diffusion",),
        "loras": (web / "Lora", web / "LyCORIS", Path("/elsewhere/loras")),
        "text_encoders": (tmp_path / "relative" / "clip",),
        "diffusion_models": (tmp_path / "relative" / "unet",),
    }


def test_an_empty_base_path_is_none(tmp_path):
    file = tmp_path / "paths.yaml"
    file.write_text("a:\n  base_path:\n  loras: here\n")

    assert open_folders(file).roots["loras"] == (tmp_path / "here",)


def test_a_default_section_comes_first(tmp_path):
    (tmp_path / "models").mkdir()
    (tmp_path / "extra_model_paths.yaml").write_text(
        "a:\n  loras: first\nb:\n  is_default: true\n  loras: chosen\n"
    )

    roots = open_folders(tmp_path).roots["loras"]

    assert roots == (tmp_path / "chosen", tmp_path / "models" / "loras", tmp_path / "first")


@pytest.mark.parametrize(
    "text",
    ["a: [", "\t", "- a\n- b\n", "just text", "a: text", "", "a:\n  base_path: /x\n", "\x00"],
)
def test_a_file_that_names_no_paths_is_refused(tmp_path, text):
    file = tmp_path / "paths.yml"
    file.write_text(text)

    with pytest.raises(InvalidInputError):
        open_folders(file)


def test_a_file_in_another_encoding_is_refused(tmp_path):
    file = tmp_path / "paths.yaml"
    file.write_bytes(b"a:\n  loras: \xff\xfe\n")

    with pytest.raises(InvalidInputError):
        open_folders(file)


@pytest.mark.parametrize("name", ["missing", "missing.yaml", "file.txt"])
def test_a_location_that_is_neither_is_refused(tmp_path, name):
    (tmp_path / "file.txt").write_text("x")

    with pytest.raises(InvalidInputError):
        open_folders(tmp_path / name)


def test_only_model_files_are_listed_in_a_stable_order(tmp_path):
    for name in ("b.safetensors", "a/z.sft", "a/c.gguf", "old.ckpt", "UPPER.SAFETENSORS"):
        write_safetensors(tmp_path / "loras" / name)
    for name in ("readme.txt", "a.preview.png", ".satchel-0123.part", ".hidden/x.safetensors"):
        write_safetensors(tmp_path / "loras" / name)
    (tmp_path / "loras" / "gone.safetensors").symlink_to(tmp_path / "nowhere")

    assert names(open_folders(tmp_path)) == [
        "UPPER.SAFETENSORS",
        "b.safetensors",
        "old.ckpt",
        "a/c.gguf",
        "a/z.sft",
    ]


def test_folders_that_link_to_each_other_end(tmp_path):
    write_safetensors(tmp_path / "loras" / "a.safetensors")
    write_safetensors(tmp_path / "elsewhere" / "b.safetensors")
    for name in ("loop", "ring"):
        (tmp_path / "loras" / name).symlink_to(tmp_path / "loras", target_is_directory=True)
    (tmp_path / "loras" / "more").symlink_to(tmp_path / "elsewhere", target_is_directory=True)

    assert names(open_folders(tmp_path)) == ["a.safetensors", "more/b.safetensors"]


def test_folders_that_lead_into_each_other_are_listed_once_by_each_way(tmp_path):
    for here, there in (("a", "b"), ("b", "a")):
        (tmp_path / "loras" / here).mkdir(parents=True, exist_ok=True)
        (tmp_path / "loras" / there).mkdir(parents=True, exist_ok=True)
        for number in range(3):
            (tmp_path / "loras" / here / f"to{number}").symlink_to(tmp_path / "loras" / there)
    write_safetensors(tmp_path / "loras/a/ink.safetensors")

    assert names(open_folders(tmp_path)) == [
        "a/ink.safetensors", *(f"b/to{number}/ink.safetensors" for number in range(3)),
    ]  # fmt: skip


@pytest.mark.skipif(sys.platform != "linux", reason="names are Unicode elsewhere")
def test_what_has_no_proper_name_or_is_no_file_is_left_out(tmp_path):
    write_safetensors(tmp_path / "loras/ink.safetensors")
    os.mkfifo(tmp_path / "loras/pipe.safetensors")
    Path(os.fsdecode(os.fsencode(tmp_path / "loras") + b"/bad\xff.safetensors")).write_bytes(b"x")

    assert names(open_folders(tmp_path)) == ["ink.safetensors"]


def test_the_first_root_wins(tmp_path):
    roots = (tmp_path / "one", tmp_path / "two")
    for root, size in zip(roots, (4, 8), strict=True):
        write_safetensors(root / "same.safetensors", {"w": (size,)})
    write_safetensors(roots[1] / "only.safetensors")
    folders = ModelFolders({"loras": roots})

    assert names(folders) == ["same.safetensors", "only.safetensors"]
    assert folders.get("loras", "same.safetensors").path == roots[0] / "same.safetensors"
    assert folders.get("loras", "only.safetensors").path == roots[1] / "only.safetensors"
    assert folders.first_root("loras") == roots[0]


def test_separators_may_lean_either_way(tmp_path):
    path = write_safetensors(tmp_path / "loras" / "style" / "ink.safetensors")
    folders = open_folders(tmp_path)

    for name in ("style/ink.safetensors", "style\\ink.safetensors"):
        found = folders.get("loras", name)
        assert (found.name, found.path) == ("style/ink.safetensors", path)
        assert found.size == path.stat().st_size


@pytest.mark.parametrize(
    "name",
    [
        "../secret.safetensors",
        "..\\secret.safetensors",
        "style/../../secret.safetensors",
        "style/../ink.safetensors",
        "{absolute}",
        "C:secret.safetensors",
        "style",
        "",
        ".",
        "ink.safetensors\0",
        "missing.safetensors",
        "x" * 5000,
    ],
)
def test_what_is_not_inside_is_never_found(tmp_path, name):
    secret = write_safetensors(tmp_path / "secret.safetensors")
    write_safetensors(tmp_path / "loras" / "ink.safetensors")
    (tmp_path / "loras" / "style").mkdir()
    name = name.format(absolute=secret)
    folders = open_folders(tmp_path)

    assert folders.find("loras", name) is None
    assert folders.find("nope", "ink.safetensors") is None
    with pytest.raises(ModelNotFoundError) as caught:
        folders.get("loras", name)
    assert caught.value.details == {"name": name, "directory": "loras"}


def test_a_file_belongs_to_the_kind_it_lies_in(tmp_path):
    lora = write_safetensors(tmp_path / "loras" / "a" / "b.safetensors")
    outside = write_safetensors(tmp_path / "b.safetensors")
    folders = open_folders(tmp_path)

    assert folders.kind_of(lora) == "loras"
    assert folders.kind_of(outside) is None
