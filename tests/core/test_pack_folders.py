"""What a node pack's folder says about itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from satchel.pack_folders import PackFolder, public_repository, read_pack_folder

COMMIT = "0123456789abcdef0123456789abcdef01234567"
PROJECT = """
[project]
name = "comfyui-fancy"
version = "1.2.0"
[project.urls]
Repository = "https://github.com/ada/ComfyUI-Fancy"
[tool.comfy]
PublisherId = "ada"
"""
ORIGIN = '[core]\n\tbare = false\n[remote "origin"]\n\turl = {}\n\tfetch = x\n[branch "main"]\n'


def clone(folder: Path, url: str = "https://github.com/ada/ComfyUI-Fancy.git") -> Path:
    git = folder / ".git"
    (git / "refs/heads").mkdir(parents=True)
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "refs/heads/main").write_text(COMMIT + "\n")
    (git / "config").write_text(ORIGIN.format(url))
    return git


def test_a_registry_install_has_an_id_and_a_version(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text(PROJECT)

    assert read_pack_folder(tmp_path) == PackFolder(
        "comfyui-fancy", "1.2.0", "https://github.com/ada/ComfyUI-Fancy", ""
    )


def test_a_clone_has_a_commit_and_its_origin(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    clone(tmp_path)

    found = read_pack_folder(tmp_path)

    assert (found.registry_id, found.commit, found.github) == (
        "comfyui-fancy", COMMIT, "ada/ComfyUI-Fancy",
    )  # fmt: skip


def test_a_fork_is_not_the_registrys_pack(tmp_path: Path):
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    clone(tmp_path, "git@github.com:bob/ComfyUI-Fancy.git")

    found = read_pack_folder(tmp_path)

    assert (found.registry_id, found.github) == ("", "bob/ComfyUI-Fancy")


def test_a_packed_ref_a_detached_head_and_a_work_tree_are_read(tmp_path: Path):
    git = clone(tmp_path / "packed")
    (git / "refs/heads/main").unlink()
    (git / "packed-refs").write_text(f"# pack-refs\n{'f' * 40} refs/x\n{COMMIT} refs/heads/main\n")
    (clone(tmp_path / "detached") / "HEAD").write_text(COMMIT)
    own = clone(tmp_path / "main") / "worktrees/tree"
    own.mkdir(parents=True)
    (own / "HEAD").write_text("ref: refs/heads/main")
    (own / "commondir").write_text("../..\n")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/.git").write_text(f"gitdir: {own}\n")

    for name in ("packed", "detached", "tree"):
        found = read_pack_folder(tmp_path / name)
        assert (found.commit, found.github) == (COMMIT, "ada/ComfyUI-Fancy"), name


@pytest.mark.parametrize("broken", [
    {"pyproject.toml": "[project"}, {"pyproject.toml": "project = 3"},
    {"pyproject.toml": "[project]\nname = 'x'\nversion = {a = 1}"}, {".git": "nonsense"},
    {".git": "gitdir: ../nowhere"}, {},
])  # fmt: skip
def test_files_that_are_damaged_say_nothing(tmp_path: Path, broken: dict[str, str]):
    for name, text in broken.items():
        (tmp_path / name).write_text(text)

    assert read_pack_folder(tmp_path) == PackFolder()


def test_a_ref_does_not_lead_out_of_the_repository(tmp_path: Path):
    git = clone(tmp_path / "pack")
    (tmp_path / "pack/secret").write_text(COMMIT)
    (git / "HEAD").write_text("ref: refs/../../secret")

    assert read_pack_folder(tmp_path / "pack").commit == ""


@pytest.mark.parametrize(("url", "public"), [
    ("https://github.com/ada/x.git", "https://github.com/ada/x"),
    ("https://ada:token@github.com/ada/x", "https://github.com/ada/x"),
    ("git@github.com:ada/x.git", "https://github.com/ada/x"),
    ("ssh://git@GitHub.com/ada/x/", "https://github.com/ada/x"),
    ("https://gitlab.com/a/b/x.git", "https://gitlab.com/a/b/x"),
    ("/home/ada/x", ""), ("../x", ""), ("file:///home/ada/x", ""), ("C:\\packs\\x", ""),
    ("http://localhost/x", ""), ("https://[x/y", ""), ("", ""),
])  # fmt: skip
def test_only_public_addresses_are_told_without_logins(url: str, public: str):
    assert public_repository(url) == public
