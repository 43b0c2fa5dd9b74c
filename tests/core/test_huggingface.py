"""Hugging Face as a source: what a reference means, what is pinned, and every refusal."""

from __future__ import annotations

import pytest
from support.marketplace.huggingface import HuggingFace as Hub
from support.models import write_safetensors

from satchel.errors import (
    AccessDeniedError,
    AmbiguousReferenceError,
    BadResponseError,
    ForbiddenUrlError,
    GoneError,
    LoginRequiredError,
    NotFoundError,
    RateLimitedError,
    UnavailableError,
)
from satchel.identity import Source
from satchel.marketplaces.huggingface import HuggingFace
from satchel.marketplaces.huggingface_errors import TOKEN_REFUSED
from satchel.marketplaces.records import SearchQuery
from satchel.references.values import DigestReference, HubReference, UrlReference
from satchel.settings import Settings, SourceSettings, origin_of

INK = "brushfox/ink-wash-flux-lora"
PAGE = f"https://huggingface.co/{INK}"
GOOD, BAD = "hf_good", "hf_bad"


@pytest.fixture
def hub():
    with Hub(tokens=(GOOD, "hf_other")) as hub:
        yield hub


@pytest.fixture
def publish(hub, tmp_path):
    def build(path="ink.safetensors", repository=INK, seed=0, **options):
        file = write_safetensors(tmp_path / "published" / f"{seed}.safetensors", seed=seed)
        return hub.publish(repository, path, file, **{"tags": ("lora",), **options})

    return build


@pytest.fixture
def site(hub):
    """The marketplace, with or without a token."""

    def build(token=None):
        return HuggingFace(
            Settings(
                {"huggingface": SourceSettings(hub.site_url, token)},
                trusted_origins=frozenset({origin_of(hub.storage_url)}),
            )
        )

    return build


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


# --- what a reference means ----------------------------------------------------------------------


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


# --- what its page says --------------------------------------------------------------------------


def test_a_page_tells_licence_base_model_and_trigger_words(site, publish):
    publish(
        tags=("lora", "flux", "base_model:adapter:black-forest-labs/FLUX.1-dev", "license:other"),
        card={"license": "other", "license_name": "flux-1-dev-non-commercial-license",
              "instance_prompt": "inkwash"},
    )  # fmt: skip

    (version,) = site().versions(ref())

    assert version.licence == "flux-1-dev-non-commercial-license"
    assert version.base_model == "black-forest-labs/FLUX.1-dev"
    assert version.trigger_words == ("inkwash",)
    assert version.tags == ("lora", "flux")
    assert (version.author, version.model_name) == ("brushfox", "ink-wash-flux-lora")
    assert version.page_url == f"https://huggingface.co/{INK}"
    assert version.status == "open"


def test_odd_values_of_a_page_are_taken_as_missing(site, publish):
    publish(card={"license": 5, "instance_prompt": {"a": 1}, "base_model": [None, "x/y"]})

    (version,) = site().versions(ref())

    assert (version.licence, version.trigger_words, version.base_model) == ("", (), "x/y")


def test_the_hubs_own_scan_is_passed_on(site, publish):
    publish("old.ckpt", scans={"old.ckpt": "unsafe"})

    assert "scan calls it unsafe" in chosen(site(), ref("old.ckpt")).warnings[0]


def test_search_pages_through_what_it_finds(site, publish):
    for number in range(3):
        publish(repository=f"brushfox/ink-{number}", seed=number)
    publish(repository="brushfox/ink-adult", seed=8, tags=("lora", "not-for-all-audiences"))
    publish(repository="brushfox/ink-base", seed=9, tags=())
    query = SearchQuery("ink", kinds=("loras",), limit=2)
    market = site()

    first = market.search(query)
    second = market.search(SearchQuery("ink", kinds=("loras",), limit=2, cursor=first.cursor))

    names = [version.model_id for version in (*first.versions, *second.versions)]
    assert names == ["brushfox/ink-0", "brushfox/ink-1", "brushfox/ink-2"]
    assert second.cursor == ""


def test_there_is_no_lookup_by_digest(site):
    market = site()

    assert market.find_sources(["a" * 64]) == {"a" * 64: ()}
    assert market.find_version(DigestReference("SHA256", "a" * 64)) is None
    assert not market.knows(DigestReference("SHA256", "a" * 64))
    assert not market.knows(UrlReference("https://huggingface.co/a/b"))
    assert not market.knows(HubReference("modelscope", "a/b"))
    assert market.knows(ref())


