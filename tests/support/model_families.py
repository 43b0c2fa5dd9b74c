"""Seven model families, and block weights for each whose meaning is written out here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Family:
    """One family, as the tests of all families see it."""

    name: str
    architecture: str
    """Its name in `meta_models.CONFIGS`."""
    dialect: str
    """How its LoRA is spelled, by the names of `lora_cases.dialects`."""
    blocks: str
    """Block weights in named slots."""
    weights: tuple[tuple[str, float], ...]
    """The same on the model's own keys: (pattern, factor), the first that is found counts."""
    latent: tuple[str, dict[str, Any]]
    """The core node that makes its empty latent, and that node's inputs."""
    text: str = "stable_diffusion"
    """As which type a CLIP-L is loaded. `sd3` pads what it says to the 4096 numbers of a T5."""
    needs_mask: bool = False
    """Whether it cannot do without a mask of the tokens."""
    folder: str = "diffusion_models"
    """Where its file belongs; a file in `checkpoints` has its CLIP-L and VAE inside."""

    @property
    def has_encoder(self) -> bool:
        """Whether the LoRA changes CLIP-L, too."""
        return self.folder == "checkpoints"

    @property
    def file(self) -> str:
        return f"{self.name}.safetensors"

    def weight_of(self, key: str) -> float:
        """The factor of a module, by the key of its weight."""
        return next((factor for pattern, factor in self.weights if re.search(pattern, key)), 1.0)


_IMAGE = {"width": 64, "height": 64, "batch_size": 1}
_VIDEO = {"width": 64, "height": 64, "length": 5, "batch_size": 1}

FAMILIES = (
    Family(
        "sd15", "sd15", "kohya", "IN04-08=0.5, M00=0, OUT05=0.25, BASE=0.5, *=1",
        ((r"input_blocks\.[4-8]\.", 0.5), (r"middle_block\.", 0.0), (r"output_blocks\.5\.", 0.25),
         (r"^clip_l\.", 0.5)),
        ("EmptyLatentImage", _IMAGE), folder="checkpoints",
    ),
    Family(
        "sd3", "sd3_medium", "diffusers", "J00-01=0.5, J03=0, *=1",
        ((r"joint_blocks\.[01]\.", 0.5), (r"joint_blocks\.3\.", 0.0)),
        ("EmptySD3LatentImage", _IMAGE), text="sd3",
    ),
    Family(
        "flux", "flux_dev", "diffusers", "D00-04=0.5, S10=0, *=1",
        ((r"double_blocks\.[0-4]\.", 0.5), (r"single_blocks\.10\.", 0.0)),
        ("EmptySD3LatentImage", _IMAGE),
    ),
    Family(
        "flux2", "flux2_klein_4b", "comfy", "D01=0, S.early=0.25, *=0.5",
        ((r"double_blocks\.1\.", 0.0), (r"single_blocks\.[01]\.", 0.25), (r"", 0.5)),
        ("EmptyFlux2LatentImage", _IMAGE),
    ),
    Family(
        "wan", "wan21_1_3b", "musubi", "B00-02=0.5, B05=0, *=1",
        ((r"blocks\.[0-2]\.", 0.5), (r"blocks\.5\.", 0.0)),
        ("EmptyHunyuanLatentVideo", _VIDEO), text="sd3",
    ),
    Family(
        "hunyuan_video", "hunyuan_video", "comfy", "D=0.5, S02-03=0, *=1",
        ((r"double_blocks\.", 0.5), (r"single_blocks\.[23]\.", 0.0)),
        ("EmptyHunyuanLatentVideo", _VIDEO),
    ),
    Family(
        "ltxv", "ltxv_2b", "comfy", "B01-04=0.25, B00=0, *=1",
        ((r"transformer_blocks\.[1-4]\.", 0.25), (r"transformer_blocks\.0\.", 0.0)),
        ("EmptyLTXVLatentVideo", _VIDEO | {"length": 9}), text="sd3", needs_mask=True,
    ),
)  # fmt: skip
