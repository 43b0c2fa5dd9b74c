"""Work on a thread, watched from outside."""

from __future__ import annotations

import threading

import pytest

from satchel.errors import HashMismatchError, UnknownJobError
from satchel.jobs import MAX_FINISHED, Jobs
from satchel.progress import Progress


def finish(jobs: Jobs, work, watch=None):
    job = jobs.start(work, watch)
    assert job.finished.wait(5)
    return job


def test_a_job_runs_reports_and_ends_with_its_result():
    jobs, going, go_on = Jobs(), threading.Event(), threading.Event()
    heard = []

    def work(report, cancellation):
        report(Progress("downloading", "a.safetensors", 5, 10))
        going.set()
        assert go_on.wait(5)
        return {"installed": []}

    job = jobs.start(work, lambda job, progress: heard.append((job.id, progress.state)))
    assert going.wait(5)

    running = jobs.get(job.id).to_json()
    assert (running["state"], running["progress"]["done"]) == ("running", 5)
    assert "result" not in running

    go_on.set()
    assert job.finished.wait(5)
    done = jobs.get(job.id).to_json()
    assert (done["state"], done["result"]) == ("done", {"installed": []})
    assert "error" not in done
    assert heard == [(job.id, "downloading"), (job.id, "done")]


def test_a_failure_is_told_as_it_was_raised():
    def work(report, cancellation):
        raise HashMismatchError("It differs.", expected="a")

    heard = []
    job = finish(Jobs(), work, lambda job, progress: heard.append(progress.state)).to_json()

    assert job["state"] == "failed"
    assert job["error"]["code"] == "hash_mismatch"
    assert job["error"]["details"] == {"expected": "a"}
    assert "result" not in job
    assert heard == ["failed"]


def test_an_unexpected_exception_becomes_an_error_without_its_text():
    def work(report, cancellation):
        raise KeyError("secret-token")

    job = finish(Jobs(), work).to_json()

    assert (job["state"], job["error"]["code"]) == ("failed", "satchel_error")
    assert "KeyError" in job["error"]["message"]
    assert "secret" not in str(job)


def test_a_job_can_be_cancelled():
    def work(report, cancellation):
        cancellation.wait(30)

    jobs = Jobs()
    job = jobs.start(work)
    job.cancellation.cancel()

    assert job.finished.wait(5)
    answer = jobs.get(job.id).to_json()
    assert (answer["state"], answer["error"]["code"]) == ("cancelled", "cancelled")


def test_a_watcher_that_breaks_does_not_hang_the_job():
    def watch(job, progress):
        raise RuntimeError("the browser went away")

    job = finish(Jobs(), lambda report, cancellation: 1, watch)

    assert job.state == "done"


def test_an_unknown_job_is_not_found():
    with pytest.raises(UnknownJobError, match="no such job") as caught:
        Jobs().get("nope")

    assert caught.value.http_status == 404


def test_old_finished_jobs_are_forgotten_and_running_ones_are_not():
    jobs, stop = Jobs(), threading.Event()
    running = jobs.start(lambda report, cancellation: stop.wait(10))
    finished = [finish(jobs, lambda report, cancellation: None) for _ in range(MAX_FINISHED + 3)]

    with pytest.raises(UnknownJobError):
        jobs.get(finished[0].id)
    assert jobs.get(finished[-1].id).state == "done"
    assert jobs.get(running.id).state == "running"
    stop.set()
    assert running.finished.wait(5)
