"""What the host shows in other languages is complete: nodes, their inputs and outputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.coroutines import run_async

ROOT = Path(__file__).parents[2]
LANGUAGES = ("zh", "ja")
# vue-i18n, which the host's page shows these with, takes them for its own.
SPECIAL = set("{}@|")


def read(language: str, topic: str) -> dict[str, Any]:
    return json.loads((ROOT / "locales" / language / f"{topic}.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def schemas(pack) -> dict[str, Any]:
    extension = run_async(pack.comfy_entrypoint())
    return {
        schema.node_id: schema
        for schema in (node.GET_SCHEMA() for node in run_async(extension.get_node_list()))
    }


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_node_with_its_inputs_and_outputs_is_translated(language, schemas):
    definitions = read(language, "nodeDefs")

    assert set(definitions) == set(schemas)
    for id_, schema in schemas.items():
        translated = definitions[id_]
        assert set(translated["inputs"]) == {value.id for value in schema.inputs}, id_
        assert list(translated["outputs"]) == list(map(str, range(len(schema.outputs)))), id_
        assert translated["display_name"] != schema.display_name
        assert translated["description"] != schema.description
        for value in schema.inputs:
            assert translated["inputs"][value.id]["tooltip"], (id_, value.id)
        for number, value in enumerate(schema.outputs):
            told = translated["outputs"][str(number)]
            assert ("tooltip" in told) == bool(value.tooltip), (id_, number)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("topic", ["nodeDefs", "main", "commands", "settings"])
def test_no_text_has_characters_that_the_host_reads_as_its_own(language, topic):
    def check(value: Any, where: str) -> None:
        if isinstance(value, dict):
            for key, part in value.items():
                check(part, f"{where}.{key}")
        else:
            assert not SPECIAL & set(value), where

    check(read(language, topic), topic)
