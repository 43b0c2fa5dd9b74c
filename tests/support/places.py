"""What tests of places share: the models that a graph names, and a node that shows those inside."""

from __future__ import annotations

from typing import Any

from support.graphs import SUBGRAPH_ID, promoting, subgraph, ui_graph, ui_node

from satchel.workflow.places import api_places, ui_places


def found(graph: dict[str, Any]) -> list[tuple[str, str, str | None, str]]:
    """(node, input, kind, name) of every place of a UI graph whose value counts."""
    return [
        (place.node, place.input, place.kind, place.value)
        for place in ui_places(graph)
        if place.use != "overridden"
    ]


def found_in_api(graph: dict[str, Any]) -> list[tuple[str, str, str | None, str]]:
    return [(place.node, place.input, place.kind, place.value) for place in api_places(graph)]


def names(graph: dict[str, Any]) -> list[str]:
    return [place.value for place in ui_places(graph)]


def promoted(values: Any, **instance: Any) -> dict[str, Any]:
    """A graph whose subgraph shows a LoRA's strength, the LoRA and a VAE outside."""
    lora = ui_node(3, "LoraLoader", ["inner.sft", 1.0, 1.0])
    vae = ui_node(4, "VAELoader", ["inner-vae.sft"])
    definition = promoting(
        subgraph(lora, vae), (lora, "strength_model"), (lora, "lora_name"), (vae, "vae_name")
    )
    return ui_graph(ui_node(10, SUBGRAPH_ID, values, **instance), subgraphs=[definition])
