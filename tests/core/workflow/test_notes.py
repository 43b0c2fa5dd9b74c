"""What authors write into notes: hints at where a model may be, and nothing more."""

from __future__ import annotations

import pytest
from support.graphs import subgraph, ui_graph, ui_node

from satchel.workflow.collect import locked_models
from satchel.workflow.documents import read_json
from satchel.workflow.notes import hints_in

HUB = "https://huggingface.co/a/b/resolve/main/vae/ae.safetensors"
CIVITAI = "https://civitai.com/models/1?modelVersionId=2"


@pytest.mark.parametrize(
    ("text", "hints"),
    [
        (f"[ae.safetensors]({HUB})", {"ae.safetensors": (HUB,)}),
        (f"Put {HUB}, into models/vae.", {"ae.safetensors": (HUB,)}),
        (f"[`Ink.safetensors`]({CIVITAI})", {"ink.safetensors": (CIVITAI,), "1": (CIVITAI,)}),
        (f"[the VAE]({HUB}?token=s3cret&download=true)",
         {"the vae": (f"{HUB}?download=true",), "ae.safetensors": (f"{HUB}?download=true",)}),
        ("http://plain.example/ae.safetensors ftp://x/ae.safetensors", {}),
        ("https://[::1/ae.safetensors", {}),
        ("", {}),
    ],
)  # fmt: skip
def test_addresses_hint_at_the_files_they_name(text: str, hints: dict[str, tuple[str, ...]]):
    assert hints_in(read_json(ui_graph(ui_node(1, "MarkdownNote", [text])), "g")) == hints


def test_notes_inside_subgraphs_count_and_other_nodes_texts_do_not():
    inner = ui_graph(subgraphs=[subgraph(ui_node(3, "Note", [HUB]))])
    prompt = ui_graph(ui_node(3, "CLIPTextEncode", [HUB]))

    assert hints_in(read_json(inner, "g")) == {"ae.safetensors": (HUB,)}
    assert hints_in(read_json(prompt, "g")) == {}


def test_a_model_without_a_source_gets_the_hints_of_its_file_name():
    graph = ui_graph(
        ui_node(1, "VAELoader", ["flux/AE.safetensors"]),
        ui_node(2, "VAELoader", ["other.safetensors"]),
        ui_node(3, "MarkdownNote", [f"[ae.safetensors]({HUB})"]),
    )

    models = {model.identity.name: model.hints for model in locked_models(read_json(graph, "g"))}
    assert models == {"flux/AE.safetensors": (HUB,), "other.safetensors": ()}
