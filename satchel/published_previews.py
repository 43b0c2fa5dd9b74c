"""Pictures of models that marketplaces published, for models that have none here.

Which ones are wanted is decided first (`plan_previews`), then they are fetched, a few at a time.
Only digests and addresses that a marketplace told are used; nothing is written beside a model.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

from .catalog.previews import PublishedPreview
from .errors import (
    BadResponseError,
    ForbiddenUrlError,
    MarketplaceError,
    NotFoundError,
    QuotaExceededError,
    RateLimitedError,
    SatchelError,
)
from .folders import LocalModel
from .marketplaces.pictures import PictureHosts, picture_address
from .marketplaces.records import MATURE
from .preview_cache import PreviewCache
from .previews import previews_beside
from .progress import Progress
from .settings import Settings
from .workspace import Workspace

AT_ONCE = 4
MAX_TRIES = 3
"""Pictures of one model that are asked for before it is left without one."""
MAX_FAILURES = 3
"""In a row: then a source is not asked any more."""
BROKEN_S = 24 * 3600
"""How long what was no picture is not asked for again; the same for one that is not there."""
FAILED_S = 10 * 60
"""The same where the host did not answer properly."""
_LOOK_S = 0.2
"""How often a cancellation is looked for."""
BROKEN = (NotFoundError, BadResponseError, ForbiddenUrlError)
"""What a picture is to blame for, and not its host."""


class Address(NamedTuple):
    """Where a picture can be had."""

    source: str
    """`Source.kind`."""
    url: str
    """As it was published."""
    asked: str
    """Where it is asked for."""


@dataclass(frozen=True, slots=True)
class WantedPreview:
    """A model that lacks a picture, and where there are some."""

    sha256: str
    name: str
    """Of one of its files."""
    addresses: tuple[Address, ...]
    """In the order to try them; there is at least one."""


@dataclass(frozen=True, slots=True)
class FetchedPreviews:
    """What fetching came to."""

    fetched: int = 0
    missed: int = 0
    """Models that were left without a picture."""
    failures: tuple[str, ...] = ()
    """A sentence per source that did not answer properly."""

    def to_json(self) -> dict[str, Any]:
        return {
            "fetched": self.fetched,
            "missed": self.missed,
            "complaints": list(self.failures),
        }


def plan_previews(
    lacking: Mapping[str, str],
    published: Mapping[str, Sequence[PublishedPreview]],
    refused: Collection[str],
    settings: Settings,
    tries: int = MAX_TRIES,
) -> tuple[WantedPreview, ...]:
    """Which models can get a picture.

    Only pictures that are not mature, of hosts that may be asked. One that is not rated counts as
    what its version is rated.

    Args:
        lacking: SHA256 -> name of models that have no picture.
        published: what marketplaces show with them.
        refused: addresses that are not to be asked now.
        tries: how many pictures of one model are planned at most.
    """
    wanted = []
    for sha256, name in lacking.items():
        fit = shown_addresses(published.get(sha256, ()), refused, settings)
        if addresses := tuple(islice(fit, tries)):
            wanted.append(WantedPreview(sha256, name, addresses))
    return tuple(wanted)


def shown_addresses(
    published: Iterable[PublishedPreview], refused: Collection[str], settings: Settings
) -> Iterator[Address]:
    """Those of published pictures that may be asked for, as `plan_previews` decides it."""
    if not settings.previews:
        return
    for preview in published:
        if (
            preview.type == "image"
            and (preview.nsfw_level or preview.version_level) < MATURE
            and preview.url not in refused
            and (asked := picture_address(preview.source, preview.url, settings)) is not None
        ):
            yield Address(preview.source, preview.url, asked)


def wanted_previews(
    sha256s: Mapping[LocalModel, str], workspace: Workspace, tries: int = MAX_TRIES
) -> tuple[WantedPreview, ...]:
    """The same for files as they are now; asks nobody.

    Args:
        sha256s: of the files that were hashed.
        tries: as of `plan_previews`; one is enough to count models.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    if not workspace.settings.previews:
        return ()
    table = workspace.catalog.previews
    kept = PreviewCache.beside(workspace.catalog).known()
    published = table.published({sha256 for sha256 in sha256s.values() if sha256 not in kept})
    models = [model for model, sha256 in sha256s.items() if sha256 in published]
    shown = previews_beside(models)
    lacking = {sha256s[model]: model.name for model in models if model not in shown}
    return plan_previews(lacking, published, table.refused(), workspace.settings, tries)


