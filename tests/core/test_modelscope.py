"""ModelScope as a source: every file has a digest, and an envelope says what went wrong."""

from __future__ import annotations

import pytest
from support.marketplace.modelscope import ModelScope as Scope
from support.models import write_safetensors

from satchel.errors import (
    AccessDeniedError,
    AmbiguousReferenceError,
    BadResponseError,
    ForbiddenUrlError,
    InvalidInputError,
    LoginRequiredError,
    NotFoundError,
    UnavailableError,
)
from satchel.identity import Source
from satchel.marketplaces.modelscope import ModelScope
from satchel.marketplaces.modelscope_search import found
from satchel.marketplaces.records import SearchQuery
from satchel.references import parse_reference
from satchel.references.values import HubReference
from satchel.settings import Settings, SourceSettings, origin_of

INK = "brushfox/ink-wash-lora"
TOKEN = "ms-good"


@pytest.fixture
def scope():
    with Scope(tokens=(TOKEN,)) as scope:
        yield scope


@pytest.fixture
def publish(scope, tmp_path):
    def build(path="ink.safetensors", repository=INK, seed=0, **options):
        file = write_safetensors(tmp_path / "published" / f"{seed}.safetensors", seed=seed)
        return scope.publish(repository, path, file, **options)

    return build


def market_of(scope, token=None):
    return ModelScope(
        Settings(
            {"modelscope": SourceSettings(scope.site_url, token)},
            trusted_origins=frozenset({origin_of(scope.storage_url)}),
        )
    )


def ref(path=None, revision=None, repository=INK) -> HubReference:
    return HubReference("modelscope", repository, revision, path)


def chosen(market, reference):
    return market.choose(market.versions(reference), reference)


def source(path="ink.safetensors", revision="master") -> Source:
    return Source("modelscope", f"https://www.modelscope.cn/models/{INK}/resolve/{revision}/{path}")


def read(response) -> bytes:
    with response:
        return response.raw.read()


def test_a_file_is_named_by_branch_and_digest(scope, publish):
    published = publish()

    file = chosen(market_of(scope), ref("ink.safetensors"))

    assert (file.identity.sha256, file.identity.size) == (published.sha256, published.size)
    assert (file.identity.kind, file.identity.name) == ("loras", "ink.safetensors")
    assert file.identity.sources == (source(),)


@pytest.mark.parametrize("lfs", [True, False])
def test_a_file_has_its_digest_whether_it_is_in_lfs_or_not(scope, publish, lfs):
    published = publish(lfs=lfs)
    market = market_of(scope)

    file = chosen(market, ref())

    assert file.identity.sha256 == published.sha256
    assert read(market.open_download(file.identity.sources[0], {})) == published.path.read_bytes()


def test_a_repository_with_several_model_files_lists_them(scope, publish):
    publish("a.safetensors")
    publish("水墨/b.gguf", seed=1)

    with pytest.raises(AmbiguousReferenceError) as caught:
        chosen(market_of(scope), ref())

    assert [url.rpartition("/")[2] for url in caught.value.details["files"]] == [
        "a.safetensors", "b.gguf",
    ]  # fmt: skip
    assert chosen(market_of(scope), ref("水墨")).format == "GGUF"
    assert chosen(market_of(scope), ref("水墨/b.gguf")).format == "GGUF"


def test_another_revision_is_asked_for(scope, publish):
    old = publish(revision="v1")
    publish(seed=1)

    file = chosen(market_of(scope), ref(revision="v1"))

    assert file.identity.sha256 == old.sha256
    assert file.identity.sources == (source(revision="v1"),)


def test_a_listing_that_is_cut_off_is_asked_for_folder_by_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("satchel.marketplaces.modelscope.LISTING_LIMIT", 5)
    file = write_safetensors(tmp_path / "a.safetensors")
    names = [f"{folder}/{number}.safetensors" for folder in "xy" for number in range(3)]
    with Scope(truncated_at=5) as scope:
        for name in names:
            scope.publish(INK, name, file)

        (version,) = market_of(scope).versions(ref())

        found = {one.identity.sources[0].url.rpartition("master/")[2] for one in version.files}
        assert found == set(names)


