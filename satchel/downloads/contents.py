"""Whether a file is what its name says, by its own bytes, before it gets that name."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from ..errors import FileFormatError
from ..safetensors_header import read_header
from .gguf_header import check_gguf

_GGUF = b"GGUF"
_SIGNS = (
    (b"PK\x03\x04", "a zip archive, as pickled checkpoints are"),
    (b"\x80", "a Python pickle"),
    (b"\x1f\x8b", "a gzip file"),
    (b"<", "a web page or XML"),
    (b"{", "JSON"),
    (b"version https://git-lfs", "a Git LFS pointer instead of the file"),
)


def check_contents(name: str, path: Path) -> None:
    """Checks the header of a safetensors or GGUF file; other formats have none that tells.

    Raises:
        FileFormatError: no loader for that name could open it.
        OSError: it cannot be read.
    """
    extension = PurePosixPath(name).suffix.lower()
    if extension not in (".safetensors", ".sft", ".gguf"):
        return
    with path.open("rb") as file:
        prefix = file.read(32)
    try:
        if extension == ".gguf":
            check_gguf(name, path)
        elif prefix.startswith(_GGUF):
            raise FileFormatError("it holds GGUF.", hint="Its name should end in .gguf.")
        else:
            read_header(path)
    except FileFormatError as error:
        what = next((text for sign, text in _SIGNS if prefix.startswith(sign)), "")
        raise type(error)(
            f"{name} is not what its name says: " + (f"it is {what}." if what else str(error)),
            hint=error.hint,
            name=name,
        ) from error
