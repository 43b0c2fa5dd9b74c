"""The commands of dev.py, one function each: `(arguments, what else was given) -> exit status`."""

from __future__ import annotations

import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

from . import ROOT
from .cache import cache_root, locked, require_space
from .checks import Result, lint_checks, run_pytest, run_web_tests
from .chromium import provide_chromium
from .comfyui import ComfyUI
from .environment import provide_dev_python, provide_node
from .host import Host, provide_host
from .problems import ToolError
from .running import clean_environment, run_foreground, say

BENCHMARKS = ROOT / "benchmarks"
TORTURES = ("torture_catalog", "torture_downloads")
DEMO_BYTES = 2_500_000_000
# A file's tests stay in one process: what they share (a server, a browser, models) costs most.
# Files go out in their order: those that boot servers have few tests and would be left for the end.
BY_FILE = ("--dist", "loadfile", "--no-loadscope-reorder")
# --fast leaves out what is marked as costly, and does not even import what needs the host.
FAST = (
    *("-m", "not host and not server and not browser and not slow"),
    *("--ignore=tests/nodes", "--ignore=tests/server", "--ignore=tests/e2e"),
    *("-n", "auto", *BY_FILE),
)
# Each process loads ComfyUI and boots others: more of them want many cores, and memory.
EVERYTHING = ("-n", "2", *BY_FILE)


def lint(arguments: Namespace, more: Sequence[str]) -> int:
    root = cache_root()
    python = provide_dev_python(root)
    node = provide_node(root, python)
    results = [check() for check in lint_checks(python, node, fix=arguments.fix)]
    return summarize(results)


def test(arguments: Namespace, more: Sequence[str]) -> int:
    """Everything, in two processes (`-n 0`: in one).

    With -k or a path only pytest, in one process, whose own summary is then the last line.
    """
    root = cache_root()
    started = time.monotonic()
    say("== environment")
    python = provide_dev_python(root)
    host = None if arguments.fast else provide_host(root)
    env, search_path = host_for_pytest(host, root, python) if host else ({}, [])
    selection = ["-k", arguments.k] if arguments.k else []
    only_pytest = bool(selection) or any(_names_a_test(argument) for argument in more)

    results = []
    if not only_pytest:
        node = provide_node(root, python)
        say(f"   ok in {time.monotonic() - started:.1f} s")
        results = [check() for check in lint_checks(python, node)]
        results.append(run_web_tests(node))
    costs = FAST if arguments.fast else () if only_pytest else EVERYTHING
    results.append(run_pytest(python, [*costs, *selection, *more], env, search_path))
    if only_pytest:
        return int(results[-1].failed > 0)
    return summarize(results)


def _names_a_test(argument: str) -> bool:
    return not argument.startswith("-") and (ROOT / argument.partition("::")[0]).exists()


def host_for_pytest(host: Host, root: Path, python: Path) -> tuple[dict[str, str], list[str]]:
    """The environment variables and the search path of a pytest run with host and browser.

    pytest runs in the development Python with the host's packages before its own. Servers are
    booted with the host's Python alone, as for a user who has only cloned us.

    Args:
        python: one with pip, for what comes from npm.
    """
    minor, _ = host.python_facts
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    if minor != ours:
        raise ToolError(
            f"The ComfyUI in {host.directory} runs on Python {minor}, so its tests need "
            f"dev.py to be run with Python {minor} too; this is {ours}."
        )
    chromium = provide_chromium(root / "logs" / "chromium.log")
    say(f"  browser: {chromium}")
    env = {
        "SATCHEL_HOST_DIR": str(host.directory),
        "SATCHEL_HOST_PYTHON": str(host.python),
        "SATCHEL_CHROMIUM": str(chromium),
        # Small tensors on two threads wait at every step until both have a core: ten times slower
        # on a machine with other work, and here two processes are that work for each other.
        "OMP_NUM_THREADS": "1",
        "SATCHEL_AXE": str(provide_node(root, python).axe),
    }
    return env, host.search_path()


