"""The download queue: how it is worked through, and what a killed process leaves."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from support.downloads import KEY, identity, listing, original, part_of, ranges
from support.workspaces import make_workspace

from satchel.downloads import DownloadQueue
from satchel.errors import ForbiddenFormatError, ForbiddenSizeError
from satchel.policy import Policy
from satchel.progress import Cancellation
from satchel.queueing import enqueue, make_runner
from satchel.settings import origin_of

ROOT = Path(__file__).resolve().parents[3]


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
