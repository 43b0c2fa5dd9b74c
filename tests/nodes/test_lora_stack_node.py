"""The node's contract: rows, errors that name them, the queue's check, LORA_STACK, the report."""

from __future__ import annotations

import os
import pickle

import pytest
import torch
from support.coroutines import run_async
from support.lora_files import PEFT, random_pair, write_lora

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
K_KOHYA = Q_KOHYA.replace("to_q", "to_k")
TE = "clip_l.transformer.text_model.encoder.layers.3.mlp.fc1.weight"
TE_KOHYA = "lora_te_text_model_encoder_layers_3_mlp_fc1"


def shape(patcher, key):
    return tuple(patcher.model.state_dict()[key].shape)


@pytest.fixture
def lora(loras, sd15):
    """`a.safetensors`: one module of the tiny SD 1.5."""
    return write_lora(loras / "a.safetensors", {Q_KOHYA: random_pair(shape(sd15, Q))})


@pytest.fixture
def errors(pack):
    return pack.satchel.errors


def run(node, **inputs):
    return node.execute(**inputs).result


def test_the_schema_lists_no_lora_and_three_optional_sockets(stack_node, lora):
    info = stack_node.GET_NODE_INFO_V1()

    assert info["name"] == "SatchelLoraStack"
    assert info["input"] == {
        "required": {},
        "optional": {name: info["input"]["optional"][name] for name in ("model", "clip",
                                                                        "lora_stack")},
        "hidden": {"dynprompt": ("DYNPROMPT",)},
    }  # fmt: skip
    assert info["output"] == ["MODEL", "CLIP", "LORA_STACK", "STRING"]
    assert info["output_name"] == ["MODEL", "CLIP", "LORA_STACK", "report"]
    assert "a.safetensors" not in str(info)


# --- what fails the run ------------------------------------------------------------------------


def test_a_missing_file_names_the_row_and_what_is_close(stack_node, lora, errors, sd15):
    write_lora(lora.parent / "style" / "paper_cut.safetensors", {})

    with pytest.raises(errors.ModelNotFoundError) as caught:
        run(stack_node, model=sd15, lora_2="a.safetensors", lora_4="paper_cutt.safetensors")

    assert "Row 4: 'paper_cutt.safetensors'" in str(caught.value)
    assert "style/paper_cut.safetensors" in str(caught.value)


@pytest.mark.parametrize("name", ["../a.safetensors", "/etc/passwd", "C:\\a.safetensors"])
def test_a_name_cannot_leave_the_lora_folders(stack_node, lora, errors, sd15, name):
    with pytest.raises(errors.ModelNotFoundError, match="Row 1"):
        run(stack_node, model=sd15, lora_1=name)


def test_a_row_that_is_off_needs_no_file(stack_node, lora, sd15):
    model, _, stack, report = run(
        stack_node, model=sd15, lora_1="gone.safetensors", on_1=False, lora_2="a.safetensors"
    )

    assert model is not sd15
    assert stack == [("a.safetensors", 1.0, 1.0)]
    assert "Row 1: gone.safetensors, off" in report


def test_a_lora_of_another_architecture_fails_with_counts(stack_node, loras, errors, sd15):
    names = [f"lora_unet_double_blocks_{n}_img_attn_qkv" for n in range(3)]
    write_lora(loras / "flux.safetensors", {name: random_pair((96, 32)) for name in names})

    with pytest.raises(errors.LoraMismatchError) as caught:
        run(stack_node, model=sd15, lora_3="flux.safetensors")

    assert str(caught.value).startswith("Row 3 (flux.safetensors): it does not fit the model")
    assert "of 3 modules, 3 are not in it (3 x lora_unet_double_blocks_{n}_img_attn_qkv)" in str(
        caught.value
    )
    assert caught.value.details["unmatched"] == 3


def test_a_lora_with_other_shapes_fails_instead_of_logging(stack_node, loras, errors, sd15):
    write_lora(loras / "wide.safetensors", {Q_KOHYA: random_pair((320, 320))})

    with pytest.raises(errors.LoraMismatchError, match=r"Row 1 .*1 have another shape"):
        run(stack_node, model=sd15, lora_1="wide.safetensors")


