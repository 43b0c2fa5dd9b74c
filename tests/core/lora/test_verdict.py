from __future__ import annotations

import pytest

from satchel.lora.verdict import mismatch_sentence, title_of

FLUX1 = ("flux_dev", "flux_schnell")
FLUX2 = ("flux2_klein_4b",)


@pytest.mark.parametrize(
    ("candidates", "title"),
    [
        (FLUX2, "FLUX.2 klein 4B"),
        (FLUX1, "FLUX.1"),
        (("sdxl",), "SDXL"),
        (("wan21_1_3b", "wan22_5b"), "Wan 2.1 or Wan 2.2"),
        (("sd15", "sdxl", "flux_dev"), "Stable Diffusion 1.x, SDXL or FLUX.1"),
        (("sd15", "sd21", "sdxl", "flux_dev", "krea2"),
         "Stable Diffusion 1.x, Stable Diffusion 2.x, SDXL or 2 others"),
    ],
)  # fmt: skip
def test_architectures_are_called_by_what_they_have_in_common(candidates, title):
    assert title_of(candidates) == title


@pytest.mark.parametrize(
    ("lora", "model", "sentence"),
    [
        (FLUX1, FLUX2,
         "trained for FLUX.1, the model is FLUX.2 klein 4B: 0 of 304 modules match; FLUX.1 LoRAs "
         "do not carry over to FLUX.2. Of 304 modules, 304 are not in it (304 x a)."),
        (("flux2_dev",), FLUX2,
         "trained for FLUX.2 dev, the model is FLUX.2 klein 4B: 0 of 304 modules match; FLUX.2 dev "
         "LoRAs do not carry over to FLUX.2 klein 4B. Of 304 modules, 304 are not in it"),
        (FLUX1, ("flux_dev",), "it does not fit the model, although both are FLUX.1: of 304"),
        (FLUX1, (), "it does not fit the model, it was trained for FLUX.1: of 304 modules, 304"),
        ((), FLUX2, "it does not fit the model, which is FLUX.2 klein 4B: of 304 modules, 304"),
        ((), (), "it does not fit the model: of 304 modules, 304 are not in it (304 x a)."),
    ],
)  # fmt: skip
def test_the_verdict_says_what_is_known_of_either_side(lora, model, sentence):
    parts = "304 are not in it (304 x a)"

    assert mismatch_sentence("model", lora, model, 0, 304, parts).startswith(sentence)
