"""LoRAs from `<lora:...>` tags in a prompt."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..satchel.lora.prompt_tags import DIALECTS, clean_prompt, find_tags
from ..satchel.lora.report import format_report
from ..satchel.lora.rows import ON_MISMATCH
from ..satchel.lora.stack import read_stack
from . import host
from .lora import apply_stack, stack_notes
from .planning import LoraStackType, file_stamps, find_path, told_to_user
from .tags import entries_of_prompt, read_dialect
from .upstream import sources


class SatchelLoraStackFromPrompt(io.ComfyNode):
    """Applies the LoRAs that a prompt names, and returns the prompt without its tags."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return io.Schema(
            node_id="SatchelLoraStackFromPrompt",
            display_name="LoRA Stack from Prompt (Satchel)",
            category="Satchel/LoRA",
            description="Applies the LoRAs that a prompt names as <lora:name:model:clip>, with "
            "block weights too, and returns the prompt without these tags.",
            search_aliases=[
                "lora", "lora tag", "lora prompt", "lora from text", "prompt lora loader",
                "a1111 lora", "lbw",
            ],
            inputs=[
                io.Model.Input("model", optional=True, tooltip="The diffusion model to patch."),
                io.Clip.Input("clip", optional=True, tooltip="The text encoder to patch."),
                LoraStackType.Input(
                    "lora_stack", optional=True,
                    tooltip="LoRAs of another stack; they are applied before those of the prompt.",
                ),
                io.String.Input(
                    "prompt", multiline=True, default="",
                    tooltip="A prompt with tags such as <lora:name:0.8:0.5:lbw=MIDD>.",
                ),
                io.Combo.Input(
                    "dialect", options=list(DIALECTS), default="auto", optional=True,
                    tooltip="What two numbers mean. comfy: model, CLIP. webui: CLIP, model. auto: "
                    "as comfy, but as webui in a tag with a key that only the WebUI has.",
                ),
                io.Combo.Input(
                    "on_mismatch", options=list(ON_MISMATCH), default="stop", optional=True,
                    tooltip="What a LoRA does that is missing or is for another model: stop the "
                    "run, or be skipped.",
                ),
            ],
            outputs=[
                io.Model.Output("MODEL", display_name="MODEL"),
                io.Clip.Output("CLIP", display_name="CLIP"),
                LoraStackType.Output(
                    "LORA_STACK", display_name="LORA_STACK",
                    tooltip="The LoRAs before this node and those of the prompt, for other nodes.",
                ),
                io.String.Output(
                    "text", display_name="prompt", tooltip="The prompt without its LoRA tags."
                ),
                io.String.Output(
                    "report", display_name="report",
                    tooltip="What each tag changed, and what in its file found no place.",
                ),
            ],
            hidden=[io.Hidden.dynprompt],
        )  # fmt: skip

    @classmethod
    def validate_inputs(
        cls, prompt: str | None, dialect: str | None = "auto", on_mismatch: str | None = "stop"
    ) -> bool:
        """Checks the tags when the graph is queued, unless a value is linked, which is None."""
        if prompt is not None and dialect is not None and on_mismatch is not None:
            folders = host.model_folders()
            with told_to_user():
                for entry in entries_of_prompt(prompt, dialect, on_mismatch):
                    find_path(entry, folders)
        return True

    @classmethod
    def fingerprint_inputs(
        cls, prompt: str | None, dialect: str | None = "auto", on_mismatch: str | None = "stop",
        **_: Any,
    ) -> Any:  # fmt: skip
        """Size and time of each file, so that a changed one is read again."""
        if prompt is None or dialect is None or on_mismatch is None:
            return ""
        with told_to_user():
            return file_stamps(entries_of_prompt(prompt, dialect, on_mismatch))

    @classmethod
    def execute(
        cls, prompt: str, dialect: str = "auto", model: Any = None, clip: Any = None,
        lora_stack: Any = None, on_mismatch: str = "stop",
    ) -> io.NodeOutput:  # fmt: skip
        folders = host.model_folders()
        with told_to_user():
            own = entries_of_prompt(prompt, dialect, on_mismatch)
            entries = [*read_stack(lora_stack, sources(cls)), *own]
            paths = [find_path(entry, folders) for entry in entries]
            model, clip, reports = apply_stack(model, clip, entries, paths)
        text = clean_prompt(prompt, find_tags(prompt, read_dialect(dialect)))
        stack = [entry.to_tuple() for entry in entries]
        report = format_report(reports, [], stack_notes(entries))
        return io.NodeOutput(model, clip, stack, text, report)


PROMPT_NODES: list[type[io.ComfyNode]] = [SatchelLoraStackFromPrompt]
