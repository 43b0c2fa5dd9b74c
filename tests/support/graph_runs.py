"""Runs API graphs with the host's own executor, in this process. Only with ComfyUI on the path."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .coroutines import run_async


class Server:
    """As much of the host's server as an executor needs."""

    client_id = last_node_id = last_prompt_id = None

    def send_sync(self, *_: Any, **__: Any) -> None:
        """Nobody listens."""


def capture_node(seen: dict[str, Any]) -> type:
    """An output node that puts what it gets into `seen`."""

    class Capture:
        INPUT_TYPES = classmethod(lambda cls: {"required": {"name": ("STRING",), "value": ("*",)}})
        RETURN_TYPES = ()
        FUNCTION = "run"
        OUTPUT_NODE = True

        @classmethod
        def VALIDATE_INPUTS(cls, input_types: Any) -> bool:
            return True

        def run(self, name: str, value: Any) -> tuple[()]:
            seen[name] = value
            return ()

    return Capture


def stack_node(change: Any) -> type:
    """A node of another pack that takes a LORA_STACK and returns what `change` makes of it."""

    class Foreign:
        INPUT_TYPES = classmethod(lambda cls: {"required": {"lora_stack": ("LORA_STACK",)}})
        RETURN_TYPES = ("LORA_STACK",)
        FUNCTION = "run"

        def run(self, lora_stack: Any) -> tuple[Any]:
            return (change(lora_stack),)

    return Foreign


def value_node(kind: str, value: Any) -> type:
    """A node that returns a value."""

    class Value:
        INPUT_TYPES = classmethod(lambda cls: {"required": {}})
        RETURN_TYPES = (kind,)
        FUNCTION = "run"

        def run(self) -> tuple[Any]:
            return (value,)

    return Value


@contextmanager
def known_classes(classes: dict[str, type]) -> Iterator[None]:
    """The host knows these classes, and no others that it did not know before, for a while."""
    import nodes

    before = dict(nodes.NODE_CLASS_MAPPINGS)
    nodes.NODE_CLASS_MAPPINGS.update(classes)
    try:
        yield
    finally:
        nodes.NODE_CLASS_MAPPINGS.clear()
        nodes.NODE_CLASS_MAPPINGS.update(before)


def run_graph(graph: dict[str, Any], classes: dict[str, type]) -> tuple[dict[str, Any], str]:
    """Validates and runs a graph; each node of the class `Capture` is an output.

    Returns what those got by their `name`, and the message of the error that stopped it or "".
    """
    import execution

    seen: dict[str, Any] = {}
    outputs = [id_ for id_, node in graph.items() if node["class_type"] == "Capture"]
    with known_classes({**classes, "Capture": capture_node(seen)}):
        valid, error, _, found = run_async(execution.validate_prompt("id", graph, outputs))
        if not valid:
            details = [each for node in found.values() for each in node["errors"]] or [error]
            return seen, " ".join(str(each["details"] or each["message"]) for each in details)
        sizes = {"lru": 0, "ram": 0.0, "ram_inactive": 0.0}
        executor = execution.PromptExecutor(Server(), execution.CacheType.CLASSIC, sizes)
        run_async(executor.execute_async(graph, "id", {}, outputs))
    messages = [data.get("exception_message", "") for _, data in executor.status_messages]
    return seen, "".join(messages)