# --- refusals ------------------------------------------------------------------------------------

REFUSALS = [
    # what the repository is, token, error, what its sentence and hint say
    ({"gated": "auto"}, None, LoginRequiredError, f"Accept its terms at {PAGE} while logged in"),
    ({"gated": "manual"}, GOOD, AccessDeniedError, f"or accept its terms, at {PAGE} ."),
    ({"private": True}, None, NotFoundError, "satchel auth set huggingface, or HF_TOKEN"),
    ({"private": True}, GOOD, NotFoundError, "Check the name"),
    ({"disabled": True}, None, GoneError, "has disabled access"),
    ({"commits": {}, "branches": {}}, None, NotFoundError, "no such revision"),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "token", "error", "said"), REFUSALS)
def test_every_refusal_of_a_download_says_what_to_do(
    site, publish, hub, settings, token, error, said
):
    publish()
    pinned = source(hub)
    hub.settings(INK, **settings)

    with pytest.raises(error) as caught:
        site(token).open_download(pinned, {})

    assert said in f"{caught.value} {caught.value.hint}"
    assert type(caught.value) is error
    assert caught.value.details["marketplace"] == "huggingface"


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        (ref("nope.safetensors"), "no such file"),
        (ref(revision="nope"), "no such revision"),
        (ref(repository="brushfox/nope"), "no repository brushfox/nope, or it is private"),
    ],
)
@pytest.mark.parametrize("token", [None, GOOD])
def test_what_is_not_there_is_named(site, publish, reference, said, token):
    publish()

    with pytest.raises(NotFoundError, match=said):
        site(token).versions(reference)


def test_the_page_of_a_gated_repository_is_public(site, publish):
    published = publish(gated="auto")

    (version,) = site().versions(ref())

    assert version.status == "gated"
    assert version.files[0].identity.sha256 == published.sha256


def test_a_gated_file_opens_for_those_who_have_access(site, publish, hub):
    published = publish(gated="auto", granted=frozenset({GOOD}))

    assert read(site(GOOD).open_download(source(hub), {})) == published.path.read_bytes()
    with pytest.raises(AccessDeniedError):
        site("hf_other").open_download(source(hub), {})


def test_a_refused_token_is_left_out_and_that_is_said(site, publish, hub, caplog):
    published = publish()
    market = site(BAD)

    file = chosen(market, ref())

    assert file.identity.sha256 == published.sha256
    assert TOKEN_REFUSED in file.warnings
    assert read(market.open_download(file.identity.sources[0], {})) == published.path.read_bytes()
    assert caplog.messages == [TOKEN_REFUSED]
    refused = [request for request in hub.requests if "Authorization" in request.headers]
    assert [request.status for request in refused] == [401]
    assert BAD not in str(file)
    assert BAD not in caplog.text


def test_what_needs_a_token_says_that_the_one_which_is_set_is_no_good(site, publish, hub):
    publish(gated="auto")

    with pytest.raises(LoginRequiredError) as caught:
        site(BAD).open_download(source(hub), {})

    assert caught.value.hint.startswith(TOKEN_REFUSED)


@pytest.mark.parametrize(
    ("fault", "error", "said"),
    [
        ({"kind": "ratelimit_429", "retry_after": "55"}, RateLimitedError, "too many requests"),
        ({"kind": "html_502"}, UnavailableError, "HTTP 502"),
        ({"kind": "html_200"}, UnavailableError, "a web page instead of the file"),
        ({"kind": "status", "status": 418}, BadResponseError, "HTTP 418"),
        ({"kind": "status", "status": 403}, AccessDeniedError, "The token may not cover"),
        ({"kind": "redirect_private"}, ForbiddenUrlError, "Refused"),
        ({"kind": "redirect_loop"}, BadResponseError, "in circles"),
    ],
)
def test_every_other_fault_of_a_download_is_told_apart(site, publish, hub, fault, error, said):
    publish()
    hub.fault(**fault, times=None)

    with pytest.raises(error) as caught:
        site().open_download(source(hub), {})

    assert said in f"{caught.value} {caught.value.hint}"


def test_a_pause_that_the_hub_asks_for_is_kept(site, publish, hub):
    publish()
    hub.fault("ratelimit_429", retry_after="55", times=None)

    with pytest.raises(RateLimitedError) as caught:
        site().versions(ref())

    assert caught.value.details["retry_after_s"] == 55
    assert len(hub.requests) == 1


