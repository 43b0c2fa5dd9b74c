"""Fetches one model: resumable, verified while it is written, renamed into place only when right.

The unfinished file is called after the digest, so that a later run, or another graph that wants
the same bytes, goes on from it. Nothing that exists is ever overwritten.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import requests
from filelock import FileLock, Timeout
from urllib3.exceptions import HTTPError

from .errors import (
    BusyError,
    CancelledError,
    DownloadError,
    FileFormatError,
    HashMismatchError,
    InsufficientSpaceError,
    MarketplaceError,
    SatchelError,
    UnavailableError,
)
from .folders import SAFE_EXTENSIONS
from .hashes import FileDigests
from .identity import ModelIdentity, Source
from .marketplaces.resolver import Resolver
from .progress import Cancellation, Progress, Report, silent
from .safetensors_header import read_header
from .transfer import BrokenConnection, Transfer

READ_BYTES = 128 * 1024
"""Small enough that a slow line still shows progress and notices a cancel."""
RESUMES = 5
"""How often a connection may break without a single new byte before a source counts as down."""
ATTEMPTS = 3
"""How often in a row a source may say that it is not available right now."""


@dataclass
class Downloader:
    """Fetches models through a resolver's marketplaces."""

    resolver: Resolver
    report: Report = silent
    cancellation: Cancellation = field(default_factory=Cancellation)

    def fetch(self, model: ModelIdentity, destination: Path) -> tuple[Path, FileDigests]:
        """Brings a model's bytes to `destination`, or to a free name beside it.

        Returns:
            Where the file is now, and its digests.

        Raises:
            HashMismatchError, SizeMismatchError, FileFormatError: every source served something
                else; nothing is left on the disk.
            InsufficientSpaceError: it does not fit.
            BusyError: another process is fetching the same bytes into this folder.
            MarketplaceError, ForbiddenUrlError: no source would serve it.
            DownloadError: the folder cannot be written to.
            CancelledError: the unfinished file stays, for the next try.
        """
        if model.sha256 is None:
            raise DownloadError(
                f"{model.name} has no SHA256, so what arrives could not be verified.",
                hint="Ask the author for an export made with Satchel.",
                name=model.name,
            )
        part = destination.parent / f".satchel-{model.sha256[:24]}.part"
        try:
            destination.parent.mkdir(parents=True, exist_ok=True)
            with _exclusive(part, model.name):
                digests = self._from_any_source(model, part)
                _check_header(model.name, part)
                return _publish(part, destination, model.sha256), digests
        except OSError as error:
            raise DownloadError(
                f"{model.name} cannot be written: {error.strerror or error}.",
                hint="Check the permissions of the model folder, and its disk.",
                name=model.name,
            ) from error

    def _from_any_source(self, model: ModelIdentity, part: Path) -> FileDigests:
        refusals: list[SatchelError] = []
        for source in model.sources:
            try:
                return self._from_source(model, source, part)
            except (MarketplaceError, DownloadError) as error:
                if isinstance(error, CancelledError | InsufficientSpaceError):
                    raise
                refusals.append(error)
        if not refusals:
            raise UnavailableError(
                f"No source is known for {model.name}.",
                hint="Fetch it by hand, or ask the author for an export made with Satchel.",
                name=model.name,
            )
        first = refusals[0]
        first.details["tried"] = [
            {"source": source.url, "error": str(error)}
            for source, error in zip(model.sources, refusals, strict=True)
        ]
        raise first

    def _from_source(self, model: ModelIdentity, source: Source, part: Path) -> FileDigests:
        with closing(Transfer(model, part)) as transfer:
            resumed = transfer.position > 0
            try:
                return self._transfer(transfer, source)
            except HashMismatchError:
                if not resumed:
                    raise
        # What was there from an earlier run may be what was wrong: once more, from the beginning.
        with closing(Transfer(model, part)) as transfer:
            return self._transfer(transfer, source)

    def _transfer(self, transfer: Transfer, source: Source) -> FileDigests:
        stalled = 0
        while not transfer.complete:
            before = transfer.position
            try:
                self._continue(transfer, source)
            except (BrokenConnection, UnavailableError) as error:
                stalled = 0 if transfer.position > before else stalled + 1
                if isinstance(error, UnavailableError) and stalled >= ATTEMPTS:
                    raise
                if stalled >= RESUMES:
                    raise UnavailableError(
                        f"The connection for {transfer.name} keeps breaking.",
                        hint="Try again later: what has arrived is kept.",
                        name=transfer.name,
                    ) from error
                self.cancellation.wait(min(8.0, 0.25 * 2**stalled))
        return transfer.finish(source)

    def _continue(self, transfer: Transfer, source: Source) -> None:
        """One request, from where the last one ended."""
        offset = transfer.position
        headers = {"Range": f"bytes={offset}-"} if offset and transfer.may_resume else {}
        market = self.resolver.marketplace(source.kind)
        with market.open_download(source, headers) as response:
            if response.status_code == 416:
                if not headers:
                    raise UnavailableError("The server refused the whole range.", hint="Try later.")
                # What is there is no beginning of what is served. Asking only once for the rest
                # keeps a server that cuts and refuses in turn from going on for ever.
                transfer.discard()
                transfer.may_resume = False
                return
            transfer.begin(response, source)
            for chunk in _body(response):
                self.cancellation.check()
                transfer.write(chunk, source)
                self.report(
                    Progress("downloading", transfer.name, transfer.position, transfer.total or 0)
                )
            transfer.end_of_answer()


