"""What the server does behind everything else: the download queue, and hashing.

Nothing starts at import. Downloads begin when somebody changes the queue, or when the server
starts and the queue has something left to do; hashing when somebody asks for it, or the operator
wants it always. Both end with the server, and go on from there the next time.
"""

from __future__ import annotations

import atexit
import logging
import threading

from ..satchel.downloads import QueueEntry, QueueRunner
from ..satchel.errors import SatchelError
from ..satchel.hash_queue import HashQueue
from ..satchel.inventory import listed
from ..satchel.queueing import make_runner
from . import host
from .public import without_paths
from .workspace import catalog, workspace

QUEUE_EVENT = "satchel.queue"
_UNFINISHED = ("queued", "running")
log = logging.getLogger(__name__)


class Background:
    """The server's background work; each part starts once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runner: QueueRunner | None = None
        self._hashes: HashQueue | None = None
        self._stopped = False

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
        with self._lock:
            if self._stopped:
                return
            if self._hashes is None:
                self._hashes = HashQueue(catalog(), may_run=host.is_idle)
                atexit.register(self.stop)
            self._hashes.wake()

    def begin(self) -> None:
        """At the server's start: goes on with what is left, off the event loop."""
        threading.Thread(target=self._begin, name="satchel-begin", daemon=True).start()

    def stop(self) -> None:
        """Ends everything and waits for it; may be called twice."""
        with self._lock:
            self._stopped = True
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


def _tell(entry: QueueEntry) -> None:
    host.send_event(QUEUE_EVENT, without_paths(entry.to_json()))


background = Background()
