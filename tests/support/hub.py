"""What tests of Hugging Face share: a repository, references to it, a download from it."""

from __future__ import annotations

from satchel.identity import Source
from satchel.references.values import HubReference

INK = "brushfox/ink-wash-flux-lora"
GOOD, BAD = "hf_good", "hf_bad"


def ref(path=None, revision=None, repository=INK) -> HubReference:
    return HubReference("huggingface", repository, revision, path)


def chosen(site, reference):
    return site.choose(site.versions(reference), reference)


def source(hub, path="ink.safetensors", repository=INK) -> Source:
    url = f"https://huggingface.co/{repository}/resolve/{hub.commit(repository)}/{path}"
    return Source("huggingface", url)


def read(response) -> bytes:
    with response:
        return response.raw.read()