@pytest.mark.parametrize(
    "reference",
    [ref("nope.safetensors"), ref(revision="nope"), ref(repository="a/nope"), ref("nope/x.sft")],
)
def test_what_is_not_there_is_not_found(scope, publish, reference):
    publish()

    with pytest.raises(NotFoundError):
        market_of(scope).versions(reference)


def test_a_download_of_what_is_gone_is_told_although_the_status_is_200(scope, publish):
    publish()

    with pytest.raises(NotFoundError):
        market_of(scope).open_download(source("nope.safetensors"), {})


def test_a_private_repository_asks_for_a_token_and_opens_with_it(scope, publish):
    published = publish()
    scope.private.add(INK)

    with pytest.raises(LoginRequiredError, match="asks for a login") as caught:
        market_of(scope).versions(ref())
    assert "MODELSCOPE_API_TOKEN" in caught.value.hint
    with pytest.raises(AccessDeniedError, match="with this token"):
        market_of(scope, "ms-other").open_download(source(), {})
    assert read(market_of(scope, TOKEN).open_download(source(), {})) == published.path.read_bytes()


def test_the_token_is_never_shown_to_the_storage(scope, publish):
    publish()

    read(market_of(scope, TOKEN).open_download(source(), {}))

    asked = {request.origin: request.headers.get("Cookie") for request in scope.requests}
    assert asked == {"site": f"m_session_id={TOKEN}", "storage": None}


def test_a_range_is_answered_whole_by_the_site_and_partly_by_the_storage(scope, publish):
    small = publish("small.safetensors", lfs=False)
    large = publish("large.safetensors", seed=1)
    market = market_of(scope)

    whole = market.open_download(source("small.safetensors"), {"Range": "bytes=100-"})
    part = market.open_download(source("large.safetensors"), {"Range": "bytes=100-"})

    assert (whole.status_code, part.status_code) == (200, 206)
    assert read(whole) == small.path.read_bytes()
    assert read(part) == large.path.read_bytes()[100:]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "html_502"}, UnavailableError),
        ({"kind": "html_200"}, UnavailableError),
        ({"kind": "status", "status": 418}, BadResponseError),
        ({"kind": "redirect_http_elsewhere"}, ForbiddenUrlError),
    ],
)
def test_faults_of_a_download_are_told_apart(scope, publish, fault, error):
    publish()
    scope.fault(**fault, times=None)

    with pytest.raises(error):
        market_of(scope).open_download(source(), {})


def test_a_link_that_the_storage_refuses_is_worth_a_retry(scope, publish):
    publish()
    scope.fault("status", origin="storage", status=403)

    with pytest.raises(UnavailableError, match="may have expired"):
        market_of(scope).open_download(source(), {})


def test_entries_of_an_odd_shape_are_left_out(scope, publish, monkeypatch):
    publish()
    monkeypatch.setattr("support.marketplace.modelscope._entry", lambda *facts: "not an entry")

    assert market_of(scope).versions(ref())[0].files == ()


def test_availability_compares_the_digest_that_is_served_now(scope, publish):
    published = publish()
    wanted = [(source(), published.sha256), (source(), "a" * 64), (source("b.sft"), "a" * 64)]

    answers = market_of(scope).availability(wanted)

    assert [answer.access for answer in answers] == ["open", "gone", "gone"]
    assert "another file" in answers[1].reason


def test_availability_says_when_a_login_is_asked_for(scope, publish):
    published = publish()
    scope.private.add(INK)

    (answer,) = market_of(scope).availability([(source(), published.sha256)])

    assert answer.access == "login"


def test_there_is_no_lookup_by_digest(scope):
    market = market_of(scope)

    assert market.find_sources(["a" * 64]) == {"a" * 64: ()}
    assert market.knows(ref())
    assert not market.knows(HubReference("huggingface", INK))


@pytest.mark.parametrize(
    ("token", "state"), [(None, "unset"), (TOKEN, "accepted"), ("ms-bad", "refused")]
)
def test_the_site_says_whether_it_accepts_the_token(scope, token, state):
    assert market_of(scope, token).check_token() == state


def test_a_site_that_is_away_says_nothing_about_a_token(scope):
    market = market_of(scope, TOKEN)
    scope.stop()

    assert market.check_token() == "unknown"