def test_half_a_lora_of_another_architecture_fails_too(stack_node, loras, errors, sd15, clip):
    """The text encoder of SD 1.5 and SDXL is the same; the rest of an SDXL LoRA is not."""
    pairs = {
        "lora_unet_input_blocks_4_1_transformer_blocks_9_attn1_to_q": random_pair((64, 64)),
        TE_KOHYA.replace("_te_", "_te1_"): random_pair(shape(clip.patcher, TE)),
    }
    write_lora(loras / "xl.safetensors", pairs)

    with pytest.raises(errors.LoraMismatchError, match="only 1 text encoder modules fit"):
        run(stack_node, model=sd15, clip=clip, lora_1="xl.safetensors")

    model, text, *_ = run(
        stack_node, model=sd15, clip=clip, lora_1="xl.safetensors", strength_model_1=0,
        strength_clip_1=1,
    )  # fmt: skip
    assert model is sd15
    assert TE in text.patcher.patches


@pytest.mark.parametrize(
    ("sides", "sentence"),
    [
        (("model",), "all 1 modules are for a text encoder, and no CLIP is connected"),
        (("clip",), "all 1 modules are for a model, and no model is connected"),
    ],
)
def test_a_lora_for_the_other_side_says_so(stack_node, lora, errors, sd15, clip, sides, sentence):
    te = {TE_KOHYA: random_pair(shape(clip.patcher, TE))}
    write_lora(lora.parent / "te.safetensors", te)
    name = "te.safetensors" if sides == ("model",) else "a.safetensors"
    connected = {"model": sd15, "clip": clip}

    with pytest.raises(errors.LoraMismatchError, match=sentence):
        run(stack_node, lora_1=name, **{side: connected[side] for side in sides})


def test_an_orphan_half_names_the_missing_key(stack_node, loras, errors, sd15):
    up = {f"{Q_KOHYA}.lora_up.weight": random_pair(shape(sd15, Q)).up}
    write_lora(loras / "torn.safetensors", {}, extra=up)

    with pytest.raises(errors.LoraFileError, match=rf"Row 1 .*{Q_KOHYA}\.lora_down\.weight"):
        run(stack_node, model=sd15, lora_1="torn.safetensors")


def test_an_alpha_with_several_numbers_is_refused(stack_node, loras, errors, sd15):
    alpha = {f"{Q_KOHYA}.alpha": torch.ones(4)}
    write_lora(loras / "a.safetensors", {Q_KOHYA: random_pair(shape(sd15, Q))}, extra=alpha)

    with pytest.raises(errors.LoraFileError, match=rf"{Q_KOHYA}\.alpha holds 4 numbers"):
        run(stack_node, model=sd15, lora_1="a.safetensors")


@pytest.mark.parametrize(
    "content", [b"", b"no model at all", b"\xff" * 64], ids=["empty", "text", "bad length"]
)
def test_a_file_that_is_no_model_file_is_refused(stack_node, loras, errors, sd15, content):
    (loras / "junk.safetensors").write_bytes(content)

    with pytest.raises(errors.LoraFileError, match=r"Row 1 \(junk.safetensors\): .*cannot be read"):
        run(stack_node, model=sd15, lora_1="junk.safetensors")


def test_bad_block_weights_name_the_row_and_the_slots(stack_node, lora, errors, sd15):
    with pytest.raises(errors.BlockWeightSyntaxError) as caught:
        run(stack_node, model=sd15, lora_1="a.safetensors", blocks_1="IN01=1, D07=0.5")

    assert "Row 1 (a.safetensors): This model has no block slot D07" in str(caught.value)
    assert "Its slots are BASE, IN00-IN11, M00, OUT00-OUT11, OTHER" in str(caught.value)
    assert caught.value.details["position"] == 8


@pytest.mark.parametrize(
    ("stack", "sentence"),
    [
        ([("a.safetensors", 1.0)], "Entry 1 of lora_stack is not"),
        ([("a.safetensors", 1.0, 1.0), ("a", "x", 1.0)], r"Entry 2 of lora_stack \(a\)"),
        ([("gone.safetensors", 1.0, 1.0)], "Entry 1 of lora_stack: 'gone.safetensors'"),
        ("a.safetensors", "lora_stack is a str"),
    ],
)
def test_a_bad_upstream_stack_names_the_position(stack_node, lora, errors, sd15, stack, sentence):
    with pytest.raises(errors.SatchelError, match=sentence):
        run(stack_node, model=sd15, lora_stack=stack)


# --- when the graph is queued ------------------------------------------------------------------


