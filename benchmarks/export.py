"""What exporting a graph with a hundred known models costs, beside dumping the graph as JSON.

    python benchmarks/export.py [--json] [--models 100]

The catalog knows every file's digest and what the marketplace says about it; nothing is asked. With
it is timed what the queue waits for when every image is to carry the lock. Rounds take turns; the
fastest of seven counts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tools")]

ROUNDS = 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--models", type=int, default=100)
    options = parser.parse_args()
    from satchel_tools.core_import import make_core_importable

    make_core_importable()
    with tempfile.TemporaryDirectory(prefix="satchel-bench-") as folder:
        result = measure(Path(folder), options.models)
    if options.json:
        print(json.dumps(result, indent=2))
        return
    print(f"a graph with {options.models} models that the catalog knows")
    for name in ("dump", "export", "queue"):
        ratio = result[name] / result["dump"]
        print(f"  {name:8} {result[name] * 1000:8.1f} ms  {ratio:8.1f} times the plain dump")


def measure(folder: Path, count: int) -> dict[str, float]:
    from support.graphs import api_graph, api_node, ui_graph, ui_node
    from support.marketplace import Marketplace
    from support.models import write_safetensors
    from support.workspaces import make_workspace

    from satchel.workflow.author import build_lock
    from satchel.workflow.documents import read_json
    from satchel.workflow.export import export
    from satchel.workflow.queued import Machine, embed

    names = [f"{number}.safetensors" for number in range(count)]
    ui = ui_graph(*(ui_node(n, "LoraLoader", [name, 1.0, 1.0]) for n, name in enumerate(names)))
    api = api_graph(*(api_node("LoraLoader", lora_name=name, strength_model=1.0) for name in names))
    body = {"prompt": api, "extra_data": {"extra_pnginfo": {"workflow": ui}}}
    with Marketplace() as market:
        here = make_workspace(folder, market)
        for number, name in enumerate(names):
            path = write_safetensors(folder / "models/loras" / name, seed=number)
            market.publish(path, model_name=name)
        document = read_json(ui, "x.json")
        build_lock(document, here)
        market.clear_requests()
        machine = Machine(here)
        work: dict[str, Callable[[], Any]] = {
            "dump": lambda: json.dumps(ui),
            "export": lambda: json.dumps(export(document, build_lock(document, here)).to_json()),
            "queue": lambda: embed(body, machine, lock=True, civitai=True),
        }
        times: dict[str, list[float]] = {name: [] for name in work}
        for _ in range(ROUNDS):
            for name, run in work.items():
                start = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - start)
        assert not market.requests
    return {name: min(rounds) for name, rounds in times.items()}


if __name__ == "__main__":
    main()
