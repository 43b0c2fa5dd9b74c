"""Several connections for one file: when they help, what they ask, and what a kill leaves."""

from __future__ import annotations

import json
import threading

import pytest
from support.downloads import NoWaits, listing, original, part_of, ranges, source_of

from satchel.downloads import part as part_module
from satchel.downloads import pieces, transfer
from satchel.downloads.bandwidth import TokenBucket
from satchel.downloads.links import Links
from satchel.downloads.part import Part
from satchel.errors import CancelledError, HashMismatchError, InsufficientSpaceError
from satchel.hashes import hash_file
from satchel.progress import Cancellation

ELEMENTS = 500_000
"""2 MB: long enough for pieces of the size below."""


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch):
    monkeypatch.setattr(pieces, "MIN_PIECE_BYTES", 200_000)
    monkeypatch.setattr(pieces, "MIN_SPLIT_BYTES", 200_000)
    monkeypatch.setattr(transfer, "SEGMENTED_BYTES", 800_000)
    monkeypatch.setattr(transfer, "READ_BYTES", 16_384)
    monkeypatch.setattr(part_module, "SAVE_S", 0.0)


@pytest.fixture
def lora(publish):
    return publish(elements=ELEMENTS)


@pytest.fixture
def _slow(market):
    """Slow enough that every connection gets to its turn."""
    market.fault("throttle", times=None, bytes_per_s=1_000_000)


@pytest.mark.usefixtures("_slow")
def test_a_large_file_comes_over_several_connections(fetch, lora, market, folder, tmp_path):
    path, digests = fetch(lora, connections=4)

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    assert listing(folder) == ["a.safetensors"]
    asked = ranges(market)
    assert asked[0] is None
    assert len(asked) >= 4
    assert all(text.startswith("bytes=") and not text.endswith("-") for text in asked[1:])


@pytest.mark.usefixtures("_slow")
def test_the_site_is_asked_once_for_all_of_them(fetch, lora, market):
    fetch(lora, connections=4)

    assert [request.origin for request in market.requests].count("site") == 1
    conditions = [r.headers.get("If-Range") for r in market.requests if r.origin == "storage"]
    assert conditions[0] is None
    assert len(set(conditions[1:])) == 1
    assert conditions[1] is not None
    assert not [
        r for r in market.requests if r.origin == "storage" and "Authorization" in r.headers
    ]


def test_a_link_that_has_expired_is_asked_for_again(downloader, lora, market):
    links = Links(downloader().resolver, source_of(lora))
    for expire in (False, False, True):
        if expire:
            market.expire_links()
        with links.open({"Range": "bytes=5-8"}) as response:
            assert response.status_code == 206

    asked = [(request.origin, request.status) for request in market.requests]
    assert asked == [
        ("site", 307), ("storage", 206),
        ("storage", 206),
        ("storage", 403), ("site", 307), ("storage", 206),
    ]  # fmt: skip


def test_a_small_file_comes_over_one_connection(fetch, publish, market):
    fetch(publish(), connections=4)

    assert ranges(market) == [None]


@pytest.mark.usefixtures("_slow")
@pytest.mark.parametrize("honest", [True, False], ids=["says so", "promises ranges"])
def test_a_server_without_ranges_is_asked_over_one_connection(
    fetch, lora, market, tmp_path, honest, monkeypatch
):
    market.clear_faults()
    market.fault("no_ranges", times=None)
    if not honest:
        monkeypatch.setattr(transfer, "read_answer", _with_ranges(transfer.read_answer))
    path, digests = fetch(lora, connections=4)

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    if honest:
        assert ranges(market) == [None]


def _with_ranges(read_answer):
    from dataclasses import replace

    return lambda response, source: replace(read_answer(response, source), ranges=True)


@pytest.mark.usefixtures("_slow")
def test_connections_that_break_leave_their_rest_to_others(fetch, lora, market, tmp_path):
    market.clear_faults()
    for after in (300_000, 50_000, 1000, 0, 70_000):
        market.fault("cut", after=after)

    path, digests = fetch(lora, connections=4)

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)


def test_a_storage_that_allows_one_connection_is_served_by_one(fetch, lora, market, tmp_path):
    market.fault("throttle", bytes_per_s=1_500_000)
    market.fault("status_429", origin="storage", times=None)

    path, _ = fetch(lora, connections=4)

    assert path.read_bytes() == original(tmp_path)