def queue(node, **inputs):
    """The host's verdict on a graph with one stack: (valid, errors of the stack node)."""
    import comfy_extras.nodes_preview_any
    import execution

    import nodes

    classes = {
        "SatchelLoraStack": node,
        "PreviewAny": comfy_extras.nodes_preview_any.PreviewAny,
    }
    before = dict(nodes.NODE_CLASS_MAPPINGS)
    nodes.NODE_CLASS_MAPPINGS.update(classes)
    try:
        graph = {
            "1": {"class_type": "SatchelLoraStack", "inputs": inputs},
            "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 3]}},
            "9": {"class_type": "PreviewAny", "inputs": {"source": 1.0}},
        }
        valid, _, good, found = run_async(execution.validate_prompt("id", graph, ["2"]))
    finally:
        nodes.NODE_CLASS_MAPPINGS.clear()
        nodes.NODE_CLASS_MAPPINGS.update(before)
    return valid and "2" in good, found.get("1", {}).get("errors", [])


def test_a_good_graph_is_queued(stack_node, lora):
    assert queue(stack_node, lora_1="a.safetensors", strength_model_1=1, blocks_1="M00=0") == (
        True,
        [],
    )


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"lora_2": "gone.safetensors"}, "Row 2: 'gone.safetensors' is in none of"),
        ({"lora_1": "a.safetensors", "strength_model_1": 11}, "Row 1: strength_model_1 is 11"),
        ({"lora_1": "a.safetensors", "blocks_1": "IN00"}, "Row 1 (a.safetensors): Block weights"),
        ({"lora_1": "a.safetensors", "strength_1": 1.0}, "no input 'strength_1'"),
        ({"strength_model_3": 1.0}, "Row 3 is on but names no LoRA"),
    ],
)
def test_a_bad_row_stops_the_queue_with_one_sentence(stack_node, lora, inputs, sentence):
    valid, found = queue(stack_node, lora_5="a.safetensors", **inputs)

    assert not valid
    assert len(found) == 1
    assert sentence in found[0]["details"]


def test_linked_values_wait_for_the_run(stack_node, lora):
    """A value that another node computes is not known when the graph is queued."""
    linked = ["9", 0]

    assert queue(stack_node, lora_1=linked, strength_model_1=linked, blocks_1=linked)[0]
    assert queue(stack_node, lora_1="gone.safetensors", on_1=linked)[0]
    assert not queue(stack_node, lora_1=linked, strength_clip_1=99)[0]


def test_a_linked_value_is_checked_when_it_arrives(stack_node, lora, errors, sd15):
    with pytest.raises(errors.LoraRowError, match="Row 1: strength_model_1 is empty"):
        run(stack_node, model=sd15, lora_1="a.safetensors", strength_model_1=None)


def test_a_replaced_file_is_read_again(stack_node, lora):
    before = stack_node.fingerprint_inputs(model=None, lora_1="a.safetensors")
    same = stack_node.fingerprint_inputs(model=None, lora_1="a.safetensors")
    os.utime(lora, ns=(1, 1))

    assert before == same
    assert str(lora.parent) not in before  # the host writes it into every image
    assert stack_node.fingerprint_inputs(model=None, lora_1="a.safetensors") != before
    off = stack_node.fingerprint_inputs(model=None, lora_1="a.safetensors", on_1=False)
    assert off == ""


# --- LORA_STACK --------------------------------------------------------------------------------


def test_the_stack_output_is_plain_triples_upstream_first(stack_node, lora):
    upstream = [("x.safetensors", 0.5, 0.25), ("None", 1.0, 1.0)]
    write_lora(lora.parent / "x.safetensors", {})
    write_lora(lora.parent / "sub" / "b.safetensors", {})

    model, clip, stack, report = run(
        stack_node, lora_stack=upstream, lora_9="sub/b.safetensors", strength_model_9=2,
        lora_4="a.safetensors", strength_clip_4=0.0, blocks_4="M00=0",
    )  # fmt: skip

    assert (model, clip) == (None, None)
    assert stack == [
        ("x.safetensors", 0.5, 0.25),
        ("a.safetensors", 1.0, 0.0),
        (os.path.join("sub", "b.safetensors"), 2.0, 2.0),
    ]
    assert all(type(item) is tuple and len(item) == 3 for item in stack)
    assert all(isinstance(item[0], str) and isinstance(item[1], float) for item in stack)
    assert "block weights, steps and skipping travel inside the entries" in report


def test_block_weights_survive_the_stack(stack_node, lora, sd15):
    stack = run(stack_node, lora_1="a.safetensors", blocks_1="*=0.5")[2]

    model = run(stack_node, model=sd15, lora_stack=pickle.loads(pickle.dumps(stack)))[0]

    assert [patch[0] for patch in model.patches[Q]] == [0.5]


