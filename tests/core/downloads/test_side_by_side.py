"""Downloads: several at once, of the same bytes and of different ones."""

from __future__ import annotations

import threading

import pytest
from support.downloads import listing, ranges

from satchel.errors import CancelledError
from satchel.hashes import hash_file
from satchel.progress import Cancellation


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
