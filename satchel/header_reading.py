"""Reads behind a list of LoRAs what nobody has read yet: headers, and what is beside the files."""

from __future__ import annotations

import threading
import time

from .catalog import Catalog
from .folders import LocalModel
from .jobs import Job, Jobs
from .lora_cards import read_headers
from .progress import Cancellation, Report

_LOOK_AGAIN_S = 30
"""A list that has not changed since is looked through again after so long: a program may have left
notes beside its files."""


class HeaderReading:
    """The one job at a time that reads for all who ask for the list."""

    def __init__(self, jobs: Jobs) -> None:
        self._jobs = jobs
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._job_models: tuple[LocalModel, ...] | None = None
        self._read: tuple[LocalModel, ...] | None = None
        self._read_at = 0.0
        self._tried: set[LocalModel] = set()

    def read(self, models: tuple[LocalModel, ...], catalog: Catalog, patience_s: float) -> bool:
        """Sees to it that files of a list are read; returns whether something is still to come.

        Args:
            patience_s: how long to wait for it: for few new files that is enough.
        """
        with self._lock:
            known = models == self._read
            if known and time.monotonic() - self._read_at < _LOOK_AGAIN_S:
                return False
            if self._job is None or self._job.finished.is_set():
                self._job, self._job_models = self._start(models, catalog), models
            job, is_of_this = self._job, self._job_models == models
        job.finished.wait(patience_s)
        # One that began before this list was as it is now does not read all of it.
        return not known and not (is_of_this and job.finished.is_set())

    def _start(self, models: tuple[LocalModel, ...], catalog: Catalog) -> Job:
        def work(report: Report, cancellation: Cancellation) -> int:
            found = read_headers(models, catalog, cancellation, self._tried)
            self._tried.update(found)
            self._read, self._read_at = models, time.monotonic()
            return len(found)

        return self._jobs.start(work)
