"""Pictures of strangers made small, and made anew: what a page gets is never the file itself."""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from pathlib import Path

from PIL import Image

from ..satchel.errors import UnreadableMediaError
from ..satchel.picture_heads import MAX_PIXELS, picture_head
from ..satchel.previews import MAX_BYTES

EDGES = {"small": 128, "large": 640}
"""Pixels that the longer edge has at most."""
_FORMATS = ("PNG", "JPEG", "WEBP")
_BEHIND = (128, 128, 128)
"""What shows through where a picture is transparent."""
_QUALITY = 82


def thumbnail(data: bytes, name: str, edge: int) -> bytes:
    """A JPEG of a picture. Of an animation it is the first frame.

    Args:
        name: of its file, for what is said of a broken one.
        edge: pixels that its longer edge has at most.

    Raises:
        UnreadableMediaError: it is too large, or none of PNG, JPEG and WebP by its own bytes.
    """
    try:
        if len(data) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES} bytes")
        said = picture_head(data)  # opening a WebP sets memory aside for all that it claims
        if said is not None and not said.fits:
            raise ValueError(f"it has more than {MAX_PIXELS} pixels, or none")
        with Image.open(io.BytesIO(data), formats=_FORMATS) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise ValueError(f"it has more than {MAX_PIXELS} pixels")
            picture.draft("RGB", (edge, edge))
            picture.thumbnail((edge, edge))
            return _jpeg(picture)
    # Broken files make Pillow raise these, and SyntaxError for a PNG.
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise UnreadableMediaError(
            f"{name} cannot be shown: {_reason(error)}.",
            hint="Previews are PNG, JPEG or WebP files.",
            name=name,
        ) from error


def _jpeg(picture: Image.Image) -> bytes:
    if picture.mode != "RGB":
        clear = picture.convert("RGBA")
        picture = Image.new("RGB", clear.size, _BEHIND)
        picture.paste(clear, mask=clear.getchannel("A"))
    made = io.BytesIO()
    picture.save(made, "JPEG", quality=_QUALITY)
    return made.getvalue()


def _reason(error: Exception) -> str:
    return str(error) if type(error) is ValueError else "it is no picture that is known here"


class Thumbnails:
    """Those that were made last, bounded in bytes; may be used from any thread.

    Two are made at once at most: a page asks for many, and a run needs the processor.
    """

    def __init__(self, limit: int = 32 * 1024 * 1024) -> None:
        self._limit = limit
        self._made: OrderedDict[Hashable, bytes] = OrderedDict()
        self._bytes = 0
        self._books = threading.Lock()
        self._work = threading.Semaphore(2)

    def get(self, path: Path, edge: int) -> bytes:
        """That of a file.

        Raises:
            UnreadableMediaError: as `thumbnail`, or the file has gone.
        """

        def read() -> bytes:
            with path.open("rb") as file:
                return file.read(MAX_BYTES + 1)

        try:
            status = path.stat()
            key = (str(path), status.st_size, status.st_mtime_ns, edge)
            return self.made(key, read, path.name, edge)
        except OSError as error:
            raise UnreadableMediaError(
                f"{path.name} cannot be read: {error.strerror or error}.",
                hint="It may have been moved: load the list again.",
                name=path.name,
            ) from error

    def made(self, key: Hashable, read: Callable[[], bytes], name: str, edge: int) -> bytes:
        """That of the bytes that `read` returns, which is called unless it is here already.

        Args:
            key: what tells these bytes, at this size, from all others.

        Raises:
            UnreadableMediaError: as `thumbnail`; and whatever `read` raises.
        """
        with self._books:
            known = self._made.get(key)
            if known is not None:
                self._made.move_to_end(key)
                return known
        data = read()
        with self._work:
            made = thumbnail(data, name, edge)
        self._keep(key, made)
        return made

    def _keep(self, key: Hashable, made: bytes) -> None:
        with self._books:
            if key in self._made:
                return
            self._made[key] = made
            self._bytes += len(made)
            while self._bytes > self._limit:
                self._bytes -= len(self._made.popitem(last=False)[1])
