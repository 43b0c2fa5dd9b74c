"""The folders that ComfyUI knows."""

from __future__ import annotations

from pathlib import Path

import folder_paths

from ...satchel.folders import KINDS, LEGACY_KINDS, ModelFolders


def model_folders() -> ModelFolders:
    """The host's own table of model folders, restricted to kinds that hold models.

    Other packs may register kinds of their own (`ultralytics`, `ipadapter`, ...): they count too.
    """
    not_models = {"custom_nodes", "configs", "datasets", *LEGACY_KINDS}
    return ModelFolders(
        {
            kind: tuple(Path(root) for root in roots)
            for kind, (roots, _) in folder_paths.folder_names_and_paths.items()
            if kind not in not_models and roots and (kind in KINDS or _holds_models(kind))
        }
    )


def _holds_models(kind: str) -> bool:
    """Whether a kind that another pack registered lies inside the models directory."""
    models = Path(folder_paths.models_dir).resolve()
    roots = folder_paths.get_folder_paths(kind)
    return all(Path(root).resolve().is_relative_to(models) for root in roots)


def system_user_directory() -> Path:
    """Where Satchel keeps its catalog: `user/__satchel`, which the host does not serve."""
    return Path(folder_paths.get_system_user_directory("satchel"))


def lora_names() -> list[str]:
    """All LoRAs that the host lists, with `/`."""
    return [name.replace("\\", "/") for name in folder_paths.get_filename_list("loras")]


def custom_node_folders() -> tuple[Path, ...]:
    """Where node packs are."""
    return tuple(Path(folder) for folder in folder_paths.get_folder_paths("custom_nodes"))


def input_directory() -> Path:
    """Where nodes look for images to load."""
    return Path(folder_paths.get_input_directory())
