"""Downloads: what arrives is what was asked for, or nothing; and a broken one goes on."""

from __future__ import annotations

import hashlib
import http.server
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.downloads import (
    KEY,
    SIZE,
    NoWaits,
    identity,
    listing,
    original,
    part_of,
    ranges,
    source_of,
)
from support.models import write_safetensors

from satchel.downloads.part import Part
from satchel.downloads.space import SPARE_BYTES
from satchel.errors import (
    CancelledError,
    DownloadError,
    FileFormatError,
    ForbiddenUrlError,
    HashMismatchError,
    InsufficientSpaceError,
    LoginRequiredError,
    NotFoundError,
    SatchelError,
    SizeMismatchError,
    UnavailableError,
)
from satchel.folders import open_folders
from satchel.hashes import hash_file
from satchel.identity import Source
from satchel.progress import Cancellation
from satchel.settings import origin_of

ROOT = Path(__file__).resolve().parents[3]


# --- when all is well ----------------------------------------------------------------------------


def test_a_model_arrives_with_its_digests_and_nothing_else(fetch, publish, folder, tmp_path):
    seen = []

    path, digests = fetch(publish(), report=seen.append)

    assert path == folder / "a.safetensors"
    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    assert listing(folder) == ["a.safetensors"]
    assert [event.done for event in seen] == sorted(event.done for event in seen)
    size = path.stat().st_size
    assert (seen[-1].state, seen[-1].name) == ("downloading", "a.safetensors")
    assert (seen[-1].done, seen[-1].total) == (size, size)


def test_folders_of_the_name_are_made(fetch, publish, folder):
    path, _ = fetch(publish(), name="style/水墨 [v1].safetensors")

    assert listing(folder) == ["style", "style/水墨 [v1].safetensors"]
    assert path.is_file()


def test_without_a_known_size_the_digest_still_decides(fetch, publish, folder, tmp_path):
    seen = []

    path, digests = fetch(publish(), size=None, report=seen.append)

    assert path.read_bytes() == original(tmp_path)
    assert digests == hash_file(path)
    assert seen[-1].total == digests.size


@pytest.mark.parametrize("name", ["a.ckpt", "a.pt"])
def test_formats_without_a_header_are_only_hashed(fetch, market, tmp_path, name):
    source = tmp_path / name
    source.write_bytes(b"\x80\x04.")

    path, _ = fetch(
        market.publish(source, model_name="Old"), name=name, settings={"allow_pickle": True}
    )

    assert path.read_bytes() == b"\x80\x04."


# --- going on ------------------------------------------------------------------------------------


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


@contextmanager
def rangeless(body: bytes, cuts: list[int], length: str = "") -> Iterator[str]:
    """A storage that always starts over, and ends the first answers early."""
    left = list(cuts)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(200)
            self.send_header("Content-Length", length or str(len(body)))
            self.end_headers()
            self.wfile.write(body[: left.pop(0)] if left else body)
            self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


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


# --- what must not arrive ------------------------------------------------------------------------


def test_a_mismatched_hash_leaves_no_file_that_a_loader_lists(
    fetch, publish, market, folder, tmp_path
):
    lora = publish()
    market.fault("wrong_bytes", times=None)

    with pytest.raises(HashMismatchError) as caught:
        fetch(lora)

    error = caught.value
    aside = folder / f".satchel-{lora.sha256.lower()[:24]}.quarantine"
    assert listing(folder) == [aside.name]
    assert aside.read_bytes() == bytes(255 - value for value in original(tmp_path))
    assert not list(open_folders(folder.parent).files())
    assert error.details["quarantine"] == str(aside)
    assert aside.name in str(error)
    assert error.details["expected"] == lora.sha256.lower()
    assert error.details["actual"] not in ("", error.details["expected"])
    for digest in (error.details["expected"], error.details["actual"]):
        assert digest in str(error)
    assert error.details["source"] == source_of(lora).url
    assert len(ranges(market)) == 1


def test_what_was_set_aside_goes_when_the_right_file_comes(fetch, publish, market, folder):
    lora = publish()
    market.fault("wrong_bytes")
    with pytest.raises(HashMismatchError):
        fetch(lora)

    fetch(lora)

    assert listing(folder) == ["a.safetensors"]