def test_a_file_that_changes_under_the_connections_starts_over(fetch, lora, market, tmp_path):
    market.fault("throttle", bytes_per_s=1_500_000)
    market.fault("replaced", times=None)

    path, digests = fetch(lora, connections=4)

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)


def cancelled(fetch, lora, at=900_000):
    cancellation = Cancellation()

    def stop(event):
        if event.done > at:
            cancellation.cancel()

    with pytest.raises(CancelledError):
        fetch(lora, connections=4, cancellation=cancellation, report=stop)


@pytest.mark.usefixtures("_slow")
def test_a_file_with_holes_is_gone_on_with(fetch, lora, market, folder, tmp_path):
    cancelled(fetch, lora)
    left = part_of(folder, lora)
    known = json.loads(left.with_name(f"{left.name}.json").read_text())
    assert len(known["written"]) > 1
    assert known["total"] == lora.size
    for start, end in known["written"]:
        assert left.read_bytes()[start:end] == original(tmp_path)[start:end]
    market.clear_requests()
    market.clear_faults()

    path, digests = fetch(lora, connections=4)

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    asked = [_length(text, lora.size) for text in ranges(market)]
    assert sum(asked) < lora.size * 1.6  # less than once more
    assert listing(folder) == ["a.safetensors"]


def _length(text: str, size: int) -> int:
    first, _, last = text.removeprefix("bytes=").partition("-")
    return (int(last) + 1 if last else size) - int(first)


@pytest.mark.usefixtures("_slow")
@pytest.mark.parametrize("harm", ["gone", "broken", "too much", "lies"])
def test_a_sidecar_that_does_not_fit_costs_bytes_and_no_wrong_file(
    fetch, lora, market, folder, tmp_path, harm
):
    cancelled(fetch, lora)
    left = part_of(folder, lora)
    sidecar = left.with_name(f"{left.name}.json")
    known = json.loads(sidecar.read_text())
    if harm == "gone":
        sidecar.unlink()
    elif harm == "broken":
        sidecar.write_text('{"version": 1, "written": [[0')
    else:
        end = lora.size * 9 if harm == "too much" else left.stat().st_size
        sidecar.write_text(json.dumps(known | {"written": [[0, end]]}))
    market.clear_faults()

    path, digests = fetch(lora, connections=4)

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    assert listing(folder) == ["a.safetensors"]


def test_wrong_bytes_over_several_connections_are_found(fetch, lora, market, folder):
    market.fault("throttle", bytes_per_s=1_500_000)
    market.fault("wrong_bytes", times=1)

    with pytest.raises(HashMismatchError):
        fetch(lora, connections=4)

    assert listing(folder) == [f".satchel-{lora.sha256.lower()[:24]}.quarantine"]


@pytest.mark.usefixtures("_slow")
def test_a_disk_that_fills_up_ends_all_connections(fetch, lora, monkeypatch):
    written = []

    def fill(self, count):
        written.append(count)
        if sum(written) > 600_000:
            raise InsufficientSpaceError("The disk is full.")

    monkeypatch.setattr(Part, "_watch_space", fill)

    with pytest.raises(InsufficientSpaceError):
        fetch(lora, connections=4)

    assert not [thread for thread in threading.enumerate() if thread.name.startswith("satchel-")]


def test_the_bandwidth_cap_holds_for_all_connections_together(fetch, lora):
    asked = []

    class Counting(TokenBucket):
        def take(self, count, cancellation):
            asked.append((count, threading.current_thread().name))
            super().take(count, cancellation)

    fetch(lora, connections=4, bandwidth=Counting(3_000_000), cancellation=Cancellation())

    # A connection whose piece is shared out while it reads may fetch a little of that part, too.
    assert lora.size <= sum(count for count, _ in asked) < lora.size + 4 * transfer.READ_BYTES
    assert len({name for _, name in asked}) > 1


def test_sources_are_mixed_only_by_the_digest(fetch, publish, market, tmp_path):
    first, second = publish(elements=ELEMENTS), publish(elements=ELEMENTS)
    market.fault("cut", after=600_000, match=first)
    market.fault("cut", after=0, times=None, match=first)

    path, _ = fetch(first, second, cancellation=NoWaits(), connections=1)

    assert path.read_bytes() == original(tmp_path)
    last = [request for request in market.requests if request.origin == "storage"][-1]
    assert last.headers["Range"] == "bytes=600000-"
    assert last.headers.get("If-Range") is None
    assert source_of(first) != source_of(second)
