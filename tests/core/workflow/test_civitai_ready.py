"""What Civitai recognises in images, by a reader with its rules, and what Satchel writes for it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.civitai_reader import Recognised, read, texts_of_exif
from support.graphs import api_graph, api_node, ui_graph, ui_node

from satchel.identity import ModelIdentity, Source
from satchel.workflow.civitai_marks import without_marks
from satchel.workflow.civitai_ready import (
    Resource,
    air_of,
    extra_metadata,
    resources_of,
    with_marks,
    with_model_shown,
)
from satchel.workflow.containers import exif
from satchel.workflow.documents import read_json
from satchel.workflow.generation import Generation, generation_of
from satchel.workflow.lora_uses import LoraUse, lora_uses
from satchel.workflow.parameters import parameters_text

SHA = "0123456789abcdef" * 4
CHECKPOINT_AIR = "urn:air:sdxl:checkpoint:civitai:133005@889818"
LORA_AIR = "urn:air:sdxl:lora:civitai:118025@136251"
TEXT = "Steps: 3 of a ladder"
"""A prompt with the words that Civitai knows A1111's text by."""


def graph(*, loader: str = "CheckpointLoaderSimple", lora: float | None = None) -> dict[str, Any]:
    names = {"CheckpointLoaderSimple": "ckpt_name", "UNETLoader": "unet_name"}
    made = api_graph(
        api_node(loader, **{names.get(loader, "model"): "base.safetensors"}),
        api_node("CLIPTextEncode", text=TEXT, clip=["1", 1]),
        api_node("CLIPTextEncode", text="blurry", clip=["1", 1]),
        api_node("KSampler", model=["6", 0] if lora is not None else ["1", 0], seed=7, steps=20,
                 cfg=4.5, sampler_name="euler", scheduler="karras", denoise=1.0,
                 positive=["2", 0], negative=["3", 0], latent_image=["9", 0]),
        api_node("SaveImage", images=["4", 0]),
    )  # fmt: skip
    if lora is not None:
        made["6"] = api_node("SatchelLoraStack", model=["1", 0], on_1=True,
                             lora_1="style/ink.safetensors", strength_model_1=lora)  # fmt: skip
    return made


def identity(kind: str, name: str, air: str | None, sha256: str | None = SHA) -> ModelIdentity:
    sources: tuple[Source, ...] = ()
    if air is not None:
        model, version = air.rpartition(":")[2].split("@")
        sources = (Source("civitai", "https://civitai.com/x", air, int(model), int(version), 5),)
    return ModelIdentity(kind, name, sha256, 10, sources=sources)


CHECKPOINT = identity("checkpoints", "base.safetensors", CHECKPOINT_AIR)
INK = identity("loras", "style/ink.safetensors", LORA_AIR)
UI = ui_graph(ui_node(1, "CheckpointLoaderSimple", ["base.safetensors"]))


def png(prompt: Any, workflow: Any = UI, **more: str) -> dict[str, str]:
    """The texts of a PNG as the host writes it."""
    texts = {"prompt": json.dumps(prompt)} if prompt is not None else {}
    if workflow is not None:
        texts["workflow"] = json.dumps(workflow)
    return {**texts, **more}


def webp(prompt: Any, comment: str | None) -> dict[str, str]:
    texts = {"prompt": json.dumps(prompt), "workflow": json.dumps(UI)}
    return texts_of_exif(exif.make_block(texts, comment))


def recognised(exif_texts: dict[str, str]) -> Recognised:
    found = read(exif_texts)
    assert found is not None
    return found


def marked(made: dict[str, Any], models: Any = (CHECKPOINT, INK)) -> dict[str, Any]:
    uses = lora_uses(made, set(made), {"style/ink.safetensors"})
    return with_marks(made, resources_of(models, uses), models)


PARAMETERS = parameters_text(
    Generation("a lantern", "blurry", 20, 4.5, 7, "euler", "karras", 1.0, "base.safetensors"),
    [LoraUse("style/ink.safetensors", 0.8)],
    [CHECKPOINT, INK],
    (64, 32),
)
RESOURCES = ', Civitai resources: [{"type":"lora","weight":0.8,"modelVersionId":136251}]'
BOTH = {889818: None, 136251: 0.8}
COMMENT = extra_metadata(
    generation_of(graph(lora=0.8)),
    resources_of([CHECKPOINT, INK], [LoraUse("style/ink.safetensors", 0.8)]),
)
D2 = {"4": graph()["4"], "1": graph()["1"], "extra": {}, **json.loads(COMMENT)}
AIR_GRAPH = api_graph(api_node("CheckpointLoaderSimple", ckpt_name=CHECKPOINT_AIR))

