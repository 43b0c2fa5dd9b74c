"""Wan 2.2 files that hold two LoRAs, one for each of the two 14B models.

ai-toolkit writes `diffusion_model.transformer_1.` for the high-noise and `transformer_2.` for the
low-noise model. The two models have the same shapes, so only the name of the file that the
connected model was loaded from tells which one it is.
"""

from __future__ import annotations

import re

from ...errors import LoraMismatchError
from .file_modules import FileModule

_HALF = re.compile(r"(?:diffusion_model\.)?transformer_([12])\.")
_NOISE = {"1": "high", "2": "low"}


def pick_half(
    modules: list[FileModule], model_file: str
) -> tuple[list[FileModule], list[FileModule], list[str]]:
    """Leaves the modules for the connected model, if a file holds LoRAs for both.

    Returns:
        the modules to use, the modules of the other half, and notes for the report.

    Raises:
        LoraMismatchError: nothing tells which of the two models is connected.
    """
    halves = {module.name: _HALF.match(module.name) for module in modules}
    present = {half[1] for half in halves.values() if half}
    if len(present) < 2:
        return modules, [], []
    wanted = [number for number, noise in _NOISE.items()
              if re.search(rf"(?<![a-z]){noise}(?![a-z])", model_file.lower())]  # fmt: skip
    if len(wanted) != 1:
        raise LoraMismatchError(
            "the file holds two LoRAs, for Wan 2.2's high-noise and low-noise models, and the "
            f"name of the model's file ({model_file or 'unknown'}) does not say which one it is.",
            hint="Rename the model's file so that it says high_noise or low_noise, or use a LoRA "
            "of two files.",
        )
    kept: list[FileModule] = []
    dropped: list[FileModule] = []
    for module in modules:
        half = halves[module.name]
        (dropped if half and half[1] != wanted[0] else kept).append(module)
    noise = _NOISE[wanted[0]]
    other = _NOISE["2" if wanted[0] == "1" else "1"]
    return kept, dropped, [
        f"holds two LoRAs; {model_file} is the {noise}-noise model, so the {len(dropped)} modules "
        f"for the {other}-noise model are left out"
    ]  # fmt: skip