def test_a_stack_of_another_pack_is_applied_before_the_own_rows(stack_node, lora, sd15):
    write_lora(lora.parent / "b.safetensors", {Q_KOHYA: random_pair(shape(sd15, Q), seed=9)})

    report = run(
        stack_node, model=sd15, lora_stack=[["b.safetensors", 0.5, 1]], lora_1="a.safetensors"
    )[3]

    assert report.index("Entry 1 of lora_stack: b.safetensors") < report.index("Row 1")
    assert "2 modules patched" in report


def test_connecting_model_and_stack_of_one_node_applies_each_lora_once(
    stack_node, lora, sd15, clip
):
    write_lora(lora.parent / "te.safetensors", {TE_KOHYA: random_pair(shape(clip.patcher, TE))})
    first = run(stack_node, model=sd15, lora_1="a.safetensors")

    model, text, stack, report = run(
        stack_node, model=first[0], clip=clip, lora_stack=first[2], lora_1="te.safetensors"
    )

    assert len(model.patches[Q]) == 1
    assert len(text.patcher.patches[TE]) == 1
    assert [item[0] for item in stack] == ["a.safetensors", "te.safetensors"]
    assert "1 already applied by the stack before" in report


def test_the_same_lora_in_two_rows_is_applied_twice(stack_node, lora, sd15):
    report = run(stack_node, model=sd15, lora_1="a.safetensors", lora_2="a.safetensors")[3]

    assert "Total: 2 LoRAs, 2 modules patched (model 2, clip 0), 0 dropped" in report


# --- the report --------------------------------------------------------------------------------


def test_the_report_accounts_for_every_module(stack_node, loras, sd15, clip):
    pairs = {
        Q_KOHYA: random_pair(shape(sd15, Q)),
        K_KOHYA: random_pair((7, 7)),
        "lora_unet_nowhere_1_x": random_pair((4, 4)),
        "lora_unet_nowhere_2_x": random_pair((4, 4)),
        TE_KOHYA: random_pair(shape(clip.patcher, TE)),
    }
    write_lora(loras / "mixed.safetensors", pairs)

    alone = run(stack_node, model=sd15, lora_1="mixed.safetensors", strength_model_1=0.5)[3]
    both = run(stack_node, model=sd15, clip=clip, lora_1="mixed.safetensors")[3]

    assert alone == (
        "Row 1: mixed.safetensors, model 0.5, clip 0.5\n"
        "  1 of 5 modules patched (model 1, clip 0)\n"
        "  1 text encoder modules left out: no CLIP is connected\n"
        "  2 not in the model: 2 x lora_unet_nowhere_{n}_x\n"
        f"  1 with a shape that does not fit: 1 x {K_KOHYA}\n"
        "Total: 1 LoRA, 1 modules patched (model 1, clip 0), 3 dropped"
    )
    assert "2 of 5 modules patched (model 1, clip 1)" in both


def test_two_names_of_one_target_are_refused(stack_node, loras, errors, sd15):
    native = Q.removesuffix(".weight")
    pair = random_pair(shape(sd15, Q))
    other = {f"{native}.lora_A.weight": pair.down, f"{native}.lora_B.weight": pair.up.clone()}
    write_lora(loras / "twice.safetensors", {Q_KOHYA: random_pair(shape(sd15, Q))}, extra=other)

    with pytest.raises(errors.LoraFileError, match="two names of one weight") as caught:
        run(stack_node, model=sd15, lora_1="twice.safetensors")

    assert native in str(caught.value)
    assert Q_KOHYA in str(caught.value)


def test_a_strength_of_zero_reads_no_file(stack_node, loras, sd15, clip):
    (loras / "junk.safetensors").write_bytes(b"never read")

    model, text, stack, report = run(
        stack_node, model=sd15, clip=clip, lora_1="junk.safetensors", strength_model_1=0
    )

    assert model is sd15
    assert text is clip
    assert stack == [("junk.safetensors", 0.0, 0.0)]
    assert "not read: its strength is 0" in report


def test_metadata_is_attached_as_the_core_loader_does(stack_node, loras, sd15):
    write_lora(
        loras / "a.safetensors", {Q.removesuffix(".weight"): random_pair(shape(sd15, Q))}, PEFT,
        metadata={"reference_downscale_factor": "2"},
    )  # fmt: skip

    model = run(stack_node, model=sd15, lora_1="a.safetensors")[0]

    assert model.get_attachment("lora_metadata")["reference_downscale_factor"] == "2"
