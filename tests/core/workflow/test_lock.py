"""The lock as a document: what is written, what is read, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from satchel.errors import LockError, LockVersionError
from satchel.identity import ModelIdentity, Source
from satchel.workflow.documents import read_json
from satchel.workflow.export import export
from satchel.workflow.facts import ModelFacts
from satchel.workflow.lock import MAX_MODELS, Lock, LockedModel, is_lock
from satchel.workflow.node_pack import NodePack

DOCS = Path(__file__).resolve().parents[3] / "docs"
SCHEMA = json.loads((DOCS / "lock.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SHA = "0123456789abcdef" * 4
SOURCE = {"kind": "civitai", "url": "https://civitai.com/api/download/models/1"}
MODEL = {"name": "ink.safetensors", "directory": "loras"}

texts = st.text(min_size=1, max_size=30)
counts = st.integers(0, 2**53 - 1)
hex_digits = "0123456789abcdef"
values = st.recursive(
    st.none() | st.booleans() | counts | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
unknown = st.dictionaries(texts.map(lambda key: f"x-{key}"), values, max_size=3)
"""Keys that a newer release may write."""
sources = st.builds(
    Source,
    kind=texts,
    url=texts,
    air=st.none() | texts,
    model_id=st.none() | counts,
    version_id=st.none() | counts,
    file_id=st.none() | counts,
    more=unknown,
)
facts = st.builds(
    ModelFacts,
    base_model=st.text(max_size=9),
    trigger_words=st.lists(texts, max_size=3).map(tuple),
    licence=st.text(max_size=9),
    permissions=st.dictionaries(texts, st.booleans() | texts, max_size=3).map(
        lambda flags: tuple(sorted(flags.items()))
    ),
    nsfw_level=counts,
    gated=st.booleans(),
    page=st.text(max_size=9),
)
packs = st.builds(
    NodePack,
    cnr_id=st.text(max_size=9),
    aux_id=st.text(max_size=9),
    repository=st.text(max_size=9),
    version=st.text(max_size=9),
    commit=st.text(hex_digits, max_size=40),
    node_types=st.lists(texts, max_size=3, unique=True).map(sorted).map(tuple),
    more=unknown,
)
identities = st.builds(
    ModelIdentity,
    kind=texts,
    name=texts,
    sha256=st.none() | st.text(hex_digits, min_size=64, max_size=64),
    size=st.none() | counts,
    autov3=st.none() | st.text(hex_digits, min_size=12, max_size=12),
    sources=st.lists(sources, max_size=3).map(tuple),
)
models = st.builds(
    LockedModel,
    identity=identities,
    used_by=st.lists(texts, max_size=3).map(tuple),
    reason=st.text(max_size=20),
    facts=facts,
    more=unknown,
)
locks = st.builds(
    Lock,
    models=st.lists(models, max_size=4, unique_by=lambda model: model.key).map(tuple),
    host=st.dictionaries(st.sampled_from(["comfyui", "frontend"]), texts),
    node_packs=st.lists(packs, max_size=3).map(tuple),
    more=unknown,
)


def lock_of(**model: Any) -> dict[str, Any]:
    return {"version": 1, "models": [{**MODEL, **model}]}


def source_of(**source: Any) -> dict[str, Any]:
    return lock_of(sources=[{**SOURCE, **source}])


def is_valid(value: Any) -> bool:
    return bool(VALIDATOR.is_valid(value))


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_example_in_the_documentation_is_a_lock():
    text = (DOCS / "lock.md").read_text(encoding="utf-8")
    example = json.loads(text.split("```json\n")[1].split("```")[0])

    lock = Lock.from_json(example)

    VALIDATOR.validate(example)
    assert lock.to_json() == {**example, "generator": lock.to_json()["generator"]}


@settings(deadline=None)
@given(locks)
def test_every_lock_is_read_back_and_fits_the_schema(lock: Lock):
    value = json.loads(json.dumps(lock.to_json()))

    read = Lock.from_json(value)

    assert set(read.models) == set(lock.models)
    assert read.host == lock.host
    assert set(read.node_packs) == set(lock.node_packs)
    assert read.more == lock.more
    assert read.to_json() == value
    VALIDATOR.validate(value)
    assert is_lock(value)


@settings(deadline=None)
@given(unknown, unknown, unknown)
def test_keys_of_the_future_survive_an_import_and_another_export(
    top: dict[str, Any], of_model: dict[str, Any], of_pack: dict[str, Any]
):
    node = {"id": 1, "type": "LoraLoader", "widgets_values": ["ink.safetensors", 1, 1]}
    pack = {"cnr_id": "fancy", "node_types": ["Fancy"], **of_pack}
    value = {**lock_of(**of_model), "node_packs": [pack], **top}
    graph = {"nodes": [node], "links": [], "version": 0.4, "extra": {"satchel": value}}
    document = read_json(graph, "x.json")
    assert document.lock is not None

    again = export(document, document.lock).document.ui

    assert again is not None
    written = again["extra"]["satchel"]
    assert {key: written[key] for key in top} == top
    assert {key: written["models"][0][key] for key in of_model} == of_model
    assert {key: written["node_packs"][0][key] for key in of_pack} == of_pack


def test_a_lock_is_written_in_the_same_order_whatever_the_order_of_its_models():
    first = LockedModel(ModelIdentity("vae", "a.safetensors"), ("1",))
    second = LockedModel(ModelIdentity("loras", "b.safetensors"), ("2",))
    third = LockedModel(ModelIdentity("loras", "a.safetensors"), ("3",))

    one = Lock((first, second, third), {"comfyui": "0.30.0", "frontend": "1.47.12"}).to_json()
    other = Lock((second, third, first), {"frontend": "1.47.12", "comfyui": "0.30.0"}).to_json()

    assert json.dumps(one) == json.dumps(other)
    assert [(m["directory"], m["name"]) for m in one["models"]] == [
        ("loras", "a.safetensors"), ("loras", "b.safetensors"), ("vae", "a.safetensors"),
    ]  # fmt: skip


def test_a_lock_shows_all_of_its_fields():
    source = Source("civitai", SOURCE["url"], "urn:air:sdxl:lora:civitai:7@1", 7, 1, 9)
    identity = ModelIdentity("loras", "ink.safetensors", SHA, 12, SHA[:12], (source,))

    value = Lock((LockedModel(identity, ("4", "5:2")),), {"comfyui": "0.30.0"}).to_json()

    assert value["version"] == 1
    assert value["generator"].startswith("ComfyUI-Satchel ")
    assert value["host"] == {"comfyui": "0.30.0"}
    assert value["models"] == [
        {
            "name": "ink.safetensors", "directory": "loras", "sha256": SHA, "autov3": SHA[:12],
            "size": 12, "used_by": ["4", "5:2"],
            "sources": [{**SOURCE, "air": "urn:air:sdxl:lora:civitai:7@1", "model_id": 7,
                         "version_id": 1, "file_id": 9}],
        }
    ]  # fmt: skip


UNREADABLE = [
    (None, "version"),
    ([], "version"),
    ({}, "version"),
    ({"version": "1", "models": []}, "version"),
    ({"version": True, "models": []}, "version"),
    ({"version": 1.0, "models": []}, "version"),
    ({"version": 0, "models": []}, "version"),
    ({"version": -1, "models": []}, "version"),
    ({"version": 1}, "models"),
    ({"version": 1, "models": {}}, "models"),
    ({"version": 1, "models": [MODEL, MODEL]}, "models"),
    ({"version": 1, "models": [MODEL] * (MAX_MODELS + 1)}, "models"),
    ({"version": 1, "models": [MODEL, None]}, "models[1]"),
    ({"version": 1, "models": [[]]}, "models[0]"),
    ({"version": 1, "models": [{"directory": "loras"}]}, "models[0].name"),
    ({"version": 1, "models": [{"name": "ink.safetensors"}]}, "models[0].directory"),
    (lock_of(name=""), "models[0].name"),
    (lock_of(name=7), "models[0].name"),
    (lock_of(directory=None), "models[0].directory"),
    (lock_of(sha256="abc"), "models[0].sha256"),
    (lock_of(sha256=SHA[:-1] + "g"), "models[0].sha256"),
    (lock_of(sha256=SHA + "\n"), "models[0].sha256"),
    (lock_of(sha256=int(SHA[:8], 16)), "models[0].sha256"),
    (lock_of(autov3=SHA), "models[0].autov3"),
    (lock_of(size=-1), "models[0].size"),
    (lock_of(size=1.5), "models[0].size"),
    (lock_of(size="12"), "models[0].size"),
    (lock_of(size=True), "models[0].size"),
    (lock_of(size=10**400), "models[0].size"),
    (lock_of(sources={}), "models[0].sources"),
    (lock_of(sources=[None]), "models[0].sources[0]"),
    (lock_of(sources=[SOURCE, {"kind": "civitai"}]), "models[0].sources[1].url"),
    (source_of(kind=""), "models[0].sources[0].kind"),
    (source_of(url=7), "models[0].sources[0].url"),
    (source_of(air=[]), "models[0].sources[0].air"),
    (source_of(version_id="1"), "models[0].sources[0].version_id"),
    (source_of(model_id=-1), "models[0].sources[0].model_id"),
    (source_of(file_id=2**64), "models[0].sources[0].file_id"),
    (lock_of(used_by="4"), "models[0].used_by"),
    (lock_of(used_by=[4.5]), "models[0].used_by"),
    (lock_of(used_by=[True]), "models[0].used_by"),
    (lock_of(used_by=[None]), "models[0].used_by"),
    (lock_of(reason=None), "models[0].reason"),
    (lock_of(base_model=7), "models[0].base_model"),
    (lock_of(trigger_words="ink"), "models[0].trigger_words"),
    (lock_of(trigger_words=["ink", 1]), "models[0].trigger_words"),
    (lock_of(licence=[]), "models[0].licence"),
    (lock_of(permissions=[]), "models[0].permissions"),
    (lock_of(permissions={"allowNoCredit": 1}), "models[0].permissions"),
    (lock_of(nsfw_level=-1), "models[0].nsfw_level"),
    (lock_of(nsfw_level=True), "models[0].nsfw_level"),
    (lock_of(gated="yes"), "models[0].gated"),
    (lock_of(page=1), "models[0].page"),
    ({**lock_of(), "node_packs": {}}, "node_packs"),
    ({**lock_of(), "node_packs": ["x"]}, "node_packs[0]"),
    ({**lock_of(), "node_packs": [{"cnr_id": 1}]}, "node_packs[0].cnr_id"),
    ({**lock_of(), "node_packs": [{"node_types": "x"}]}, "node_packs[0].node_types"),
    ({**lock_of(), "node_packs": [{"node_types": [1]}]}, "node_packs[0].node_types"),
]


@pytest.mark.parametrize(("value", "path"), UNREADABLE, ids=lambda v: str(v)[:60])
def test_a_malformed_lock_is_refused_with_the_place(value: Any, path: str):
    with pytest.raises(LockError) as refused:
        Lock.from_json(value)

    assert not isinstance(refused.value, LockVersionError)
    assert refused.value.details["path"] == path
    assert str(refused.value).startswith("The lock is malformed: ")


@pytest.mark.parametrize(("value", "path"), UNREADABLE, ids=lambda v: str(v)[:60])
def test_the_schema_refuses_what_the_reader_refuses(value: Any, path: str):
    # JSON Schema cannot say "unique by two keys" and takes 1.0 for the number 1.
    beyond_a_schema = ({"version": 1, "models": [MODEL, MODEL]}, {"version": 1.0, "models": []})

    assert not is_valid(value) or value in beyond_a_schema


@pytest.mark.parametrize(
    "value",
    [
        lock_of(),
        lock_of(sha256=None, autov3=None, size=None, sources=[], used_by=[]),
        lock_of(sha256=SHA.upper(), autov3=SHA[:12].upper()),
        lock_of(used_by=[4, "5:2"]),
        source_of(air=None, model_id=None, version_id=0),
        {**lock_of(license="MIT"), "signature": {"by": "someone"}, "host": {"python": "3.12"}},
        source_of(mirror="https://example.com"),
        {"version": 1, "models": [], "host": {}},
        {"version": 1, "models": [MODEL, {**MODEL, "directory": "vae"}]},
    ],
)
def test_a_lock_with_less_or_more_than_satchel_writes_is_read(value: Any):
    Lock.from_json(value)

    assert is_valid(value)


def test_a_host_that_is_no_table_is_ignored():
    assert Lock.from_json({**lock_of(), "host": ["0.30.0"]}).host == {}


def test_digests_are_lower_case_inside():
    identity = Lock.from_json(lock_of(sha256=SHA.upper())).models[0].identity

    assert identity.sha256 == SHA


def test_two_names_that_differ_only_in_their_separators_are_one():
    twins = [{**MODEL, "name": "a/ink.safetensors"}, {**MODEL, "name": "a\\ink.safetensors"}]

    with pytest.raises(LockError, match="same directory and name"):
        Lock.from_json({"version": 1, "models": twins})


@pytest.mark.parametrize("version", [2, 10**400])
def test_a_newer_lock_is_told_from_a_broken_one(version: int):
    with pytest.raises(LockVersionError, match="Satchel reads up to 1") as refused:
        Lock.from_json({"version": version, "models": "in a form of the future"})

    assert "Update Satchel" in refused.value.hint
    assert refused.value.details == {"version": version, "supported": 1}


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"models": []}, {"version": 1}, {"version": 0.4, "models": []},
     {"version": 1, "models": [], "nodes": []}, {"version": True, "models": []}],
)  # fmt: skip
def test_other_json_is_no_lock(value: Any):
    assert not is_lock(value)
