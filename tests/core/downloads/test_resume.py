"""Downloads: a broken, cancelled or killed one goes on where it was."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.downloads import SIZE, NoWaits, identity, listing, original, part_of, rangeless, ranges

from satchel.errors import CancelledError, UnavailableError
from satchel.hashes import hash_file
from satchel.progress import Cancellation
from satchel.settings import origin_of

ROOT = Path(__file__).resolve().parents[3]


def test_a_cut_connection_is_resumed_where_it_ended(fetch, publish, market, tmp_path):
    lora = publish()
    market.fault("cut", after=100_000)
    market.fault("cut", after=50_000)

    path, digests = fetch(lora)

    assert ranges(market) == [None, "bytes=100000-", "bytes=150000-"]
    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)


def test_an_earlier_run_is_resumed(fetch, publish, market, folder, tmp_path):
    lora = publish()
    folder.mkdir(parents=True)
    part_of(folder, lora).write_bytes(original(tmp_path)[:123_456])

    path, digests = fetch(lora)

    assert ranges(market) == ["bytes=123456-"]
    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    assert listing(folder) == ["a.safetensors"]


@pytest.mark.parametrize("size", [True, False], ids=["size known", "size unknown"])
def test_an_earlier_run_that_had_it_all_is_used(fetch, publish, market, folder, tmp_path, size):
    lora = publish()
    folder.mkdir(parents=True)
    part_of(folder, lora).write_bytes(original(tmp_path))

    path, digests = fetch(lora, **({} if size else {"size": None}))

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    assert listing(folder) == ["a.safetensors"]
    if size:
        assert market.requests == []


@pytest.mark.parametrize("size", [True, False], ids=["size known", "size unknown"])
@pytest.mark.parametrize("length", [7, 200_000, SIZE + 5_000])
def test_an_earlier_run_with_other_bytes_is_thrown_away(fetch, publish, folder, length, size):
    lora = publish()
    folder.mkdir(parents=True)
    part_of(folder, lora).write_bytes(b"\xa5" * length)

    path, digests = fetch(lora, **({} if size else {"size": None}))

    assert hash_file(path) == digests
    assert digests.sha256 == lora.sha256.lower()
    assert listing(folder) == ["a.safetensors"]


def test_an_earlier_run_with_all_but_other_bytes_is_thrown_away(fetch, publish, folder):
    lora = publish()
    folder.mkdir(parents=True)
    part_of(folder, lora).write_bytes(b"\xa5" * lora.size)

    path, _ = fetch(lora)

    assert hash_file(path).sha256 == lora.sha256.lower()


def test_an_expired_link_is_replaced_by_a_fresh_one(fetch, publish, market, tmp_path):
    lora = publish()
    market.fault("cut", after=100_000)

    path, _ = fetch(lora, cancellation=NoWaits(market.expire_links))

    assert path.read_bytes() == original(tmp_path)
    assert ranges(market) == [None, "bytes=100000-"]
    assert [r.origin for r in market.requests] == ["site", "storage"] * 2


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("transient_404", {}),
        ("overloaded_503", {}),
        ("html_502", {}),
        ("status", {"status": 500}),
        ("status", {"status": 403, "origin": "storage"}),
        ("status", {"status": 503, "origin": "storage"}),
    ],
)
def test_a_failure_that_may_pass_is_tried_again(fetch, publish, market, fault, options):
    lora = publish()
    market.fault(fault, times=2, **options)

    path, _ = fetch(lora)

    assert hash_file(path).sha256 == lora.sha256.lower()


def test_a_failure_that_stays_ends_after_three_attempts(fetch, publish, market, folder):
    lora = publish()
    market.fault("html_502", times=None)

    with pytest.raises(UnavailableError, match="HTTP 502"):
        fetch(lora)

    assert len(market.requests) == 3
    assert listing(folder) == []


def test_a_connection_that_keeps_breaking_ends_and_keeps_what_it_has(
    fetch, publish, market, folder, tmp_path
):
    lora = publish()
    market.fault("cut", after=100_000)
    market.fault("cut", after=0, times=None)

    with pytest.raises(UnavailableError, match="keeps breaking"):
        fetch(lora)

    part = part_of(folder, lora)
    assert listing(folder) == [part.name, f"{part.name}.json"]
    assert part.read_bytes() == original(tmp_path)[:100_000]


def test_a_server_that_alternates_between_cuts_and_refusals_is_left(fetch, publish, market):
    lora = publish()
    for _ in range(30):
        market.fault("cut", after=1000)
        market.fault("status", origin="storage", status=416)

    with pytest.raises(UnavailableError):
        fetch(lora)

    assert len(ranges(market)) < 20


@pytest.mark.parametrize(
    ("length", "cuts"),
    [("", [100_000, 50_000]), ("\u00b2", []), ("9" * 5000, []), ("x", [])],
    ids=["plain", "superscript length", "endless length", "worded length"],
)
def test_a_server_without_ranges_starts_over(fetch, publish, market, tmp_path, length, cuts):
    lora = publish()
    with rangeless(original(tmp_path), cuts, length) as url:
        market.fault("redirect", times=None, location=f"{url}/a")
        trusted = frozenset({origin_of(url)})
        path, digests = fetch(lora, settings={"trusted_origins": trusted})

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)


def test_a_cancelled_download_keeps_what_it_has(fetch, publish, market, folder, tmp_path):
    lora = publish()
    cancellation = Cancellation()

    with pytest.raises(CancelledError):
        fetch(lora, cancellation=cancellation, report=lambda event: cancellation.cancel())

    left = part_of(folder, lora)
    assert listing(folder) == [left.name, f"{left.name}.json"]
    kept = left.read_bytes()
    assert 0 < len(kept) < lora.size
    assert original(tmp_path).startswith(kept)

    fetch(lora)
    assert ranges(market)[-1] == f"bytes={len(kept)}-"


def test_a_cancelled_pause_between_attempts_ends(fetch, publish, market):
    class Impatient(Cancellation):
        def wait(self, seconds):
            self.cancel()
            super().wait(seconds)

    market.fault("html_502", times=None)

    with pytest.raises(CancelledError):
        fetch(publish(), cancellation=Impatient())


RECIPIENT = """
import json, sys
from pathlib import Path
from satchel.identity import ModelIdentity
from satchel.settings import SourceSettings
from support.workspaces import make_workspace

