"""One model, several places: which of them serves it."""

from __future__ import annotations

import pytest
from support.resolving import BATCH, MIRROR, Elsewhere, source_of, wanting
from support.workspaces import make_workspace

from satchel.errors import GoneError, LoginRequiredError
from satchel.identity import ModelIdentity, Source
from satchel.marketplaces import resolver as resolver_module
from satchel.marketplaces.civitai import Civitai
from satchel.workflow.plan import plan_document


def test_a_model_that_is_gone_is_planned_from_a_mirror(market, space, publish, monkeypatch):
    monkeypatch.setattr(resolver_module, "MARKETPLACES", (Civitai, Elsewhere))
    published = publish(archived=True)
    market.archive.mirror(published.sha256, MIRROR.format("ink.safetensors"))

    (model,) = plan_document(wanting(published), space).models

    assert (model.state, model.target is not None) == ("missing", True)
    assert "archived" in model.reason
    assert "mirror" in model.reason
    assert [source.kind for source in model.model.identity.sources] == ["huggingface"]


def test_a_mirror_that_nobody_here_opens_changes_nothing(market, space, publish):
    published = publish(archived=True)
    market.archive.mirror(published.sha256, "https://www.modelscope.cn/models/a/b/resolve/m/c.sft")

    (model,) = plan_document(wanting(published), space).models

    assert (model.state, "archived" in model.reason) == ("gone", True)


def test_each_round_asks_about_one_source_of_each_model_still_in_question(
    market, space, publish, monkeypatch
):
    monkeypatch.setattr(resolver_module, "MARKETPLACES", (Civitai, Elsewhere))
    served, gone = publish(1), publish(2, unpublished=True)
    mirror = Source("huggingface", MIRROR.format(1))
    models = [
        ModelIdentity("loras", "a", item.sha256.lower(), sources=(source_of(item), mirror))
        for item in (served, gone)
    ]

    answers = space.resolver().availability(models)

    assert [answer.access for answer in answers] == ["open", "open"]
    assert market.requests[0].path == BATCH


@pytest.mark.parametrize(
    ("options", "error"),
    [({"archived": True}, GoneError), ({"require_login": True}, LoginRequiredError)],
)
def test_a_download_goes_on_to_the_next_source(
    market, space, publish, monkeypatch, tmp_path, options, error
):
    monkeypatch.setattr(resolver_module, "MARKETPLACES", (Civitai, Elsewhere))
    refused, open_one = publish(1, **options), publish(1)
    mirror = Source("huggingface", f"https://huggingface.co/{open_one.version_id}")
    model = ModelIdentity("loras", "a.safetensors", refused.sha256.lower(),
                          sources=(source_of(refused), mirror))  # fmt: skip

    path, digests = space.downloader().fetch(model, tmp_path / "a.safetensors")

    assert (path.name, digests.sha256) == ("a.safetensors", refused.sha256.lower())
    with pytest.raises(error):
        space.resolver().marketplace("civitai").open_download(source_of(refused), {})


def test_a_source_that_the_operator_switched_off_is_not_asked(market, tmp_path):
    from satchel.settings import Settings

    settings = Settings.from_environment({**market.environment, "SATCHEL_CIVARCHIVE_URL": "off"})
    space = make_workspace(tmp_path, sources=settings.sources)

    assert space.resolver().look_up(["2" * 64]).sources == {"2" * 64: ()}
    assert market.archive.requests == []
    assert [one.kind for one in space.resolver().marketplaces] == ["civitai", "https"]
