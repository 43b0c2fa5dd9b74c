"""Unfinished files that nothing wants."""

from __future__ import annotations

import time

from support.downloads import listing

from satchel.downloads.housekeeping import STALE_S, delete_stale, stale_files


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
