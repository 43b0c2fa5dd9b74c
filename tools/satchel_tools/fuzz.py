"""Feeds traps of 10 MB and bent files to all readers, each in a process of its own, and measures.

    python dev.py fuzz [--seconds N] [--target NAME]

Time is the processor's, so that a busy machine does not count; memory is how far the resident set
grew over what it was before the bytes were read, the 10 MB included. Where `atheris` is installed
(`pip install atheris`), it looks for crashes in the containers for as long again, by coverage.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import ROOT
from .fuzz_inputs import Trap, mutations
from .fuzz_targets import TARGETS, Target

SIZE = 10_000_000
MAX_SECONDS, MAX_BYTES = 1.0, 256 << 20
GIVE_UP_S = 30
"""Of the processor, after which a reader is stopped."""
_ADDRESS_SPACE = 2 << 30
_UNIT = 1 if sys.platform == "darwin" else 1024
"""Bytes in one of `ru_maxrss`."""


def in_child(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a function returns that runs in a fork of this process, with limits; what went wrong
    otherwise, as `crash`."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(reading)
            resource.setrlimit(resource.RLIMIT_CPU, (GIVE_UP_S, GIVE_UP_S))
            resource.setrlimit(resource.RLIMIT_AS, (_ADDRESS_SPACE, _ADDRESS_SPACE))
            try:
                answer = work()
            except BaseException:
                answer = {"crash": traceback.format_exc(limit=-3)}
            os.write(writing, json.dumps(answer).encode()[:60_000])
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read()
    _, status = os.waitpid(child, 0)
    if text:
        answer = json.loads(text)
        assert isinstance(answer, dict)
        return answer
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    return {"crash": f"stopped by {signal.Signals(number).name if number else 'itself'}"}


def run_trap(target: Target, trap: Trap, size: int) -> dict[str, Any]:
    """Seconds, bytes and answer of one reader for one trap."""
    with tempfile.NamedTemporaryFile() as file:

        def make() -> dict[str, Any]:
            Path(file.name).write_bytes(trap(size))
            return {}

        def read() -> dict[str, Any]:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            data = Path(file.name).read_bytes()
            started = time.process_time()
            code = target.feed(data)
            seconds = time.process_time() - started
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
            return {"seconds": seconds, "bytes": grown * _UNIT, "code": code}

        # Made elsewhere: memory that making it left free would hide what reading it takes.
        made = in_child(make)
        return made if "crash" in made else in_child(read)


def run_mutations(target: Target, seconds: float, seed: int) -> dict[str, Any]:
    """How many bent files were read, and the slowest; a crash with the file that caused it."""

    def work() -> dict[str, Any]:
        count, slowest, ends = 0, 0.0, time.monotonic() + seconds
        for data in mutations(target.samples(), seed):
            started = time.process_time()
            try:
                target.feed(data)
            except Exception:
                return {"crash": traceback.format_exc(limit=-3), "input": data[:20_000].hex()}
            count, slowest = count + 1, max(slowest, time.process_time() - started)
            if time.monotonic() > ends:
                return {"count": count, "seconds": slowest}
        raise AssertionError("mutations never end")

    return in_child(work)


def run_atheris(seconds: int) -> int | None:
    """The exit status of a coverage-guided run over the containers; None without atheris."""
    if importlib.util.find_spec("atheris") is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        corpus = Path(folder, "corpus")
        corpus.mkdir()
        for path in (ROOT / "tests/data/containers").iterdir():
            (corpus / path.name).write_bytes(path.read_bytes())
        options = (f"-max_total_time={seconds}", "-timeout=5", "-rss_limit_mb=1024",
                   f"-artifact_prefix={folder}/", "-verbosity=0")  # fmt: skip
        command = [sys.executable, "-m", "satchel_tools.fuzz_atheris", *options, str(corpus)]
        return subprocess.run(command, cwd=ROOT / "tools", check=False).returncode


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python dev.py fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=10, help="of bent files for each reader")
    parser.add_argument("--target", choices=[target.name for target in TARGETS])
    parser.add_argument("--size", type=int, default=SIZE, help="bytes of a trap")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args(argv)
    failed = False
    for target in TARGETS:
        if arguments.target in (None, target.name):
            failed |= _report(target, arguments)
    if arguments.target in (None, "containers") and arguments.seconds:
        status = run_atheris(arguments.seconds)
        print(f"atheris: {'not installed' if status is None else f'exit status {status}'}")
        failed |= bool(status)
    return int(failed)


def _report(target: Target, arguments: argparse.Namespace) -> bool:
    """Prints what a reader did with everything; whether anything was too much for it."""
    failed = False
    print(f"== {target.name}", flush=True)
    for name, trap in target.traps.items():
        got = run_trap(target, trap, arguments.size)
        if "crash" in got:
            print(f"   CRASH {name}: {got['crash']}", flush=True)
            failed = True
            continue
        over = got["seconds"] > MAX_SECONDS or got["bytes"] > MAX_BYTES
        failed |= over
        print(
            f"   {got['seconds']:6.2f} s {got['bytes'] >> 20:5d} MiB {'OVER' if over else '    '}"
            f"  {name}: {got['code'] or 'read'}",
            flush=True,
        )
    if arguments.seconds:
        bent = run_mutations(target, arguments.seconds, arguments.seed)
        failed |= "crash" in bent
        print(f"   bent files, seed {arguments.seed}: {bent}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
