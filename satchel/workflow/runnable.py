"""Whether a workflow can be queued without the web page that it was made with."""

from __future__ import annotations

from ..errors import NoApiGraphError
from .documents import WorkflowDocument


def check_runnable(document: WorkflowDocument) -> None:
    """Refuses what has no API graph: only ComfyUI's web page can make one of a UI graph.

    Raises:
        NoApiGraphError: it is a UI graph or a lock.
    """
    if document.api is not None:
        return
    what = "a UI graph" if document.ui is not None else "a lock without a graph"
    raise NoApiGraphError(
        f"{document.name} is {what}, and a server runs API graphs.",
        hint="Export it with Workflow > Export (API) in ComfyUI, or give an image or a bundle that"
        " carries the API graph, too.",
        name=document.name,
    )