def test_a_short_pause_is_waited_for(site, publish, hub):
    publish()
    hub.fault("ratelimit_429", retry_after="0.01")

    assert len(site().versions(ref())) == 1


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("truncated_json", BadResponseError),
        ("empty_body", BadResponseError),
        ("html_200", UnavailableError),
        ("html_502", UnavailableError),
        ("challenge_403", AccessDeniedError),
    ],
)
def test_an_answer_that_is_no_json_is_told_apart(site, publish, hub, fault, error):
    publish()
    hub.fault(fault, times=None)

    with pytest.raises(error):
        site().versions(ref())


@pytest.mark.parametrize(
    "url",
    [
        "https://huggingface.co/api/whoami-v2",
        "https://huggingface.co/a/b/resolve/main/../../../../api/whoami-v2",
        "https://huggingface.co/a/b/resolve/%2e%2e/x.safetensors",
    ],
)
def test_a_lock_cannot_ask_for_other_pages_with_our_token(site, hub, url):
    with pytest.raises(ForbiddenUrlError):
        site(GOOD).open_download(Source("huggingface", url), {})
    assert hub.requests == []


# --- downloads -----------------------------------------------------------------------------------


def test_the_token_goes_to_the_hub_and_never_to_its_storage(site, publish, hub):
    publish(private=True, granted=frozenset({GOOD}))

    read(site(GOOD).open_download(source(hub), {}))

    asked = {request.origin: request.headers.get("Authorization") for request in hub.requests}
    assert asked == {"site": f"Bearer {GOOD}", "storage": None}


def test_a_download_goes_on_where_it_ended(site, publish, hub):
    published = publish()

    response = site().open_download(source(hub), {"Range": "bytes=100-"})

    assert response.status_code == 206
    assert read(response) == published.path.read_bytes()[100:]
    with site().open_download(source(hub), {"Range": f"bytes={published.size}-"}) as ended:
        assert ended.status_code == 416


def test_each_download_asks_for_a_fresh_link(site, publish, hub):
    published = publish()
    market = site()
    read(market.open_download(source(hub), {}))
    hub.expire_links()

    assert read(market.open_download(source(hub), {})) == published.path.read_bytes()


def test_a_link_that_the_storage_refuses_is_worth_a_retry(site, publish, hub):
    publish()
    hub.fault("status", origin="storage", status=403)

    with pytest.raises(UnavailableError, match="it may have expired"):
        site().open_download(source(hub), {})


# --- availability and token ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "token", "access"),
    [
        ({}, None, "open"),
        ({"gated": "auto"}, None, "login"),
        ({"gated": "auto"}, GOOD, "login"),
        ({"gated": "auto", "granted": frozenset({GOOD})}, GOOD, "open"),
        ({"private": True}, None, "gone"),
        ({"disabled": True}, None, "gone"),
        ({"commits": {}}, None, "gone"),
    ],
)
def test_availability_is_told_without_fetching(site, publish, hub, settings, token, access):
    published = publish()
    pinned = source(hub)
    hub.settings(INK, **settings)

    (answer,) = site(token).availability([(pinned, published.sha256)])

    assert answer.access == access
    assert bool(answer.reason) == (access != "open")
    assert [request.origin for request in hub.requests] == ["site"]


def test_a_branch_that_moved_on_does_not_serve_those_bytes_any_more(site, publish):
    old = publish(seed=1)
    publish(seed=2)
    moving = Source("huggingface", f"https://huggingface.co/{INK}/resolve/main/ink.safetensors")

    (answer,) = site().availability([(moving, old.sha256)])

    assert (answer.access, answer.reason) == (
        "gone", "Hugging Face now serves another file in its place.",
    )  # fmt: skip


def test_silence_is_unknown_and_answers_keep_their_order(site, publish, hub):
    published = publish()
    lost = Source("huggingface", source(hub).url.replace("ink.safe", "nope.safe"))
    hub.fault("html_502", match="ink.safetensors")

    answers = site().availability([(source(hub), published.sha256), (lost, "a" * 64)])

    assert [answer.access for answer in answers] == ["unknown", "gone"]


@pytest.mark.parametrize(
    ("token", "state"), [(None, "unset"), (GOOD, "accepted"), (BAD, "refused")]
)
def test_a_token_is_checked(site, token, state):
    assert site(token).check_token() == state


def test_a_token_is_unknown_when_nobody_answers(site, hub):
    hub.fault("ratelimit_429", retry_after="99", times=None)

    assert site(GOOD).check_token() == "unknown"
