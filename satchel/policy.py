"""What the operator of a server allows: `satchel.toml`, beside the catalog.

    preload = ["portrait.lock.json"]

    [install]
    remote = "token"
    operator_token = "..."
    formats = [".safetensors"]
    max_file_bytes = 20_000_000_000
    max_total_bytes = 100_000_000_000

    [sources]
    trusted_origins = ["https://models.example:8443"]

The environment goes before the file. A file that cannot be read or understood stops what it would
rule: a mistake in it must not allow more than it says.
"""

from __future__ import annotations

import hmac
import os
import stat
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from .credentials import checked_token
from .errors import ForbiddenFormatError, ForbiddenSizeError, PolicyError
from .folders import MODEL_EXTENSIONS
from .identity import ModelIdentity

FILE_NAME = "satchel.toml"
TOKEN_HEADER = "X-Satchel-Token"
MIN_TOKEN = 16
"""Characters of an operator's token; shorter ones can be guessed."""
MAX_BYTES = 256 * 1024
Remote = Literal["nobody", "token", "anyone"]
_REMOTE: tuple[Remote, ...] = ("nobody", "token", "anyone")
_TRUE = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's rules."""

    remote: Remote = "token"
    """Which clients on other machines may install; with `token`, those that send it."""
    operator_token: str | None = field(default=None, repr=False)
    formats: frozenset[str] | None = None
    """Extensions that may be installed; None: those that cannot run code."""
    max_file_bytes: int | None = None
    max_total_bytes: int | None = None
    """Of one installation."""
    trusted_origins: tuple[str, ...] = ()
    preload: tuple[Path, ...] = ()
    """Locks and workflows whose models a server fetches before it accepts work."""

    def accepts_token(self, given: str | None) -> bool:
        """Whether a client sent the operator's token; takes as long for any wrong one."""
        if self.remote != "token" or self.operator_token is None or given is None:
            return False
        return hmac.compare_digest(given.encode(), self.operator_token.encode())

    def allows_format(self, name: str) -> bool:
        """Whether the operator named this extension."""
        return self.formats is not None and _suffix(name) in self.formats

    @property
    def most_bytes(self) -> int | None:
        """What no single file may exceed."""
        return min((n for n in (self.max_file_bytes, self.max_total_bytes) if n is not None),
                   default=None)  # fmt: skip

    def check(self, model: ModelIdentity, *, unsized: bool = False) -> None:
        """Refuses a model that the rules do not allow.

        Args:
            unsized: lets a size that is not known pass, because the transfer will tell it.

        Raises:
            ForbiddenFormatError, ForbiddenSizeError: by its extension, by its size.
        """
        if self.formats is not None and not self.allows_format(model.name):
            raise ForbiddenFormatError(
                f"{model.name!r} is in a format that this machine's policy does not allow.",
                hint=f"Its operator lists the formats in {FILE_NAME}.",
                name=model.name,
            )
        most = self.max_file_bytes
        if most is not None and (not unsized if model.size is None else model.size > most):
            raise too_large(model.name, model.size, most)

    def check_total(self, size: int) -> None:
        """Refuses an installation that is too large altogether.

        Raises:
            ForbiddenSizeError: it is.
        """
        most = self.max_total_bytes
        if most is not None and size > most:
            raise ForbiddenSizeError(
                f"{size} bytes would be fetched, and this machine's policy allows {most}.",
                hint=f"Its operator sets max_total_bytes in {FILE_NAME}.",
                allowed=most,
            )


def too_large(name: str, size: int | None, allowed: int) -> ForbiddenSizeError:
    """The refusal of one file; a size of None is one that nobody tells."""
    told = "of unknown size" if size is None else f"of {size} bytes"
    return ForbiddenSizeError(
        f"{name!r} is {told}, and this machine's policy allows {allowed} bytes.",
        hint=f"Its operator sets max_file_bytes and max_total_bytes in {FILE_NAME}.",
        name=name,
        allowed=allowed,
    )


def read_policy(path: Path | None, environ: Mapping[str, str]) -> Policy:
    """The rules of a file, where there is one, and of the environment before it.

    `SATCHEL_POLICY` names another file.

    Raises:
        PolicyError: the file or a variable cannot be used.
    """
    named = environ.get("SATCHEL_POLICY", "").strip()
    path = Path(named) if named else path
    table = _read(path, must_exist=bool(named)) if path is not None else {}
    base = path.parent if path is not None else Path()
    install, sources = _table(table, "install"), _table(table, "sources")
    _known(table, {"install", "sources", "preload"}, "")
    _known(install, {"remote", "operator_token", "formats", "max_file_bytes", "max_total_bytes"},
           "install.")  # fmt: skip
    _known(sources, {"trusted_origins"}, "sources.")
    token = environ.get("SATCHEL_OPERATOR_TOKEN") or _text(install, "operator_token")
    preload = [base / name for name in _texts(table, "preload")]
    named_locks = [name for name in environ.get("SATCHEL_PRELOAD", "").split(os.pathsep) if name]
    return Policy(
        _remote(environ, install),
        _operator_token(token),
        _formats(environ, install),
        _bytes("SATCHEL_MAX_FILE_BYTES", environ, install, "max_file_bytes"),
        _bytes("SATCHEL_MAX_TOTAL_BYTES", environ, install, "max_total_bytes"),
        tuple(_texts(sources, "trusted_origins")),
        tuple(map(Path, named_locks)) if named_locks else tuple(preload),
    )


