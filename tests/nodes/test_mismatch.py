"""The verdict on a LoRA that does not fit, by architecture, and rows that are skipped then."""

from __future__ import annotations

import logging

import pytest
import torch
from support.graph_runs import run_graph, value_node
from support.lora_files import PEFT, Pair, random_pair, write_lora
from support.meta_models import CONFIGS, meta_model, shapes_of

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"


def pair(out, inputs):
    return Pair(torch.ones(out, 1), torch.ones(1, inputs))


def flux1():
    """All 304 modules of FLUX.1's 19 double and 38 single blocks, of which 20 fit FLUX.2 klein 4B
    by accident, and 228 Chroma."""
    double = {"attn.qkv": (9216, 3072), "attn.proj": (3072, 3072), "mlp.0": (12288, 3072),
              "mlp.2": (3072, 12288), "mod.lin": (18432, 3072)}  # fmt: skip
    single = {"linear1": (21504, 3072), "linear2": (3072, 15360), "modulation.lin": (9216, 3072)}
    names = {f"double_blocks.{n}.{side}_{part}": shape for n in range(19)
             for side in ("img", "txt") for part, shape in double.items()}  # fmt: skip
    names |= {f"single_blocks.{n}.{part}": shape for n in range(38)
              for part, shape in single.items()}  # fmt: skip
    return {f"diffusion_model.{name}": pair(*shape) for name, shape in names.items()}


def flux2_dev():
    return {f"diffusion_model.single_blocks.{n}.linear2": pair(6144, 24576) for n in range(48)}


@pytest.fixture
def errors(pack):
    return pack.satchel.errors


@pytest.fixture
def lora(loras, sd15):
    """`a.safetensors` fits; `flux.safetensors` is for FLUX.1."""
    write_lora(loras / "flux.safetensors", flux1(), PEFT)
    shape = tuple(sd15.model.state_dict()[Q].shape)
    return write_lora(loras / "a.safetensors", {Q_KOHYA: random_pair(shape)})


@pytest.mark.parametrize("architecture", CONFIGS)
def test_a_model_is_known_by_its_weights_alone(pack, architecture):
    identify = pack.satchel.lora.model_architecture.identify_model
    shapes = shapes_of(meta_model(architecture))

    assert identify(shapes) == (architecture,)
    # Of packed weights only the names are known.
    assert architecture in identify(dict.fromkeys(shapes))


def test_a_model_of_no_known_architecture_stays_unnamed(pack, sd15):
    identify = pack.satchel.lora.model_architecture.identify_model

    assert identify(shapes_of(sd15)) == ()
    assert identify({}) == ()


@pytest.mark.parametrize(
    ("pairs", "model", "sentence"),
    [
        (flux1, "flux2_klein_4b",
         "Row 1 (x.safetensors): trained for FLUX.1, the model is FLUX.2 klein 4B: 20 of 304 "
         "modules match; FLUX.1 LoRAs do not carry over to FLUX.2. Of 304 modules, 224 are not "),
        (flux2_dev, "flux2_klein_4b",
         "trained for FLUX.2 dev, the model is FLUX.2 klein 4B: 0 of 48 modules match; FLUX.2 dev "
         "LoRAs do not carry over to FLUX.2 klein 4B. Of 48 modules, 28 are not in it (28 x "
         "diffusion_model.single_blocks.{n}.linear2); 20 have another shape (20 x "),
        (flux1, "sdxl",
         "trained for FLUX.1, the model is SDXL: 0 of 304 modules match; FLUX.1 LoRAs do not carry "
         "over to SDXL. Of 304 modules, 304 are not in it"),
    ],
)  # fmt: skip
def test_a_lora_of_another_architecture_stops_with_both_names(
    stack_node, loras, errors, pairs, model, sentence
):
    write_lora(loras / "x.safetensors", pairs(), PEFT)

    with pytest.raises(errors.LoraMismatchError) as caught:
        stack_node.execute(model=meta_model(model), lora_1="x.safetensors")

    assert sentence in str(caught.value)
    assert caught.value.details["model"] == [model]
    assert caught.value.details["matched"] == (20 if pairs is flux1 and "klein" in model else 0)


def test_of_an_unknown_model_the_lora_is_named_alone(stack_node, lora, errors, sd15):
    with pytest.raises(errors.LoraMismatchError) as caught:
        stack_node.execute(model=sd15, lora_1="flux.safetensors")

    assert "it does not fit the model, it was trained for FLUX.1: of 304 modules" in str(
        caught.value
    )


def test_another_architecture_comes_before_block_weights_that_the_model_lacks(
    stack_node, lora, errors, sd15
):
    with pytest.raises(errors.LoraMismatchError, match=r"it was trained for FLUX\.1"):
        stack_node.execute(model=sd15, lora_1="flux.safetensors", blocks_1="D05=0.5")
    with pytest.raises(errors.BlockWeightSyntaxError, match="no block slot D05"):
        stack_node.execute(model=sd15, lora_1="a.safetensors", blocks_1="D05=0.5")


def test_relatives_that_share_half_of_their_modules_are_applied_and_told(stack_node, lora):
    report = stack_node.execute(model=meta_model("chroma"), lora_1="flux.safetensors").result[3]

    assert "228 of 304 modules patched" in report
    assert "76 not in the model" in report


