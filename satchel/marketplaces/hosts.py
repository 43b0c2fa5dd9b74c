"""Which hosts each source of models lives on: data for the allowlist and for reading URLs."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit

from ..settings import Settings


@dataclass(frozen=True, slots=True)
class Hosts:
    """The hosts of one source. All of them are https on port 443."""

    site: frozenset[str]
    """Exact names that may be opened, and that pasted URLs may name."""
    storage: frozenset[str] = frozenset()
    """Exact names that only a redirect may lead to, and that never see a credential."""
    storage_suffixes: tuple[str, ...] = ()
    """The same for names whose first part changes: each begins with a dot."""


NOWHERE = Hosts(frozenset())

CIVITAI = Hosts(
    frozenset({
        "civitai.com", "www.civitai.com", "civitai.red", "www.civitai.red",
        "civitai.green", "www.civitai.green",
    }),
    storage_suffixes=(
        ".r2.cloudflarestorage.com", ".backblazeb2.com", ".civitai.com", ".civitai.red",
    ),
)  # fmt: skip
"""The account part of the storage's names changes, hence suffixes."""

HUGGINGFACE = Hosts(
    frozenset({"huggingface.co", "www.huggingface.co", "hf.co"}),
    frozenset({"cas-bridge.xethub.hf.co"}),
    (".cdn.hf.co", ".xethub.hf.co", ".huggingface.co"),
)
"""`us.aws.cdn.hf.co`, `cdn-lfs-us-1.huggingface.co` and others: the Hub chooses by region."""

MODELSCOPE = Hosts(
    frozenset({"modelscope.cn", "www.modelscope.cn", "modelscope.ai", "www.modelscope.ai"}),
    storage_suffixes=(".modelscope.cn", ".modelscope.ai", ".aliyuncs.com"),
)
CIVARCHIVE = Hosts(frozenset({"civarchive.com", "www.civarchive.com", "civitaiarchive.com"}))
FAL = Hosts(
    frozenset({"queue.fal.run", "fal.run", "v3.fal.media", "fal.media", "v3b.fal.media"}),
    storage_suffixes=(".fal.media",),
)
REPLICATE = Hosts(
    frozenset({"api.replicate.com", "replicate.com", "replicate.delivery"}),
    storage_suffixes=(".replicate.delivery",),
)

HOSTS = {
    "civitai": CIVITAI,
    "huggingface": HUGGINGFACE,
    "modelscope": MODELSCOPE,
    "civarchive": CIVARCHIVE,
    "fal": FAL,
    "replicate": REPLICATE,
}
"""`Source.kind` -> its hosts. Direct `https` sources have none of their own: the operator's
trusted origins are all that they may name."""


PICTURES = {
    "civitai": Hosts(
        frozenset({"image.civitai.com", "image.civitai.red"}), frozenset({"image-b2.civitai.com"})
    ),
    "huggingface": Hosts(
        HUGGINGFACE.site | {"cdn-uploads.huggingface.co"},
        HUGGINGFACE.storage,
        HUGGINGFACE.storage_suffixes,
    ),
}
"""`Source.kind` -> the hosts of the pictures that it publishes. Pasted URLs are read by `HOSTS`."""


def source_of_host(host: str, settings: Settings | None = None) -> str | None:
    """The kind of source that a host belongs to; with settings, an operator's mirrors count."""
    for kind, hosts in HOSTS.items():
        if host.lower() in hosts.site:
            return kind
    if settings is not None:
        for kind in HOSTS:
            if settings.asks(kind) and urlsplit(settings.source(kind).url).hostname == host.lower():
                return kind
    return None
