"""Block Weights: text for a row, checked against a model, written out and drawn."""

from __future__ import annotations

import pytest
from support.graph_runs import run_graph, value_node
from support.lora_files import random_pair, write_lora
from support.meta_models import CONFIGS, meta_model, shapes_of

Q = "diffusion_model.input_blocks.1.1.transformer_blocks.0.attn1.to_q.weight"
Q_KOHYA = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"


@pytest.fixture
def node(pack, monkeypatch):
    found = pack.nodes.block_weights
    monkeypatch.setattr(found.ui, "PreviewImage", lambda image, cls: {"images": [image.shape]})
    return found.SatchelBlockWeights


@pytest.fixture
def errors(pack):
    return pack.satchel.errors


@pytest.fixture
def user_directory(pack, tmp_path, monkeypatch):
    directory = tmp_path / "user"
    monkeypatch.setattr(pack.nodes.planning.host, "system_user_directory", lambda: directory)
    return directory


def text_of(node, **inputs):
    return node.execute(**inputs).result[0]


@pytest.mark.parametrize("architecture", CONFIGS)
def test_the_slots_of_an_architecture_are_those_of_its_model(pack, architecture):
    slots = pack.satchel.lora.model_slots.architecture_slots(architecture)
    keys = [key for key in shapes_of(meta_model(architecture)) if key.startswith("diffusion_model")]
    layout = pack.satchel.lora.block_layouts.find_layout(keys)

    assert slots == (*layout.encoder_slots(), *layout.slots(keys))


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({}, ""),
        ({"blocks": "IN04-08=0.5, M00=1, *=0"},
         "BASE?=0, IN00-03=0, IN04-08=0.5, IN09-11=0, OUT00-11=0, OTHER=0"),
        ({"preset": "MIDD"}, "IN00-04=0, IN06=0, IN09-11=0, OUT00-02=0, OUT07-11=0"),
        ({"early": 0.5}, "IN00-11=0.5"),
        ({"late": 0, "text": -0.25}, "BASE?=-0.25, OUT00-11=0"),
        ({"early": 0.5, "blocks": "IN03=2"}, "IN00-02=0.5, IN03=2, IN04-11=0.5"),
        ({"preset": "NONE", "mid": 1, "blocks": "OUT=linear(0,1)"},
         "BASE?=0, IN00-11=0, M00=0, OUT00=0, OUT01=0.0909"),
        ({"preset": "NONE", "mid": 0.5}, "BASE?=0, IN00-11=0, M00=0.5, OUT00-11=0, OTHER=0"),
        ({"attention": 0.5, "blocks": "IN01=1"},
         "BASE?.attn=0.5, IN00?.attn=0.5, IN02-11?.attn=0.5, M00?.attn=0.5, OUT00-11?.attn=0.5"),
        ({"blocks": "1,0,0,0,0,0,0,1,0,0,0,0,0,0,0,0,0"},
         "IN00-11=0, OUT00-11=0"),
        ({"early": 0.5, "blocks": "1" + ",1" * 25}, ""),
    ],
)  # fmt: skip
def test_what_is_chosen_is_written_out_slot_by_slot(node, inputs, text):
    assert text_of(node, architecture="sd15", **inputs).startswith(text)


def test_written_out_text_means_the_same(pack, node, sd15):
    weights = pack.satchel.lora.weights
    targets = pack.satchel.tensors.plan.StackTargets(shapes_of(sd15), None)
    source = "preset, IN01-05=cosine(1,0), *.to_q=0.3, OUT=random(0,1), M00.!attn=0.7, seed=4"
    source = source.replace("preset", "FADE-IN")

    written = text_of(node, model=sd15, blocks=source)

    first, second = (
        weights.parse_block_weights(text).drawn(targets.slots).on(targets.slots)
        for text in (source, written)
    )
    places = [targets.place_of(key) for key in shapes_of(sd15) if key.startswith("diffusion_model")]
    assert "random" not in written
    assert [round(first.of(place), 3) for place in places] == [
        round(second.of(place), 3) for place in places
    ]


def test_random_values_come_from_the_seed_and_are_recorded(node):
    first, again, other, own = (
        text_of(node, architecture="flux_dev", blocks=f"D=random(0,1){more}", seed=seed)
        for seed, more in ((7, ""), (7, ""), (8, ""), (7, ", seed=8"))
    )

    assert first == again != other == own
    assert "D00=" in first
    assert "random" not in first