# --- search --------------------------------------------------------------------------------------

FOX, OWL = "brushfox/fox", "inkowl/ink-model"


@pytest.fixture
def shelf(scope, publish):
    """Three models, one of them a LoRA by its name, one by a tag."""
    for seed, repository in enumerate((INK, FOX, OWL)):
        publish(repository=repository, seed=seed)
    scope.tags[OWL] = ["LoRA", "anime"]
    return market_of(scope)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (SearchQuery("ink"), [INK, OWL]),
        (SearchQuery("nothing"), []),
        (SearchQuery(author="brushfox"), [INK, FOX]),
        (SearchQuery(tags=("anime",)), [OWL]),
        (SearchQuery(kinds=("loras",)), [INK, OWL]),
        (SearchQuery(kinds=("loras", "vae")), [INK, OWL]),
        (SearchQuery(sort="downloads"), [OWL, FOX, INK]),
        (SearchQuery(sort="newest"), [OWL, FOX, INK]),
        (SearchQuery(sort="rating"), [INK, FOX, OWL]),
    ],
    ids=str,
)
def test_a_search_is_narrowed_and_sorted(shelf, query, found):
    assert [version.model_id for version in shelf.search(query).versions] == found


@pytest.mark.parametrize(
    "query", [SearchQuery(kinds=("checkpoints",)), SearchQuery(base_models=("SDXL 1.0",))]
)
def test_what_the_list_cannot_tell_finds_nothing_instead_of_everything(shelf, scope, query):
    assert shelf.search(query).versions == ()
    assert not [request for request in scope.requests if "openapi" in request.path]


def test_what_is_found_is_a_reference_to_its_page(shelf):
    found = shelf.search(SearchQuery("ink-wash")).versions[0]

    assert found.page_url == f"https://www.modelscope.cn/models/{INK}"
    assert (found.author, found.model_type, found.licence) == ("brushfox", "LoRA", "Apache-2.0")
    assert chosen(shelf, parse_reference(found.page_url)).identity.sha256


def test_a_search_pages_and_ends(shelf):
    first = shelf.search(SearchQuery("ink", limit=1))
    second = shelf.search(SearchQuery("ink", limit=1, cursor=first.cursor))

    assert [page.versions[0].model_id for page in (first, second)] == [INK, OWL]
    assert (first.cursor, second.cursor) == ("2", "")


@pytest.mark.parametrize("cursor", ["x", "0", "-1", "1.5", "\u0661"])
def test_a_cursor_that_is_none_is_refused(shelf, cursor):
    with pytest.raises(InvalidInputError, match="no cursor of ModelScope"):
        shelf.search(SearchQuery("ink", cursor=cursor))


def test_the_last_page_that_the_site_gives_has_no_next_one():
    body = {"data": {"models": [{"id": f"a/{n}"} for n in range(100)], "total_count": 9000}}

    assert found(body, SearchQuery(limit=100, cursor="29"), "s").cursor == "30"
    assert found(body, SearchQuery(limit=100, cursor="30"), "s").cursor == ""


def test_a_search_that_is_refused_says_what_the_site_said(shelf):
    with pytest.raises(BadResponseError, match="page_number \\* page_size must be"):
        shelf.search(SearchQuery(limit=100, cursor="31"))


@pytest.mark.parametrize("body", [None, [], {}, {"data": []}, {"data": {"models": {}}}])
def test_an_answer_of_another_shape_is_told(body):
    with pytest.raises(BadResponseError, match="unknown shape"):
        found(body, SearchQuery(), "s")


@pytest.mark.parametrize("info", [{}, {"id": 7}, {"id": "nobody"}, {"id": "a/b", "tags": 1}])
def test_entries_that_say_nothing_are_left_out(info):
    page = found({"data": {"models": [info]}}, SearchQuery(), "s")

    assert [version.model_id for version in page.versions] == (["a/b"] if "tags" in info else [])


def test_a_token_goes_with_the_search_and_to_nobody_else(shelf, scope):
    market_of(scope, TOKEN).search(SearchQuery("ink"))

    request = scope.requests[-1]
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in request.path
