"""Which names and folders files from the net may have.

A name is untrusted text: it must stay inside its folder and mean the same file on Windows, macOS
and Linux.
"""

from __future__ import annotations

import unicodedata
from pathlib import Path, PurePosixPath

from .errors import ForbiddenFormatError, UnsafePathError
from .folders import MODEL_EXTENSIONS, SAFE_EXTENSIONS, ModelFolders, posix_name

MAX_COMPONENT_BYTES = 240
"""Below the 255 of common file systems, so that a suffix still fits."""
MAX_NAME_BYTES = 800
"""Of the whole relative name; systems limit whole paths to between 1024 and 4096 bytes."""

_NAMELESS = "model"
_MAX_EXTENSION = 16

_FORBIDDEN = frozenset('<>:"|?*\\/')
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{stem}{digit}" for stem in ("com", "lpt") for digit in "123456789¹²³"}
)


def checked_name(name: str) -> str:
    """A model's relative name, once it is known to be harmless and portable.

    Raises:
        UnsafePathError: absolute, climbing, hidden, reserved, too long, or with characters that
            some system forbids or that display as something else.
    """
    relative = posix_name(name)
    too_long = len(relative.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES
    for part in relative.split("/"):
        reason = "it is too long" if too_long else _fault(part)
        if reason:
            raise UnsafePathError(
                f"The file name {name!r} is refused: {reason}.",
                hint="Ask the workflow's author for an export with plain file names.",
                name=name,
            )
    return relative


def _fault(part: str) -> str:
    """Why one component of a path is refused; empty when it is fine."""
    if part in ("", ".", "..") or part.startswith((".", "~")):
        return "it leaves its folder, is hidden or has an empty part"
    if part != part.strip() or part.endswith("."):
        return "it begins or ends with a space or a dot"
    if len(part.encode("utf-8", "surrogatepass")) > MAX_COMPONENT_BYTES:
        return "it is too long"
    if _FORBIDDEN & set(part):
        return "it has a character that Windows forbids"
    if any(unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp") for char in part):
        return "it has an invisible or direction-changing character"
    if part.split(".")[0].strip().lower() in _DEVICES:
        return "Windows reserves it for a device"
    return ""


def portable_name(name: str) -> str:
    """A name from the net as one that every system takes, still recognisable.

    Folders stay, but none that climbs; what some system forbids becomes `_`, what cannot be seen
    goes.
    """
    parts = [_portable_part(part) for part in name.replace("\\", "/").split("/")]
    kept = [part for part in parts if part] or [_NAMELESS]
    return checked_name("/".join(kept[-3:]))


def _portable_part(part: str) -> str:
    """One component made harmless; empty when nothing is left of it."""
    visible = "".join(
        char
        for char in unicodedata.normalize("NFC", part)
        if unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")
    )
    safe = "".join("_" if char in _FORBIDDEN else char for char in visible).strip().rstrip(". ")
    stem, dot, extension = safe.rpartition(".")
    if not dot or len(extension) > _MAX_EXTENSION:
        stem, extension = safe, ""
    stem = stem.strip().lstrip(".~ ")
    if extension:
        stem, extension = stem or _NAMELESS, f".{extension.strip()}"
    if stem.split(".")[0].strip().lower() in _DEVICES:
        stem = f"_{stem}"
    room = MAX_COMPONENT_BYTES - len(extension.encode())
    return (stem.encode()[:room].decode("utf-8", "ignore") + extension).rstrip(". ")


def check_format(name: str, *, allow_pickle: bool) -> None:
    """Refuses file types that cannot be installed.

    Raises:
        ForbiddenFormatError: no model format, or one that can run code without the opt-in.
    """
    extension = PurePosixPath(name).suffix.lower()
    if extension in SAFE_EXTENSIONS:
        return
    if extension not in MODEL_EXTENSIONS:
        raise ForbiddenFormatError(
            f"{name!r} is no model file that Satchel installs.",
            hint="Satchel installs .safetensors, .sft and .gguf files.",
            name=name,
        )
    if not allow_pickle:
        raise ForbiddenFormatError(
            f"{name!r} is in a format that can run code when it is opened.",
            hint="Use a .safetensors version, or set SATCHEL_ALLOW_PICKLE=1 on the server.",
            name=name,
        )


def destination(folders: ModelFolders, kind: str, name: str) -> Path:
    """Where a model of a kind is installed under a name; nothing is created.

    Raises:
        UnsafePathError: the kind is no model folder here, the name is refused, or a link leads
            the path out of its folder.
    """
    if kind not in folders:
        raise UnsafePathError(
            f"The directory {kind!r} is refused: it is no model folder.",
            hint="A lock may only name model folders such as loras or checkpoints.",
            name=name,
            directory=kind,
        )
    root = folders.first_root(kind)
    path = root.joinpath(*checked_name(name).split("/"))
    if not path.resolve().is_relative_to(root.resolve()):
        raise UnsafePathError(
            f"The file name {name!r} is refused: a link leads it out of its folder.",
            hint="Check the links inside the model folder.",
            name=name,
            directory=kind,
        )
    return path