def test_without_a_model_or_architecture_the_text_stays_general(node):
    assert text_of(node, blocks="D05=0.5, early=0") == "D05=0.5, early=0"
    assert text_of(node, blocks="D=random(0,1)", seed=3) == "D=random(0,1), seed=3"
    assert text_of(node, preset="EARLY") == "EARLY{blocks=0, early=1}"


def test_a_users_preset_is_written_out(node, user_directory):
    file = user_directory / "presets" / "mine.txt"
    file.parent.mkdir(parents=True)
    file.write_text("WARM: down=0.5, *=0\n", encoding="utf-8")

    assert text_of(node, blocks="WARM") == "WARM{down=0.5, *=0}"
    assert node.fingerprint_inputs() != []


@pytest.mark.parametrize(
    ("inputs", "error", "sentence"),
    [
        ({"blocks": "D05=1", "architecture": "sd15"}, "BlockWeightSyntaxError",
         "no block slot D05 .* Its slots are BASE, IN00-IN11, M00, OUT00-OUT11, OTHER"),
        ({"blocks": "IN04="}, "BlockWeightSyntaxError", "character"),
        ({"preset": "GONE"}, "InvalidInputError", "'GONE', which is no preset here"),
        ({"architecture": "sd9"}, "InvalidInputError", "'sd9', which is not known"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_stops_the_node(node, errors, inputs, error, sentence):
    with pytest.raises(getattr(errors, error), match=sentence):
        node.execute(**inputs)


def test_the_queue_checks_the_text_unless_something_is_linked(node, errors):
    assert node.validate_inputs(blocks="IN04=0.5", preset="None") is True
    assert node.validate_inputs(blocks=None, preset="GONE") is True
    with pytest.raises(errors.BlockWeightSyntaxError):
        node.validate_inputs(model=None, blocks="IN04=", preset="None")


@pytest.mark.parametrize("architecture", ["sd15", "flux_dev", "ltx2", "any"])
def test_the_picture_has_a_bar_for_each_slot(node, architecture):
    blocks = "" if architecture == "any" else "blocks=linear(-1,2), blocks.attn=0.5"
    picture = node.execute(architecture=architecture, blocks=blocks).result[1]
    plain = node.execute(architecture=architecture).result[1]

    assert picture.shape[0] == 1
    assert picture.shape[3] == 3
    if architecture == "any":
        assert picture.std() > 0  # it says why
    else:
        assert picture.shape != plain.shape or not picture.equal(plain)


def test_inspires_vectors_pass_for_they_count_the_blocks_of_a_file(node):
    text = text_of(node, architecture="sd15", blocks="inspire:1,0,0.5,1,1,1,1,1,1,1,1,1")

    assert text.startswith("inspire:1,0,0.5")


def test_a_row_of_the_stack_takes_it_by_a_link(pack, node, loras, sd15):
    shape = tuple(sd15.model.state_dict()[Q].shape)
    write_lora(loras / "a.safetensors", {Q_KOHYA: random_pair(shape)})
    graph = {
        "1": {"class_type": "Model", "inputs": {}},
        "2": {"class_type": "SatchelBlockWeights",
              "inputs": {"model": ["1", 0], "early": 0.5, "blocks": "IN01=0.25"}},
        "3": {"class_type": "SatchelLoraStack",
              "inputs": {"model": ["1", 0], "lora_1": "a.safetensors", "blocks_1": ["2", 0]}},
        "4": {"class_type": "Capture", "inputs": {"name": "model", "value": ["3", 0]}},
    }  # fmt: skip

    seen, error = run_graph(
        graph,
        {
            "Model": value_node("MODEL", sd15),
            "SatchelBlockWeights": node,
            "SatchelLoraStack": pack.nodes.lora.SatchelLoraStack,
        },
    )

    assert error == ""
    assert seen["model"].patches[Q][0][0] == 0.25


def test_it_fits_into_a_prompts_tag(pack, node, loras, sd15):
    shape = tuple(sd15.model.state_dict()[Q].shape)
    write_lora(loras / "a.safetensors", {Q_KOHYA: random_pair(shape)})
    text = text_of(node, architecture="sd15", preset="MIDD", attention=0.5, blocks="IN01=0.25")

    model = pack.nodes.prompt.SatchelLoraStackFromPrompt.execute(
        prompt=f"<lora:a:1:lbw={text}>", model=sd15
    ).result[0]

    assert model.patches[Q][0][0] == 0.25
