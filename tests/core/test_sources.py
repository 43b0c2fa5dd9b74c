"""All sources together: which of them a text belongs to, and what each is asked."""

from __future__ import annotations

import pytest
from support.marketplace.huggingface import HuggingFace as Hub
from support.marketplace.modelscope import ModelScope as Scope
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.errors import HashMismatchError
from satchel.file_names import destination
from satchel.marketplaces import resolver as resolver_module
from satchel.marketplaces.resolver import FALLBACKS, MARKETPLACES
from satchel.references import parse_reference
from satchel.settings import Settings, SourceSettings, origin_of

COMMIT = "361e934dafe65b50f34fd8d75e3340fef7977a15"
REQUEST = "764cabcf-b745-4b3e-ae38-1200304cf45b"


@pytest.fixture(scope="module")
def markets():
    return [make(Settings(), None) for make in (*MARKETPLACES, *FALLBACKS)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("https://huggingface.co/brushfox/ink", "huggingface"),
        ("https://huggingface.co/brushfox/ink/tree/main/vae", "huggingface"),
        ("https://huggingface.co/brushfox/ink/blob/main/ink.safetensors", "huggingface"),
        (f"https://huggingface.co/brushfox/ink/resolve/{COMMIT}/a%20b.safetensors", "huggingface"),
        ("https://huggingface.co/brushfox/ink/resolve/refs%2Fpr%2F3/a.safetensors", "huggingface"),
        ("https://hf.co/gpt2/resolve/main/model.safetensors?download=true", "huggingface"),
        ("hf://brushfox/ink@main/ink.safetensors", "huggingface"),
        ("https://www.modelscope.cn/models/brushfox/ink", "modelscope"),
        ("https://modelscope.cn/models/brushfox/ink/resolve/master/a.safetensors", "modelscope"),
        ("https://www.modelscope.cn/api/v1/models/a/b/repo?Revision=v1&FilePath=c/d.safetensors",
         "modelscope"),
        (f"https://queue.fal.run/fal-ai/flux-lora-fast-training/requests/{REQUEST}", "fal"),
        ("https://v3.fal.media/files/penguin/abc_pytorch_lora_weights.safetensors", "fal"),
        ('{"diffusers_lora_file": {"url": "https://v3.fal.media/files/a/b.safetensors"}}', "fal"),
        ("https://api.replicate.com/v1/trainings/zz4ibbonubfz7carwiefibzgga", "replicate"),
        ("https://replicate.com/p/zz4ibbonubfz7carwiefibzgga", "replicate"),
        ("https://replicate.delivery/xezq/F/trained_model.tar", "replicate"),
        ('{"output": {"weights": "https://replicate.delivery/xezq/F/trained_model.tar"}}',
         "replicate"),
        ("https://files.example/loras/ink.safetensors", "https"),
        ("https://civitai.com/models/1?modelVersionId=2", "civitai"),
        ("https://huggingface.co.evil.example/a/b/resolve/main/c.safetensors", "https"),
    ],
)  # fmt: skip
def test_each_text_belongs_to_one_source(markets, text, kind):
    reference = parse_reference(text)

    assert [market.kind for market in markets if market.knows(reference)] == [kind]


def test_every_source_has_a_kind_and_a_label_of_its_own(markets):
    assert len({market.kind for market in markets}) == len(markets)
    assert len({market.label for market in markets}) == len(markets)


def test_only_sources_that_can_are_asked_by_digest_or_searched(tmp_path, monkeypatch):
    without = tuple(
        make for make in MARKETPLACES if make(Settings(), None).kind not in ("civitai",)
    )
    monkeypatch.setattr(resolver_module, "MARKETPLACES", without)
    monkeypatch.setattr(resolver_module, "FALLBACKS", ())
    space = make_workspace(tmp_path, sources=Settings.from_environment({}).sources)
    resolver = space.resolver()

    assert resolver.look_up(["a" * 64]).sources == {"a" * 64: ()}
    assert [market.kind for market in resolver.searchable] == ["huggingface", "modelscope"]
    assert all(space.catalog.sources(market.kind, ["a" * 64]) == {}
               for market in resolver.marketplaces)  # fmt: skip


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (Hub, "huggingface", "hf://brushfox/ink-lora"),
        (Scope, "modelscope", "https://www.modelscope.cn/models/brushfox/ink-lora"),
    ],
)
def test_a_repository_becomes_a_verified_file(tmp_path, make, kind, text):
    with make() as site:
        served = write_safetensors(tmp_path / "served.safetensors")
        published = site.publish("brushfox/ink-lora", "loras/ink.safetensors", served)
        space = make_workspace(
            tmp_path,
            sources={kind: SourceSettings(site.site_url)},
            trusted_origins=frozenset({origin_of(site.storage_url)}),
        )
        model = space.resolver().resolve(parse_reference(text))
        target = destination(space.folders, model.kind, model.name)

        path, digests = space.downloader().fetch(model, target)

        assert (model.kind, model.name) == ("loras", "ink.safetensors")
        assert digests.sha256 == published.sha256
        assert path.read_bytes() == served.read_bytes()
        assert [answer.access for answer in space.resolver().availability([model])] == ["open"]


def test_other_bytes_than_the_hub_says_are_refused(tmp_path):
    with Hub() as hub:
        served = write_safetensors(tmp_path / "served.safetensors")
        hub.publish("brushfox/ink-lora", "ink.safetensors", served, tags=("lora",))
        hub.fault("wrong_bytes", times=None)
        space = make_workspace(
            tmp_path,
            sources={"huggingface": SourceSettings(hub.site_url)},
            trusted_origins=frozenset({origin_of(hub.storage_url)}),
        )
        model = space.resolver().resolve(parse_reference("hf://brushfox/ink-lora"))
        target = destination(space.folders, model.kind, model.name)

        with pytest.raises(HashMismatchError):
            space.downloader().fetch(model, target)
        assert not target.exists()