base, settings, model = (json.loads(text) for text in sys.argv[1:])
settings["trusted_origins"] = frozenset(settings["trusted_origins"])
settings["sources"] = {"civitai": SourceSettings(settings.pop("site"))}
path = Path(base)
make_workspace(path, **settings).downloader().fetch(
    ModelIdentity.from_json(model), path / "models" / "loras" / "a.safetensors"
)
"""


def test_a_killed_process_is_finished_by_the_next(fetch, publish, market, folder, tmp_path):
    lora = publish(elements=500_000)
    market.fault("throttle", bytes_per_s=1_000_000)
    settings = {
        "site": market.site_url,
        "trusted_origins": [origin_of(market.storage_url)],
    }
    arguments = [str(tmp_path), settings, identity(lora).to_json()]
    recipient = subprocess.Popen(
        [sys.executable, "-c", RECIPIENT, *(json.dumps(argument) for argument in arguments)],
        cwd=ROOT,
        env={"PATH": "", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )
    part, deadline = part_of(folder, lora), time.monotonic() + 20
    while not (part.exists() and part.stat().st_size > 300_000) and time.monotonic() < deadline:
        assert recipient.poll() is None
        time.sleep(0.02)
    recipient.send_signal(signal.SIGKILL)
    recipient.wait(10)
    kept = part.stat().st_size
    assert 300_000 < kept < lora.size
    assert not (folder / "a.safetensors").exists()

    path, digests = fetch(lora)

    assert ranges(market) == [None, f"bytes={kept}-"]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == lora.sha256.lower()
    assert digests == hash_file(path)
    assert listing(folder) == ["a.safetensors"]
