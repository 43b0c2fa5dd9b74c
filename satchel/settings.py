"""The operator's settings, from the environment of the server or of the command line.

Nothing here can be set by a workflow, a widget or an HTTP request.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from .credentials import CredentialFile, checked_token, credentials_path
from .errors import InvalidInputError
from .file_names import check_format
from .identity import ModelIdentity
from .policy import Policy, read_policy

LORA_CACHE_BYTES = 1 << 30
NodeDownloads = Literal["ask", "allow"]

_OFF = "off"
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """How one source of models is asked."""

    url: str
    """The site itself, or a mirror that speaks its API. Locks always name the site. Empty: the
    operator does not want it to be asked."""
    token: str | None = field(default=None, repr=False)
    token_from: str = field(default="", compare=False)
    """The variable that holds it, or `file`; empty without a token."""


@dataclass(frozen=True, slots=True)
class SourceVariables:
    """A source's own address, and where the operator sets another one, or a token."""

    url: str
    url_variables: tuple[str, ...]
    """The first that is set counts."""
    token_variables: tuple[str, ...] = ()


SOURCES: Mapping[str, SourceVariables] = {
    "civitai": SourceVariables(
        "https://civitai.com", ("SATCHEL_CIVITAI_URL",), ("CIVITAI_API_TOKEN", "CIVITAI_TOKEN")
    ),
    "huggingface": SourceVariables(
        "https://huggingface.co", ("SATCHEL_HUGGINGFACE_URL", "HF_ENDPOINT"), ("HF_TOKEN",)
    ),
    "modelscope": SourceVariables(
        "https://www.modelscope.cn", ("SATCHEL_MODELSCOPE_URL",), ("MODELSCOPE_API_TOKEN",)
    ),
    "civarchive": SourceVariables("https://civarchive.com", ("SATCHEL_CIVARCHIVE_URL",)),
    "fal": SourceVariables("https://queue.fal.run", ("SATCHEL_FAL_URL",), ("FAL_KEY",)),
    "replicate": SourceVariables(
        "https://api.replicate.com", ("SATCHEL_REPLICATE_URL",), ("REPLICATE_API_TOKEN",)
    ),
}
"""`Source.kind` -> its variables."""

WITH_TOKENS = tuple(kind for kind, variables in SOURCES.items() if variables.token_variables)
"""Sources that know logins."""


@dataclass(frozen=True, slots=True)
class Settings:
    sources: Mapping[str, SourceSettings] = field(default_factory=dict)
    """By `Source.kind`; one that is missing here has its own address and no token."""
    trusted_origins: frozenset[str] = frozenset()
    """Extra origins (`https://host[:port]`) that files may come from. Unlike the built-in hosts
    these may be private addresses and plain http: only an operator can name them."""
    allow_pickle: bool = False
    """Whether formats that can run code (`.ckpt`, `.pt`, ...) may be installed."""
    policy: Policy = field(default_factory=Policy)
    """The operator's rules about installing."""
    node_downloads: NodeDownloads = "ask"
    """Whether nodes may ask marketplaces and fetch what is pinned, or say how to do it."""
    background_hashing: bool = False
    """Whether the server hashes unknown files by itself while nothing is generated."""
    update_check_hours: int = 0
    """How often newer versions of local models are looked for; 0 never, unless somebody asks."""
    previews: bool = True
    """Whether published pictures of models may be fetched when somebody asks for them."""
    civitai_images_url: str = ""
    """Where Civitai's pictures are asked for instead of its own image host; empty: there."""

    def source(self, kind: str) -> SourceSettings:
        """How a source is asked."""
        return self.sources.get(kind) or SourceSettings(SOURCES[kind].url)

    def rules(self) -> dict[str, Any]:
        """What anybody may know of how the operator wants it; no address and no token."""
        return {
            "sources": {kind: self.asks(kind) for kind in SOURCES},
            "pickle": self.allow_pickle,
            "node_downloads": self.node_downloads,
            "background_hashing": self.background_hashing,
            "update_check_hours": self.update_check_hours,
            "previews": self.previews,
        }

    def asks(self, kind: str) -> bool:
        """Whether a source may be asked; those that are no site always may."""
        return kind not in SOURCES or bool(self.source(kind).url)

    def check_allowed(self, model: ModelIdentity, *, unsized: bool = False) -> None:
        """Refuses a model that may not be installed on this machine, by whatever way.

        Args:
            unsized: as of `Policy.check`.

        Raises:
            ForbiddenFormatError, ForbiddenSizeError: by its extension, by its size.
        """
        named = self.policy.allows_format(model.name)
        check_format(model.name, allow_pickle=self.allow_pickle or named)
        self.policy.check(model, unsized=unsized)

    @classmethod
    def from_environment(
        cls, environ: Mapping[str, str] | None = None, policy_path: Path | None = None
    ) -> Settings:
        """Reads `SATCHEL_*`, the sources' own variables and, for the rest, the file of tokens.

        Args:
            policy_path: where the operator's file may be.

        Raises:
            PolicyError: the operator's file is there and may not be used.
            InvalidInputError: a URL is malformed, or the token cannot be one.
            CredentialsError: the file of tokens is there and may not be used.
        """
        env = os.environ if environ is None else environ
        path = credentials_path(env)
        stored = CredentialFile(path).read() if path is not None else {}
        policy = read_policy(policy_path, env)
        named = env.get("SATCHEL_TRUSTED_ORIGINS", "").replace(",", " ").split()
        origins = named or policy.trusted_origins
        return cls(
            sources={
                kind: _source(known, env, stored.get(kind)) for kind, known in SOURCES.items()
            },
            trusted_origins=frozenset(
                origin_of(_http_url("SATCHEL_TRUSTED_ORIGINS", text)) for text in origins
            ),
            allow_pickle=env.get("SATCHEL_ALLOW_PICKLE", "").lower() in _TRUE,
            policy=policy,
            node_downloads=_node_downloads(env),
            background_hashing=env.get("SATCHEL_BACKGROUND_HASHING", "").lower() in _TRUE,
            update_check_hours=_whole_number("SATCHEL_UPDATE_CHECK_HOURS", env, "24; 0 is never"),
            previews=_previews(env),
            civitai_images_url=_optional_url("SATCHEL_CIVITAI_IMAGES_URL", env),
        )


