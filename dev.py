#!/usr/bin/env python3
"""One door to everything a developer of ComfyUI-Satchel does. Standard library only.

The work is done in tools/satchel_tools; this file reads the command line.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
SUPPORTED = ((3, 11), (3, 12), (3, 13))
COMMANDS = {
    "demo": "the whole journey on a real ComfyUI: author, export, import, identical image",
    "test": "lint, types, web unit tests, then every Python test in the real host and browser",
    "lint": "ruff, mypy and tsc only",
    "bench": "benchmarks/NAME.py, or all of them, in the host's Python",
    "torture": "kill -9 at random points of downloads and catalog writes; prints the counts",
    "fuzz": "traps of 10 MB and bent files for everything that reads strangers' bytes",
    "serve": "ComfyUI with this checkout as a custom node, for daily work",
}
EPILOG = """\
What they need (ComfyUI 0.30.0 with its own Python packages, development tools) is put once
into a cache folder outside the checkout and reused by every checkout.

environment:
  SATCHEL_CACHE            the cache folder (default: satchel-dev in the user's cache folder)
  SATCHEL_COMFYUI          use this ComfyUI folder instead of providing one
  SATCHEL_COMFYUI_PYTHON   the Python that runs it (default: the one found beside it)
  SATCHEL_CHROMIUM         the browser for the browser tests
"""


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python dev.py",
        description="One door to everything a developer of ComfyUI-Satchel does.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND")
    # The demo has its own options, --help included.
    commands = {
        name: subparsers.add_parser(
            name, help=text, description=text, allow_abbrev=False, add_help=name != "demo"
        )
        for name, text in COMMANDS.items()
    }

    test = commands["test"]
    test.epilog = "All other arguments go to pytest. With -k or a path, only pytest runs."
    test.add_argument("--fast", action="store_true", help="no host, no browser: under a minute")
    test.add_argument("-k", metavar="EXPR", help="run only the Python tests that match")

    commands["lint"].add_argument("--fix", action="store_true", help="repair what can be")

    bench = commands["bench"]
    bench.epilog = "All other arguments go to the benchmark."
    bench.add_argument("name", nargs="?", metavar="NAME", help="without it, all of them run")
    bench.add_argument("--list", action="store_true", help="only list them")

    torture = commands["torture"]
    torture.add_argument(
        "--count", type=int, default=200, metavar="N", help="kills of each kind (%(default)s)"
    )

    commands["fuzz"].epilog = "Other arguments: --seconds N, --target NAME, --size N, --seed N."

    serve = commands["serve"]
    serve.epilog = "All other arguments go to ComfyUI."
    serve.add_argument("--port", type=int, default=8188, help="8188 if not given; 0: a free one")
    return parser


def refuse_python(version: tuple[int, ...]) -> str | None:
    """The sentence for a Python that the tools do not run on; None for one that they do."""
    if version[:2] in SUPPORTED:
        return None
    running = ".".join(map(str, version[:3]))
    supported = ", ".join(f"{major}.{minor}" for major, minor in SUPPORTED)
    return f"Python {running} is not supported by the development tools; use one of {supported}."


def main(argv: list[str]) -> int:
    refusal = refuse_python(sys.version_info[:3])
    if refusal:
        print(f"dev.py: {refusal}", file=sys.stderr)
        return 2
    parser = build_parser()
    arguments, more = parser.parse_known_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    if more and arguments.command in ("lint", "torture"):
        parser.error(f"unrecognized arguments: {' '.join(more)}")

    sys.path.insert(0, str(ROOT / "tools"))
    from satchel_tools import commands
    from satchel_tools.problems import ToolError
    from satchel_tools.running import obey_termination

    obey_termination()
    run = getattr(commands, arguments.command)
    try:
        return int(run(arguments, [argument for argument in more if argument != "--"]))
    except ToolError as error:
        print(f"dev.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("dev.py: stopped.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
