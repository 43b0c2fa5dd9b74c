"""The whole matrix of a generator of synthetic files, when one is at hand.

`SATCHEL_LORA_GENERATOR` names a Python file with `plan()`, `fit_rank()`, `limits()` and
`build()`, which returns name -> (array, dtype) and the metadata a trainer would write.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections import Counter
from typing import Any

import pytest
from support.lora_key_tables import header_of

from satchel.lora.identify import identify_lora

GENERATOR = os.environ.get("SATCHEL_LORA_GENERATOR")


def load_generator(path: str) -> Any:
    spec = importlib.util.spec_from_file_location("lora_generator", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.skipif(not GENERATOR, reason="SATCHEL_LORA_GENERATOR names no generator")
def test_no_generated_file_is_identified_wrongly() -> None:
    generator = load_generator(GENERATOR or "")
    unique: Counter[str] = Counter()
    plan = generator.plan()
    for architecture, dialect, algorithm, te in plan:
        rank = generator.fit_rank(architecture, dialect, algorithm, te, 28)
        limits = generator.limits(algorithm)
        tensors, metadata = generator.build(
            architecture, dialect, algorithm, rank=rank, te=te, **limits
        )
        shapes = {name: array.shape for name, (array, _) in tensors.items()}
        for kind, claims in (("with", metadata), ("without", {})):
            identity = identify_lora(header_of(shapes, **claims))
            assert architecture in identity.candidates, (architecture, dialect, algorithm, kind)
            assert identity.architecture in (None, architecture), (dialect, algorithm, kind)
            unique[kind] += identity.architecture is not None

    assert unique["without"] >= 0.66 * len(plan)
    assert unique["with"] >= 0.94 * len(plan)