@dataclass(frozen=True, slots=True)
class EmbedSettings:
    """What the operator says about images; None leaves it to the user's own setting."""

    lock: bool | None = None
    civitai: bool | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> EmbedSettings:
        """Reads `SATCHEL_EMBED_LOCK` and `SATCHEL_CIVITAI_READY`."""
        env = os.environ if environ is None else environ

        def said(name: str) -> bool | None:
            text = env.get(name, "").strip().lower()
            return text in _TRUE if text else None

        return cls(said("SATCHEL_EMBED_LOCK"), said("SATCHEL_CIVITAI_READY"))


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


def _node_downloads(env: Mapping[str, str]) -> NodeDownloads:
    text = env.get("SATCHEL_NODE_DOWNLOADS", "").strip().lower()
    if text not in ("", "ask", "allow"):
        raise InvalidInputError(
            "SATCHEL_NODE_DOWNLOADS is neither ask nor allow.",
            hint="Write one of them; ask holds without it.",
        )
    return "allow" if text == "allow" else "ask"


def _previews(env: Mapping[str, str]) -> bool:
    text = env.get("SATCHEL_PREVIEWS", "").strip().lower()
    if text and text not in _TRUE | _FALSE:
        raise InvalidInputError(
            "SATCHEL_PREVIEWS is neither on nor off.",
            hint="Write one of them; on holds without it.",
        )
    return text not in _FALSE


def _optional_url(variable: str, env: Mapping[str, str]) -> str:
    text = env.get(variable, "").strip().rstrip("/")
    return _http_url(variable, text) if text else ""


def _whole_number(variable: str, env: Mapping[str, str], example: str) -> int:
    text = env.get(variable, "").strip()
    if text and not (text.isascii() and text.isdigit()):
        raise InvalidInputError(
            f"{variable} is no whole number, 0 or more.", hint=f"Write it like {example}."
        )
    return int(text or 0)


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of a URL, lower case, without a default port."""
    parts = urlsplit(url)
    port = parts.port
    default = {"http": 80, "https": 443}.get(parts.scheme)
    host = (parts.hostname or "").lower()
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme.lower()}://{host}" + ("" if port in (None, default) else f":{port}")


def _source(known: SourceVariables, env: Mapping[str, str], stored: str | None) -> SourceSettings:
    variable, url = _first_set(known.url_variables, env)
    if url.lower() == _OFF:
        return SourceSettings("")
    address = _http_url(variable, url.rstrip("/")) if url else known.url
    token_variable, text = _first_set(known.token_variables, env)
    token = checked_token(token_variable, text)
    if token or not stored:
        return SourceSettings(address, token or None, token_variable)
    return SourceSettings(address, stored, "file")


def _first_set(variables: tuple[str, ...], env: Mapping[str, str]) -> tuple[str, str]:
    for variable in variables:
        if text := env.get(variable, "").strip():
            return variable, text
    return "", ""


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
