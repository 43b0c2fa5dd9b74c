"""What several sources do alike, among it answers to questions that they have no way to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import requests

from ..errors import (
    AccessDeniedError,
    ForbiddenUrlError,
    GoneError,
    LoginRequiredError,
    MarketplaceError,
    NotFoundError,
    SatchelError,
)
from ..identity import Source
from ..references.values import DigestReference
from .base import Access, Availability
from .records import PublishedVersion, SearchPage, SearchQuery

_AT_ONCE = 4
"""Questions to one site at a time."""


class WithoutLookups:
    """The part of a `Marketplace` that knows nothing by digest."""

    def find_sources(self, sha256s: Sequence[str]) -> Mapping[str, tuple[Source, ...]]:
        return dict.fromkeys(sha256s, ())

    def find_version(self, digest: DigestReference) -> PublishedVersion | None:
        return None


class WithoutSearch:
    """The part of a `Marketplace` that has no search."""

    def search(self, query: SearchQuery) -> SearchPage:
        return SearchPage(())


def trusted_at_first(label: str) -> str:
    """The warning of a file whose source publishes no digest.

    Such a file has no SHA256 before it is fetched. Only who asks for it by its reference gets it;
    from then on its digest is known, and a lock holds it to that.
    """
    return f"{label} publishes no SHA256: what arrives first is trusted, and its digest recorded."


def availabilities(
    check: Callable[[Source, str], str],
    wanted: Sequence[tuple[Source, str]],
    *,
    denied: Access = "unknown",
) -> list[Availability]:
    """What a check says of each source, several at once; the answers keep the order.

    Args:
        check: given a source and a SHA256, says in a sentence why it is gone, nothing if it is
            open, or raises.
        denied: what a refusal of this account means.
    """

    def ask(question: tuple[Source, str]) -> Availability:
        try:
            gone = check(*question)
        except (NotFoundError, GoneError) as error:
            return Availability("gone", str(error))
        except LoginRequiredError as error:
            return Availability("login", f"{error} {error.hint}".strip())
        except AccessDeniedError as error:
            return Availability(denied, f"{error} {error.hint}".strip())
        except (MarketplaceError, ForbiddenUrlError) as error:
            return Availability("unknown", f"{error} {error.hint}".strip())
        return Availability("gone", gone) if gone else Availability("open")

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(ask, wanted))


def checked(
    response: requests.Response, check: Callable[[requests.Response], None]
) -> requests.Response:
    """The answer, still open, if it passes a check that raises."""
    try:
        check(response)
    except SatchelError:
        response.close()
        raise
    return response
