"""From arguments to an exit status: one command, one translation of errors."""

from __future__ import annotations

import argparse
import io
import json
import os
import sys
from pathlib import Path

from ..catalog import Catalog
from ..errors import (
    FileFormatError,
    InvalidInputError,
    ModelNotFoundError,
    SatchelError,
    WorkflowError,
)
from ..folders import open_folders
from ..policy import FILE_NAME as POLICY
from ..settings import Settings
from ..workspace import Workspace
from .commands import COMMANDS
from .result import Result
from .terminal import ProgressBar, plain

BAD_INPUT = (InvalidInputError, FileFormatError, WorkflowError, ModelNotFoundError)
"""Errors of what was handed in; all others mean that something is missing or differs."""

WITHOUT_MODELS = frozenset({"auth", "convert", "identify", "resolve", "run", "search", "trained"})
"""Commands that can do without a models folder."""


def run(arguments: argparse.Namespace) -> int:
    """Runs one command; prints its result to stdout and everything else to stderr."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names know no code page
    bar = ProgressBar(sys.stderr)
    try:
        result = COMMANDS[arguments.command](arguments, _workspace(arguments, bar))
    except SatchelError as error:
        bar.clear()
        _print_error(error, as_json=arguments.json)
        return 2 if isinstance(error, BAD_INPUT) else 1
    except OSError as error:
        bar.clear()
        _print_error(_file_error(error), as_json=arguments.json)
        return 1
    except KeyboardInterrupt:
        bar.clear()
        print("Stopped. What has arrived is kept; run it again to go on.", file=sys.stderr)
        return 130
    bar.clear()
    _print_result(result, as_json=arguments.json)
    return result.status


def _workspace(arguments: argparse.Namespace, bar: ProgressBar) -> Workspace:
    location = arguments.models or _default_models()
    if location is None:
        if _needs_models(arguments):
            raise InvalidInputError(
                "It is not clear where the models live.",
                hint="Say it with --models DIR or SATCHEL_MODELS: a models folder, a ComfyUI folder"
                " or an extra_model_paths.yaml.",
            )
        location = Path.cwd()
    folders = open_folders(location)
    catalog = Catalog(_catalog_path(location))
    packs = location / "custom_nodes"
    return Workspace(
        Settings.from_environment(policy_path=catalog.path.with_name(POLICY)), folders, catalog,
        bar.report,
        custom_nodes=(packs,) if packs.is_dir() else None,
    )  # fmt: skip


def _needs_models(arguments: argparse.Namespace) -> bool:
    """Whether a command looks at this machine's models, with these arguments."""
    two_locks = arguments.command == "diff" and arguments.new is not None
    unpacking = arguments.command == "bundle" and arguments.open
    return not (arguments.command in WITHOUT_MODELS or two_locks or unpacking)


def _default_models() -> Path | None:
    """`SATCHEL_MODELS`, the ComfyUI that this pack is installed in, or the one we stand in."""
    named = os.environ.get("SATCHEL_MODELS")
    if named:
        return Path(named)
    pack = Path(__file__).resolve().parents[2]
    for comfyui in (pack.parent.parent, Path.cwd()):
        if (comfyui / "custom_nodes").is_dir() and (comfyui / "models").is_dir():
            return comfyui
    return None


def _catalog_path(location: Path) -> Path:
    """Beside the server's own when a ComfyUI is meant, else in the user's data folder."""
    named = os.environ.get("SATCHEL_CATALOG")
    if named:
        return Path(named)
    if (location / "user").is_dir() and (location / "models").is_dir():
        return location / "user" / "__satchel" / "catalog.sqlite3"
    if os.name == "nt":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    return base / "satchel" / "catalog.sqlite3"


def _file_error(error: OSError) -> SatchelError:
    """A folder that may not be written, a disk that is full: nobody else could foresee it."""
    name = f" {error.filename}" if error.filename else ""
    return SatchelError(
        f"A file could not be used:{name} ({error.strerror or error}).",
        hint="Check that it is there, that it is yours, and that the disk is not full.",
    )


def _print_result(result: Result, *, as_json: bool) -> None:
    for complaint in result.complaints:
        print(f"satchel: {plain(complaint)}", file=sys.stderr)
    try:
        print(json.dumps(result.value, indent=2) if as_json else result.text, flush=True)
    except BrokenPipeError:  # whoever read it has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_error(error: SatchelError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": error.to_json()}, indent=2))
    failed = error.details.get("failed") or [
        {"name": error.details.get("file", ""), "message": str(error)}
    ]
    for failure in failed:
        about = f"{failure['name']}: " if failure["name"] not in failure["message"] else ""
        print(f"satchel: {plain(about + failure['message'])}", file=sys.stderr)
    for line in error.hint.splitlines():
        print(f"  {plain(line)}", file=sys.stderr)
