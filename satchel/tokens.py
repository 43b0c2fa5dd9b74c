"""Which tokens are set and whether their sources accept them, and the file that keeps some.

A token goes in and never comes out: no answer of these functions holds one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .credentials import CredentialFile, checked_token, credentials_path
from .errors import InvalidInputError
from .marketplaces.base import TokenState
from .settings import WITH_TOKENS
from .workspace import Workspace


@dataclass(frozen=True, slots=True)
class TokenStatus:
    """What may be told about a source's token."""

    source: str
    is_set: bool
    origin: str
    """The variable that holds it, or `file`; empty without a token."""
    state: TokenState | None = None
    """What the source says of it; None when it was not asked."""

    def to_json(self) -> dict[str, Any]:
        value = {"source": self.source, "set": self.is_set, "from": self.origin or None}
        return value if self.state is None else {**value, "state": self.state}


def token_statuses(
    workspace: Workspace, sources: Sequence[str] = WITH_TOKENS, *, check: bool = False
) -> list[TokenStatus]:
    """What is set.

    Args:
        check: asks each source that has a token whether it accepts it.
    """
    made = {market.kind: market for market in workspace.resolver().marketplaces} if check else {}
    statuses = []
    for source in sources:
        known = workspace.settings.source(source)
        state: TokenState | None = None
        if check:
            state = "unset"
            if known.token:
                state = made[source].check_token() if source in made else "unknown"
        statuses.append(TokenStatus(source, known.token is not None, known.token_from, state))
    return statuses


def store_token(source: str, text: str) -> CredentialFile:
    """Keeps a token in the file, which it returns.

    Raises:
        InvalidInputError: the source knows no login, or the text is no token.
        CredentialsError: the file cannot be used.
    """
    file = _file(source)
    token = checked_token("The token", text)
    if not token:
        raise InvalidInputError(
            "No token was given.",
            hint=f"Type it when asked, or pipe it: satchel auth set {source} < file-with-the-token",
        )
    file.set(source, token)
    return file


def forget_token(source: str) -> bool:
    """Removes a token from the file; says whether there was one.

    Raises: as `store_token`.
    """
    return _file(source).clear(source)


def _file(source: str) -> CredentialFile:
    if source not in WITH_TOKENS:
        raise InvalidInputError(
            f"{source!r} is no source that knows logins.",
            hint="Sources: " + ", ".join(WITH_TOKENS) + ".",
        )
    path = credentials_path(os.environ)
    if path is None:
        raise InvalidInputError(
            "There is no place for a file of tokens.",
            hint="Name one with SATCHEL_CREDENTIALS, or set the token in the environment.",
        )
    return CredentialFile(path)
