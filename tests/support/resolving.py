"""What tests of the resolver share: workflows that want models, and a second place for them."""

from __future__ import annotations

from satchel.identity import ModelIdentity, Source
from satchel.marketplaces import resolver as resolver_module
from satchel.marketplaces.civitai import Civitai, download_url
from satchel.progress import Cancellation
from satchel.workflow.documents import WorkflowDocument
from satchel.workflow.lock import Lock, LockedModel

BATCH = "/api/v1/model-versions/by-hash"
MIRROR = "https://huggingface.co/archive/loras/resolve/main/{}"
KEY = "a-key"


class Patient(Cancellation):
    def wait(self, seconds: float) -> None:
        self.check()


class Elsewhere(Civitai):
    """A second place to fetch from, as real as the first: it serves what Civitai has as its own."""

    kind = "huggingface"
    label = "Elsewhere"

    def open_download(self, source, headers):
        version_id = int(source.url.rpartition("/")[2])
        return super().open_download(Source("civitai", source.url, version_id=version_id), headers)

    def find_sources(self, sha256s):
        return dict.fromkeys(sha256s, ())

    def find_version(self, digest):
        return None

    def knows(self, reference):
        return False

    def availability(self, wanted):
        return [resolver_module.Availability("open")] * len(wanted)


def source_of(published) -> Source:
    return Source(
        "civitai", download_url(published.version_id, published.file_id),
        version_id=published.version_id, file_id=published.file_id,
    )  # fmt: skip


def wanting(*published, sources=True):
    """A lock that asks for files."""
    identities = [
        ModelIdentity(
            "loras",
            f"{number}.safetensors",
            item.sha256.lower(),
            item.size,
            sources=(source_of(item),) if sources else (),
        )
        for number, item in enumerate(published)
    ]
    models = tuple(LockedModel(identity, ("4",)) for identity in identities)
    return WorkflowDocument("x.json", lock=Lock(models))
