"""The library: what it tells of every file, and how it is searched, filtered and sorted."""

from __future__ import annotations

import os

import pytest
from support.marketplace import Marketplace
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.catalog.notes import Note
from satchel.enrich import enrich
from satchel.errors import InvalidInputError
from satchel.examine import examine_all
from satchel.inventory import listed
from satchel.model_details import model_details, user_note, write_note
from satchel.preview_cache import PreviewCache
from satchel.shelf import Wanted, make_shelf, page_of


@pytest.fixture
def market():
    with Marketplace() as running:
        yield running


@pytest.fixture
def space(tmp_path, market):
    """Ink has two newer versions that are not here, and is here twice; nobody knows the rest."""
    made = make_workspace(tmp_path, market)
    loras = tmp_path / "models" / "loras"
    ink = write_safetensors(loras / "style/ink.safetensors", {"w": (900,)}, seed=1)
    (loras / "copy of ink.safetensors").write_bytes(ink.read_bytes())
    os.link(ink, loras / "linked.safetensors")
    write_safetensors(loras / "wash.safetensors", {"w": (400,)}, seed=2)
    write_safetensors(tmp_path / "models/vae/soft.safetensors", {"w": (3000,)}, seed=3)
    first = market.publish(
        ink, model_name="Ink Drawing", version_name="v1", base_model="SDXL 1.0",
        trained_words=["inkstyle"], nsfw=True,
    )  # fmt: skip
    for number, base in ((2, "Flux.1 D"), (3, "SDXL 1.0")):
        market.publish(
            write_safetensors(tmp_path / f"v{number}.safetensors", seed=number + 10),
            model_name="Ink Drawing", version_name=f"v{number}", base_model=base, in_model=first,
        )  # fmt: skip
    models = listed([], made).models
    examine_all([model for model in models if model.kind == "loras"], made.catalog)
    enrich(models, made)
    wash = made.folders.get("loras", "wash.safetensors")
    made.catalog.notes.put(
        wash, [Note(text="for rainy skies", tags=("water",), base_model="SD 1.5")]
    )
    market.stop()  # from here on nobody is asked
    return made


@pytest.fixture
def shelf(space):
    return make_shelf(listed([], space).models, space.catalog)


INK = ["copy of ink.safetensors", "linked.safetensors", "style/ink.safetensors"]
ALL = [INK[0], INK[1], "soft.safetensors", INK[2], "wash.safetensors"]


def names(shelf, space, **wanted):
    return [item.model.name for item in shelf.show(Wanted(**wanted), space.catalog).items]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ALL),
        ({"kinds": ("vae",)}, ["soft.safetensors"]),
        ({"kinds": ("vae", "loras")}, ALL),
        ({"base_models": ("SD 1.5",)}, ["wash.safetensors"]),
        ({"base_models": ("SD 1.5", "SDXL 1.0")}, [*INK, "wash.safetensors"]),
        ({"tags": ("water",)}, ["wash.safetensors"]),
        ({"tags": ("water", "nothing")}, []),
        ({"updates": True}, INK),
        ({"duplicates": True}, INK),
        ({"query": "inkst", "sort": "name"}, INK),
        ({"query": "rainy"}, ["wash.safetensors"]),
        ({"query": "ink", "kinds": ("vae",)}, []),
        ({"query": "no such words"}, []),
        ({"query": "  "}, ALL),
        ({"sort": "size"}, ["soft.safetensors", *INK, "wash.safetensors"]),
    ],
)
def test_what_is_wanted_is_shown(shelf, space, wanted, expected):
    assert names(shelf, space, **wanted) == expected


def test_a_digest_finds_all_copies_and_an_exact_name_hides_nothing(shelf, space):
    (ink,) = [item for item in shelf.items if item.model.name == "style/ink.safetensors"]

    assert sorted(names(shelf, space, query=ink.row.sha256)) == INK
    # One file is called just so; the others have the word in their name or title.
    assert names(shelf, space, query="ink")[0] == "style/ink.safetensors"
    assert sorted(names(shelf, space, query="ink")) == INK


def test_the_newest_come_first(shelf, space, tmp_path):
    os.utime(tmp_path / "models/vae/soft.safetensors", (4e9, 4e9))
    shelf = make_shelf(listed([], space).models, space.catalog)

    assert names(shelf, space, sort="newest")[0] == "soft.safetensors"


def test_a_file_tells_what_is_known_of_it(shelf, space, tmp_path):
    (tmp_path / "models/loras/style/ink.preview.png").write_bytes(b"picture")
    shown = shelf.show(Wanted(), space.catalog).items
    cache = PreviewCache.beside(space.catalog)

    by_name = {entry["name"]: entry for entry in page_of(shown, 0, 10, cache)}

    ink = by_name["style/ink.safetensors"]
    assert (ink["title"], ink["version"], ink["base"]) == ("Ink Drawing", "v1", "SDXL 1.0")
    assert (ink["update"], ink["known"], ink["nsfw_level"]) == (True, True, 28)
    assert ink["copies"] == 1  # the hard link takes no room
    assert ink["preview"] > 0
    assert by_name["wash.safetensors"]["noted"] is True
    assert by_name["soft.safetensors"].keys() == {"name", "directory", "size"}
    assert [entry["name"] for entry in page_of(shown, 1, 2, cache)] == ALL[1:3]
    assert page_of(shown, 99, 2, cache) == []
    assert shelf.unhashed == 1


