"""Trigger words beside a file's own header: whose they are decides where they go."""

from __future__ import annotations

import pytest
from support.models import write_safetensors

from satchel.catalog import Catalog
from satchel.catalog.notes import Note
from satchel.folders import LocalModel
from satchel.hashes import hash_file
from satchel.identity import ModelIdentity
from satchel.known_words import KnownWords, known_words
from satchel.marketplaces.records import PublishedFile, PublishedVersion


@pytest.fixture
def catalog(tmp_path):
    return Catalog(tmp_path / "catalog.sqlite3")


@pytest.fixture
def model(tmp_path):
    path = write_safetensors(tmp_path / "ink.safetensors")
    return LocalModel.at("loras", path.name, path)


def publish(catalog, model, words):
    digests = hash_file(model.path)
    catalog.remember(model, digests)
    identity = ModelIdentity("loras", model.name, digests.sha256)
    file = PublishedFile(identity, digests=(("SHA256", digests.sha256),))
    catalog.records.put([
        PublishedVersion("civitai", "Ink", model_id="1", version_id="2", trigger_words=words,
                         files=(file,))
    ])  # fmt: skip


def test_a_file_that_nobody_described_has_none(catalog, model):
    assert known_words(model, catalog) == KnownWords()


def test_the_users_own_and_a_marketplaces_go_before_the_header(catalog, model):
    catalog.notes.put(model, [Note(words=("mine",)), Note("metadata.json", words=("theirs",))])
    publish(catalog, model, ("ink", "wash"))

    assert known_words(model, catalog) == KnownWords(("mine", "ink", "wash"), ("theirs",))
