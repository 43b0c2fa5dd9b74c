"""What planning a hundred missing models costs, with a marketplace that is some way off.

    python benchmarks/resolve.py [--json] [--models 100] [--latency 0.05]

The stand-in marketplace answers every request of its API after `latency` seconds. Beside the plan of
a lock whose models are all on Civitai, the same questions are asked one model at a time, four at
once, as clients do that have no batch. Both take turns; the fastest of three rounds counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

ROUNDS = 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--models", type=int, default=100)
    parser.add_argument("--latency", type=float, default=0.05)
    options = parser.parse_args()
    from satchel_tools.core_import import make_core_importable

    make_core_importable()
    with tempfile.TemporaryDirectory(prefix="satchel-bench-") as folder:
        result = measure(Path(folder), options.models, options.latency)
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{options.models} missing models, {options.latency * 1000:.0f} ms to the marketplace")
    for name in ("batch", "one_by_one"):
        print(
            f"  {name:12} {result[name]['seconds']:6.2f} s  {result[name]['requests']:4} requests"
        )
    print(f"  ratio        {result['ratio']:6.1f}")


def measure(folder: Path, count: int, latency: float) -> dict[str, Any]:
    from support.marketplace import Marketplace
    from support.models import write_safetensors

    with Marketplace() as market:
        published = [
            market.publish(
                write_safetensors(folder / "published" / f"{n}.safetensors", seed=n),
                model_name=f"Model {n}",
            )
            for n in range(count)
        ]
        market.fault("slow_header", times=None, seconds=latency)
        timed: dict[str, list[tuple[float, int]]] = {"batch": [], "one_by_one": []}
        for number in range(ROUNDS):
            here = folder / str(number)
            for name, run in (
                ("batch", lambda here=here: plan(here, market, published)),
                ("one_by_one", lambda here=here: ask_each(here, market, published)),
            ):
                timed[name].append(timed_run(market, run))
    best = {name: min(rounds) for name, rounds in timed.items()}
    return {
        **{name: {"seconds": time, "requests": asked} for name, (time, asked) in best.items()},
        "ratio": best["one_by_one"][0] / best["batch"][0],
    }


def timed_run(market: Any, run: Callable[[], None]) -> tuple[float, int]:
    market.clear_requests()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start, len(market.requests)


def plan(here: Path, market: Any, published: list[Any]) -> None:
    from support.workspaces import make_workspace

    from satchel.identity import ModelIdentity
    from satchel.workflow.documents import WorkflowDocument
    from satchel.workflow.lock import Lock, LockedModel
    from satchel.workflow.plan import plan_document

    identities = [
        ModelIdentity("loras", f"{number}.safetensors", item.sha256.lower(), item.size)
        for number, item in enumerate(published)
    ]
    lock = Lock(tuple(LockedModel(identity, ()) for identity in identities))
    made = plan_document(WorkflowDocument("x.json", lock=lock), make_workspace(here, market))
    assert len(made.to_fetch) == len(published)


def ask_each(here: Path, market: Any, published: list[Any]) -> None:
    from support.workspaces import make_workspace

    from satchel.references import DigestReference

    civitai = make_workspace(here, market).resolver().marketplace("civitai")
    with ThreadPoolExecutor(4) as pool:
        found = pool.map(
            lambda item: civitai.find_version(DigestReference("SHA256", item.sha256.lower())),
            published,
        )
        assert all(version is not None for version in found)


if __name__ == "__main__":
    main()
