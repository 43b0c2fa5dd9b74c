"""Virtual environments, made with the interpreter that runs dev.py."""

from __future__ import annotations

import sys
from pathlib import Path

from .problems import StepFailedError, ToolError
from .running import clean_environment, run_logged

NO_CACHE = ("--no-cache-dir", "--progress-bar", "off", "--disable-pip-version-check")
"""The environments are kept themselves: pip's cache would only double the disk they take."""


def venv_python(directory: Path) -> Path:
    if sys.platform == "win32":
        return directory / "Scripts" / "python.exe"
    return directory / "bin" / "python"


def make_venv(directory: Path, log: Path) -> Path:
    """Makes an empty one with pip in it and returns its Python.

    Raises:
        ToolError: this Python lacks `venv` or `ensurepip`, as Debian's does without a package.
    """
    try:
        run_logged(
            [sys.executable, "-m", "venv", directory],
            log,
            "making a virtual environment",
            env=clean_environment(),
        )
    except StepFailedError as error:
        if "ensurepip" in str(error) or "No module named venv" in str(error):
            raise ToolError(
                f"{sys.executable} cannot make virtual environments; install its venv module "
                "(on Debian and Ubuntu: apt-get install python3-venv)."
            ) from error
        raise
    return venv_python(directory)