def summarize(results: Sequence[Result]) -> int:
    """A table of the stages, then the line of totals; a check counts as one test."""
    say("")
    for result in results:
        counts = f"{result.passed} passed, {result.failed} failed, {result.skipped} skipped"
        say(f"{result.name:<15} {result.seconds:6.1f} s   {counts}")
    passed, failed, skipped = (
        sum(getattr(result, name) for result in results) for name in ("passed", "failed", "skipped")
    )
    say(f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return int(failed > 0)


def run_in_host(host: Host, target: str | Path, arguments: Sequence[str]) -> int:
    """Runs a script or a module by satchel_tools/launch.py in the host's Python."""
    launcher = Path(__file__).with_name("launch.py")
    env = clean_environment(
        SATCHEL_HOST_DIR=str(host.directory), SATCHEL_HOST_PYTHON=str(host.python)
    )
    command = [str(host.python), str(launcher), str(target), *arguments]
    return run_foreground(command, env)


def demo(arguments: Namespace, more: Sequence[str]) -> int:
    """The whole journey; a request for help needs no host."""
    if {"-h", "--help"} & set(more):
        env = clean_environment(PYTHONPATH=str(ROOT / "tools"))
        command = [sys.executable, "-P", "-m", "satchel_tools.demo", *more]
        return run_foreground(command, env)
    require_space(Path(tempfile.gettempdir()), DEMO_BYTES, "the demo's files")
    # With --json, stdout is one JSON object and nothing else.
    with redirect_stdout(sys.stderr if "--json" in more else sys.stdout):
        host = provide_host(cache_root())
    return run_in_host(host, "satchel_tools.demo", more)


def bench(arguments: Namespace, more: Sequence[str]) -> int:
    names = sorted(path.stem for path in BENCHMARKS.glob("[!_]*.py"))
    if arguments.list:
        say("\n".join(names) or "There are no benchmarks.")
        return 0
    if arguments.name is not None and arguments.name not in names:
        raise ToolError(
            f"There is no benchmark {arguments.name!r}; there are: {', '.join(names) or 'none'}."
        )
    chosen = names if arguments.name is None else [arguments.name]
    # With --json, stdout is what the benchmark prints and nothing else.
    talk = sys.stderr if "--json" in more else sys.stdout
    with redirect_stdout(talk):
        host = provide_host(cache_root())
    statuses = []
    for name in chosen:
        print(f"== {name}", file=talk, flush=True)
        statuses.append(run_in_host(host, BENCHMARKS / f"{name}.py", more))
    return int(any(statuses))


def torture(arguments: Namespace, more: Sequence[str]) -> int:
    """Each proof in a process of its own, even after one that failed; they need no host."""
    if arguments.count < 1:
        raise ToolError("There is nothing to prove with fewer than one kill.")
    python = provide_dev_python(cache_root())
    env = clean_environment(PYTHONPATH=str(ROOT / "tools"))
    statuses = []
    for name in TORTURES:
        say(f"== {name}")
        command = [str(python), "-P", "-m", f"satchel_tools.{name}", str(arguments.count)]
        statuses.append(run_foreground(command, env))
    return int(any(statuses))


def fuzz(arguments: Namespace, more: Sequence[str]) -> int:
    """In the development Python: no reader needs the host."""
    python = provide_dev_python(cache_root())
    env = clean_environment(PYTHONPATH=str(ROOT / "tools"))
    return run_foreground([str(python), "-P", "-m", "satchel_tools.fuzz", *more], env)


def serve(arguments: Namespace, more: Sequence[str]) -> int:
    """In the foreground until Ctrl-C; models and outputs stay in the cache between runs."""
    root = cache_root()
    host = provide_host(root)
    base = root / "serve"
    comfy = ComfyUI(
        host,
        base,
        port=arguments.port,
        cpu=not host.has_accelerator(),
        extra_args=more,
        log=None,
    )
    with locked(root / "locks" / "serve.lock", "serve"), comfy:
        say(f"\nComfyUI with {ROOT} is at {comfy.url} (its files: {base}). Ctrl-C stops it.\n")
        assert comfy.process is not None
        return comfy.process.wait()
