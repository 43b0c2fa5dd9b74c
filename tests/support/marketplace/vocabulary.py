"""The site's closed word lists, as far as the stand-in needs them (they grow; keep them short)."""

from __future__ import annotations

ECOSYSTEMS = {
    "SD 1.4": "sd1",
    "SD 1.5": "sd1",
    "SD 1.5 LCM": "sd1",
    "SD 1.5 Hyper": "sd1",
    "SD 2.0": "sd2",
    "SD 2.1": "sd2",
    "SDXL 1.0": "sdxl",
    "SDXL Lightning": "sdxl",
    "SDXL Hyper": "sdxl",
    "Pony": "sdxl",
    "Illustrious": "sdxl",
    "NoobAI": "sdxl",
    "SD 3": "sd3",
    "SD 3.5": "sd3",
    "SD 3.5 Medium": "sd3_5m",
    "Stable Cascade": "scascade",
    "Flux.1 S": "flux1",
    "Flux.1 D": "flux1",
    "Flux.1 Krea": "fluxkrea",
    "Flux.1 Kontext": "flux1kontext",
    "Flux.2 D": "flux2",
    "Flux.2 Klein 9B": "flux2",
    "Flux.2 Klein 4B": "flux2",
    "Chroma": "chroma",
    "AuraFlow": "auraflow",
    "Pony V7": "auraflow",
    "Qwen": "qwen",
    "ZImageTurbo": "zimageturbo",
    "ZImageBase": "zimagebase",
    "HiDream": "hidream",
    "Hunyuan 1": "hydit1",
    "Hunyuan Video": "hyv1",
    "Kolors": "kolors",
    "Lumina": "lumina",
    "Anima": "anima",
    "LTXV": "ltxv",
    "LTXV2": "ltxv2",
    "Wan Video": "wanvideo",
    "Wan Video 14B t2v": "wanvideo14b_t2v",
    "Wan Video 2.2 I2V-A14B": "wanvideo-22-i2v-a14b",
    "Wan Video 2.2 T2V-A14B": "wanvideo-22-t2v-a14b",
    "Wan Video 2.2 TI2V-5B": "wanvideo-22-ti2v-5b",
    "Other": "other",
}
"""baseModel -> the ecosystem in an AIR; an unknown one is lower-cased as it is."""

AIR_TYPES = {
    "Checkpoint": "checkpoint",
    "TextualInversion": "embedding",
    "Hypernetwork": "hypernet",
    "AestheticGradient": "ag",
    "LORA": "lora",
    "LoCon": "lycoris",
    "DoRA": "dora",
    "Controlnet": "controlnet",
    "Upscaler": "upscaler",
    "MotionModule": "motion",
    "VAE": "vae",
    "TextEncoder": "text_encoders",
    "UNet": "unet",
    "CLIPVision": "clipvision",
    "VisionLanguage": "visionlanguage",
    "CLIP": "clip",
}
MODEL_TYPES = (
    *AIR_TYPES,
    *("Poses", "Wildcards", "Workflows", "ComfyWorkflows", "Detection", "LLM", "Other"),
)
FILE_TYPES = (
    *("Model", "Text Encoder", "Vision Encoder", "Pruned Model", "Negative", "Training Data"),
    *("VAE", "Config", "Archive", "UNet", "Diffusion Model", "CLIPVision", "ControlNet"),
    *("Workflow", "Upscaler", "Enhancement LoRA", "Other"),
)
PRIMARY_FILE_TYPES = ("Model", "Pruned Model", "Diffusion Model", "UNet")
BASE_MODEL_TYPES = ("Standard", "Inpainting", "Refiner", "Pix2Pix")

FORMATS = {
    ".safetensors": "SafeTensor",
    ".sft": "SafeTensor",
    ".ckpt": "PickleTensor",
    ".pt": "PickleTensor",
    ".pth": "PickleTensor",
    ".bin": "PickleTensor",
    ".gguf": "GGUF",
    ".onnx": "ONNX",
}
DOWNLOAD_PARAMETERS = {
    "type": FILE_TYPES,
    "format": (*("SafeTensor", "PickleTensor", "GGUF", "Diffusers", "Core ML", "ONNX", "Other"),),
    "size": ("full", "pruned"),
    "fp": (
        *("fp32", "fp16", "bf16", "mxfp8", "fp8_mixed", "fp8_scaled", "fp8", "int8"),
        *("nf4", "nvfp4", "int4"),
    ),
}
"""Query parameter of a download -> the values it may have."""
