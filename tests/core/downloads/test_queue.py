"""The download queue: what it decides, what it keeps, and what it carries out."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from support.downloads import KEY, identity, listing, original, part_of, ranges
from support.workspaces import make_workspace

from satchel.downloads import DownloadQueue, QueueEntry, QueueLimits
from satchel.downloads.housekeeping import STALE_S, delete_stale, stale_files
from satchel.downloads.queue_plan import Settle, Start, Stop, plan_next, retry_wait
from satchel.downloads.queue_runner import Speed
from satchel.errors import (
    CatalogError,
    ForbiddenFormatError,
    ForbiddenSizeError,
    InvalidInputError,
    NotFoundError,
    QuotaExceededError,
    RateLimitedError,
    UnavailableError,
    UnknownDownloadError,
)
from satchel.identity import ModelIdentity, Source
from satchel.policy import Policy
from satchel.progress import Cancellation
from satchel.queueing import enqueue, make_runner
from satchel.settings import origin_of

ROOT = Path(__file__).resolve().parents[3]


def model(host: str = "civitai.com", sha256: str | None = "a" * 64, name: str = "a.safetensors"):
    return ModelIdentity(
        "loras", name, sha256, 10, sources=(Source("civitai", f"https://{host}/m"),)
    )


def entry(number: int, state: str = "queued", host: str = "a.com", **fields) -> QueueEntry:
    return QueueEntry(
        number, model(host), Path("/m/a.safetensors"), state, position=number, **fields
    )


# --- the plan ------------------------------------------------------------------------------------

PLANS = {
    "nothing": ([], ()),
    "as many as fit": ([entry(n, host=f"{n}.com") for n in range(1, 6)],
                       (Start(1), Start(2), Start(3))),
    "two per host": ([entry(n) for n in range(1, 4)] + [entry(9, host="b.com")],
                     (Start(1), Start(2), Start(9))),
    "priority first": ([entry(1), entry(2, priority=5), entry(3, priority=1)],
                       (Start(2), Start(3))),
    "those that run count": ([entry(1, "running", owner="me"), entry(2), entry(3)], (Start(2),)),
    "elsewhere, too": ([entry(1, "running", owner="other"), entry(2, "running", owner="other"),
                        entry(3), entry(4, host="b.com")], (Start(4),)),
    "not before its time": ([entry(1, retry_at=101.0), entry(2, retry_at=99.0)], (Start(2),)),
    "what waits, has ended or failed": ([entry(1, "paused"), entry(2, "done"), entry(3, "failed"),
                                         entry(4, "cancelled")], ()),
    "of a runner that is gone": ([entry(1, "running", owner="dead"), entry(2)],
                                 (Settle(1, "queued"), Start(2))),
    "paused when its runner went": ([entry(1, "running", owner="dead", wish="pause")],
                                    (Settle(1, "paused"),)),
    "cancelled when its runner went": ([entry(1, "running", owner="dead", wish="cancel")],
                                       (Settle(1, "cancelled"),)),
    "a wish for mine": ([entry(1, "running", owner="me", wish="pause")], (Stop(1),)),
    "a wish for another's": ([entry(1, "running", owner="other", wish="pause")], ()),
}  # fmt: skip


@pytest.mark.parametrize("case", PLANS)
def test_the_next_steps_follow_from_the_queue_and_its_limits(case):
    entries, expected = PLANS[case]

    made = plan_next(entries, QueueLimits(), me="me", alive={"me", "other"}, now=100.0)

    assert made == expected


@pytest.mark.parametrize(
    ("error", "attempts", "expected"),
    [
        (UnavailableError("x"), 1, 15.0),
        (UnavailableError("x"), 3, 60.0),
        (UnavailableError("x", retry_after_s=100), 1, 100.0),
        (RateLimitedError("x"), 1, 900.0),
        (RateLimitedError("x", retry_after_s=20), 1, 20.0),
        (RateLimitedError("x", retry_after_s=1e9), 1, 3600.0),
        (QuotaExceededError("x"), 1, 900.0),
        (UnavailableError("x"), 5, None),
        (NotFoundError("x"), 1, None),
    ],
)
def test_only_what_may_pass_is_tried_again_later(error, attempts, expected):
    assert retry_wait(error, attempts) == expected


def test_the_speed_is_that_of_the_last_seconds():
    speed = Speed()
    for second in range(20):
        measured = speed.add(float(second), second * 1000 if second < 10 else 10_000 + second * 10)

    assert measured == pytest.approx(10.0)
    assert speed.add(20.0, 5) == 0.0  # it started over


def test_the_time_left_is_told_while_it_runs():
    running = entry(1, "running", done=40, total=100, bytes_per_s=20.0)

    assert running.seconds_left == 3.0
    assert replace(running, state="paused").seconds_left is None
    assert replace(running, bytes_per_s=0.0).seconds_left is None
    assert replace(running, total=None).seconds_left is None
    json.dumps(running.to_json())


# --- the file ------------------------------------------------------------------------------------


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


# --- the runner ----------------------------------------------------------------------------------


@pytest.fixture
def space(tmp_path, market):
    return make_workspace(tmp_path, market, token=KEY)


def run(space, watch=lambda entry: None):
    make_runner(space, watch).run_until_idle(Cancellation())


def wait_for(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_queue_is_worked_through_and_the_catalog_knows(space, publish, folder, tmp_path):
    loras = [publish(seed=seed) for seed in range(3)]
    for number, lora in enumerate(loras):
        enqueue(identity(lora, name=f"{number}.safetensors"), space)
    seen = []

    run(space, seen.append)

    entries = space.queue().entries()
    assert [entry.state for entry in entries] == ["done"] * 3
    assert listing(folder) == [f"{number}.safetensors" for number in range(3)]
    for number, (done, lora) in enumerate(zip(entries, loras, strict=True)):
        assert done.path == folder / f"{number}.safetensors"
        assert (done.done, done.sha256) == (lora.size, lora.sha256.lower())
        local = space.folders.get("loras", f"{number}.safetensors")
        assert space.catalog.digests(local).sha256 == lora.sha256.lower()
        assert done.path.read_bytes() == original(tmp_path, number)
    assert {entry.id for entry in seen if entry.state == "done"} == {e.id for e in entries}


def test_a_failure_is_kept_with_its_reason_and_does_not_stop_the_others(space, publish):
    gone, fine = publish(unpublished=True), publish(seed=1)
    enqueue(identity(gone), space)
    enqueue(identity(fine, name="b.safetensors"), space)

    run(space)

    failed, done = space.queue().entries()
    assert (failed.state, done.state) == ("failed", "done")
    assert failed.error["code"] == "not_found"
    assert failed.error["message"].endswith(".")
    assert failed.error["hint"]


def test_what_may_pass_is_tried_again_later(space, publish, market):
    market.fault("quota_429", times=1)
    number = enqueue(identity(publish()), space).id

    run(space)

    waiting = space.queue().get(number)
    assert (waiting.state, waiting.attempts) == ("queued", 1)
    assert waiting.error["code"] == "quota_exceeded"
    assert waiting.retry_at > time.time() + 600
    space.queue().resume(number)
    run(space)
    assert space.queue().get(number).state == "done"


def test_a_name_that_is_taken_is_told(space, publish, folder):
    folder.mkdir(parents=True)
    (folder / "A.safetensors").write_bytes(b"another case of the same name")
    lora = publish()
    number = enqueue(identity(lora), space).id

    run(space)

    done = space.queue().get(number)
    assert done.path == folder / f"a-{lora.sha256.lower()[:8]}.safetensors"
    assert done.note == f"Another file is called a.safetensors, so this one is {done.path.name}."


@pytest.mark.parametrize(
    ("policy", "error"),
    [
        (Policy(formats=frozenset({".gguf"})), ForbiddenFormatError),
        (Policy(max_file_bytes=10), ForbiddenSizeError),
        (Policy(max_total_bytes=10), ForbiddenSizeError),
    ],
)
def test_the_operators_policy_binds_the_queue(space, publish, policy, error):
    with pytest.raises(error):
        enqueue(identity(publish()), with_policy(space, policy))

    assert space.queue().entries() == []


def test_all_that_waits_is_one_installation_to_the_policy(space, publish):
    first, second = publish(), publish(seed=1)
    space = with_policy(space, Policy(max_total_bytes=first.size + second.size - 1))
    entry = enqueue(identity(first), space)

    enqueue(identity(first), space)  # the same bytes count once
    with pytest.raises(ForbiddenSizeError):
        enqueue(identity(second, name="b.safetensors"), space)
    space.queue().cancel(entry.id)
    enqueue(identity(second, name="b.safetensors"), space)


def test_what_was_queued_under_other_rules_is_refused_when_it_begins(space, publish, folder):
    enqueue(identity(publish()), space)

    run(with_policy(space, Policy(formats=frozenset({".gguf"}))))

    (failed,) = space.queue().entries()
    assert (failed.state, failed.error["code"]) == ("failed", "forbidden_format")
    assert not folder.exists() or listing(folder) == []


def with_policy(space, policy):
    return replace(space, settings=replace(space.settings, policy=policy))


def test_a_format_that_is_not_allowed_is_not_queued(space, publish):
    with pytest.raises(ForbiddenFormatError):
        enqueue(identity(publish(), name="a.ckpt"), space)

    assert space.queue().entries() == []


@pytest.mark.parametrize("wish", ["pause", "cancel"])
def test_a_wish_reaches_the_process_that_runs_it(space, publish, market, folder, wish):
    lora = publish(elements=500_000)
    market.fault("throttle", times=1, bytes_per_s=300_000)
    number = enqueue(identity(lora), space).id
    runner = make_runner(space)
    runner.start()
    queue = DownloadQueue(space.queue().path)  # as another process opens it
    wait_for(lambda: queue.get(number).done > 100_000)
    running = queue.get(number)
    assert running.state == "running"
    assert running.total == lora.size

    getattr(queue, wish)(number)

    wait_for(lambda: queue.get(number).state in ("paused", "cancelled"))
    part = part_of(folder, lora)
    if wish == "cancel":
        assert listing(folder) == []
    else:
        kept = part.stat().st_size
        queue.resume(number)
        wait_for(lambda: queue.get(number).state == "done")
        assert ranges(market)[-1] == f"bytes={kept}-"
    runner.stop()
    assert not list(space.queue().path.parent.glob("*.runners/*"))


def test_a_runner_that_stops_leaves_its_entries_to_the_next(space, publish, market):
    market.fault("throttle", times=1, bytes_per_s=300_000)
    number = enqueue(identity(publish(elements=500_000)), space).id
    runner = make_runner(space)
    runner.start()
    wait_for(lambda: space.queue().get(number).done > 100_000)

    runner.stop()

    left = space.queue().get(number)
    assert (left.state, left.owner, left.attempts) == ("queued", "", 0)
    run(space)
    assert space.queue().get(number).state == "done"


RUNNER = """
import sys
from pathlib import Path
from satchel.progress import Cancellation
from satchel.queueing import make_runner
from satchel.settings import SourceSettings
from support.workspaces import make_workspace

