"""ComfyUI-Satchel: LoRA stacks, models by identity, portable workflows."""

WEB_DIRECTORY = "./web"


async def comfy_entrypoint():
    """Returns the ComfyUI extension; imported here, so that importing this package stays free."""
    from .nodes import SatchelExtension

    return SatchelExtension()


__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
