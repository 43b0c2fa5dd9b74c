"""What the server does behind everything else: downloads, hashing, looking for newer versions.

Nothing starts at import. Downloads begin when somebody changes the queue, or when the server
starts and the queue has something left to do; hashing when somebody asks for it, or the operator
wants it always, or a queued graph uses a file that nobody has hashed; a look for newer versions if
the operator wants one. All of it ends with the server, and goes on from there the next time.
"""

from __future__ import annotations

import atexit
import logging
import threading
from collections.abc import Sequence

from ..satchel.downloads import QueueEntry, QueueRunner
from ..satchel.errors import SatchelError
from ..satchel.folders import LocalModel
from ..satchel.hash_queue import HashQueue
from ..satchel.inventory import listed
from ..satchel.queueing import make_runner
from ..satchel.updates import check_scheduled
from . import host
from .public import without_paths
from .workspace import catalog, workspace

QUEUE_EVENT = "satchel.queue"
UPDATES_EVENT = "satchel.updates"
_UNFINISHED = ("queued", "running")
log = logging.getLogger(__name__)


class Background:
    """The server's background work; each part starts once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runner: QueueRunner | None = None
        self._hashes: HashQueue | None = None
        self._stopped = False
        self._ending = threading.Event()

    @property
    def hashing(self) -> bool:
        """Whether files are hashed, now or as soon as nothing is generated."""
        return self._hashes is not None and not self._hashes.wait(0)

    def start_downloads(self) -> None:
        """Lets the queue be worked through, and says that it was changed.

        Raises:
            SatchelError: the operator's settings are mistaken.
        """
        with self._lock:
            if self._stopped:
                return
            if self._runner is None:
                runner = make_runner(workspace(), _tell, lambda: workspace().settings)
                runner.start()
                self._runner = runner
                atexit.register(self.stop)
            self._runner.wake()

    def start_hashing(self) -> None:
        """Hashes what the catalog lists and nobody has hashed, whenever nothing is generated."""
        queue = self._hash_queue()
        if queue is not None:
            queue.wake()

    def hash_first(self, models: Sequence[LocalModel]) -> None:
        """The same, with some files before all others: a graph uses them.

        Raises:
            CatalogError: the catalog cannot be used.
        """
        queue = self._hash_queue() if models else None
        if queue is None:
            return
        for model in models:
            catalog().files.remember(model, None)
        queue.prefer(list(models))

    def _hash_queue(self) -> HashQueue | None:
        """The server's only one; None when the server ends."""
        with self._lock:
            if self._hashes is None and not self._stopped:
                self._hashes = HashQueue(catalog(), may_run=host.is_idle)
                atexit.register(self.stop)
            return None if self._stopped else self._hashes

    def begin(self) -> None:
        """At the server's start: goes on with what is left, off the event loop."""
        threading.Thread(target=self._begin, name="satchel-begin", daemon=True).start()

    def stop(self) -> None:
        """Ends everything and waits for it; may be called twice."""
        with self._lock:
            self._stopped = True
            self._ending.set()
            runner, self._runner = self._runner, None
            hashes = self._hashes
        if runner is not None:
            runner.stop()
        if hashes is not None:
            hashes.stop()

    def _begin(self) -> None:
        try:
            space = workspace()
            queue = space.queue()
            if queue.path.exists() and any(e.state in _UNFINISHED for e in queue.entries()):
                self.start_downloads()
            if space.settings.background_hashing:
                listed([], space)
                self.start_hashing()
        except SatchelError as error:
            log.warning("Satchel's background work waits: %s %s", error, error.hint)
        self._look_for_updates()

    def _look_for_updates(self) -> None:
        """Asks for newer versions as often as the operator wants it; tells pages of new ones."""
        told = ""
        hours = 1
        while hours > 0 and not self._ending.is_set():
            try:
                space = workspace()
                hours = space.settings.update_check_hours
                found = check_scheduled(listed([], space).models, space) if hours > 0 else None
            except SatchelError as error:
                log.warning("Newer versions were not looked for: %s %s", error, error.hint)
            else:
                if found is not None and found.stamp not in ("", told):
                    told = found.stamp
                    host.send_event(UPDATES_EVENT, {"stamp": told, "count": len(found.updates)})
            self._ending.wait(hours * 3600)


def _tell(entry: QueueEntry) -> None:
    host.send_event(QUEUE_EVENT, without_paths(entry.to_json()))


background = Background()
