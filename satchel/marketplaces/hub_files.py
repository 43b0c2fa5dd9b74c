"""What Hugging Face and ModelScope have in common: repositories of files, told by their paths."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from urllib.parse import quote, unquote, urlsplit

from ..errors import AmbiguousReferenceError, ForbiddenUrlError, NotFoundError
from ..file_names import portable_name
from ..folders import KINDS, LEGACY_KINDS, SAFE_EXTENSIONS
from .records import PublishedFile, PublishedVersion

FORMAT_OF_EXTENSION = {
    ".safetensors": "SafeTensor", ".sft": "SafeTensor", ".gguf": "GGUF", ".ckpt": "PickleTensor",
    ".pt": "PickleTensor", ".pth": "PickleTensor", ".bin": "PickleTensor", ".onnx": "ONNX",
}  # fmt: skip
"""In the words that Civitai uses."""

_GENERIC_STEMS = frozenset({
    "adapter_model", "diffusion_pytorch_model", "lora", "model", "pytorch_lora_weights",
    "pytorch_model", "pytorch_weights", "weights",
})  # fmt: skip
"""Names that a thousand repositories give to another file each."""
_INTERMEDIATE = re.compile(
    r"(?:^|/)(?:checkpoints?|ckpts?|steps?|epochs?|saves?)(?:[-_. ]?\d+)?/"
    r"|[-_](?:step)?\d{6,9}\.\w+\Z",
    re.IGNORECASE,
)
"""Paths of what a training saved on its way."""
_RESOLVE = re.compile(r"(?:/models)?/([^/]+(?:/[^/]+)?)/resolve/([^/]+)/(.+)\Z")


def file_url(site: str, repository: str, revision: str, path: str) -> str:
    """`{site}/{repository}/resolve/{revision}/{path}`, each part quoted."""
    quoted = "/".join(quote(part, safe="") for part in path.split("/"))
    return f"{site}/{quote(repository)}/resolve/{quote(revision, safe='')}/{quoted}"


def place_of(url: str) -> tuple[str, str, str]:
    """(repository, revision, path) of a URL that `file_url` made.

    Raises:
        ForbiddenUrlError: it is none: locks are untrusted.
    """
    match = _RESOLVE.match(urlsplit(url).path)
    place = tuple(unquote(part) for part in match.groups()) if match else ()
    if len(place) != 3 or any({".", ".."} & set(part.split("/")) for part in place):
        raise ForbiddenUrlError(
            "The source's URL names no file of a repository.", hint="Export the workflow again."
        )
    return place[0], place[1], place[2]


def kind_of(path: str, *, is_lora: bool) -> str:
    """The model folder of a file: what a folder in its path is called, or what the page says.

    Repackaged models keep ComfyUI's layout (`split_files/text_encoders/...`), diffusers' own
    folders are called almost like it. `checkpoints` of a LoRA are what its training saved.
    """
    for folder in reversed(PurePosixPath(path).parent.parts):
        kind = LEGACY_KINDS.get(folder, folder)
        if kind in KINDS and not (is_lora and kind == "checkpoints"):
            return kind
    return "loras" if is_lora else ""


def name_of(repository: str, path: str) -> str:
    """The name that a file gets here: its own, or the repository's where its own says nothing."""
    file = PurePosixPath(path)
    if file.stem.split(".")[0].lower() not in _GENERIC_STEMS:
        return portable_name(file.name)
    folder = "".join(f"-{part}" for part in file.parent.parts[-1:])
    return portable_name(f"{repository.rpartition('/')[2]}{folder}{file.suffix}")


def primary_path(paths: Iterable[str]) -> str | None:
    """The file that a repository or folder as a whole means, if it means one.

    Only formats that are safe to open count, and what a training saved on its way does not when
    there is something else.
    """
    files = [path for path in paths if PurePosixPath(path).suffix.lower() in SAFE_EXTENSIONS]
    finished = [path for path in files if not _INTERMEDIATE.search(path)]
    meant = finished or files
    return meant[0] if len(meant) == 1 else None


def chosen_file(versions: Sequence[PublishedVersion], label: str, what: str) -> PublishedFile:
    """The one file that a repository's listing means.

    Raises:
        AmbiguousReferenceError: several would do; `details["files"]` are their URLs.
        NotFoundError: it has no model file.
    """
    files = [file for version in versions for file in version.files]
    primary = [file for file in files if file.primary]
    if len(primary) == 1:
        return primary[0]
    if not files:
        raise NotFoundError(
            f"There is no model file in {what} on {label}.",
            hint="Open its page to see what it holds.",
        )
    urls = [file.identity.sources[0].url for file in files]
    shown = "Name one of them:\n" + "\n".join(urls[:20]) + ("\n..." if len(urls) > 20 else "")
    if not any(PurePosixPath(urlsplit(url).path).suffix.lower() in SAFE_EXTENSIONS for url in urls):
        raise NotFoundError(
            f"{what} on {label} has model files only in formats that can run code when opened.",
            hint=shown,
            files=urls,
        )
    raise AmbiguousReferenceError(
        f"{what} on {label} holds {len(files)} model files.", hint=shown, files=urls
    )
