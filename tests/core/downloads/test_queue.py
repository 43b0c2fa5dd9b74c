"""The download queue: what it keeps, in which order, for every process."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.queues import model

from satchel.downloads import DownloadQueue, QueueLimits
from satchel.errors import CatalogError, InvalidInputError, UnknownDownloadError
from satchel.identity import Source


@pytest.fixture
def queue(tmp_path):
    return DownloadQueue(tmp_path / "state" / "downloads.sqlite3")


def order(queue):
    return [entry.id for entry in queue.entries()]


def test_what_was_added_is_there_for_the_next_process(queue):
    first = queue.add(model(), Path("/m/a.safetensors"))
    second = queue.add(model(sha256="b" * 64), Path("/m/b.safetensors"), priority=2)

    assert DownloadQueue(queue.path).entries() == [second, first]
    assert (first.state, first.model, first.destination) == (
        "queued", model(), Path("/m/a.safetensors"),
    )  # fmt: skip


def test_the_same_bytes_for_the_same_place_are_one_entry(queue):
    first = queue.add(model(), Path("/m/a"))

    assert queue.add(model("elsewhere.com"), Path("/m/a")).id == first.id
    assert queue.add(model(), Path("/m/b")).id != first.id
    assert queue.add(model(sha256="b" * 64), Path("/m/a")).id != first.id
    queue.cancel(first.id)
    assert queue.add(model(), Path("/m/a")).id != first.id


def test_entries_are_moved_before_others_and_to_the_end(queue):
    a, b, c = (queue.add(model(), Path(f"/m/{n}")).id for n in range(3))

    queue.move(c, before=a)
    assert order(queue) == [c, a, b]
    queue.move(c, before=None)
    assert order(queue) == [a, b, c]
    queue.prioritize(b, 3)
    assert order(queue) == [b, a, c]
    queue.move(c, before=b)
    assert order(queue) == [c, b, a]
    queue.move(c, before=c)
    assert sorted(order(queue)) == [a, b, c]


def test_pausing_resuming_and_cancelling_what_does_not_run(queue):
    number = queue.add(model(), Path("/nowhere/a")).id

    assert queue.pause(number).state == "paused"
    assert queue.pause(number).state == "paused"
    assert queue.resume(number).state == "queued"
    assert queue.cancel(number).state == "cancelled"
    assert queue.pause(number).state == "cancelled"
    assert queue.clear() == 1
    assert queue.entries() == []
    for change in (queue.get, queue.pause, queue.resume, queue.cancel):
        with pytest.raises(UnknownDownloadError, match="no download"):
            change(number)


def test_an_entry_belongs_to_the_runner_that_was_first(queue):
    number = queue.add(model(), Path("/m/a")).id

    assert queue.claim(number, "one").owner == "one"
    assert queue.claim(number, "two") is None
    queue.settle(number, "two", state="done")
    queue.note_progress(number, "two", 5, 10, 1.0)
    assert (queue.get(number).state, queue.get(number).done) == ("running", 0)
    assert queue.pause(number).wish == "pause"
    assert queue.resume(number).wish == ""


def test_an_address_that_may_hold_a_secret_is_not_kept(queue):
    for url in ("https://x.com/a?token=s", "https://me:pw@x.com/a"):
        secret = replace(model(sha256=None), sources=(Source("https", url),))
        with pytest.raises(InvalidInputError, match="not kept"):
            queue.add(secret, Path("/m/a"))
    with pytest.raises(InvalidInputError, match="No source"):
        queue.add(replace(model(), sources=()), Path("/m/a"))

    queue.add(
        replace(model(sha256=None), sources=(Source("https", "https://x.com/a"),)), Path("/m")
    )


@pytest.mark.parametrize(
    "limits",
    [
        QueueLimits(total=0), QueueLimits(per_host=33), QueueLimits(connections=17),
        QueueLimits(bytes_per_s=999), QueueLimits(bytes_per_s=1 << 60),
    ],
)  # fmt: skip
def test_limits_that_make_no_sense_are_refused(queue, limits):
    with pytest.raises(InvalidInputError):
        queue.set_limits(limits)

    assert queue.limits == QueueLimits()


def test_limits_are_kept(queue):
    queue.set_limits(QueueLimits(5, 4, 3, 2_000_000))

    assert DownloadQueue(queue.path).limits == QueueLimits(5, 4, 3, 2_000_000)
    queue.set_limits(QueueLimits())
    assert queue.limits.bytes_per_s is None


def test_an_entry_that_cannot_be_read_is_left_out(queue):
    queue.add(model(), Path("/m/a"))
    with closing(sqlite3.connect(queue.path)) as db, db:
        db.execute("UPDATE downloads SET model = '{'")

    assert queue.entries() == []


def test_a_queue_of_a_newer_satchel_is_told_and_left_alone(queue):
    queue.add(model(), Path("/m/a"))
    with closing(sqlite3.connect(queue.path)) as db, db:
        db.execute("PRAGMA user_version = 99")

    with pytest.raises(CatalogError, match="newer"):
        DownloadQueue(queue.path).entries()
    assert list(queue.path.parent.glob("*.corrupt-*")) == []


def test_a_damaged_queue_is_told_and_the_next_start_sets_it_aside(queue):
    queue.add(model(), Path("/m/a"))
    damaged = b"no database at all" * 100
    queue.path.write_bytes(damaged)

    with pytest.raises(CatalogError, match="cannot be used"):
        queue.entries()
    again = DownloadQueue(queue.path)
    assert again.entries() == []
    again.add(model(), Path("/m/a"))

    assert len(again.entries()) == 1
    (aside,) = queue.path.parent.glob("*.corrupt-*")
    assert aside.read_bytes() == damaged


def test_many_at_once_lose_nothing(queue):
    def fill(start):
        for number in range(start, start + 10):
            queue.add(model(), Path(f"/m/{number}"))

    threads = [threading.Thread(target=fill, args=(start * 10,)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len({entry.destination for entry in queue.entries()}) == 40
    assert len({entry.position for entry in queue.entries()}) == 40
