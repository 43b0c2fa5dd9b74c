"""The browser of the browser tests: the system's own, or Debian's package when we may install it.

Playwright's own browsers are not used: they come from a download server, not from a registry.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from .problems import ToolError
from .running import clean_environment, run_logged

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_APPLICATIONS = {
    "darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ),
    "win32": (
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    ),
}
_INSTALL = {
    "darwin": "install Google Chrome (brew install --cask google-chrome)",
    "win32": "install Google Chrome or Microsoft Edge",
}


def provide_chromium(log: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """The browser's path; installs Debian's package first when it is missing and we are root.

    Raises:
        ToolError: there is none, and it says how to install one.
    """
    chosen = environ.get("SATCHEL_CHROMIUM")
    if chosen:
        if not Path(chosen).is_file():
            raise ToolError(f"SATCHEL_CHROMIUM is {chosen}, but there is no such file.")
        return Path(chosen)
    found = find_chromium(environ.get("PATH"))
    if found is None and may_install(environ.get("PATH")):
        env = clean_environment(DEBIAN_FRONTEND="noninteractive")
        run_logged(["apt-get", "update"], log, "chromium: apt-get update", env=env)
        run_logged(
            ["apt-get", "install", "-y", "--no-install-recommends", "chromium"],
            log,
            "chromium: installing Debian's package",
            env=env,
        )
        found = find_chromium(environ.get("PATH"))
    if found is None:
        how = _INSTALL.get(sys.platform, "install it (Debian: apt-get install chromium)")
        raise ToolError(
            f"The browser tests need Chromium or Google Chrome: {how}, "
            "or set SATCHEL_CHROMIUM to its path, or run with --fast."
        )
    return found


def find_chromium(search: str | None) -> Path | None:
    """The first browser on the given PATH or where this system installs applications."""
    on_path = (shutil.which(name, path=search) for name in _NAMES)
    installed = (path for path in _APPLICATIONS.get(sys.platform, ()) if Path(path).is_file())
    for path in (*on_path, *installed):
        if path:
            return Path(path)
    return None


def may_install(search: str | None) -> bool:
    """Whether this is a Debian-like system and we are its root."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    return shutil.which("apt-get", path=search) is not None