def test_a_lock_with_a_wrong_hash_leaves_no_file(fetch, publish, folder):
    lora = publish()

    with pytest.raises(HashMismatchError) as caught:
        fetch(lora, sha256="0" * 64)

    assert caught.value.details["actual"] == lora.sha256.lower()
    assert listing(folder) == [f".satchel-{'0' * 24}.quarantine"]


@pytest.mark.parametrize("by", [-1, 1, 5_000_000])
def test_a_wrong_length_leaves_no_file(fetch, publish, market, folder, by):
    lora = publish()
    market.fault("wrong_length", times=None, by=by)

    with pytest.raises(SizeMismatchError) as caught:
        fetch(lora)

    assert caught.value.details["expected"] == lora.size
    assert caught.value.details["actual"] == lora.size + by
    assert listing(folder) == []


def test_an_endless_body_without_a_length_is_stopped(fetch, publish, market, folder, tmp_path):
    lora = publish()
    with rangeless(original(tmp_path) + bytes(3 << 20), [], length="x") as url:
        market.fault("redirect", times=None, location=f"{url}/a")

        with pytest.raises(SizeMismatchError):
            fetch(lora, settings={"trusted_origins": frozenset({origin_of(url)})})

    assert listing(folder) == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.safetensors", b"\x80\x04 no safetensors at all"),
        ("a.safetensors", b"\x10\0\0\0\0\0\0\0{}"),
        ("a.safetensors", b""),
        ("a.sft", b"GGUF"),
        ("a.gguf", b"PK\x03\x04 a zip"),
        ("a.gguf", b"GG"),
        ("a.gguf", b"GGUF\x03\0\0\0"),
        ("a.gguf", b"GGUF\x09\0\0\0" + bytes(16)),
        ("a.gguf", b"GGUF\x03\0\0\0" + b"\xff" * 16),
        ("a.safetensors", b"<!DOCTYPE html><html></html>"),
        ("a.safetensors", b"GGUF\x03\0\0\0" + bytes(16)),
    ],
)
def test_a_file_that_no_loader_opens_is_deleted_though_its_hash_is_right(
    fetch, market, folder, tmp_path, name, content
):
    source = tmp_path / f"garbage-{name}"
    source.write_bytes(content)
    lora = market.publish(source, model_name="Trap")

    with pytest.raises(FileFormatError, match="deleted") as caught:
        fetch(lora, name=name)

    assert name in str(caught.value)
    assert listing(folder) == []


def test_a_gguf_that_is_one_arrives(fetch, market, tmp_path):
    (tmp_path / "b.gguf").write_bytes(b"GGUF\x03\0\0\0" + bytes(16))

    path, _ = fetch(market.publish(tmp_path / "b.gguf", model_name="Small"), name="a.gguf")

    assert path.read_bytes().startswith(b"GGUF")


def test_a_model_without_a_digest_is_not_fetched(fetch, publish, market, folder):
    with pytest.raises(DownloadError, match="no SHA256"):
        fetch(publish(), sha256=None)

    assert market.requests == []
    assert not folder.exists()


def test_nothing_that_exists_is_overwritten(fetch, publish, folder, tmp_path):
    lora = publish()
    mine = write_safetensors(folder / "a.safetensors", seed=9)
    other_part = folder / ".satchel-ffffffffffffffffffffffff.part"
    other_part.write_bytes(b"another download")
    before = mine.read_bytes()

    path, _ = fetch(lora)

    beside = f"a-{lora.sha256.lower()[:8]}.safetensors"
    assert path == folder / beside
    assert path.read_bytes() == original(tmp_path)
    assert mine.read_bytes() == before
    assert other_part.read_bytes() == b"another download"
    assert listing(folder) == sorted([other_part.name, "a.safetensors", beside])


def test_when_both_names_are_taken_nothing_is_lost(fetch, publish, folder, market, tmp_path):
    lora = publish()
    mine = write_safetensors(folder / "a.safetensors", seed=9)
    beside = write_safetensors(folder / f"a-{lora.sha256.lower()[:8]}.safetensors", seed=8)
    before = mine.read_bytes(), beside.read_bytes()

    with pytest.raises(DownloadError, match="both exist"):
        fetch(lora)
    assert (mine.read_bytes(), beside.read_bytes()) == before

    mine.unlink()
    market.clear_requests()
    path, _ = fetch(lora)
    assert path.read_bytes() == original(tmp_path)
    assert market.requests == []  # what had arrived was kept


# --- more than one source ------------------------------------------------------------------------


