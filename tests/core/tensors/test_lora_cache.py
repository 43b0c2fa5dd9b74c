from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

torch = pytest.importorskip("torch")

from satchel.errors import InvalidInputError  # noqa: E402
from satchel.settings import lora_cache_bytes  # noqa: E402
from satchel.tensors.loaded_lora import LoadedLora  # noqa: E402
from satchel.tensors.lora_cache import MATCHES, LoraCache, LoraFile  # noqa: E402


@pytest.fixture
def reader(tmp_path):
    """Reads files of 400 bytes of tensors, and notes which it has read."""

    class Reader:
        read: list[str] = []

        def path(self, name):
            path = tmp_path / name
            if not path.exists():
                path.write_bytes(b"x")
            return path

        def get(self, cache, name):
            def read():
                self.read.append(name)
                return LoraFile({"w": torch.zeros(100)}, {"name": name})

            return cache.get(self.path(name), read)

    reader = Reader()
    reader.read = []
    return reader


def test_a_file_is_read_once(reader):
    cache = LoraCache(1000)

    first, again = reader.get(cache, "a"), reader.get(cache, "a")

    assert first is again
    assert reader.read == ["a"]
    assert cache.counts() == {"files": 1, "bytes": 400, "limit": 1000, "hits": 1, "misses": 1,
                              "bytes_read": 400}  # fmt: skip


def test_the_least_recently_used_file_goes_first(reader):
    cache = LoraCache(800)

    for name in "abacab":
        reader.get(cache, name)

    assert reader.read == ["a", "b", "c", "b"]
    assert cache.counts()["bytes"] == 800


def test_a_stack_larger_than_the_limit_reads_again_only_what_does_not_fit(reader):
    cache = LoraCache(1000)

    for _ in range(4):
        for name in "abc":
            reader.get(cache, name)

    assert reader.read == ["a", "b", "c", "a", "a", "a"]


def test_what_is_used_no_longer_goes_all_the_same(reader):
    cache = LoraCache(800)

    for name in "abcaccac":
        reader.get(cache, name)

    assert reader.read == ["a", "b", "c", "a", "a"]
    assert cache.counts()["files"] == 2


@pytest.mark.parametrize("limit", [0, 399])
def test_a_file_above_the_limit_is_not_kept(reader, limit):
    cache = LoraCache(limit)

    assert reader.get(cache, "a").metadata == {"name": "a"}
    reader.get(cache, "a")

    assert reader.read == ["a", "a"]
    assert cache.counts()["bytes"] == cache.counts()["files"] == 0


@pytest.mark.parametrize("change", ["size", "time"])
def test_a_replaced_file_is_read_again_and_counted_once(reader, change):
    cache, path = LoraCache(1000), reader.path("a")
    reader.get(cache, "a")

    if change == "size":
        before = path.stat().st_mtime_ns
        path.write_bytes(b"xy")
        os.utime(path, ns=(before, before))
    else:
        os.utime(path, ns=(1, 1))
    reader.get(cache, "a")

    assert reader.read == ["a", "a"]
    assert (cache.counts()["bytes"], cache.counts()["files"]) == (400, 1)


def test_a_link_is_the_file_it_leads_to(reader, tmp_path):
    cache = LoraCache(1000)
    (tmp_path / "link").symlink_to(reader.path("a"))

    assert reader.get(cache, "a") is reader.get(cache, "link")


def test_what_cannot_be_read_is_not_remembered(reader):
    cache = LoraCache(1000)

    def fail():
        raise ValueError("damaged")

    with pytest.raises(ValueError, match="damaged"):
        cache.get(reader.path("a"), fail)
    with pytest.raises(FileNotFoundError):
        cache.get(reader.path("a").with_name("none"), fail)

    assert reader.get(cache, "a").metadata == {"name": "a"}


def test_threads_share_one_reading(reader):
    cache = LoraCache(1000)
    for name in "ab":
        reader.path(name)  # writing it twice would be a change

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda n: reader.get(cache, "ab"[n % 2]), range(64)))

    assert len({id(file) for file in found}) == 2
    assert sorted(reader.read) == ["a", "b"]
    assert (cache.counts()["hits"], cache.counts()["misses"]) == (62, 2)


def test_a_file_is_matched_once_per_model():
    file, matched = LoraFile({}, {}), []

    def match():
        matched.append(1)
        return LoadedLora(frozenset(), frozenset(), {}, {})

    assert file.matched("flux", match) is file.matched("flux", match)
    assert file.matched("sd15", match) is not file.matched("flux", match)
    assert len(matched) == 2
    for n in range(MATCHES):
        file.matched(str(n), match)
    file.matched("flux", match)
    assert len(matched) == 2 + MATCHES + 1


@pytest.mark.parametrize(("text", "limit"), [("", 1 << 30), ("0", 0), (" 5000 ", 5000)])
def test_the_limit_is_the_operators(text, limit):
    assert lora_cache_bytes({"SATCHEL_LORA_CACHE_BYTES": text}) == limit


@pytest.mark.parametrize("text", ["1GB", "-1", "1.5", "\u0663"])
def test_a_limit_that_is_no_number_is_refused(text):
    with pytest.raises(InvalidInputError, match="SATCHEL_LORA_CACHE_BYTES"):
        lora_cache_bytes({"SATCHEL_LORA_CACHE_BYTES": text})