# --- skipping ------------------------------------------------------------------------------------


def test_a_row_that_does_not_fit_is_skipped_and_told(stack_node, lora, sd15, caplog):
    with caplog.at_level(logging.WARNING):
        model, _, stack, report = stack_node.execute(
            model=sd15, lora_1="flux.safetensors", on_mismatch_1="skip", blocks_1="D05=0.5",
            lora_2="a.safetensors",
        ).result  # fmt: skip

    lines = report.splitlines()
    told = "it does not fit the model, it was trained for FLUX.1: of 304 modules, 304 are not in it"
    assert lines[0].startswith(f"SKIPPED Row 1: flux.safetensors, {told}")
    assert lines[-1].endswith("1 modules patched (model 1, clip 0), 0 dropped, 1 SKIPPED")
    assert list(model.patches) == [Q]
    assert [str(name) for name, _, _ in stack] == ["flux.safetensors", "a.safetensors"]
    assert "SKIPPED Row 1 (flux.safetensors)" in caplog.text


@pytest.mark.parametrize("connected", [True, False])
def test_a_missing_file_is_skipped_too(stack_node, lora, sd15, connected):
    model = {"model": sd15} if connected else {}
    report = stack_node.execute(
        **model, lora_1="gone.safetensors", on_mismatch_1="skip", lora_2="a.safetensors"
    ).result[3]

    assert "SKIPPED Row 1: gone.safetensors, its file is in none of the loras folders" in report
    assert "1 SKIPPED" in report.splitlines()[-1]


def test_what_is_broken_is_not_skipped(stack_node, loras, errors, sd15):
    (loras / "broken.safetensors").write_bytes(b"no model")

    with pytest.raises(errors.LoraFileError, match="Row 1"):
        stack_node.execute(model=sd15, lora_1="broken.safetensors", on_mismatch_1="skip")


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"lora_1": "gone.safetensors", "on_mismatch_1": "skip"}, ""),
        ({"lora_1": "gone.safetensors"}, "Row 1: 'gone.safetensors' is in none of"),
        ({"lora_1": "gone.safetensors", "on_mismatch_1": "ignore"}, "it must be stop or skip"),
        ({"lora_1": "gone.safetensors", "on_mismatch_1": "skip", "blocks_1": "IN04"}, "weights"),
    ],
)
def test_the_queue_takes_a_missing_file_that_is_to_be_skipped(
    stack_node, lora, sd15, inputs, sentence
):
    graph = {
        "1": {"class_type": "Model", "inputs": {}},
        "2": {"class_type": "SatchelLoraStack", "inputs": {"model": ["1", 0], **inputs}},
        "3": {"class_type": "Capture", "inputs": {"name": "report", "value": ["2", 3]}},
    }
    classes = {"Model": value_node("MODEL", sd15), "SatchelLoraStack": stack_node}

    seen, error = run_graph(graph, classes)

    assert sentence in error
    assert ("report" in seen) == (error == "")


def test_skipping_travels_through_the_stack(stack_node, lora, sd15):
    stack = stack_node.execute(
        lora_1="flux.safetensors", on_mismatch_1="skip", lora_2="gone.safetensors",
        on_mismatch_2="skip",
    ).result[2]  # fmt: skip

    report = stack_node.execute(model=sd15, lora_stack=stack).result[3]

    assert report.count("SKIPPED Entry") == 2


def test_tags_are_skipped_where_the_node_says_so(pack, lora, errors, sd15):
    node = pack.nodes.prompt.SatchelLoraStackFromPrompt
    inputs = {"prompt": "<lora:gone:1> <lora:flux:1> <lora:a:1>"}

    model, _, _, text, report = node.execute(**inputs, model=sd15, on_mismatch="skip").result

    assert text == ""
    assert list(model.patches) == [Q]
    assert "SKIPPED Tag 1 (character 1): gone, its file is in none of" in report
    assert "SKIPPED Tag 2 (character 15): flux.safetensors, it does not fit" in report
    assert node.validate_inputs(**inputs, on_mismatch="skip")
    with pytest.raises(errors.ModelNotFoundError):
        node.validate_inputs(**inputs)
    with pytest.raises(errors.InvalidInputError, match="must be one of stop, skip"):
        node.execute(**inputs, on_mismatch="no")


def test_the_other_nodes_skip_as_well(pack, stack_node, lora, sd15, caplog):
    stack = stack_node.execute(
        lora_1="gone.safetensors", on_mismatch_1="skip", lora_2="a.safetensors"
    ).result[2]

    report = pack.nodes.stack_report.SatchelStackReport.execute(lora_stack=stack, model=sd15)
    words = pack.nodes.triggers.SatchelTriggerWords.execute(lora_stack=stack)
    with caplog.at_level(logging.WARNING):
        hooks = pack.nodes.hooks.SatchelCreateHookLoraStack.execute(lora_stack=stack)

    assert "SKIPPED Entry 1 of lora_stack: gone.safetensors" in report.result[0]
    assert words.result[1].startswith("gone.safetensors: (SKIPPED: its file is missing)")
    assert len(hooks.result[0].hooks) == 1
    assert "SKIPPED Entry 1" in caplog.text