def test_the_next_source_is_tried(fetch, publish, market, tmp_path):
    path, _ = fetch(publish(unpublished=True), publish(require_login=True), publish())

    assert path.read_bytes() == original(tmp_path)


REFUSALS = {
    "400": ("status", {"status": 400}),
    "401": ("status", {"status": 401}),
    "403": ("forbidden_403", {}),
    "403, a robot check": ("challenge_403", {}),
    "404": ("status", {"status": 404}),
    "404 that passes": ("transient_404", {}),
    "408": ("status", {"status": 408}),
    "410": ("status", {"status": 410}),
    "429": ("status_429", {}),
    "429 with a pause": ("status_429", {"retry_after": "37"}),
    "429 of a quota": ("quota_429", {}),
    "429 in a ratelimit header": ("ratelimit_429", {"retry_after": "55"}),
    "451": ("region_451", {}),
    "500": ("status", {"status": 500}),
    "502 as a web page": ("html_502", {}),
    "503": ("overloaded_503", {}),
    "522": ("status", {"status": 522}),
    "a login page": ("html_200", {}),
    "a redirect inside": ("redirect_private", {}),
    "a redirect loop": ("redirect_loop", {}),
}
"""Every way in which a source may not serve a file -> the stand-in's fault."""


@pytest.mark.parametrize("refusal", REFUSALS)
def test_whatever_a_source_says_the_next_one_serves_it(fetch, publish, market, tmp_path, refusal):
    refused, served = publish(), publish()
    fault, options = REFUSALS[refusal]
    market.fault(fault, times=None, match=refused, **options)

    path, _ = fetch(refused, served)

    assert path.read_bytes() == original(tmp_path)


@pytest.mark.parametrize("refusal", REFUSALS)
def test_when_there_is_no_next_one_each_says_why(fetch, publish, market, folder, refusal):
    first, second = publish(), publish(unpublished=True)
    fault, options = REFUSALS[refusal]
    market.fault(fault, times=None, match=first, **options)

    with pytest.raises(SatchelError) as caught:
        fetch(first, second)

    tried = caught.value.details["tried"]
    assert [item["source"] for item in tried] == [source_of(one).url for one in (first, second)]
    assert str(caught.value) == tried[0]["error"]
    assert caught.value.hint
    assert listing(folder) == []


def test_the_next_source_goes_on_where_the_first_broke(fetch, publish, market, tmp_path):
    first, second = publish(), publish()
    market.fault("cut", after=100_000, match=first)
    market.fault("cut", after=0, times=None, match=first)

    path, _ = fetch(first, second)

    assert ranges(market)[-1] == "bytes=100000-"
    assert path.read_bytes() == original(tmp_path)


def test_a_source_with_other_bytes_does_not_spoil_the_next(fetch, publish, market, tmp_path):
    first, second = publish(), publish()
    market.fault("wrong_bytes", times=None, match=first)

    path, _ = fetch(first, second)

    assert path.read_bytes() == original(tmp_path)


def test_a_source_that_broke_with_other_bytes_does_not_spoil_the_next(
    fetch, publish, market, tmp_path
):
    lora, other = publish(), publish(seed=1)
    market.fault("cut", after=100_000, match=other)
    market.fault("cut", after=0, times=None, match=other)
    sources = (source_of(other), source_of(lora))

    path, _ = fetch(lora, sources=sources)

    assert path.read_bytes() == original(tmp_path)


def test_when_no_source_serves_it_all_are_named(fetch, publish, folder):
    gone, locked = publish(unpublished=True), publish(require_login=True)
    strange = Source("elsewhere", "https://evil.com/a")

    with pytest.raises(NotFoundError) as caught:
        fetch(gone, sources=(source_of(gone), source_of(locked), strange))

    tried = caught.value.details["tried"]
    assert [item["source"] for item in tried] == [
        source_of(gone).url,
        source_of(locked).url,
        strange.url,
    ]
    assert all(item["error"].endswith(".") for item in tried)
    json.dumps(caught.value.to_json())
    assert listing(folder) == []


def test_without_a_source_it_says_so(fetch, publish):
    with pytest.raises(UnavailableError, match="No source is known"):
        fetch(publish(), sources=())


def test_a_redirect_to_a_private_address_is_refused(fetch, publish, market, folder):
    lora = publish()
    market.fault("redirect_private", times=None)

    with pytest.raises(ForbiddenUrlError):
        fetch(lora)

    assert listing(folder) == []


