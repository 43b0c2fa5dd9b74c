"""Which inputs of ComfyUI's own nodes name a model, and of which kind.

Read off `/object_info` of ComfyUI 0.30.0 with one marked file in every model folder;
tests/nodes/test_loaders.py does it again against the host that is installed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

NOTES = frozenset({"Note", "MarkdownNote"})
"""Nodes whose text is for people."""
STACK_NODE = "SatchelLoraStack"
STACK_LORA_INPUT = re.compile(r"lora_([1-9][0-9]*)\Z")


def stack_lora_widgets(values: Sequence[object]) -> Iterator[tuple[str, int]]:
    """(input name, position) of the LoRA names among the widgets of a saved stack node.

    A row is saved as on, lora, strength_model, strength_clip, blocks, and where it has them start,
    stop and on_mismatch; `on` alone is true or false, so each row starts with one.
    """
    starts = [index for index, value in enumerate(values) if isinstance(value, bool)]
    for number, start in enumerate(starts, 1):
        if start + 1 < len(values):
            yield f"lora_{number}", start + 1


@dataclass(frozen=True, slots=True)
class LoaderInput:
    """An input whose value is a model's name."""

    name: str
    widget: int
    """Its position in `widgets_values` of a saved UI node."""
    kind: str


def _loader(kind: str, *names: str, first: int = 0) -> tuple[LoaderInput, ...]:
    return tuple(LoaderInput(name, first + index, kind) for index, name in enumerate(names))


_FOUR_CLIPS = ("clip_name1", "clip_name2", "clip_name3", "clip_name4")

CORE_LOADERS: Mapping[str, tuple[LoaderInput, ...]] = {
    "AudioEncoderLoader": _loader("audio_encoders", "audio_encoder_name"),
    "CLIPLoader": _loader("text_encoders", "clip_name"),
    "CLIPVisionLoader": _loader("clip_vision", "clip_name"),
    "CheckpointLoader": _loader("checkpoints", "ckpt_name", first=1),
    "CheckpointLoaderSimple": _loader("checkpoints", "ckpt_name"),
    "ControlNetLoader": _loader("controlnet", "control_net_name"),
    "CreateHookLora": _loader("loras", "lora_name"),
    "CreateHookLoraModelOnly": _loader("loras", "lora_name"),
    "CreateHookModelAsLora": _loader("checkpoints", "ckpt_name"),
    "CreateHookModelAsLoraModelOnly": _loader("checkpoints", "ckpt_name"),
    "DiffControlNetLoader": _loader("controlnet", "control_net_name"),
    "DualCLIPLoader": _loader("text_encoders", *_FOUR_CLIPS[:2]),
    "FrameInterpolationModelLoader": _loader("frame_interpolation", "model_name"),
    "GLIGENLoader": _loader("gligen", "gligen_name"),
    "HypernetworkLoader": _loader("hypernetworks", "hypernetwork_name"),
    "ImageOnlyCheckpointLoader": _loader("checkpoints", "ckpt_name"),
    "LTXAVTextEncoderLoader": (
        *_loader("text_encoders", "text_encoder"),
        *_loader("checkpoints", "ckpt_name", first=1),
    ),
    "LTXVAudioVAELoader": _loader("checkpoints", "ckpt_name"),
    "LatentUpscaleModelLoader": _loader("latent_upscale_models", "model_name"),
    "LoadBackgroundRemovalModel": _loader("background_removal", "bg_removal_name"),
    "LoadDA3Model": _loader("geometry_estimation", "model_name"),
    "LoadMediaPipeFaceLandmarker": _loader("detection", "model_name"),
    "LoadMoGeModel": _loader("geometry_estimation", "model_name"),
    "LoraLoader": _loader("loras", "lora_name"),
    "LoraLoaderBypass": _loader("loras", "lora_name"),
    "LoraLoaderBypassModelOnly": _loader("loras", "lora_name"),
    "LoraLoaderModelOnly": _loader("loras", "lora_name"),
    "ModelPatchLoader": _loader("model_patches", "name"),
    "OpticalFlowLoader": _loader("optical_flow", "model_name"),
    "PhotoMakerLoader": _loader("photomaker", "photomaker_model_name"),
    "QuadrupleCLIPLoader": _loader("text_encoders", *_FOUR_CLIPS),
    "StyleModelLoader": _loader("style_models", "style_model_name"),
    "TripleCLIPLoader": _loader("text_encoders", *_FOUR_CLIPS[:3]),
    "UNETLoader": _loader("diffusion_models", "unet_name"),
    "UpscaleModelLoader": _loader("upscale_models", "model_name"),
    "VAELoader": _loader("vae", "vae_name"),
    "unCLIPCheckpointLoader": _loader("checkpoints", "ckpt_name"),
}
