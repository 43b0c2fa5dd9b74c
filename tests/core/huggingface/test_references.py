"""Hugging Face as a source: what a reference means, and what is pinned."""

from __future__ import annotations

import pytest
from support.hub import GOOD, INK, chosen, read, ref, source
from support.marketplace.huggingface import HuggingFace as Hub
from support.models import write_safetensors

from satchel.errors import AmbiguousReferenceError, NotFoundError
from satchel.identity import Source
from satchel.marketplaces.huggingface import HuggingFace
from satchel.settings import Settings, SourceSettings


def test_a_file_is_pinned_to_the_commit_that_its_branch_stands_for(site, publish, hub):
    published = publish("ink.safetensors")

    file = chosen(site(), ref("ink.safetensors", "main"))

    assert file.identity.sha256 == published.sha256
    assert file.identity.size == published.size
    assert (file.identity.kind, file.identity.name) == ("loras", "ink.safetensors")
    commit = hub.commit(INK)
    assert len(commit) == 40
    (pinned,) = file.identity.sources
    assert pinned.url == f"https://huggingface.co/{INK}/resolve/{commit}/ink.safetensors"


def test_what_is_pinned_stays_what_it_is_when_the_branch_moves_on(site, publish):
    first = publish("ink.safetensors", seed=1)
    pinned = chosen(site(), ref()).identity.sources[0]
    second = publish("ink.safetensors", seed=2)

    assert read(site().open_download(pinned, {})) == first.path.read_bytes()
    assert chosen(site(), ref()).identity.sha256 == second.sha256


def test_a_repository_with_one_model_file_means_that(site, publish, tmp_path, hub):
    published = publish("ink.safetensors")
    readme = tmp_path / "README.md"
    readme.write_text("# Ink")
    hub.publish(INK, "README.md", readme, lfs=False)

    assert chosen(site(), ref()).identity.sha256 == published.sha256


@pytest.mark.parametrize(
    "saved", ["checkpoints/step-000500/ink.safetensors", "ink_000000500.safetensors",
              "checkpoint-500/pytorch_lora_weights.safetensors", "ink-step00000500.safetensors"],
)  # fmt: skip
def test_what_a_training_saved_on_its_way_is_not_what_its_repository_means(site, publish, saved):
    publish(saved, seed=1)
    final = publish("ink.safetensors", seed=2)

    file = chosen(site(), ref())

    assert file.identity.sha256 == final.sha256
    assert {one.identity.kind for one in site().versions(ref())[0].files} == {"loras"}


def test_several_model_files_are_listed_to_choose_from(site, publish, hub):
    publish("a.safetensors", seed=1)
    publish("b.safetensors", seed=2)

    with pytest.raises(AmbiguousReferenceError) as caught:
        chosen(site(), ref())

    commit = hub.commit(INK)
    urls = [f"https://huggingface.co/{INK}/resolve/{commit}/{n}.safetensors" for n in "ab"]
    assert caught.value.details["files"] == urls
    assert all(url in caught.value.hint for url in urls)


def test_a_folder_means_the_file_in_it(site, publish):
    publish("a.safetensors", seed=1)
    inside = publish("split_files/vae/b.safetensors", seed=2)

    file = chosen(site(), ref("split_files/vae"))

    assert (file.identity.sha256, file.identity.kind) == (inside.sha256, "vae")


def test_a_pickled_file_is_never_meant_unless_it_is_named(site, publish):
    publish("old.ckpt", seed=1)

    with pytest.raises(NotFoundError, match="only in formats that can run code"):
        chosen(site(), ref())
    assert chosen(site(), ref("old.ckpt")).format == "PickleTensor"


def test_a_repository_without_model_files_says_so(site, publish):
    publish("notes.txt")

    with pytest.raises(NotFoundError, match="no model file in brushfox"):
        chosen(site(), ref())


@pytest.mark.parametrize(
    ("path", "quoted"),
    [
        ("a b/ink (v1) #2.safetensors", "a%20b/ink%20%28v1%29%20%232.safetensors"),
        ("水墨_v1.safetensors", "%E6%B0%B4%E5%A2%A8_v1.safetensors"),
        ("50%25.safetensors", "50%2525.safetensors"),
    ],
)  # fmt: skip
def test_awkward_paths_are_quoted_part_by_part(site, publish, path, quoted):
    published = publish(path)
    market = site()

    pinned = chosen(market, ref(path)).identity.sources[0]

    assert pinned.url.endswith(f"/{quoted}")
    assert read(market.open_download(pinned, {})) == published.path.read_bytes()


def test_a_pull_request_is_a_revision_too(site, publish):
    published = publish("ink.safetensors", branch="refs/pr/3")
    publish("ink.safetensors", seed=5)

    assert chosen(site(), ref(revision="refs/pr/3")).identity.sha256 == published.sha256


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("pytorch_lora_weights.safetensors", "ink-wash-flux-lora.safetensors"),
        ("vae/diffusion_pytorch_model.fp16.safetensors", "ink-wash-flux-lora-vae.safetensors"),
        ("COM1.safetensors", "_COM1.safetensors"),
        ("a\u202eb?.safetensors", "ab_.safetensors"),
    ],
)
def test_names_that_say_nothing_or_fit_no_system_are_replaced(site, publish, path, name):
    publish(path)

    assert chosen(site(), ref()).identity.name == name


def test_a_small_file_without_lfs_has_no_digest_and_says_so(site, publish):
    published = publish("tiny.safetensors", lfs=False)
    market = site()

    file = chosen(market, ref())

    assert file.identity.sha256 is None
    assert file.digests == ()
    assert "no SHA256" in file.warnings[0]
    assert read(market.open_download(file.identity.sources[0], {})) == published.path.read_bytes()


def test_a_renamed_repository_is_pinned_under_its_new_name(site, publish, hub):
    published = publish()
    hub.renamed["old-owner/ink"] = INK

    file = chosen(site(), ref("ink.safetensors", "main", "old-owner/ink"))

    assert file.identity.sha256 == published.sha256
    assert f"/{INK}/resolve/" in file.identity.sources[0].url


def test_a_lock_with_a_repositorys_old_name_still_downloads(site, publish, hub):
    published = publish()
    url = source(hub).url.replace(INK, "old-owner/ink")
    hub.renamed["old-owner/ink"] = INK

    opened = site(GOOD).open_download(Source("huggingface", url), {})

    assert read(opened) == published.path.read_bytes()


def test_a_long_listing_is_read_to_its_end(site, tmp_path):
    with Hub(page=2) as hub:
        for number in range(7):
            file = write_safetensors(tmp_path / f"{number}.safetensors", seed=number)
            hub.publish("a/b", f"{number}.safetensors", file)
        market = HuggingFace(Settings({"huggingface": SourceSettings(hub.site_url)}))

        (version,) = market.versions(ref(repository="a/b"))

        assert len(version.files) == 7


def test_an_old_repository_without_an_owner_is_found(site, publish):
    published = publish("model.safetensors", repository="gpt2")

    assert chosen(site(), ref(repository="gpt2")).identity.sha256 == published.sha256
