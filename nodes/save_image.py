"""Saving images that carry what made them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from comfy_api.latest import io
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from ..satchel.workflow.civitai_marks import without_marks
from ..satchel.workflow.civitai_ready import extra_metadata, with_marks, with_model_shown
from ..satchel.workflow.documents import is_api_graph
from ..satchel.workflow.generation import generation_of
from ..satchel.workflow.image_texts import (
    FORMATS,
    SUFFIX,
    Format,
    ImageTexts,
    beside,
    exif_block,
    texts_of,
)
from ..satchel.workflow.parameters import parameters_text
from ..satchel.workflow.queued import known_of, with_lock
from . import host
from .background import background
from .planning import told_to_user
from .workspace import machine

log = logging.getLogger(__name__)


class SatchelSaveImage(io.ComfyNode):
    """Saves images with the graph, its lock and, if wanted, what other sites read."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SatchelSaveImage",
            display_name="Save Image (portable)",
            category="Satchel",
            description="Saves PNG, WebP or JPEG with the workflow and the identity of every model "
            "that it used, so that the image opens as a workflow on other machines.",
            search_aliases=["save", "save image", "webp", "jpeg", "jpg", "civitai", "a1111"],
            inputs=[
                io.Image.Input("images", tooltip="The images to save."),
                io.String.Input(
                    "filename_prefix", default="ComfyUI",
                    tooltip="Name in the output folder; subfolders, %date:yyyy-MM-dd% and the "
                    "like work as in Save Image.",
                ),
                io.Combo.Input(
                    "format", options=list(FORMATS), default="png",
                    tooltip="JPEG has only 64 KB for what it carries; see the help.",
                ),
                io.Int.Input(
                    "quality", default=90, min=1, max=100, optional=True,
                    tooltip="Of WebP and JPEG. With lossless WebP: how hard to compress.",
                ),
                io.Boolean.Input(
                    "lossless", default=False, optional=True, tooltip="WebP without any loss."
                ),
                io.Boolean.Input(
                    "embed_lock", default=True, optional=True,
                    tooltip="Which bytes every model has and where it is published.",
                ),
                io.Boolean.Input(
                    "a1111_parameters", default=False, optional=True,
                    tooltip="Prompt, settings and hashes as A1111 writes them. Civitai then "
                    "shows no workflow.",
                ),
                io.Boolean.Input(
                    "civitai", default=False, optional=True,
                    tooltip="Lets Civitai recognise the models. Tells whoever has the image "
                    "which models it was made with.",
                ),
            ],
            outputs=[
                io.String.Output(
                    "paths", display_name="files", is_output_list=True,
                    tooltip="Names of the files below the output folder.",
                ),
            ],
            hidden=[io.Hidden.prompt, io.Hidden.extra_pnginfo, io.Hidden.unique_id],
            is_output_node=True,
        )  # fmt: skip

    @classmethod
    def execute(
        cls,
        images: Any,
        filename_prefix: str,
        format: Format,
        quality: int = 90,
        lossless: bool = False,
        embed_lock: bool = True,
        a1111_parameters: bool = False,
        civitai: bool = False,
    ) -> io.NodeOutput:
        height, width = int(images.shape[1]), int(images.shape[2])
        told = ImageTexts()
        if host.writes_metadata():
            with told_to_user():
                told = _told(
                    cls.hidden, (width, height), format,
                    embed_lock=embed_lock, a1111=a1111_parameters, civitai=civitai,
                )  # fmt: skip
        folder, name, counter, subfolder = host.output_path(filename_prefix, width, height)
        saved, notes = [], []
        for number, pixels in enumerate(host.pixels_of(images)):
            stem = f"{name.replace('%batch_num%', str(number))}_{counter + number:05}_"
            path = folder / f"{stem}{SUFFIX[format]}"
            notes += _save(Image.fromarray(pixels), path, format, told, quality, lossless)
            saved.append({"filename": path.name, "subfolder": subfolder, "type": "output"})
        paths = [(Path(subfolder) / one["filename"]).as_posix() for one in saved]
        for note in dict.fromkeys(notes):
            log.warning(note)
        return io.NodeOutput(paths, ui={"images": saved, "text": list(dict.fromkeys(notes))})


def _told(
    hidden: Any,
    size: tuple[int, int],
    format_: Format,
    *,
    embed_lock: bool,
    a1111: bool,
    civitai: bool,
) -> ImageTexts:
    """What the images are to carry."""
    prompt, pnginfo = hidden.prompt, hidden.extra_pnginfo
    if not is_api_graph(prompt) or not (embed_lock or a1111 or civitai):
        return ImageTexts(texts_of(prompt, pnginfo))
    workflow = pnginfo.get("workflow") if isinstance(pnginfo, dict) else None
    here = machine()
    known = known_of(prompt, workflow, here)
    background.hash_first(known.to_hash)
    if embed_lock:
        pnginfo = with_lock(pnginfo, known.lock)
    end = str(hidden.unique_id)
    generation = generation_of(prompt, end)
    parameters = comment = ""
    if a1111:
        parameters = parameters_text(generation, known.loras, known.used, size)
    if civitai and format_ == "png":
        prompt = with_marks(prompt, known.resources, known.used)
    elif civitai:
        shown = with_model_shown(without_marks(prompt), known.used)
        if shown is not None:
            prompt, comment = shown, extra_metadata(generation, known.resources)
    return ImageTexts(texts_of(prompt, pnginfo), parameters, comment)


def _save(
    picture: Image.Image,
    path: Path,
    format_: Format,
    told: ImageTexts,
    quality: int,
    lossless: bool,
) -> list[str]:
    """Writes one file, and one beside it if need be; returns what there is to say about it."""
    if format_ == "png":
        info = PngInfo()
        for key, text in told.texts.items():
            info.add_text(key, text)
        if told.parameters:
            info.add_text("parameters", told.parameters)
        picture.save(path, pnginfo=info, compress_level=4)
        return []
    block = exif_block(told, format_)
    exif = {"exif": b"Exif\0\0" + block.exif} if told.texts or told.comment else {}
    if format_ == "webp":
        picture.save(path, quality=quality, lossless=lossless, **exif)
        return []
    picture.convert("RGB").save(path, quality=quality, **exif)
    if not block.left_out:
        return []
    path.with_suffix(".json").write_text(beside(told), encoding="utf-8")
    return [
        f"A JPEG has room for 64 KB: {', '.join(block.left_out)} did not fit into it. The workflow"
        f" is in the .json file beside it. WebP and PNG have no such limit."
    ]


SAVE_NODES: list[type[io.ComfyNode]] = [SatchelSaveImage]
