"""Seven model families in a real ComfyUI: loaders, a block-weighted stack, a sampler, a latent.

All texts are encoded by a CLIP-L of random weights, which ComfyUI opens for every family: the
other encoders (T5, Qwen3, Llama) have fixed sizes of many gigabytes. LTX wants a mask with its text
that a CLIP-L does not give; a node of this test's own adds one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from satchel_tools.base_directory import PACK_NAME
from satchel_tools.comfyui import ComfyUI
from satchel_tools.demo_models import CLIP
from support.model_families import FAMILIES, Family

from .conftest import StartServer

pytestmark = [pytest.mark.server, pytest.mark.slow]

Run = Callable[[Family, dict[str, Any]], Any]
LOADER, ENCODER, LORA, SAMPLER, SAVE = "1", "2", "3", "7", "8"
STRENGTH = 10.0
MASK_NODE = """
import torch


class TestTokenMask:
    FUNCTION, CATEGORY, RETURN_TYPES = "run", "test", ("CONDITIONING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"conditioning": ("CONDITIONING",)}}

    def run(self, conditioning):
        return ([[text, {**more, "attention_mask": torch.ones(text.shape[:2], dtype=torch.long)}]
                 for text, more in conditioning],)


NODE_CLASS_MAPPINGS = {"TestTokenMask": TestTokenMask}
"""


@pytest.fixture(scope="module")
def server(start_server: StartServer, family_models: Path) -> ComfyUI:
    """A server with a model and LoRAs of every family."""
    nodes = ["--whitelist-custom-nodes", PACK_NAME, "token_mask.py"]
    running = start_server("families", {"custom_nodes/token_mask.py": MASK_NODE}, extra_args=nodes)
    for file in (path for path in family_models.rglob("*") if path.is_file()):
        link = running.base / "models" / file.relative_to(family_models)
        link.parent.mkdir(parents=True, exist_ok=True)
        os.link(file, link)
    return running


@pytest.fixture(scope="module")
def run(server: ComfyUI) -> Run:
    """Samples with a LoRA node, or none, on the model that is loaded; gives the latent.

    Every run samples anew, although the host keeps what it has computed: the sampler gets an
    input of its own, which it does not know.
    """
    from safetensors.torch import load_file

    count = 0

    def run_one(family: Family, lora: dict[str, Any]) -> Any:
        nonlocal count
        count += 1
        graph = graph_of(family, lora)
        graph[SAMPLER]["inputs"]["run"] = count
        entry = server.run_prompt(graph)
        reused = {
            node for name, message in entry["status"]["messages"] if name == "execution_cached"
            for node in message["nodes"]
        }  # fmt: skip
        assert SAMPLER not in reused
        (saved,) = entry["outputs"][SAVE]["latents"]
        file = server.base / "output" / saved["subfolder"] / saved["filename"]
        latent = load_file(file)["latent_tensor"]
        assert latent.isfinite().all()
        return latent

    return run_one


def graph_of(family: Family, lora: dict[str, Any]) -> dict[str, Any]:
    """Loaders -> the LoRA node, if there is one -> sampler -> SaveLatent."""
    node, inputs = family.latent
    graph = loaders_of(family)
    model, clip = [LOADER, 0], [ENCODER, 0] if ENCODER in graph else [LOADER, 1]
    if lora:
        both = {"clip": clip} if family.has_encoder else {}
        graph[LORA] = lora | {"inputs": {"model": model, **both, **lora["inputs"]}}
        model, clip = [LORA, 0], [LORA, 1] if both else clip
    for number, text in (("4", "a lantern"), ("5", "fog")):
        encode = {"class_type": "CLIPTextEncode", "inputs": {"clip": clip, "text": text}}
        if family.needs_mask:
            graph[number + "0"] = encode
            mask = {"conditioning": [number + "0", 0]}
            graph[number] = {"class_type": "TestTokenMask", "inputs": mask}
        else:
            graph[number] = encode
    return graph | {
        "6": {"class_type": node, "inputs": inputs},
        SAMPLER: {"class_type": "KSampler", "inputs": {
            "model": model, "positive": ["4", 0], "negative": ["5", 0], "latent_image": ["6", 0],
            "seed": 5, "steps": 2, "cfg": 1.0, "sampler_name": "euler", "scheduler": "simple",
            "denoise": 1.0,
        }},
        SAVE: {"class_type": "SaveLatent", "inputs": {
            "samples": [SAMPLER, 0], "filename_prefix": family.name,
        }},
    }  # fmt: skip


def loaders_of(family: Family) -> dict[str, Any]:
    if family.folder == "checkpoints":
        inputs = {"ckpt_name": family.file}
        return {LOADER: {"class_type": "CheckpointLoaderSimple", "inputs": inputs}}
    unet = {"unet_name": family.file, "weight_dtype": "default"}
    clip = {"clip_name": CLIP.name, "type": family.text, "device": "default"}
    return {
        LOADER: {"class_type": "UNETLoader", "inputs": unet},
        ENCODER: {"class_type": "CLIPLoader", "inputs": clip},
    }


def stack(file: str, blocks: str = "") -> dict[str, Any]:
    row = {"lora_1": file, "strength_model_1": STRENGTH, "blocks_1": blocks}
    return {"class_type": "SatchelLoraStack", "inputs": row}


def core_loader(family: Family, file: str) -> dict[str, Any]:
    inputs = {"lora_name": file, "strength_model": STRENGTH}
    if not family.has_encoder:
        return {"class_type": "LoraLoaderModelOnly", "inputs": inputs}
    return {"class_type": "LoraLoader", "inputs": inputs | {"strength_clip": STRENGTH}}


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_block_weights_act_on_samples_and_leave_nothing_behind(family: Family, run: Run) -> None:
    """`by_hand` is a file whose ups hold the block weights already, so all blocks count alike."""
    weighted_file = f"{family.name}-weighted.safetensors"

    without = run(family, {})
    weighted = run(family, stack(family.file, family.blocks))
    at_zero = run(family, stack(family.file, "*=0"))
    by_hand = run(family, stack(weighted_file))
    by_the_core = run(family, core_loader(family, weighted_file))
    again = run(family, {})

    change = (weighted - without).norm()
    assert change > 0.001 * without.norm()
    assert at_zero.equal(without)
    assert again.equal(without)
    assert by_hand.equal(weighted)
    assert (by_the_core - weighted).norm() < 0.01 * change
