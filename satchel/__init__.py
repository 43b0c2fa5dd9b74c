"""ComfyUI-Satchel's host-free core: workflows that carry their models.

Nothing here imports ComfyUI, and only `satchel.tensors` imports torch, so the same
code serves the nodes, the HTTP routes and the `satchel` command.
"""

__version__ = "0.1.0"