ROWS = {
    # row of the table: (texts, engine, linked, workflow, on site)
    "0 plain PNG": (png(graph()), "ComfyUI", {}, "ui", False),
    "A parameters with hashes": (
        png(graph(), parameters=PARAMETERS), "external", {}, "none", False,
    ),
    "A2 and Civitai resources": (
        png(graph(), parameters=PARAMETERS + RESOURCES), "external", {136251: 0.8}, "none", False,
    ),
    "B extra.airs": (
        png(graph(), {**UI, "extra": {"airs": [LORA_AIR]}}), "Civitai", {136251: None}, "none",
        False,
    ),
    "C an AIR as checkpoint": (png(AIR_GRAPH), "ComfyUI", {889818: None}, "ui", True),
    "C3 marks": (png(marked(graph(lora=0.8))), "ComfyUI", BOTH, "ui", False),
    "D WebP with extraMetadata": (webp(graph(lora=0.8), COMMENT), "ComfyUI", BOTH, "api", False),
    "D2 parameters as JSON": (
        {"parameters": json.dumps(D2).replace("Steps: ", "Steps\\u003a ")}, "ComfyUI", BOTH, "api",
        False,
    ),
    "D3 extraMetadata beside": (
        png(graph(), extraMetadata=COMMENT), "ComfyUI", {}, "ui", False,
    ),
    "E a stack of another kind": (png(graph(lora=0.8)), "ComfyUI", {}, "ui", False),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_the_site_reads_each_way_of_writing_as_its_table_says(row: str):
    texts, engine, linked, workflow, on_site = ROWS[row]

    found = recognised(texts)

    assert (found.engine, found.linked, found.workflow, found.on_site) == (
        engine, linked, workflow, on_site,
    )  # fmt: skip


def test_a1111_text_gives_hashes_under_lower_case_keys_and_weights_that_match_them():
    found = recognised({"parameters": PARAMETERS})

    assert found.hashes == {"model": SHA[:10], "lora:ink": SHA[:10]}
    assert found.weights == {"ink": 0.8}


def test_a_lora_whose_name_a_tag_cannot_have_keeps_its_weight():
    ink = identity("loras", "my style (v2).safetensors", None)
    text = parameters_text(Generation(), [LoraUse(ink.name, 0.5)], [ink], (8, 8))

    found = recognised({"parameters": text})

    assert list(found.weights) == [key.removeprefix("lora:") for key in found.hashes]


def test_words_of_a_prompt_do_not_turn_the_comment_into_a1111_text():
    assert "Steps: " not in COMMENT
    assert json.loads(COMMENT)["extraMetadata"]["prompt"] == TEXT
    assert recognised(webp(graph(), COMMENT)).prompt == TEXT


@pytest.mark.parametrize(("strength", "linked"), [
    (0.8, {889818: None, 136251: 0.8}), (-0.5, {889818: None, 136251: -0.5}),
    (0.001, {889818: None, 136251: 0.001}),
    (0.0009, {889818: None}), (-0.0009, {889818: None}), (0, {889818: None}),
])  # fmt: skip
def test_loras_too_weak_for_the_site_get_no_mark(strength: float, linked: dict[int, Any]):
    made = marked(graph(lora=strength))

    assert recognised(png(made)).linked == linked
    assert len(made) == len(graph(lora=strength)) + len(linked)


def test_only_files_whose_digests_civitai_knows_are_named():
    models = [CHECKPOINT, identity("loras", "style/ink.safetensors", None)]

    assert recognised(png(marked(graph(lora=0.8), models))).linked == {889818: None}


def test_a_graph_without_anything_that_civitai_knows_stays_as_it_is():
    made = graph(lora=0.8)

    assert marked(made, [identity("checkpoints", "base.safetensors", None)]) == made


@pytest.mark.parametrize(("kind", "loader"), [
    ("checkpoints", "CheckpointLoaderSimple"), ("diffusion_models", "UNETLoader"),
])  # fmt: skip
def test_a_model_behind_another_packs_loader_is_made_visible(kind: str, loader: str):
    model = identity(kind, "base.safetensors", CHECKPOINT_AIR)
    made = marked(graph(loader="FancyLoader"), [model])

    found = recognised(png(made))

    assert not found.on_site
    assert found.names == ["base.safetensors"]
    assert found.linked == {889818: None}
    assert made["civitai:1"]["class_type"] == loader


def test_where_no_file_can_be_visible_nothing_is_marked():
    made = graph(loader="FancyLoader", lora=0.8)

    assert marked(made, [INK]) == made
    assert with_model_shown(made, [INK]) is None


@pytest.mark.parametrize("models", [[CHECKPOINT, INK], [CHECKPOINT], [INK]])
@pytest.mark.parametrize("loader", ["CheckpointLoaderSimple", "UNETLoader", "FancyLoader"])
def test_no_image_ever_counts_as_made_on_the_site(models: list[ModelIdentity], loader: str):
    made = marked(graph(loader=loader, lora=0.8), models)

    assert not recognised(png(made)).on_site
    for node in made.values():
        for name in ("ckpt_name", "unet_name"):
            assert not str(node["inputs"].get(name, "")).startswith("urn:air")


def test_marks_are_core_nodes_that_nothing_is_connected_to_under_ids_that_are_free():
    made = {**graph(lora=0.8), "civitai:1": api_node("SaveImage", images=["4", 0])}

    result = marked(made)

    new = {key: node for key, node in result.items() if key not in made}
    assert list(new) == ["civitai:2", "civitai:3"]
    assert {node["class_type"] for node in new.values()} == {"VAELoader", "LoraLoaderModelOnly"}
    assert not any(isinstance(value, list) for n in new.values() for value in n["inputs"].values())
    assert {key: result[key] for key in made} == made


def test_marks_of_an_earlier_run_are_replaced_and_no_part_of_the_workflow():
    once = marked(graph(lora=0.8))

    assert marked(once) == once
    assert without_marks(once) == graph(lora=0.8)
    assert read_json(once, "x").api == graph(lora=0.8)


def test_a_lora_that_is_applied_twice_is_named_once_with_the_sum():
    uses = [LoraUse("style/ink.safetensors", 0.3), LoraUse("style/ink.safetensors", 0.4)]

    (found,) = resources_of([INK], uses)

    assert found == Resource(LORA_AIR, 136251, "lora", 0.7, is_lora=True)


def test_a_lora_whose_strength_only_a_run_tells_is_named_without_one():
    (found,) = resources_of([INK], [LoraUse("style/ink.safetensors", None)])

    made = with_marks(graph(), [found], [CHECKPOINT])
    assert recognised(png(made)).linked == {136251: None}


AIRS = [
    (Source("civitai", "u", LORA_AIR, 118025, 136251), LORA_AIR),
    (Source("civitai", "u", LORA_AIR + "+7.safetensors", 118025, 136251), LORA_AIR),
    (Source("civitai", "u", None, 1, 2), "urn:air:other:lora:civitai:1@2"),
    (Source("civitai", "u", "118025@136251", 118025, 136251),
     "urn:air:other:lora:civitai:118025@136251"),
    (Source("civitai", "u", LORA_AIR, 118025, None), None),
    (Source("civitai", "u", LORA_AIR, None, 136251), None),
    (Source("huggingface", "u", "urn:air:flux1:lora:huggingface:a/b@main/x", 1, 2), None),
]  # fmt: skip


@pytest.mark.parametrize(("source", "air"), AIRS)
def test_airs_are_canonical_or_not_written(source: Source, air: str | None):
    found = air_of(ModelIdentity("loras", "ink.safetensors", SHA, sources=(source,)))

    assert (found[0] if found else None) == air


STACKS = {
    "Satchel": api_node("SatchelLoraStack", on_1=True, lora_1="a\\ink.safetensors",
                        strength_model_1=0.5, on_2=False, lora_2="off.safetensors"),
    "prompt": api_node("SatchelLoraStackFromPrompt", prompt="x <lora:ink:0.5>", dialect="auto"),
    "core": api_node("LoraLoader", lora_name="a/ink.safetensors", strength_model=0.5),
    "model only": api_node("LoraLoaderModelOnly", lora_name="a/ink.safetensors",
                           strength_model=["9", 0]),
    "rgthree": api_node("Power Lora Loader (rgthree)",
                        lora_1={"on": True, "lora": "a/ink.safetensors", "strength": 0.5},
                        lora_2={"on": False, "lora": "off.safetensors", "strength": 1.0}),
    "Comfyroll": api_node("CR LoRA Stack", switch_1="On", lora_name_1="a/ink.safetensors",
                          model_weight_1=0.5, clip_weight_1=1.0),
}  # fmt: skip


@pytest.mark.parametrize("pack", STACKS)
def test_the_weights_of_every_known_stack_are_read(pack: str):
    made = {"1": STACKS[pack], "9": api_node("PrimitiveFloat", value=0.5)}

    uses = lora_uses(made, {"1"}, {"a/ink.safetensors", "off.safetensors"})

    assert uses == [LoraUse("a/ink.safetensors", 0.5)]
    assert lora_uses(made, {"9"}, {"a/ink.safetensors"}) == []
