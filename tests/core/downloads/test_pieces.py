"""Who fetches which bytes: arithmetic, without a network."""

from __future__ import annotations

import random

import pytest

from satchel.downloads.bandwidth import BURST_S, TokenBucket
from satchel.downloads.pieces import (
    FIRST_PIECE_BYTES,
    MAX_PIECE_BYTES,
    MIN_PIECE_BYTES,
    MIN_SPLIT_BYTES,
    WINDOW_BYTES,
    Piece,
    Split,
    Take,
    piece_bytes,
    plan_piece,
)
from satchel.downloads.ranges import Ranges, ranges_from_json

MIB = 1 << 20


@pytest.mark.parametrize(
    ("added", "expected"),
    [
        ([], []),
        ([(0, 5)], [(0, 5)]),
        ([(0, 5), (5, 9)], [(0, 9)]),
        ([(5, 9), (0, 5)], [(0, 9)]),
        ([(0, 2), (8, 9)], [(0, 2), (8, 9)]),
        ([(0, 2), (8, 9), (1, 8)], [(0, 9)]),
        ([(0, 2), (4, 6), (8, 9), (3, 7)], [(0, 2), (3, 7), (8, 9)]),
        ([(3, 7), (4, 5)], [(3, 7)]),
        ([(3, 3), (7, 5)], []),
    ],
)
def test_spans_that_touch_become_one(added, expected):
    assert list(Ranges(added)) == expected


def test_ranges_agree_with_a_set_of_bytes():
    dice = random.Random(0)
    for _ in range(200):
        ranges, there = Ranges(), set()
        for _ in range(dice.randrange(12)):
            start = dice.randrange(40)
            end = start + dice.randrange(12)
            ranges.add(start, end)
            there |= set(range(start, end))
        missing = {byte for start, end in ranges.gaps(45) for byte in range(start, end)}
        assert missing == set(range(45)) - there
        assert ranges.bytes == len(there)
        position = dice.randrange(45)
        expected = position
        while expected in there:
            expected += 1
        assert ranges.end_from(position) == expected


@pytest.mark.parametrize(
    "value", [None, {}, "x", [[0]], [[0, 1, 2]], [[1, 0]], [[-1, 2]], [[0, 1.5]], [[True, 2]], [7]]
)
def test_what_is_no_list_of_spans_is_not_believed(value):
    assert ranges_from_json(value) is None


@pytest.mark.parametrize(
    ("missing", "connections", "bytes_per_s", "expected"),
    [
        (1 << 30, 4, 0, FIRST_PIECE_BYTES),
        (1 << 30, 4, 1 * MIB, FIRST_PIECE_BYTES),
        (1 << 30, 4, 20 * MIB, 30 * MIB),
        (8 << 30, 4, 900 * MIB, MAX_PIECE_BYTES),
        (80 * MIB, 4, 900 * MIB, 15 * MIB),
        (32 * MIB, 4, 0, 6 * MIB),
        (8 * MIB, 8, 900 * MIB, MIN_PIECE_BYTES),
    ],
)
def test_pieces_are_as_long_as_connections_are_fast_and_shorter_towards_the_end(
    missing, connections, bytes_per_s, expected
):
    assert piece_bytes(missing, connections, bytes_per_s) == expected


FAR = WINDOW_BYTES + MIB


@pytest.mark.parametrize(
    ("missing", "active", "expected"),
    [
        ([(0, 100 * MIB)], [], Take(0, 8 * MIB)),
        ([(0, 100 * MIB)], [Piece(0, 8 * MIB)], Take(8 * MIB, 16 * MIB)),
        ([(3 * MIB, 5 * MIB), (9 * MIB, 99 * MIB)], [], Take(3 * MIB, 5 * MIB)),
        ([(0, 8 * MIB)], [Piece(0, 8 * MIB)], Split(0, 4 * MIB)),
        ([(0, 9 * MIB)], [Piece(6 * MIB, 9 * MIB), Piece(0, 6 * MIB)], Split(1, 3 * MIB)),
        ([(0, MIB)], [Piece(0, MIB)], None),
        ([(0, 10)], [Piece(0, None)], None),
        ([], [], None),
        # What is too far ahead would be out of the page cache when the digest gets there.
        ([(0, 8 * MIB), (FAR, FAR + 9)], [Piece(0, 8 * MIB)], Split(0, 4 * MIB)),
        ([(0, MIB), (FAR, FAR + 9)], [Piece(0, MIB)], Take(FAR, FAR + 9)),
    ],
)
def test_a_free_connection_takes_the_first_free_bytes_or_half_of_the_largest_piece(
    missing, active, expected
):
    assert plan_piece(missing, active, 8 * MIB) == expected


def test_every_byte_is_fetched_once_whatever_the_speeds():
    dice = random.Random(1)
    for _ in range(20):
        total = dice.randrange(1, 400 * MIB)
        written, fetched, active = Ranges(), 0, []
        while written.gaps(total):
            choice = plan_piece(written.gaps(total), active, 16 * MIB)
            if choice is not None and len(active) < 6:
                if isinstance(choice, Split):
                    victim = active[choice.index]
                    assert victim.left >= MIN_SPLIT_BYTES
                    piece, victim.end = Piece(choice.start, victim.end), choice.start
                else:
                    piece = Piece(choice.start, choice.end)
                active.append(piece)
                continue
            piece = dice.choice(active)
            count = min(piece.left, dice.randrange(1, 3 * MIB))
            written.add(piece.position, piece.position + count)
            fetched += count
            piece.position += count
            active = [other for other in active if other.left]
        assert fetched == total


def test_a_bucket_hands_out_its_rate_however_many_share_it(monkeypatch):
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    bucket = TokenBucket(1000)

    for _ in range(50):  # each waits for what it took before the next one takes
        now += bucket.debt_s(100)

    assert now == pytest.approx(5.0)
    now += 100
    assert bucket.debt_s(1000) == pytest.approx(1 - BURST_S)  # idle time saves up only so much


def test_a_bucket_without_a_rate_lets_everything_pass():
    bucket = TokenBucket()

    assert bucket.debt_s(1 << 40) == 0.0
    bucket.set_rate(10)
    assert bucket.debt_s(10) > 0