def test_a_token_is_used_and_stays_with_the_site(fetch, publish, market):
    lora = publish(require_login=True)

    with pytest.raises(LoginRequiredError):
        fetch(lora)
    fetch(lora, settings={"token": KEY})

    storage = [request for request in market.requests if request.origin == "storage"]
    assert len(storage) == 1
    assert "Authorization" not in storage[0].headers


# --- the disk, the user, the neighbours ----------------------------------------------------------


@pytest.mark.parametrize("size", [True, False], ids=["size known", "size unknown"])
def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    fetch, publish, folder, monkeypatch, size
):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1 << 40, 0, 1000))
    lora = publish()

    with pytest.raises(InsufficientSpaceError) as caught:
        fetch(lora, **({} if size else {"size": None}))

    assert caught.value.details == {"needed": lora.size + SPARE_BYTES, "free": 1000}
    assert listing(folder) == []


def test_what_is_already_there_needs_no_room(fetch, publish, folder, monkeypatch, tmp_path):
    lora = publish()
    folder.mkdir(parents=True)
    part_of(folder, lora).write_bytes(original(tmp_path)[: lora.size - 10])
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(1, 0, SPARE_BYTES + 10))

    fetch(lora)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_a_disk_that_fills_up_meanwhile_is_told(tmp_path):
    (tmp_path / "part").symlink_to("/dev/full")
    part = Part(tmp_path / "part")

    with part.writer(0) as file, pytest.raises(InsufficientSpaceError):
        part.write(file, 0, b"x" * 100)

    assert part.arrived == 0


def test_a_folder_that_cannot_be_written_is_told(fetch, publish, folder):
    folder.parent.mkdir(parents=True)
    folder.write_text("a file where a folder should be")

    with pytest.raises(DownloadError, match=r"a\.safetensors cannot be written"):
        fetch(publish())


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


def test_who_wants_the_same_bytes_waits_for_the_first_and_gets_its_file(
    fetch, publish, market, folder
):
    lora = publish(elements=500_000)
    market.fault("throttle", bytes_per_s=2_000_000)
    going, seen, arrived = threading.Event(), [], []
    first = threading.Thread(
        target=lambda: arrived.append(fetch(lora, report=lambda event: going.set()))
    )
    first.start()
    assert going.wait(10)

    second = fetch(lora, report=seen.append)
    first.join(10)

    assert [second] == arrived
    assert ranges(market) == [None]
    assert 0 < seen[0].done < lora.size  # it watched the first
    assert {event.total for event in seen} == {lora.size}
    assert listing(folder) == ["a.safetensors"]


def test_who_waits_goes_on_where_a_cancelled_one_stopped(fetch, publish, market, folder):
    lora = publish(elements=500_000)
    market.fault("throttle", bytes_per_s=1_000_000)
    cancellation, going, waiting = Cancellation(), threading.Event(), threading.Event()
    ends = []

    def first():
        try:
            fetch(lora, cancellation=cancellation, report=lambda event: going.set())
        except CancelledError as error:
            ends.append(error)

    threads = [
        threading.Thread(target=first),
        threading.Thread(target=fetch, args=(lora,), kwargs={"report": lambda e: waiting.set()}),
    ]
    threads[0].start()
    assert going.wait(10)
    threads[1].start()
    assert waiting.wait(10)
    cancellation.cancel()
    for thread in threads:
        thread.join(20)

    assert len(ends) == 1
    assert [text.split("=")[0] for text in ranges(market)[1:]] == ["bytes"]
    assert listing(folder) == ["a.safetensors"]


def test_who_waits_can_give_up(fetch, publish, market):
    lora = publish(elements=500_000)
    market.fault("throttle", bytes_per_s=1_000_000)
    going, cancellation = threading.Event(), Cancellation()
    first = threading.Thread(target=fetch, args=(lora,), kwargs={"report": lambda e: going.set()})
    first.start()
    assert going.wait(10)

    with pytest.raises(CancelledError):
        fetch(lora, cancellation=cancellation, report=lambda event: cancellation.cancel())

    first.join(20)


def test_different_bytes_are_fetched_side_by_side(fetch, publish, folder):
    loras = [publish(seed=seed) for seed in range(4)]
    threads = [threading.Thread(target=fetch, args=(lora,)) for lora in loras]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    arrived = {hash_file(path).sha256 for path in folder.iterdir()}
    assert arrived == {lora.sha256.lower() for lora in loras}


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
