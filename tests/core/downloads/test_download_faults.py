"""Every way a storage can misbehave, and what its client makes of it."""

from __future__ import annotations

import resource
import subprocess
import sys
from email.utils import formatdate
from pathlib import Path

import pytest
from support.downloads import NoWaits, listing, original, part_of, ranges

from satchel.errors import (
    BadResponseError,
    ForbiddenUrlError,
    QuotaExceededError,
    RateLimitedError,
    UnavailableError,
)
from satchel.hashes import hash_file
from satchel.marketplaces import transport

CUT = ("cut", {"after": 100_000})


@pytest.fixture(autouse=True)
def _impatient(monkeypatch, request):
    """Silence is given up soon, in the tests where somebody is silent: a busy machine may be."""
    case = request.node.callspec.params.get("case", "") if hasattr(request.node, "callspec") else ""
    kinds = [kind for kind, _ in ENDS_WELL.get(case, ())]
    if case == "silence" or request.node.name == STALLED or {"stall", "slow_header"} & {*kinds}:
        monkeypatch.setattr(transport, "READ_TIMEOUT_S", 0.5)


STALLED = "test_a_stalled_body_is_gone_on_with_where_it_stopped"


ENDS_WELL = {
    "stalled body": [("stall", {"after": 100_000, "seconds": 30})],
    "stalled twice": [("stall", {"after": 100_000, "seconds": 30})] * 2,
    "slow header": [("slow_header", {"seconds": 30, "origin": "storage"})],
    "cut": [CUT],
    "cut before the first byte": [("cut", {"after": 0})],
    "429 with Retry-After": [("status_429", {"retry_after": "2"})],
    "429 with a date": [("status_429", {"retry_after": formatdate(usegmt=True)})],
    "429 from the storage": [("status_429", {"retry_after": "1", "origin": "storage"})],
    "502 as a page": [("html_502", {})],
    "502 as a page, then again": [("html_502", {})] * 2,
    "503": [("overloaded_503", {})],
    "a page instead of the file": [("html_200", {})],
    "no ranges when going on": [CUT, ("no_ranges", {})],
    "replaced when going on": [CUT, ("replaced", {"times": None})],
    "416 when going on": [CUT, ("status", {"status": 416, "origin": "storage"})],
    "link expired when going on": [CUT, ("status", {"status": 403, "origin": "storage"})],
    "link without credentials any more": [("status", {"status": 400, "origin": "storage"})],
}


@pytest.mark.parametrize("case", ENDS_WELL)
def test_a_fault_that_passes_costs_no_byte_and_no_trust(
    fetch, publish, market, folder, tmp_path, case
):
    lora = publish()
    for kind, options in ENDS_WELL[case]:
        market.fault(kind, **options)

    path, digests = fetch(lora)

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    assert listing(folder) == ["a.safetensors"]


def test_a_stalled_body_is_gone_on_with_where_it_stopped(fetch, publish, market):
    market.fault("stall", after=131_072, seconds=30)

    fetch(publish())

    assert ranges(market) == [None, "bytes=131072-"]


def test_going_on_asks_for_the_same_state_of_the_file(fetch, publish, market):
    market.fault("cut", after=100_000)

    fetch(publish())

    first, second = (r for r in market.requests if r.origin == "storage")
    assert "If-Range" not in first.headers
    assert second.headers["If-Range"].startswith('"')


def test_a_replaced_file_is_fetched_from_its_beginning(fetch, publish, market, tmp_path):
    market.fault("cut", after=100_000)
    market.fault("replaced", times=None)

    path, _ = fetch(publish())

    assert [r.status for r in market.requests if r.origin == "storage"] == [200, 200]
    assert path.read_bytes() == original(tmp_path)


ENDS_BADLY = {
    "429 without Retry-After": ("status_429", {}, RateLimitedError, 1),
    "429 with a long pause": ("status_429", {"retry_after": "900"}, RateLimitedError, 1),
    "429 for ever": ("status_429", {"retry_after": "1"}, RateLimitedError, 3),
    "quota": ("quota_429", {}, QuotaExceededError, 1),
    "502 for ever": ("html_502", {}, UnavailableError, 3),
    "redirect to a private address": ("redirect_private", {}, ForbiddenUrlError, 1),
    "redirect elsewhere": ("redirect_http_elsewhere", {}, ForbiddenUrlError, 1),
    "redirect loop": ("redirect_loop", {}, BadResponseError, None),
    "silence": ("slow_header", {"seconds": 30}, UnavailableError, None),
}


@pytest.mark.parametrize("case", ENDS_BADLY)
def test_a_fault_that_stays_ends_with_a_sentence_and_no_file(fetch, publish, market, folder, case):
    kind, options, error, requests = ENDS_BADLY[case]
    lora = publish()
    market.fault(kind, times=None, **options)

    with pytest.raises(error) as caught:
        fetch(lora)

    assert str(caught.value).endswith(".")
    assert caught.value.hint
    assert listing(folder) == []
    if requests is not None:
        assert len(market.requests) == requests


def test_a_body_that_is_packed_is_not_unpacked(fetch, publish, market, folder):
    market.fault("gzip_bomb", origin="storage", times=None)

    with pytest.raises(BadResponseError, match="compressed"):
        fetch(publish())

    assert len(market.requests) == 2
    assert listing(folder) == []


def test_a_pause_that_is_asked_for_is_kept(fetch, publish, market):
    waited = []

    class Noting(NoWaits):
        def wait(self, seconds):
            waited.append(seconds)
            super().wait(seconds)

    market.fault("status_429", retry_after="7")

    fetch(publish(), cancellation=Noting())

    assert waited == [7.0]


RECIPIENT = """
import json, resource, sys
from pathlib import Path
from satchel.errors import SatchelError
from satchel.identity import ModelIdentity
from satchel.settings import Settings, SourceSettings
from support.workspaces import make_workspace

base, site, storage, model, limit = sys.argv[1:]
space = make_workspace(
    Path(base), sources={"civitai": SourceSettings(site)}, trusted_origins=frozenset({storage})
)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), resource.RLIM_INFINITY))
try:
    space.downloader().fetch(
        ModelIdentity.from_json(json.loads(model)), Path(base, "models/loras/a.safetensors")
    )
except SatchelError as error:
    print(error.code, "|", error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="limits on files are POSIX")
def test_a_file_system_that_takes_no_such_file_is_told_and_what_fits_is_kept(
    fetch, publish, market, folder, tmp_path
):
    import json

    from support.downloads import identity

    assert resource.RLIM_INFINITY
    lora, root = publish(), Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", RECIPIENT, str(tmp_path), market.site_url, market.storage_url,
         json.dumps(identity(lora).to_json()), "200000"],
        cwd=root, env={"PATH": "", "PYTHONPATH": f"{root}:{root / 'tests'}"},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert done.stdout.startswith("download | a.safetensors cannot be written"), done.stderr
    assert part_of(folder, lora).stat().st_size == 200_000
    path, _ = fetch(lora)
    assert ranges(market)[-1] == "bytes=200000-"
    assert path.read_bytes() == original(tmp_path)