def _read(path: Path, *, must_exist: bool) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        if must_exist:
            raise _refused(path, "does not exist") from None
        return {}
    except OSError as error:
        raise _refused(path, f"cannot be read: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise _refused(path, "is far too large")
    table = _parsed(path, _decoded(path, content))
    _check_owner(path, status, table)
    return table


def _parsed(path: Path, text: str) -> Mapping[str, Any]:
    try:
        toml = import_module("tomllib")
    except ModuleNotFoundError:
        hint = "Use the SATCHEL_* variables instead."
        raise _refused(path, "cannot be read before Python 3.11", hint) from None
    try:
        table: Mapping[str, Any] = toml.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused(path, f"is no TOML: {error}") from error
    return table


def _decoded(path: Path, content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(path, "is not UTF-8") from error


def _check_owner(path: Path, status: os.stat_result, table: Mapping[str, Any]) -> None:
    """Others may never change it; with a token in it, they may not read it either."""
    if not stat.S_ISREG(status.st_mode):
        raise _refused(path, "is no plain file")
    if sys.platform == "win32":
        return
    if status.st_uid not in (os.geteuid(), 0):
        raise _refused(path, "belongs to another user", hint="Make one of your own.")
    install = table.get("install")
    has_token = isinstance(install, dict) and "operator_token" in install
    if status.st_mode & (0o077 if has_token else 0o022):
        what = "can be read or changed by others" if has_token else "can be changed by others"
        raise _refused(path, what, hint=f"Run: chmod 600 {path}")


def _remote(environ: Mapping[str, str], install: Mapping[str, Any]) -> Remote:
    told = environ.get("SATCHEL_ALLOW_REMOTE_INSTALL", "").strip().lower()
    if told:
        return "anyone" if told in _TRUE else "token"
    value = _text(install, "remote") or "token"
    for known in _REMOTE:
        if value == known:
            return known
    raise _malformed("install.remote", "one of " + ", ".join(_REMOTE))


def _operator_token(text: str) -> str | None:
    token = checked_token("The operator's token", text)
    if token and len(token) < MIN_TOKEN:
        raise _malformed("The operator's token", f"at least {MIN_TOKEN} characters long")
    return token or None


def _formats(environ: Mapping[str, str], install: Mapping[str, Any]) -> frozenset[str] | None:
    told = environ.get("SATCHEL_FORMATS", "").replace(",", " ").split()
    if not told and "formats" not in install:
        return None
    listed = [text.lower() for text in told or _texts(install, "formats")]
    formats = frozenset(text if text.startswith(".") else f".{text}" for text in listed)
    if not formats <= MODEL_EXTENSIONS:
        raise _malformed("install.formats", "a list of " + ", ".join(sorted(MODEL_EXTENSIONS)))
    return formats


def _bytes(
    variable: str, environ: Mapping[str, str], install: Mapping[str, Any], key: str
) -> int | None:
    text = environ.get(variable, "").strip()
    if text:
        if not (text.isascii() and text.isdigit()):
            raise _malformed(variable, "a number of bytes")
        return int(text)
    value = install.get(key)
    if value is not None and (type(value) is not int or value < 0):
        raise _malformed(f"install.{key}", "a number of bytes")
    return value


def _known(table: Mapping[str, Any], keys: set[str], where: str) -> None:
    """A rule that is misspelt would not hold, and nobody would notice."""
    for key in table:
        if key not in keys:
            raise _malformed(f"{where}{key}", "one of " + ", ".join(sorted(keys)))


def _table(table: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = table.get(key, {})
    if not isinstance(value, dict):
        raise _malformed(key, "a table")
    return value


def _text(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise _malformed(key, "a text")
    return value


def _texts(table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise _malformed(key, "a list of texts")
    return value


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _malformed(what: str, expected: str) -> PolicyError:
    return PolicyError(
        f"The policy cannot be used: {what} must be {expected}.", hint="See docs/policy.md."
    )


def _refused(path: Path, what: str, hint: str = "See docs/policy.md.") -> PolicyError:
    return PolicyError(
        f"The policy file {path} {what}, so nothing is allowed.", hint=hint, path=path.name
    )
