"""What is written into the images of a queued graph, decided before it runs.

Nothing here reads a model file or asks anybody: queueing must not wait.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..errors import LockError, WorkflowFormatError
from ..folders import LocalModel
from ..identity import ModelIdentity
from ..workspace import Workspace
from .api_values import Json, reached
from .civitai_marks import without_marks
from .civitai_ready import Resource, resources_of, used_models, with_marks
from .documents import WorkflowDocument, is_api_graph, read_json
from .known_lock import known_lock
from .lock import LOCK_KEY, Lock
from .lora_uses import LoraUse, lora_uses
from .node_pack import NodePack


@dataclass(frozen=True, slots=True)
class Machine:
    """What a server knows about itself."""

    workspace: Workspace
    versions: Mapping[str, str] = field(default_factory=dict)
    packs: Mapping[str, NodePack] = field(default_factory=dict)
    outputs: frozenset[str] = frozenset()
    """Types of nodes that a run is for: they save or show something."""
    loras: Collection[str] = ()
    """Names of the LoRAs here, with `/`."""
    presets: Callable[[], Mapping[str, str]] | None = None
    """Reads the block weights that have names here."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a graph's models when it is queued."""

    lock: Lock
    used: tuple[ModelIdentity, ...]
    """Models of the nodes that run."""
    loras: tuple[LoraUse, ...]
    to_hash: tuple[LocalModel, ...]

    @property
    def resources(self) -> list[Resource]:
        return resources_of(self.used, self.loras)


def known_of(prompt: Json, workflow: Any, machine: Machine) -> Known:
    """Looks at a queued graph.

    Args:
        prompt: the API graph.
        workflow: the UI graph that came with it, if any; one that cannot be read does not count.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    prompt = without_marks(prompt)
    lock, to_hash = known_lock(
        _document(prompt, workflow), machine.workspace, machine.versions, machine.packs
    )
    ends = [key for key, node in prompt.items() if node["class_type"] in machine.outputs]
    running = frozenset(reached(prompt, ends) if ends else prompt)
    used = used_models(((model.identity, model.used_by) for model in lock.models), running)
    uses = lora_uses(prompt, running, machine.loras, machine.presets)
    return Known(lock, tuple(used), tuple(uses), tuple(to_hash))


def _document(prompt: Json, workflow: Any) -> WorkflowDocument:
    try:
        document = read_json(workflow, "queued")
    except (WorkflowFormatError, LockError):
        document = WorkflowDocument("queued")
    return WorkflowDocument("queued", document.ui, prompt, document.lock)


def with_lock(pnginfo: Any, lock: Lock) -> Json:
    """`extra_pnginfo` with the lock after what was there: readers want `workflow` first."""
    before = pnginfo if isinstance(pnginfo, dict) else {}
    rest = {key: value for key, value in before.items() if key != LOCK_KEY}
    return {**rest, LOCK_KEY: lock.to_json()}


def embed(
    body: Any, machine: Machine, *, lock: bool, civitai: bool
) -> tuple[Any, Sequence[LocalModel]]:
    """What a client posted to `/prompt`, with what its images are to carry.

    A body that is no graph is handed on as it is: the host refuses it.

    Args:
        lock: adds the lock to `extra_pnginfo`, which save nodes write.
        civitai: adds the loaders that Civitai recognises models by.

    Returns:
        The body, and the files that are not hashed yet.

    Raises:
        CatalogError: the catalog cannot be used.
    """
    prompt: Any = body.get("prompt") if isinstance(body, dict) else None
    if not is_api_graph(prompt) or not (lock or civitai):
        return body, ()
    extra = body.get("extra_data")
    extra = extra if isinstance(extra, dict) else {}
    pnginfo = extra.get("extra_pnginfo")
    workflow = pnginfo.get("workflow") if isinstance(pnginfo, dict) else None
    known = known_of(prompt, workflow, machine)
    new = dict(body)
    if lock:
        new["extra_data"] = {**extra, "extra_pnginfo": with_lock(pnginfo, known.lock)}
    if civitai:
        new["prompt"] = with_marks(prompt, known.resources, known.used)
    return new, known.to_hash
