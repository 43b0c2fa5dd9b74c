"""Which LoRAs a queued graph applies, and how strongly, whichever pack's nodes do it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from ..errors import SatchelError
from ..folders import posix_name
from ..lora.lora_names import match_name
from ..lora.prompt_tags import DIALECTS, Dialect, find_tags
from .api_values import Json, inputs_of, number_behind, value_behind
from .convert import convert, convertible_types
from .documents import WorkflowDocument
from .loaders import STACK_NODE

_LOADERS = frozenset(
    {"LoraLoader", "LoraLoaderModelOnly", "LoraLoaderBypass", "LoraLoaderBypassModelOnly",
     "CreateHookLora", "CreateHookLoraModelOnly"}
)  # fmt: skip
_TAG_NODE = "SatchelLoraStackFromPrompt"


@dataclass(frozen=True, slots=True)
class LoraUse:
    """One LoRA that is applied."""

    name: str
    """Path below the LoRA folder, with `/`."""
    strength: float | None
    """Of the model; None where only a run tells."""


def lora_uses(
    graph: Json,
    nodes: Collection[str],
    names: Collection[str],
    presets: Callable[[], Mapping[str, str]] | None = None,
) -> list[LoraUse]:
    """The LoRAs of some nodes of a graph, in its order; those that are off are left out.

    Args:
        nodes: ids of the nodes that run.
        names: the LoRAs that are here, with `/`.
        presets: reads the block weights by name that other packs' nodes may use.
    """
    own = {node_id: graph[node_id] for node_id in graph if node_id in nodes}
    if any(node.get("class_type") in convertible_types() for node in own.values()):
        own = _converted(own, names, presets)
    whole = {**graph, **own}
    return [use for node in own.values() for use in _uses(whole, node, names)]


def _converted(
    graph: Json, names: Collection[str], presets: Callable[[], Mapping[str, str]] | None
) -> Json:
    """The graph with LoRA Stacks in the place of other packs' nodes, where that can be done."""
    document = WorkflowDocument("queued", api=graph)
    try:
        return (
            convert(document, names=list(names), presets=presets and presets()).document.api
            or graph
        )
    except SatchelError:
        return graph


def _uses(graph: Json, node: Json, names: Collection[str]) -> Iterable[LoraUse]:
    inputs, class_type = inputs_of(node), node.get("class_type")
    if class_type in _LOADERS:
        name = value_behind(graph, inputs.get("lora_name"))
        if isinstance(name, str):
            yield LoraUse(posix_name(name), number_behind(graph, inputs.get("strength_model")))
    elif class_type == STACK_NODE:
        numbers = [key[5:] for key in inputs if key.startswith("lora_") and key[5:].isdigit()]
        for number in sorted(numbers, key=int):
            name = value_behind(graph, inputs[f"lora_{number}"])
            on = value_behind(graph, inputs.get(f"on_{number}", True))
            if on is False or not isinstance(name, str) or name in ("", "None"):
                continue
            strength = inputs.get(f"strength_model_{number}", 1.0)
            yield LoraUse(posix_name(name), number_behind(graph, strength))
    elif class_type == _TAG_NODE:
        yield from _tags(graph, node, names)


def _tags(graph: Json, node: Json, names: Collection[str]) -> Iterable[LoraUse]:
    prompt = value_behind(graph, inputs_of(node).get("prompt"))
    wanted = inputs_of(node).get("dialect")
    dialect: Dialect = next((known for known in DIALECTS if known == wanted), "auto")
    if not isinstance(prompt, str):
        return
    try:
        for tag in find_tags(prompt, dialect):
            yield LoraUse(match_name(tag.name, set(names), "Tag"), tag.strength_model)
    except SatchelError:
        return  # the node itself will say so
