"""Running other programs quietly: their output goes to a log, ours is one line with the time."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from . import ROOT
from .problems import StepFailedError

HEARTBEAT_S = 20.0
CLEAN_UP_S = 30.0

# What pip, npm and apt write when there is no way to the registry.
_NETWORK_SIGNS = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "NameResolutionError",
    "Temporary failure in name resolution",
    "Network is unreachable",
    "ProxyError",
    "getaddrinfo failed",
    "ENOTFOUND",
    "ECONNREFUSED",
    "EAI_AGAIN",
    "Temporary failure resolving",
)
_DISK_SIGNS = ("No space left on device", "ENOSPC", "not enough space on the disk")
# pip says this for every local index folder of its configuration that has no such package.
_NOISE = "is ignored: it is"


def say(text: str) -> None:
    print(text, flush=True)


def run_logged(
    command: Sequence[str | Path],
    log: Path,
    doing: str,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Runs a program with its output appended to `log`, saying every 20 s that it still runs.

    Raises:
        StepFailedError: it could not be started, or its exit status is not 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    with log.open("ab") as output:
        begin = output.tell()
        output.write(f"$ {' '.join(map(str, command))}\n".encode())
        output.flush()
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
            )
        except OSError as error:
            raise StepFailedError(f"{doing} failed: {error}.") from error
        status = _wait(process, doing, started)
    if status:
        with log.open("rb") as output:
            output.seek(begin)
            written = output.read().decode("utf-8", "replace")
        raise StepFailedError(explain_failure(doing, status, written, log))


def _wait(process: subprocess.Popen[bytes], doing: str, started: float) -> int:
    """Waits with a heartbeat; the program never outlives us."""
    try:
        while True:
            try:
                return process.wait(timeout=HEARTBEAT_S)
            except subprocess.TimeoutExpired:
                say(f"  {doing}: {time.monotonic() - started:.0f} s so far")
    except BaseException:
        process.kill()
        process.wait()
        raise


class Terminated(KeyboardInterrupt):
    """We were asked to end by a signal that our child processes did not get."""


def obey_termination() -> None:
    """From now on SIGTERM unwinds like Ctrl-C, so that no server or pip is left behind."""

    def unwind(number: int, frame: object) -> None:
        raise Terminated

    signal.signal(signal.SIGTERM, unwind)


def run_foreground(command: Sequence[str], env: Mapping[str, str]) -> int:
    """Runs a program on our terminal, from the checkout; when interrupted, lets it clean up."""
    process = subprocess.Popen(command, cwd=ROOT, env=dict(env))
    try:
        return process.wait()
    except KeyboardInterrupt as interrupt:
        # Ctrl-C reached it as well; a signal to us alone did not.
        if isinstance(interrupt, Terminated):
            process.send_signal(signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=CLEAN_UP_S)
        raise
    finally:
        process.kill()
        process.wait()


def explain_failure(doing: str, status: int, written: str, log: Path) -> str:
    """One sentence for the usual causes; the end of the output for the others."""
    if any(sign in written for sign in _DISK_SIGNS):
        return f"{doing} failed: the disk is full (log: {log})."
    if any(sign in written for sign in _NETWORK_SIGNS):
        return f"{doing} failed: the package registry cannot be reached (log: {log})."
    lines = [line for line in written.splitlines() if line.strip() and _NOISE not in line]
    tail = "\n".join(f"  {line}" for line in lines[-12:])
    return f"{doing} failed with exit status {status} (log: {log}):\n{tail}"


def clean_environment(**changes: str | None) -> dict[str, str]:
    """This process's environment without what would leak our Python into another one.

    A value of None removes the variable.
    """
    leaking = {"PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "__PYVENV_LAUNCHER__"}
    env = {name: value for name, value in os.environ.items() if name not in leaking}
    for name, value in changes.items():
        if value is None:
            env.pop(name, None)
        else:
            env[name] = value
    return env
