"""The folder that ComfyUI works in (`--base-directory`), with this checkout linked into it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .problems import ToolError

PACK_NAME = "ComfyUI-Satchel"
MODEL_FOLDERS = (
    "checkpoints",
    "clip_vision",
    "configs",
    "controlnet",
    "diffusion_models",
    "embeddings",
    "loras",
    "style_models",
    "text_encoders",
    "upscale_models",
    "vae",
    "vae_approx",
)


def make_base_directory(base: Path) -> None:
    """The folders that ComfyUI expects below `--base-directory`."""
    for kind in MODEL_FOLDERS:
        (base / "models" / kind).mkdir(parents=True, exist_ok=True)
    for name in ("custom_nodes", "input", "output", "temp", "user"):
        (base / name).mkdir(exist_ok=True)


def link_directory(link: Path, target: Path) -> None:
    """Makes `link` lead to a folder: a symbolic link, or a junction where Windows wants that.

    Raises:
        ToolError: something that is no link is in its place.
    """
    if link.exists() and link.resolve() == target.resolve():
        return
    if link.is_symlink():
        link.unlink()
    elif sys.platform == "win32" and os.path.lexists(link) and os.readlink(link):
        link.rmdir()
    elif link.exists():
        raise ToolError(f"{link} is in the way: it is no link to {target}.")
    try:
        link.symlink_to(target.resolve(), target_is_directory=True)
    except OSError:
        if sys.platform != "win32":
            raise
        mklink = [shutil.which("cmd") or "cmd", "/c", "mklink", "/J", str(link), str(target)]
        subprocess.run(mklink, check=True, capture_output=True)
