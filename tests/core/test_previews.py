"""Pictures beside model files: which one is found, and what is none."""

from __future__ import annotations

import pytest
from support.models import write_safetensors

from satchel.errors import ModelNotFoundError
from satchel.folders import open_folders
from satchel.previews import MAX_BYTES, find_preview, previews_beside


@pytest.fixture
def loras(tmp_path):
    write_safetensors(tmp_path / "models/loras/style/Ink v1.0.safetensors")
    return tmp_path / "models/loras"


def found(loras):
    folders = open_folders(loras.parent)
    stamps = previews_beside(folders.files(["loras"]))
    try:
        picture = find_preview("loras", "style/Ink v1.0.safetensors", folders)
    except ModelNotFoundError:
        assert stamps == {}
        return None
    (stamp,) = stamps.values()
    assert stamp == picture.stat().st_mtime_ns // 1_000_000
    return picture.name


@pytest.mark.parametrize(
    "name",
    ["Ink v1.0.preview.png", "Ink v1.0.png", "Ink v1.0.jpeg", "ink V1.0.WEBP", "Ink v1.0.jpg"],
)
def test_a_picture_of_the_models_name_is_its_preview(loras, name):
    (loras / "style" / name).write_bytes(b"x")

    assert found(loras) == name


@pytest.mark.parametrize(
    "name", ["Ink.png", "Ink v1.0.gif", "Ink v1.0.png.txt", "Ink v1.0 2.png", "../Ink v1.0.png"]
)
def test_other_files_are_none(loras, name):
    (loras / "style" / name).write_bytes(b"x")

    assert found(loras) is None


def test_a_preview_by_that_name_goes_before_a_plain_picture(loras):
    for name in ("Ink v1.0.jpg", "Ink v1.0.preview.jpg"):
        (loras / "style" / name).write_bytes(b"x")

    assert found(loras) == "Ink v1.0.preview.jpg"


def test_a_link_that_leads_out_of_the_folder_is_no_preview(loras, tmp_path):
    (tmp_path / "secret.png").write_bytes(b"x")
    (loras / "style/Ink v1.0.png").symlink_to(tmp_path / "secret.png")
    assert found(loras) is None

    (loras / "style/cover.png").write_bytes(b"x")
    (loras / "style/Ink v1.0.webp").symlink_to("cover.png")
    assert found(loras) == "Ink v1.0.webp"


def test_a_model_folder_that_is_a_link_has_previews(loras, tmp_path):
    (loras / "style").rename(tmp_path / "elsewhere")
    (loras / "style").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/Ink v1.0.png").write_bytes(b"x")

    assert found(loras) == "Ink v1.0.png"


def test_a_huge_file_and_a_folder_are_none(loras):
    (loras / "style/Ink v1.0.png").mkdir()
    with (loras / "style/Ink v1.0.webp").open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    assert found(loras) is None


@pytest.mark.parametrize(
    "name",
    ["style/Ink v1.0.png", "../secret.safetensors", "/etc/passwd", "style/ghost.safetensors", ""],
)
def test_only_models_have_previews(loras, tmp_path, name):
    (loras / "style/Ink v1.0.png").write_bytes(b"x")
    (tmp_path / "models/secret.png").write_bytes(b"x")
    write_safetensors(tmp_path / "models/secret.safetensors")

    with pytest.raises(ModelNotFoundError):
        find_preview("loras", name, open_folders(loras.parent))