@contextmanager
def _exclusive(part: Path, name: str) -> Iterator[None]:
    """One writer per unfinished file, across processes; a killed one blocks nobody."""
    path = part.with_suffix(".lock")
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise BusyError(
            f"{name} is already being fetched.", hint="Wait until that is done.", name=name
        ) from None
    try:
        yield
    finally:
        if os.name == "nt":  # an open file cannot be deleted there
            lock.release()
        # Deleted while it is held: who opened it meanwhile finds it gone, and does not hold it too.
        with suppress(OSError):
            path.unlink()
        lock.release()


def _body(response: requests.Response) -> Iterator[bytes]:
    try:
        while chunk := response.raw.read(READ_BYTES, decode_content=False):
            yield chunk
    except (HTTPError, requests.RequestException, OSError) as error:
        raise BrokenConnection from error


def _check_header(name: str, part: Path) -> None:
    """A verified file that no loader could open is still refused, and deleted."""
    if Path(name).suffix.lower() not in SAFE_EXTENSIONS:
        return
    try:
        if Path(name).suffix.lower() == ".gguf":
            with part.open("rb") as file:
                if file.read(4) != b"GGUF":
                    raise FileFormatError(
                        f"{name} is no GGUF file.", hint="Ask the author about it.", name=name
                    )
        else:
            read_header(part)
    except FileFormatError as error:
        part.unlink()
        raise type(error)(
            f"{name} is not what its name says, and was deleted: {error}",
            hint=error.hint,
            name=name,
        ) from error


def _publish(part: Path, destination: Path, sha256: str) -> Path:
    """Gives a verified file its name, or a free one when another file has it."""
    with part.open("rb+") as file:
        os.fsync(file.fileno())
    beside = destination.with_name(f"{destination.stem}-{sha256[:8]}{destination.suffix}")
    for target in (destination, beside):
        try:
            os.link(part, target)
        except FileExistsError:
            continue
        except OSError:  # no hard links on this file system
            if target.exists():
                continue
            part.rename(target)
            return target
        part.unlink()
        return target
    raise DownloadError(
        f"{destination.name} and {beside.name} both exist with other bytes.",
        hint="Move one of them away and try again.",
        name=destination.name,
    )
