"""Words find files by name, title, tag, trigger word and note."""

from __future__ import annotations

import sqlite3

import pytest
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.catalog import schema
from satchel.catalog.notes import Note
from satchel.examine import examine
from satchel.identity import ModelIdentity
from satchel.marketplaces.records import PublishedFile, PublishedVersion
from satchel.scan import scan


@pytest.fixture(params=["full text", "without FTS5"])
def space(request, tmp_path, monkeypatch):
    if request.param == "without FTS5":
        monkeypatch.setattr("satchel.catalog.database.create_full_text", lambda db: False)
    made = make_workspace(tmp_path)
    models = tmp_path / "models"
    write_safetensors(models / "loras/style/Ink_Lines-v2.safetensors", seed=1)
    write_safetensors(models / "loras/水彩画風.safetensors", seed=2)
    write_safetensors(models / "loras/plain.safetensors", seed=3,
                      metadata={"modelspec.trigger_phrase": "wobbly"})  # fmt: skip
    write_safetensors(models / "checkpoints/ink base.safetensors", seed=4)
    scan(made.folders, made.catalog)
    return made


def found(space, text, **options):
    return [row.name for row in space.catalog.search.find(text, **options)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ink lines", ["style/Ink_Lines-v2.safetensors"]),
        ("LINES ink", ["style/Ink_Lines-v2.safetensors"]),
        ("lin", ["style/Ink_Lines-v2.safetensors"]),
        ("style", ["style/Ink_Lines-v2.safetensors"]),
        ("水彩", ["水彩画風.safetensors"]),
        ("画風", ["水彩画風.safetensors"]),
        ("ines", ["style/Ink_Lines-v2.safetensors"]),
        ("absent", []),
        ("", []),
        ('"*', []),
        ("ink AND lines", []),
        ("NOT", []),
    ],
)
def test_names_are_found_by_their_words(space, text, names):
    assert found(space, text) == names


def test_a_kind_and_a_limit_narrow_it(space):
    assert sorted(found(space, "ink")) == ["ink base.safetensors", "style/Ink_Lines-v2.safetensors"]
    assert found(space, "ink", kinds=["checkpoints"]) == ["ink base.safetensors"]
    assert len(found(space, "ink", limit=1)) == 1


def test_what_is_learnt_later_is_found_too(space):
    model = space.folders.get("loras", "plain.safetensors")
    assert found(space, "wobbly") == found(space, "remembered") == found(space, "Grandiose") == []

    digests = examine(model, space.catalog)
    space.catalog.notes.put(model, [Note(text="to be remembered", tags=("odd",))])
    file = PublishedFile(ModelIdentity("loras", "x.safetensors", digests.sha256))
    space.catalog.records.put(
        [PublishedVersion("civitai", "Grandiose", model_id="1", version_id="2", tags=("painting",),
                          trigger_words=("swirl",), files=(file,))]
    )  # fmt: skip

    for text in ("wobbly", "remembered", "odd", "grandiose", "painting", "swirl"):
        assert found(space, text) == ["plain.safetensors"], text


def test_a_deleted_file_is_not_found(space, tmp_path):
    assert found(space, "plain") == ["plain.safetensors"]
    (tmp_path / "models/loras/plain.safetensors").unlink()
    scan(space.folders, space.catalog)

    assert found(space, "plain") == []


def test_an_index_that_an_sqlite_without_fts5_left_behind_is_made_good(tmp_path, monkeypatch):
    space = make_workspace(tmp_path)
    write_safetensors(tmp_path / "models/loras/first.safetensors", seed=1)
    scan(space.folders, space.catalog)
    assert found(space, "first") == ["first.safetensors"]

    with monkeypatch.context() as without:
        without.setattr("satchel.catalog.database.create_full_text", lambda db: False)
        other = make_workspace(tmp_path)
        write_safetensors(tmp_path / "models/loras/second.safetensors", seed=2)
        scan(other.folders, other.catalog)
        assert found(other, "second") == ["second.safetensors"]

    assert found(space, "second") == ["second.safetensors"]
    with space.catalog._database.reading() as db:
        assert db.execute("SELECT count(*) FROM full_text").fetchone() == (2,)


def test_it_is_noticed_when_sqlite_has_no_fts5():
    class Without(sqlite3.Connection):
        def execute(self, sql, *parameters):
            if "fts5" in sql:
                raise sqlite3.OperationalError("no such module: fts5")
            return super().execute(sql, *parameters)

    assert schema.create_full_text(sqlite3.connect(":memory:", factory=Without)) is False
