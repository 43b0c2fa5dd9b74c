"""Reading behind the list of LoRAs: it ends, however many there are, and notices what is new."""

from __future__ import annotations

import json

import pytest
from support.models import write_safetensors
from support.workspaces import make_workspace

from satchel.header_reading import HeaderReading
from satchel.jobs import Jobs
from satchel.lora_cards import lora_cards
from satchel.scan import scan

LONG_S = 30


@pytest.fixture
def space(tmp_path):
    return make_workspace(tmp_path)


def add(tmp_path, name, words):
    metadata = {"modelspec.trigger_phrase": words}
    return write_safetensors(tmp_path / "models/loras" / name, metadata=metadata)


def listed(space):
    return scan(space.folders, space.catalog, ["loras"]).models


def listed_without_writing(space):
    return tuple(space.folders.files(["loras"]))


def words(space):
    return {card.name: card.words for card in lora_cards(listed(space), space.catalog)}


def test_a_list_that_was_read_is_not_said_to_be_read_again(space, tmp_path):
    add(tmp_path, "ink.safetensors", "ink wash")
    reading = HeaderReading(Jobs())

    assert reading.read(listed(space), space.catalog, LONG_S) is False
    assert words(space) == {"ink.safetensors": ("ink wash",)}
    # Without any patience: there is nothing left to wait for.
    assert reading.read(listed(space), space.catalog, 0) is False


def test_a_new_or_changed_file_is_read(space, tmp_path):
    add(tmp_path, "ink.safetensors", "ink wash")
    reading = HeaderReading(Jobs())
    reading.read(listed(space), space.catalog, LONG_S)

    add(tmp_path, "ink.safetensors", "another phrase, of another length")
    add(tmp_path, "pen.safetensors", "pen")

    assert reading.read(listed(space), space.catalog, LONG_S) is False
    assert words(space) == {
        "ink.safetensors": ("another phrase", "of another length"),
        "pen.safetensors": ("pen",),
    }


def test_what_nobody_has_read_yet_is_still_to_come(space, tmp_path):
    add(tmp_path, "ink.safetensors", "ink wash")
    reading = HeaderReading(Jobs())
    models = listed(space)

    # The catalog can be written to by one at a time, so the reader waits.
    with space.catalog.files._database.writing():
        assert reading.read(models, space.catalog, 0.05) is True
    assert reading.read(models, space.catalog, LONG_S) is False


def test_what_came_while_another_list_was_read_is_still_to_come(space, tmp_path):
    add(tmp_path, "ink.safetensors", "ink wash")
    reading = HeaderReading(Jobs())
    with space.catalog.files._database.writing():
        reading.read(listed_without_writing(space), space.catalog, 0.05)
        add(tmp_path, "pen.safetensors", "pen")
        before = reading._job
    longer = listed(space)

    # Whether the first reading has ended by now or ends while this waits, it had no pen.
    while reading.read(longer, space.catalog, LONG_S):
        pass

    assert reading._job is not before
    assert words(space)["pen.safetensors"] == ("pen",)


def test_notes_that_appear_beside_a_file_are_found_after_a_while(space, tmp_path, monkeypatch):
    path = add(tmp_path, "ink.safetensors", "ink wash")
    reading = HeaderReading(Jobs())
    reading.read(listed(space), space.catalog, LONG_S)
    path.with_suffix(".json").write_text(json.dumps({"activation text": "noted"}))

    reading.read(listed(space), space.catalog, LONG_S)
    assert words(space) == {"ink.safetensors": ("ink wash",)}

    monkeypatch.setattr("satchel.header_reading._LOOK_AGAIN_S", 0)
    reading.read(listed(space), space.catalog, LONG_S)
    assert set(words(space)["ink.safetensors"]) == {"noted", "ink wash"}