base, site, storage = sys.argv[1:]
make_runner(
    make_workspace(
        Path(base), sources={"civitai": SourceSettings(site)}, trusted_origins=frozenset({storage})
    )
).run_until_idle(Cancellation())
"""


def test_the_entry_of_a_killed_process_is_finished_by_the_next(
    space, publish, market, folder, tmp_path
):
    lora = publish(elements=500_000)
    market.fault("throttle", times=1, bytes_per_s=300_000)
    number = enqueue(identity(lora), space).id
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(tmp_path), market.site_url,
         origin_of(market.storage_url)],
        cwd=ROOT, env={"PATH": "", "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
    )  # fmt: skip
    wait_for(lambda: space.queue().get(number).done > 200_000)
    process.kill()
    process.wait(10)
    assert space.queue().get(number).state == "running"

    run(space)

    assert space.queue().get(number).state == "done"
    assert (folder / "a.safetensors").read_bytes() == original(tmp_path)
    assert listing(folder) == ["a.safetensors"]


def test_what_was_cancelled_after_its_process_died_leaves_nothing(space, publish, folder):
    lora = publish()
    number = enqueue(identity(lora), space).id
    space.queue().claim(number, "a runner that was killed")
    folder.mkdir(parents=True)
    part_of(folder, lora).write_bytes(b"the beginning")
    assert space.queue().cancel(number).state == "running"

    run(space)

    assert space.queue().get(number).state == "cancelled"
    assert listing(folder) == []


def test_two_runners_share_one_queue(space, publish, market, folder):
    for seed in range(6):
        enqueue(identity(publish(seed=seed), name=f"{seed}.safetensors"), space)
    threads = [threading.Thread(target=run, args=(space,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert {entry.state for entry in space.queue().entries()} == {"done"}
    assert len(listing(folder)) == 6
    assert len(ranges(market)) == 6  # each file came once


def test_no_secret_is_in_the_queue(space, publish, market):
    market.fault("quota_429", times=1)
    enqueue(identity(publish(require_login=True)), space)

    run(space)

    for path in space.queue().path.parent.rglob("*"):
        if path.is_file() and "published" not in path.parts:
            assert KEY.encode() not in path.read_bytes()


# --- leftovers -----------------------------------------------------------------------------------


def test_unfinished_files_that_nothing_wants_are_deleted_after_a_while(tmp_path):
    names = [".satchel-1.part", ".satchel-1.part.json", ".satchel-2.part", ".satchel-3.quarantine",
             ".satchel-4.lock", "mine.part", ".satchel-x.safetensors", "a.safetensors"]  # fmt: skip
    for name in names:
        (tmp_path / name).write_bytes(b"12345")
    later = time.time() + STALE_S + 60
    keep = [tmp_path / ".satchel-2.part"]

    assert stale_files([tmp_path], keep=keep, now=time.time()) == []
    stale = stale_files([tmp_path], keep=keep, now=later)

    assert [path.name for path in stale] == [names[0], names[1], names[3], names[4]]
    assert delete_stale(stale) == 20
    assert listing(tmp_path) == sorted([names[2], *names[5:]])
