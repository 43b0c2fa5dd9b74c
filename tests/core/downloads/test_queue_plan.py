"""The download queue: what it decides to do next, from its entries and its limits."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from support.queues import entry

from satchel.downloads import QueueLimits
from satchel.downloads.queue_plan import Settle, Start, Stop, plan_next, retry_wait
from satchel.downloads.queue_runner import Speed
from satchel.errors import NotFoundError, QuotaExceededError, RateLimitedError, UnavailableError

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