def test_filters_are_counted_without_their_own_restriction(shelf, space):
    facets = shelf.show(Wanted(kinds=("vae",), query=""), space.catalog).facets

    assert facets["kinds"] == [("loras", 4), ("vae", 1)]
    assert facets["base_models"] == []
    facets = shelf.show(Wanted(base_models=("SD 1.5",)), space.catalog).facets
    assert facets["kinds"] == [("loras", 1)]
    assert facets["base_models"] == [("SDXL 1.0", 3), ("SD 1.5", 1)]
    assert facets["tags"] == [("water", 1)]


def test_a_further_tag_is_counted_among_the_files_that_have_the_first(shelf, space):
    wash = space.folders.get("loras", "wash.safetensors")
    space.catalog.notes.put(wash, [Note(text="", tags=("water", "sky"), base_model="")])
    soft = space.folders.get("vae", "soft.safetensors")
    examine_all([soft], space.catalog)
    space.catalog.notes.put(soft, [Note(text="", tags=("sky", "soft"), base_model="")])
    shelf = make_shelf(listed([], space).models, space.catalog)

    facets = shelf.show(Wanted(tags=("water",)), space.catalog).facets

    assert facets["tags"] == [("sky", 1), ("water", 1)]
    assert shelf.show(Wanted(), space.catalog).facets["tags"][0] == ("sky", 2)


def test_the_stamp_changes_with_what_is_shown_only(shelf, space):
    def again():
        return make_shelf(listed([], space).models, space.catalog).stamp

    assert again() == shelf.stamp
    write_note(space.folders.get("vae", "soft.safetensors"), "mine", [], space.catalog)
    assert again() != shelf.stamp


def test_a_file_that_changed_since_it_was_read_tells_nothing(shelf, space, tmp_path):
    write_safetensors(tmp_path / "models/loras/wash.safetensors", {"w": (401,)}, seed=9)
    shelf = make_shelf(listed([], space).models, space.catalog)

    (wash,) = [item for item in shelf.items if item.model.name == "wash.safetensors"]

    assert (wash.row.sha256, wash.row.base_model, wash.row.noted) == (None, "", False)


def test_details_tell_digests_sources_copies_and_what_is_newer(shelf, space):
    model = space.folders.get("loras", "style/ink.safetensors")
    copies = [item for item in shelf.items if item.model.name == INK[0]]

    told = model_details(model, space.catalog, copies)

    assert {"SHA256", "AutoV2"} <= told["digests"].keys()
    assert [(s["source"], s["version"]) for s in told["sources"]] == [("civitai", "v1")]
    assert told["sources"][0]["page"].startswith("https://civitai.com/")
    # For the same base model first.
    assert [newer["version"] for newer in told["newer"]] == ["v3", "v2"]
    assert told["copies"] == [{"directory": "loras", "name": INK[0]}]
    assert told["trigger_words"] == ["inkstyle"]


def test_what_is_newer_and_here_is_no_update(space, tmp_path):
    for number in (2, 3):
        (tmp_path / f"v{number}.safetensors").rename(
            tmp_path / f"models/loras/v{number}.safetensors"
        )
    models = listed([], space).models
    examine_all(models, space.catalog)

    shelf = make_shelf(models, space.catalog)
    told = model_details(space.folders.get("loras", INK[2]), space.catalog, [])

    # v2 is older than v3, which is here.
    assert names(shelf, space, updates=True) == []
    assert told["newer"] == []


def test_a_note_belongs_to_the_bytes_and_leaves_the_rest_of_it_alone(space):
    wash = space.folders.get("loras", "wash.safetensors")
    write_note(wash, " strong ", ["blue", " ", "blue", "rain"], space.catalog)

    note = user_note(wash, space.catalog)
    assert (note.text, note.words) == ("strong", ("blue", "rain"))
    assert (note.tags, note.base_model) == (("water",), "SD 1.5")

    write_note(space.folders.get("loras", INK[0]), "seen on both", [], space.catalog)
    assert user_note(space.folders.get("loras", INK[2]), space.catalog).text == "seen on both"
    write_note(space.folders.get("loras", INK[0]), "", [], space.catalog)
    assert user_note(space.folders.get("loras", INK[0]), space.catalog).empty


@pytest.mark.parametrize(("text", "words"), [("x" * 20_001, []), ("", ["w", "x" * 501])])
def test_an_endless_note_is_refused(space, text, words):
    wash = space.folders.get("loras", "wash.safetensors")

    with pytest.raises(InvalidInputError, match="at most"):
        write_note(wash, text, words, space.catalog)
    assert user_note(wash, space.catalog).text == "for rainy skies"
