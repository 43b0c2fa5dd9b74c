"""Every LoRA format against true-size models: what loads, what is refused, how exact it is.

    python dev.py bench formats [--json] [--only TEXT] [--samples 3]

For each case (architecture, dialect, algorithm) a file with true names and shapes and random
numbers goes through the LoRA stack node's own code, onto a model that has all names and shapes
and no bytes. A case passes when every module of the file is patched and, on a sample of weights,
the patched weight agrees with the algorithm's formula in float64 (`tests/support/lora_cases/
formulas.py`) to within TOLERANCE of the largest change.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from _host import load_pack, open_host

TOLERANCE = 1e-4
"""The host computes in float32."""


@dataclass
class Row:
    """One case in the table."""

    architecture: str
    dialect: str
    algorithm: str
    outcome: str = "failed"
    """`pass`, `refused` (with a sentence) or `failed`."""
    reason: str = ""
    patched: int = 0
    dropped: int = 0
    error: float | None = None
    """Largest difference from float64, relative to the largest change of that weight."""


def main() -> int:
    arguments = _parse_arguments()
    open_host()
    pack = load_pack()
    start = time.perf_counter()
    rows = []
    with tempfile.TemporaryDirectory(prefix="satchel-formats-") as directory:
        for row in _run(pack, Path(directory), arguments):
            rows.append(row)
            if not arguments.json:
                _print_row(row)
    outcomes = [row.outcome for row in rows]
    counts = {name: outcomes.count(name) for name in ("pass", "refused", "failed")}
    largest = max((row.error for row in rows if row.error is not None), default=0.0)
    if arguments.json:
        print(json.dumps({"cases": len(rows), **counts, "max_error": largest,
                          "rows": [asdict(row) for row in rows]}, indent=1))  # fmt: skip
    else:
        print(f"\n{len(rows)} cases: {counts['pass']} pass, {counts['refused']} refused, "
              f"{counts['failed']} failed; largest error {largest:.1e}; "
              f"{time.perf_counter() - start:.0f} s")  # fmt: skip
    return int(counts["failed"] > 0 or not rows)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--only", default="", metavar="TEXT",
        help="only cases whose `architecture dialect algorithm` contains this",
    )  # fmt: skip
    parser.add_argument("--samples", type=int, default=2, help="weights to check per case")
    return parser.parse_args()


def _run(pack: Any, directory: Path, arguments: argparse.Namespace) -> Iterable[Row]:
    from support.lora_cases.matrix import all_cases
    from support.meta_models import meta_clip, meta_model

    built: tuple[str, Any] = ("", None)
    cases = [case for case in all_cases() if arguments.only in " ".join(case[:3])]
    # Neighbours share a model; the order of the table does not matter.
    for case in sorted(cases, key=lambda case: case.architecture):
        if built[0] != case.architecture:
            built = (case.architecture, meta_model(case.architecture))
        clip = meta_clip(case.architecture) if case.with_encoders else None
        row = Row(*case[:3])
        try:
            _judge(pack, row, case, built[1], clip, directory, arguments.samples)
        except pack.satchel.errors.SatchelError as error:
            row.outcome, row.reason = "refused", str(error)
        except Exception as error:  # one broken case must not hide the others
            row.reason = f"{type(error).__name__}: {error}"
        yield row


def _judge(
    pack: Any, row: Row, case: Any, model: Any, clip: Any, directory: Path, samples: int
) -> None:
    from safetensors.torch import save_file
    from support.lora_cases.build import build
    from support.meta_models import shapes_of

    file = build(case, shapes_of(model))
    path = directory / "case.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in file.tensors.items()}, path,
              file.metadata)  # fmt: skip
    lora = pack.nodes.lora
    entry = pack.satchel.lora.stack.StackEntry("Row 1", path.name, 1.0, 1.0, "", "")
    patched, patched_clip, reports = lora.apply_stack(model, clip, [entry], [path])
    report = reports[0]
    row.patched = report.patched
    lost = [*report.unmatched, *report.conflicts]
    row.dropped = len(lost)
    if lost or report.patched != report.modules or any("not in" in n for n in report.notes):
        row.reason = "; ".join(line.strip() for line in report.lines()[1:])
        return
    patches = dict(patched.patches)
    if clip is not None:
        patches |= patched_clip.patcher.patches
    row.error = _largest_error(file, shapes_of(model), patches, samples)
    row.outcome = "pass" if row.error < TOLERANCE else "failed"
    if row.outcome == "failed":
        row.reason = f"off by {row.error:.1e} of the largest change"


def _largest_error(file: Any, shapes: dict[str, Any], patches: Any, samples: int) -> float:
    """Over a sample of the modules; which rows of which weight each one hits is checked for all.

    Raises:
        ValueError: a module hits nothing, or other rows than its own.
    """
    shapes = shapes | file.encoder_keys
    for module in file.written:
        if _patch_of(module, shapes, patches) is None:
            raise ValueError(f"{module.base} does not hit its rows of {module.key}")
    return max(
        _error(module, shapes, _patch_of(module, shapes, patches))
        for module in _sample(file.written, shapes, samples)
    )


def _patch_of(module: Any, shapes: dict[str, Any], patches: Any) -> Any:
    """The one patch of a module's rows; None when there is none, or more than one."""
    rows = (module.start, module.length)
    whole = (0, shapes[module.key][0])
    hits = []
    for patch in patches.get(module.key, []):
        offset = patch[3]
        hit = whole if offset is None else (offset[1], offset[2])
        if hit == rows and (offset is None or offset[0] == 0):
            hits.append(patch)
    return hits[0] if len(hits) == 1 else None


def _error(module: Any, shapes: dict[str, Any], patch: Any) -> float:
    """How far the patched rows are from the formula, relative to the largest change."""
    import comfy.lora
    import torch
    from support.lora_cases.formulas import change

    strength, adapter, strength_model, _, function = patch
    generator = torch.Generator().manual_seed(len(module.base))
    rows = torch.randn((module.length, *shapes[module.key][1:]), generator=generator) * 0.02
    patches = [(strength, adapter, strength_model, None, function)]
    result = comfy.lora.calculate_weight(patches, rows.clone(), module.key)
    delta = change(module.algorithm, module.tensors, rows)
    size = _largest(delta)
    return _largest(delta.add_(rows).sub_(result)) / size


def _largest(tensor: Any) -> float:
    """The largest absolute value, without a copy."""
    low, high = tensor.aminmax()
    return max(-float(low), float(high))


def _sample(written: list[Any], shapes: dict[str, Any], count: int) -> list[Any]:
    """Small modules of different kinds: some in slices first, one of a text encoder last."""
    kinds: dict[tuple[str, int], Any] = {}
    for module in written:
        kinds.setdefault((re.sub(r"\d+", "#", module.key), module.start), module)

    def elements(module: Any) -> int:
        return module.length * math.prod(shapes[module.key][1:])

    ordered = sorted(kinds.values(), key=elements)
    model = [module for module in ordered if module.key.startswith("diffusion_model.")]
    slices = [module for module in model if module.length < shapes[module.key][0]]
    encoder = [module for module in ordered if not module.key.startswith("diffusion_model.")]
    chosen = [*slices[:1], *model[:1], *model[1:]]
    return [*chosen[:count], *encoder[:1]]


def _print_row(row: Row) -> None:
    error = "" if row.error is None else f"{row.error:.1e}"
    print(f"{row.outcome:8}{row.architecture:21}{row.dialect:23}{row.algorithm:14}"
          f"{row.patched:5} patched{row.dropped:5} dropped  {error:9}{row.reason}",
          flush=True)  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
