"""The operator's settings, from the environment of the server or of the command line.

Nothing here can be set by a workflow, a widget or an HTTP request.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from .errors import InvalidInputError

CIVITAI_URL = "https://civitai.com"
LORA_CACHE_BYTES = 1 << 30

_TRUE = frozenset({"1", "true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Settings:
    civitai_url: str = CIVITAI_URL
    """Where the Civitai API is asked: the site itself or a mirror. Locks always name the site."""
    civitai_token: str | None = field(default=None, repr=False)
    trusted_origins: frozenset[str] = frozenset()
    """Extra origins (`https://host[:port]`) that files may come from. Unlike the built-in hosts
    these may be private addresses and plain http: only an operator can name them."""
    allow_pickle: bool = False
    """Whether formats that can run code (`.ckpt`, `.pt`, ...) may be installed."""
    allow_remote_install: bool = False
    """Whether clients that are not on this machine may install models."""

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Reads `SATCHEL_*` and `CIVITAI_API_TOKEN`.

        Raises:
            InvalidInputError: a URL is malformed, or the token cannot be one.
        """
        env = os.environ if environ is None else environ
        origins = env.get("SATCHEL_TRUSTED_ORIGINS", "").replace(",", " ").split()
        url = env.get("SATCHEL_CIVITAI_URL", "").strip().rstrip("/") or CIVITAI_URL
        return cls(
            civitai_url=_http_url("SATCHEL_CIVITAI_URL", url),
            civitai_token=_token("CIVITAI_API_TOKEN", env.get("CIVITAI_API_TOKEN", "").strip()),
            trusted_origins=frozenset(
                origin_of(_http_url("SATCHEL_TRUSTED_ORIGINS", text)) for text in origins
            ),
            allow_pickle=env.get("SATCHEL_ALLOW_PICKLE", "").lower() in _TRUE,
            allow_remote_install=env.get("SATCHEL_ALLOW_REMOTE_INSTALL", "").lower() in _TRUE,
        )


def lora_cache_bytes(environ: Mapping[str, str] | None = None) -> int:
    """How many bytes of LoRA files stay known after reading (`SATCHEL_LORA_CACHE_BYTES`).

    Apart from the others, so that a mistake in one of those stops no LoRA.

    Raises:
        InvalidInputError: it is no whole number from 0 on.
    """
    env = os.environ if environ is None else environ
    text = env.get("SATCHEL_LORA_CACHE_BYTES", "").strip()
    if not text:
        return LORA_CACHE_BYTES
    if not (text.isascii() and text.isdigit()):
        raise InvalidInputError(
            "SATCHEL_LORA_CACHE_BYTES is no number of bytes.",
            hint="Write it like 1073741824; 0 keeps nothing.",
        )
    return int(text)


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of a URL, lower case, without a default port."""
    parts = urlsplit(url)
    port = parts.port
    default = {"http": 80, "https": 443}.get(parts.scheme)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme.lower()}://{host}" + ("" if port in (None, default) else f":{port}")


def _token(variable: str, text: str) -> str | None:
    # Anything else would fail later, inside an HTTP header, with the token in the traceback.
    if not all("!" <= char <= "~" for char in text):
        raise InvalidInputError(
            f"{variable} holds a character that no API key has.",
            hint="Copy the key again, without spaces or line breaks.",
        )
    return text or None


def _http_url(variable: str, text: str) -> str:
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or parts.username is not None:
        raise InvalidInputError(
            f"{variable} is no http or https URL.", hint="Write it like https://civitai.com ."
        )
    return text
