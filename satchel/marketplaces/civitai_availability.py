"""Whether Civitai still serves files: what a batch of digests tells, and for a few files more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..errors import ForbiddenUrlError, MarketplaceError, NotFoundError
from ..identity import Source
from .base import Access, Availability
from .civitai_api import CivitaiApi
from .civitai_errors import archived, disabled, early_access, login_required
from .civitai_records import published_digests, version_of

LOGIN_CHECKS = 8
"""Up to so many models are each asked whether they need a login; for more, only trying tells."""
_CHECKS_AT_ONCE = 4


def availability(
    api: CivitaiApi, wanted: Sequence[tuple[Source, str]], *, has_token: bool
) -> Sequence[Availability]:
    """For each (source, SHA256): one batch for all of them, then one request each for a few."""
    try:
        known = api.by_sha256(
            sha256 for source, sha256 in wanted if sha256 and source.version_id is not None
        )
    except (MarketplaceError, ForbiddenUrlError) as error:
        return [_unknown(error)] * len(wanted)
    answers = [
        _as_listed(source, api.seen, known.get(sha256, ()), has_token) for source, sha256 in wanted
    ]
    doubtful = [index for index, answer in enumerate(answers) if answer is None]
    if len(doubtful) > LOGIN_CHECKS:
        pairs = zip(answers, wanted, strict=True)
        return [answer or _in_doubt(pair, known) for answer, pair in pairs]
    with ThreadPoolExecutor(_CHECKS_AT_ONCE) as pool:
        asked = pool.map(lambda index: _ask(api, *wanted[index], has_token), doubtful)
        answers_of = dict(zip(doubtful, asked, strict=True))
    return [answer or answers_of[index] for index, answer in enumerate(answers)]


def _as_listed(
    source: Source,
    seen: Mapping[int, Mapping[str, Any]],
    versions: Sequence[Mapping[str, Any]],
    has_token: bool,
) -> Availability | None:
    """What the batch alone tells; None when there is more to ask."""
    if source.version_id is None:
        return Availability("unknown", "The lock does not say which version it is.")
    any_body = seen.get(source.version_id)
    if any_body is not None and version_of(any_body, {}).status == "archived":
        return Availability("gone", str(archived()))
    body = next((one for one in versions if one["id"] == source.version_id), None)
    if body is None:
        return None
    version = version_of(body, {})
    if version.status == "generation_only":
        return Availability("gone", str(disabled()))
    if version.status == "early_access":
        refusal = early_access(version.early_access_until)
        access: Access = "unknown" if has_token else "login"
        return Availability(access, f"{refusal} {refusal.hint}")
    return Availability("open") if has_token else None


def _ask(api: CivitaiApi, source: Source, sha256: str, has_token: bool) -> Availability:
    try:
        mini = api.mini(source.version_id or 0, source.file_id)
    except NotFoundError:
        return Availability("gone", "Civitai does not have it any more.")
    except (MarketplaceError, ForbiddenUrlError) as error:
        return _unknown(error)
    now = dict(published_digests(mini)).get("SHA256")
    if now and now != sha256:
        return Availability("gone", "Civitai now serves another file in its place.")
    if (mini.get("requireAuth") or mini.get("checkPermission")) and not has_token:
        refusal = login_required()
        return Availability("login", f"{refusal} {refusal.hint}")
    return Availability("open")


def _in_doubt(
    pair: tuple[Source, str], known: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Availability:
    if any(one["id"] == pair[0].version_id for one in known.get(pair[1], ())):
        return Availability("unknown")  # it is there; whether it needs a login is not said
    return Availability("unknown", "Civitai does not list these bytes there any more.")


def _unknown(error: MarketplaceError | ForbiddenUrlError) -> Availability:
    return Availability("unknown", f"{error} {error.hint}".strip())