def fetch_previews(wanted: Iterable[WantedPreview], workspace: Workspace) -> FetchedPreviews:
    """Fetches pictures and keeps them; what cannot be had is not asked for again for a while.

    Raises:
        CancelledError: it was cancelled; what has arrived is kept.
        CatalogError: the catalog, or the folder beside it, cannot be used.
    """
    plan = list(wanted)
    run = _Run(workspace)
    left, pending, done = iter(plan), set[Future[_Answer]](), 0
    pool = ThreadPoolExecutor(AT_ONCE, "satchel-preview")
    try:
        while True:
            pending |= {pool.submit(run.ask, one) for one in islice(left, AT_ONCE - len(pending))}
            if not pending:
                return run.result
            answered, pending = wait(pending, _LOOK_S, FIRST_COMPLETED)
            for future in answered:
                run.keep(answer := future.result())
                done += 1
                name = answer.wanted.name
                workspace.report(Progress("previews", name, 0, 0, done, len(plan)))
            workspace.cancellation.check()
    finally:
        # A host that says nothing keeps no one who wants to stop: what comes then is dropped.
        pool.shutdown(wait=False, cancel_futures=True)


@dataclass(slots=True)
class _Answer:
    wanted: WantedPreview
    picture: bytes | None = None
    source: str = ""
    """Who gave it."""
    errors: list[tuple[Address, SatchelError]] = field(default_factory=list)


class _Run:
    """One fetch: threads ask, and only who started it writes."""

    def __init__(self, workspace: Workspace) -> None:
        self._hosts = PictureHosts(workspace.settings)
        self._cache = PreviewCache.beside(workspace.catalog)
        self._table = workspace.catalog.previews
        self._stopped: dict[str, str] = {}
        """Source -> why it is not asked any more."""
        self._patience = Patience()
        self._fetched = self._missed = 0

    @property
    def result(self) -> FetchedPreviews:
        told = tuple(dict.fromkeys(self._stopped.values()))
        return FetchedPreviews(self._fetched, self._missed, told)

    def ask(self, wanted: WantedPreview) -> _Answer:
        """The first picture of a model that can be had."""
        answer = _Answer(wanted)
        for address in wanted.addresses:
            if address.source in self._stopped:
                continue
            try:
                answer.picture = self._hosts.get(address.source, address.asked)
            except BROKEN as error:
                answer.errors.append((address, error))
            except MarketplaceError as error:
                answer.errors.append((address, error))
                break  # the host has trouble, not this picture
            else:
                answer.source = address.source
                break
        return answer

    def keep(self, answer: _Answer) -> None:
        """Writes down what came of a model."""
        now = time.time()
        for address, error in answer.errors:
            self._judge(address.source, error)
            seconds = BROKEN_S if isinstance(error, BROKEN) else FAILED_S
            self._table.refuse({address.url: now + seconds})
        if answer.picture is None:
            self._missed += 1
            return
        self._cache.put(answer.wanted.sha256, answer.picture)
        self._patience.answered(answer.source)
        self._fetched += 1

    def _judge(self, source: str, error: SatchelError) -> None:
        if self._patience.ends_with(source, error):
            self._stopped.setdefault(source, f"{error} {error.hint}".strip())


class Patience:
    """How much trouble each source may make before it is left alone."""

    def __init__(self) -> None:
        self._failures: dict[str, int] = {}
        """Source -> how often it failed in a row."""

    def answered(self, source: str) -> None:
        """The source gave a picture, or said properly that it has none."""
        self._failures[source] = 0

    def ends_with(self, source: str, error: SatchelError) -> bool:
        """Whether this error is the last: the source wants a pause, or keeps failing."""
        if isinstance(error, BROKEN):
            self.answered(source)
            return False
        self._failures[source] = self._failures.get(source, 0) + 1
        wants_pause = isinstance(error, (RateLimitedError, QuotaExceededError))
        return wants_pause or self._failures[source] >= MAX_FAILURES
