"""Fetches one model: resumable, verified while it is written, renamed into place only when right.

The unfinished file is called after the digest, so that a later run, or another graph that wants
the same bytes, goes on from it. Nothing that exists is ever overwritten.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..archives import extract_member, is_archive_url, is_weights
from ..errors import (
    CancelledError,
    DownloadError,
    FileFormatError,
    ForbiddenSizeError,
    HashMismatchError,
    InsufficientSpaceError,
    MarketplaceError,
    SatchelError,
    UnavailableError,
)
from ..hashes import FileDigests, hash_file
from ..identity import ModelIdentity, Source
from ..marketplaces.resolver import Resolver
from ..progress import Cancellation, Progress, Report, silent
from .contents import check_contents
from .exclusive import exclusive
from .links import Links
from .part import Part, progress_of
from .publish import digests_if, name_beside, publish, set_aside
from .space import SPARE_BYTES
from .transfer import Transfer
from .values import Order, TransferLimits, pinned_order, unpinned_order


@dataclass
class Downloader:
    """Fetches models through a resolver's marketplaces."""

    resolver: Resolver
    report: Report = silent
    cancellation: Cancellation = field(default_factory=Cancellation)
    limits: TransferLimits = field(default_factory=TransferLimits)

    def fetch(self, model: ModelIdentity, destination: Path) -> tuple[Path, FileDigests]:
        """Brings a model's bytes to `destination`, or to a free name beside it.

        Who wants the same bytes in the same folder, in this process or another, waits for the
        first and gets its file.

        Returns:
            Where the file is now, and its digests.

        Raises:
            HashMismatchError: every source served something else; the last of it is set aside.
            SizeMismatchError, FileFormatError: nothing is left on the disk.
            ForbiddenFormatError, ForbiddenSizeError: the operator does not allow it.
            InsufficientSpaceError: it does not fit.
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
        settings = self.resolver.settings
        settings.check_allowed(model, unsized=True)
        order = replace(
            pinned_order(model, destination.parent), most_bytes=settings.policy.most_bytes
        )
        with self._alone(order):
            there = self._already_there(order, destination)
            if there is not None:
                return there
            digests = self._from_any_source(order, model.sources)
            path = self._publish(order, order.part, destination, digests)
            order.quarantine.unlink(missing_ok=True)
            return path, digests

    def fetch_unpinned(
        self, source: Source, destination: Path, *, name: str = "", size: int | None = None
    ) -> tuple[Path, FileDigests]:
        """Brings what a source serves right now to `destination`, whatever its digest is.

        Only for what a person asked for by its address: never for an entry of a lock. Its length
        and its header are checked, and its digests returned, so that it can be pinned from now on.
        Of an archive, as trainings serve it, only the weights are kept.

        Args:
            name: how it is called in messages and by its extension; the destination's if empty.
            size: its length in bytes, when the source's own listing told it.

        Raises:
            SizeMismatchError, FileFormatError, ArchiveError: nothing is left on the disk.
            ForbiddenFormatError, ForbiddenSizeError: the operator does not allow it.
            SatchelError: as `fetch`.
        """
        name = name or destination.name
        settings = self.resolver.settings
        settings.check_allowed(ModelIdentity("", name, None, size), unsized=True)
        order = replace(
            unpinned_order(source, destination.parent, name, size),
            most_bytes=settings.policy.most_bytes,
        )
        with self._alone(order):
            digests = self._from_any_source(order, [source])
            finished = order.part
            if is_archive_url(source.url):
                finished = self._unpack(order)
                digests = hash_file(finished, report=self.report, cancellation=self.cancellation)
            return self._publish(order, finished, destination, digests), digests

    @contextmanager
    def _alone(self, order: Order) -> Iterator[None]:
        try:
            order.part.parent.mkdir(parents=True, exist_ok=True)
            with exclusive(order.part, lambda: self._watch(order)):
                yield
        except OSError as error:
            raise DownloadError(
                f"{order.name} cannot be written: {error.strerror or error}.",
                hint="Check the permissions of the model folder, and its disk.",
                name=order.name,
            ) from error

    def _watch(self, order: Order) -> None:
        """Tells how far the one who is fetching the same bytes has come."""
        self.cancellation.check()
        arrived, total = progress_of(order.part)
        self.report(Progress("downloading", order.name, arrived, total or order.size or 0))

    def _already_there(self, order: Order, destination: Path) -> tuple[Path, FileDigests] | None:
        """The file, if it is there: another one fetched it, or a kill came after its renaming."""
        assert order.sha256 is not None
        for path in (destination, name_beside(destination, order.sha256)):
            size = order.size
            if size is None and order.part.exists():
                size = order.part.stat().st_size
            digests = digests_if(path, order.sha256, size, self.cancellation)
            if digests is not None:
                Part(order.part).discard()
                return path, digests
        return None

    def _from_any_source(self, order: Order, sources: Sequence[Source]) -> FileDigests:
        """What the first source gives that serves it; a mirror when all of them refuse."""
        refusals: list[tuple[Source, SatchelError]] = []
        digests = self._first(order, sources, refusals)
        if digests is None:
            digests = self._first(order, self._mirrors(order, refusals), refusals)
        if digests is not None:
            return digests
        if not refusals:
            raise UnavailableError(
                f"No source is known for {order.name}.",
                hint="Fetch it by hand, or ask the author for an export made with Satchel.",
                name=order.name,
            )
        first = refusals[0][1]
        first.details["tried"] = [
            {"source": source.url, "error": str(error)} for source, error in refusals
        ]
        raise first

    def _first(
        self, order: Order, sources: Sequence[Source], refusals: list[tuple[Source, SatchelError]]
    ) -> FileDigests | None:
        for source in sources:
            try:
                return self._from_source(order, source)
            except (MarketplaceError, DownloadError) as error:
                if isinstance(error, CancelledError | InsufficientSpaceError | ForbiddenSizeError):
                    raise
                refusals.append((source, error))
        return None

    def _mirrors(
        self, order: Order, refusals: Sequence[tuple[Source, SatchelError]]
    ) -> list[Source]:
        """Where else those bytes are served, once every source has said that it does not serve
        them. Wrong bytes or a broken disk are no reason to ask, nor is a source that is not known.
        """
        refused = all(isinstance(error, MarketplaceError) for _, error in refusals)
        if order.sha256 is None or not refusals or not refused:
            return []
        tried = {source.url for source, _ in refusals}
        mirrors = self.resolver.mirrors([order.sha256])[order.sha256]
        return [source for source in mirrors if source.url not in tried]

    def _from_source(self, order: Order, source: Source) -> FileDigests:
        if order.sha256 is not None and is_archive_url(source.url):
            raise DownloadError(
                f"{order.name} lies in an archive there, whose bytes no lock can name.",
                hint="Fetch it by its address with `satchel get`.",
                name=order.name,
            )
        resumed = Part(order.part).arrived > 0
        digests = self._transfer(order, source)
        if order.sha256 in (None, digests.sha256):
            return digests
        if resumed:
            # What was there from an earlier run may be what was wrong: once more, from the start.
            Part(order.part).discard()
            digests = self._transfer(order, source)
            if order.sha256 == digests.sha256:
                return digests
        raise self._mismatch(order, source, digests.sha256)

    def _transfer(self, order: Order, source: Source) -> FileDigests:
        links = Links(self.resolver, source)
        transfer = Transfer(
            order, Part(order.part), source, links, self.limits, self.report, self.cancellation
        )
        with closing(transfer):
            return transfer.run()

    def _mismatch(self, order: Order, source: Source, actual: str) -> HashMismatchError:
        set_aside(order.part, order.quarantine)
        Part(order.part).discard()
        return HashMismatchError(
            f"{order.name} arrived with other bytes than the workflow was made with:"
            f" expected SHA256 {order.sha256}, got {actual}."
            f" They were set aside as {order.quarantine.name}, which nothing loads.",
            hint="The source replaced the file, or the lock is wrong. Ask the author.",
            expected=order.sha256,
            actual=actual,
            source=source.url,
            quarantine=str(order.quarantine),
        )

    def _unpack(self, order: Order) -> Path:
        """The weights out of an archive, beside it; the archive is deleted."""
        member = order.part.with_suffix(".member")
        member.unlink(missing_ok=True)  # of a run that was killed
        free = shutil.disk_usage(order.part.parent).free - SPARE_BYTES
        try:
            extract_member(order.part, member, wanted=is_weights, max_bytes=max(0, free))
        finally:
            Part(order.part).discard()
        return member

    def _publish(
        self, order: Order, finished: Path, destination: Path, digests: FileDigests
    ) -> Path:
        """Names a file whose digest is right, unless no loader could open it."""
        try:
            check_contents(order.name, finished)
        except FileFormatError as error:
            finished.unlink()
            Part(order.part).discard()
            raise type(error)(
                f"{str(error).rstrip('.')}. It was deleted.", hint=error.hint, name=order.name
            ) from error
        path = publish(finished, destination, digests.sha256, self.cancellation)
        Part(order.part).discard()
        return path
