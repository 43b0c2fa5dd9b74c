"""What every operation needs, put together once per command or request."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from .catalog import Catalog
from .downloads import Downloader, DownloadQueue, TransferLimits
from .downloads.bandwidth import PROCESS
from .folders import ModelFolders
from .library import Library
from .marketplaces.resolver import Resolver
from .progress import Cancellation, Report, silent
from .settings import Settings


@dataclass(frozen=True)
class Workspace:
    """Settings, model folders and catalog, plus who watches the work."""

    settings: Settings
    folders: ModelFolders
    catalog: Catalog
    report: Report = silent
    cancellation: Cancellation = field(default_factory=Cancellation)
    custom_nodes: tuple[Path, ...] | None = None
    """Folders of node packs; None where no ComfyUI is known."""

    def watched(self, report: Report, cancellation: Cancellation | None = None) -> Workspace:
        """The same workspace with a watcher."""
        return replace(self, report=report, cancellation=cancellation or self.cancellation)

    def library(self, *, may_hash: bool = True) -> Library:
        return Library(self.folders, self.catalog, self.report, self.cancellation, may_hash)

    def resolver(self) -> Resolver:
        return Resolver(self.settings, self.catalog, self.cancellation)

    def downloader(self) -> Downloader:
        """A downloader that keeps to the limits of the queue."""
        limits = self.queue().limits
        PROCESS.set_rate(limits.bytes_per_s)
        return Downloader(
            self.resolver(), self.report, self.cancellation, TransferLimits(limits.connections)
        )

    def queue(self) -> DownloadQueue:
        """The download queue, which lives beside the catalog."""
        return DownloadQueue(self.catalog.path.with_name("downloads.sqlite3"))
