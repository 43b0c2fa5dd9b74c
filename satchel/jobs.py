"""Long work of the server: on a thread, watched, cancellable, remembered for a while."""

from __future__ import annotations

import logging
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from .errors import CancelledError, SatchelError, UnknownJobError
from .progress import Cancellation, Progress, Report, silent

log = logging.getLogger(__name__)

JobState = Literal["running", "done", "failed", "cancelled"]
MAX_FINISHED = 50
"""Finished jobs kept for clients that ask late."""


@dataclass
class Job:
    """One piece of work and how it went."""

    id: str
    state: JobState = "running"
    progress: Progress | None = None
    result: Any = None
    error: SatchelError | None = None
    cancellation: Cancellation = field(default_factory=Cancellation)
    finished: threading.Event = field(default_factory=threading.Event)

    def to_json(self) -> dict[str, Any]:
        value: dict[str, Any] = {"id": self.id, "state": self.state}
        if self.progress is not None:
            value["progress"] = self.progress.to_json()
        if self.state == "done":
            value["result"] = self.result
        if self.error is not None:
            value["error"] = self.error.to_json()
        return value


Work = Callable[[Report, Cancellation], Any]
"""The work itself: gets where to report and what to look at, returns a JSON value."""


class Jobs:
    """The server's jobs by id."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()

    def start(self, work: Work, watch: Callable[[Job, Progress], None] | None = None) -> Job:
        """Starts work on a thread of its own; `watch` hears every progress, from that thread."""
        job = Job(uuid.uuid4().hex)
        with self._lock:
            self._forget_old()
            self._jobs[job.id] = job
        threading.Thread(
            target=self._run, args=(job, work, watch), name=f"satchel-{job.id[:8]}", daemon=True
        ).start()
        return job

    def get(self, job_id: str) -> Job:
        """Raises UnknownJobError for an id that is unknown, or forgotten by now."""
        job = self._jobs.get(job_id)
        if job is None:
            raise UnknownJobError(
                "There is no such job.", hint="The server may have been restarted.", job=job_id
            )
        return job

    def _run(self, job: Job, work: Work, watch: Callable[[Job, Progress], None] | None) -> None:
        def report(progress: Progress) -> None:
            job.progress = progress
            if watch is None:
                return
            try:
                watch(job, progress)
            except Exception:
                # A watcher that has gone away must not take the work with it.
                log.exception("A job's progress could not be told.")

        try:
            job.result = work(report, job.cancellation)
            job.state = "done"
        except CancelledError as error:
            job.error, job.state = error, "cancelled"
        except SatchelError as error:
            job.error, job.state = error, "failed"
        except Exception as error:
            # The last edge before the thread ends: without this the client would wait forever.
            log.exception("A job failed unexpectedly.")
            job.error = SatchelError(
                f"Something went wrong inside Satchel: {type(error).__name__}.",
                hint="The server's log has the details; please report it.",
            )
            job.state = "failed"
        finally:
            last = Progress("done" if job.state == "done" else "failed")
            (report if watch is not None else silent)(last)
            job.finished.set()

    def _forget_old(self) -> None:
        finished = [job_id for job_id, job in self._jobs.items() if job.state != "running"]
        for job_id in finished[: max(0, len(finished) - MAX_FINISHED)]:
            del self._jobs[job_id]
