"""Tokens in a file that only its owner can read, for those who do not set them by environment.

The file is JSON: `{"civitai": "<token>"}`. Its tokens reach nothing but `Settings`, where they are
no part of any text. On Windows permissions are not read: there the file lies in the user's profile,
which other accounts than administrators cannot open unless that was changed.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import CredentialsError, InvalidInputError

MAX_BYTES = 64 * 1024
_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OFF = "off"


def credentials_path(environ: Mapping[str, str]) -> Path | None:
    """Where the tokens are: `SATCHEL_CREDENTIALS`, else in the user's settings; None: nowhere."""
    named = environ.get("SATCHEL_CREDENTIALS", "").strip()
    if named:
        return None if named.lower() == _OFF else Path(named)
    if os.name == "nt":
        base = environ.get("LOCALAPPDATA") or ""
    elif sys.platform == "darwin":
        home = environ.get("HOME")
        base = f"{home}/Library/Application Support" if home else ""
    else:
        home = environ.get("HOME")
        base = environ.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else "")
    return Path(base) / "satchel" / "credentials.json" if base else None


def checked_token(name: str, text: str) -> str:
    """A token without space around it, if an HTTP header can carry it.

    Anything else would fail later, inside that header, with the token in the traceback.

    Args:
        name: where it comes from; the token itself is in no error.

    Raises:
        InvalidInputError: it cannot be a token.
    """
    token = text.strip()
    if not all("!" <= char <= "~" for char in token):
        raise InvalidInputError(
            f"{name} holds a character that no API key has.",
            hint="Copy the key again, without spaces or line breaks.",
        )
    return token


@dataclass(frozen=True, slots=True)
class CredentialFile:
    """The tokens' file; it need not exist."""

    path: Path

    def read(self) -> dict[str, str]:
        """The tokens by source.

        Raises:
            CredentialsError: others can read it, it is somebody else's, or it is no such file.
        """
        try:
            with self.path.open("rb") as file:
                self._check_owner(os.fstat(file.fileno()))
                text = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._refused(f"cannot be read: {error.strerror or error}") from error
        try:
            tokens = json.loads(text) if len(text) <= MAX_BYTES else None
        except (ValueError, RecursionError):
            tokens = None
        if not isinstance(tokens, dict) or not all(isinstance(t, str) for t in tokens.values()):
            raise self._refused("is no file of tokens", hint="Delete it, and set the tokens again.")
        return {source: checked_token(self.path.name, token) for source, token in tokens.items()}

    def set(self, source: str, token: str) -> None:
        """Stores a token; nobody else can read the file at any moment."""
        self._change(source, token)

    def clear(self, source: str) -> bool:
        """Forgets a token; says whether there was one."""
        if source not in self.read():
            return False
        self._change(source, None)
        return True

    def _change(self, source: str, token: str | None) -> None:
        from filelock import FileLock  # settings are read where nothing but Python is installed

        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with FileLock(self.path.with_name(f"{self.path.name}.lock"), timeout=10):
                tokens = {**self.read(), source: token}
                self._write({name: text for name, text in tokens.items() if text})
        except OSError as error:
            raise self._refused(f"cannot be written: {error.strerror or error}") from error

    def _write(self, tokens: Mapping[str, str]) -> None:
        # mkstemp makes a file that only its owner can open, before anything is in it.
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=".credentials-")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(tokens, file, indent=2)
            Path(name).replace(self.path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def _check_owner(self, status: os.stat_result) -> None:
        if not stat.S_ISREG(status.st_mode):
            raise self._refused("is no plain file")
        if sys.platform == "win32":
            return
        if status.st_uid not in (os.geteuid(), 0):
            raise self._refused("belongs to another user", hint="Make one of your own.")
        if status.st_mode & _OTHERS:
            raise self._refused(
                "can be read or changed by others",
                hint=f"Run: chmod 600 {self.path} . If others had access, make new tokens.",
            )

    def _refused(self, what: str, hint: str = "Check the file, or delete it.") -> CredentialsError:
        return CredentialsError(
            f"The file of tokens {self.path} {what}, so it is not used.",
            hint=hint,
            path=self.path.name,
        )
