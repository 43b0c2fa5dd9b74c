"""What fits into an image, what is said about how it was made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from support.civitai_reader import texts_of_exif
from support.graphs import api_graph, api_node

from satchel.workflow.containers import exif
from satchel.workflow.generation import Generation, generation_of
from satchel.workflow.image_texts import (
    JPEG_EXIF_BYTES,
    ImageTexts,
    beside,
    exif_block,
    texts_of,
)
from satchel.workflow.parameters import parameters_text

KB = 1024


def told(**sizes: int) -> ImageTexts:
    texts = {key: json.dumps({"x": "y" * size}) for key, size in sizes.items() if key != "comment"}
    return ImageTexts(texts, civitai="c" * sizes.get("comment", 0))


@pytest.mark.parametrize(("sizes", "left_out"), [
    ({"prompt": 9, "workflow": 9, "satchel": 9, "comment": 9}, ()),
    ({"prompt": 20 * KB, "workflow": 20 * KB, "satchel": 20 * KB}, ()),
    ({"prompt": 20 * KB, "workflow": 30 * KB, "satchel": 20 * KB}, ("satchel",)),
    ({"prompt": 20 * KB, "workflow": 50 * KB, "satchel": 1}, ("satchel", "workflow")),
    ({"prompt": 70 * KB, "workflow": 1, "satchel": 1}, ("satchel", "workflow", "prompt")),
    ({"prompt": 1, "comment": 40 * KB}, ("prompt", "comment")),
    ({"prompt": 1, "other": 70 * KB}, ("prompt", "other")),
])  # fmt: skip
def test_a_jpeg_carries_what_fits_and_says_what_does_not(
    sizes: dict[str, int], left_out: tuple[str, ...]
):
    block = exif_block(told(**sizes), "jpeg")

    assert block.left_out == left_out
    assert len(block.exif) <= JPEG_EXIF_BYTES
    kept = exif.read_texts(block.exif)
    assert {key for key in sizes if key != "comment"} - set(left_out) <= set(kept)


def test_a_webp_carries_everything():
    block = exif_block(told(prompt=70 * KB, workflow=70 * KB, satchel=9, comment=50 * KB), "webp")

    assert block.left_out == ()
    assert {"prompt", "workflow", "satchel"} <= set(exif.read_texts(block.exif))


@pytest.mark.parametrize("comment", [None, "a", "日本 lantern", '{"extraMetadata": {}}'])
@pytest.mark.parametrize("texts", [{}, {"prompt": "{}"}, {"prompt": "{}", "workflow": '{"a": 1}'}])
def test_a_block_is_read_back_by_us_and_by_others(texts: dict[str, str], comment: str | None):
    block = exif.make_block(texts, comment)

    theirs = texts_of_exif(block)
    assert theirs.get("userComment") == comment
    assert theirs.get("Model") == ("prompt:{}" if texts else None)
    assert texts.items() <= exif.read_texts(block).items()


def test_the_file_beside_an_image_is_a_graph_that_carries_its_lock():
    lock = {"version": 1, "models": []}
    texts = texts_of({"1": {}}, {"workflow": {"nodes": [], "extra": {"ds": 1}}, "satchel": lock})

    assert json.loads(beside(ImageTexts(texts))) == {
        "nodes": [], "extra": {"ds": 1, "satchel": lock},
    }  # fmt: skip
    assert json.loads(beside(ImageTexts(texts_of({"1": {}}, None)))) == {"1": {}}


def test_the_hosts_order_of_texts_is_kept():
    assert list(texts_of({"1": {}}, {"workflow": {}, "satchel": {}, "x": 1})) == [
        "prompt", "workflow", "satchel", "x",
    ]  # fmt: skip
    assert texts_of(None, None) == {}


def sampled(*nodes: dict[str, Any]) -> Generation:
    return generation_of(api_graph(*nodes), "1")


def test_a_plain_sampler_is_read():
    found = sampled(
        api_node("SaveImage", images=["2", 0]),
        api_node("KSampler", seed=7, steps=20, cfg=4.5, sampler_name="euler", scheduler="karras",
                 denoise=0.5, positive=["3", 0], negative=["4", 0], model=["5", 0]),
        api_node("CLIPTextEncode", text="a lantern", clip=["5", 1]),
        api_node("CLIPTextEncode", text="blurry", clip=["5", 1]),
        api_node("CheckpointLoaderSimple", ckpt_name="a\\base.safetensors"),
    )  # fmt: skip

    assert found == Generation(
        "a lantern", "blurry", 20, 4.5, 7, "euler", "karras", 0.5, "a\\base.safetensors"
    )
    assert parameters_text(found, [], [], (64, 32)) == (
        "a lantern\nNegative prompt: blurry\nSteps: 20, Sampler: Euler, Schedule type: Karras,"
        " CFG scale: 4.5, Seed: 7, Denoising strength: 0.5, Size: 64x32, Model: base,"
        " Version: ComfyUI"
    )


def test_a_sampler_of_parts_is_read():
    found = sampled(
        api_node("SaveImage", images=["2", 0]),
        api_node("SamplerCustomAdvanced", noise=["3", 0], guider=["4", 0], sampler=["5", 0],
                 sigmas=["6", 0]),
        api_node("RandomNoise", noise_seed=["9", 0]),
        api_node("BasicGuider", model=["10", 0], conditioning=["7", 0]),
        api_node("KSamplerSelect", sampler_name="euler"),
        api_node("BasicScheduler", scheduler="simple", steps=8, denoise=1.0, model=["10", 0]),
        api_node("FluxGuidance", guidance=3.5, conditioning=["8", 0]),
        api_node("CLIPTextEncode", text=["11", 0]),
        api_node("PrimitiveInt", value=42),
        api_node("UNETLoader", unet_name="flux.safetensors"),
        api_node("PrimitiveString", value="a lantern"),
    )  # fmt: skip

    assert found == Generation(
        "a lantern", "", 8, 3.5, 42, "euler", "simple", 1.0, "flux.safetensors"
    )


def test_prompts_behind_a_node_for_both_are_told_apart():
    found = sampled(
        api_node("SaveImage", images=["2", 0]),
        api_node("KSampler", positive=["3", 0], negative=["3", 1]),
        api_node("ControlNetApplyAdvanced", positive=["4", 0], negative=["5", 0]),
        api_node("CLIPTextEncode", text="a lantern"),
        api_node("CLIPTextEncodeSDXL", text_g="blurry", text_l="bad"),
    )

    assert (found.positive, found.negative) == ("a lantern", "blurry")


@pytest.mark.parametrize("graph", [
    {}, api_graph(api_node("SaveImage", images=["1", 0])),
    api_graph(api_node("KSampler", positive=["1", 0], seed=["1", 0], steps=["9", 0], cfg=None)),
    api_graph({"class_type": "KSampler"}),
])  # fmt: skip
def test_what_only_a_run_tells_and_loops_are_left_open(graph: dict[str, Any]):
    found = generation_of(graph, "1")

    assert (found.positive, found.steps, found.seed) == ("", None, None)
    assert "Steps: 0" in parameters_text(found, [], [], (8, 8))
