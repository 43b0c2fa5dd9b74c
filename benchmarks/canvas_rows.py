"""What a LoRA Stack of many rows costs while the canvas moves, in both of the frontend's renderers.

    python dev.py bench canvas_rows [--rows 50] [--rounds 3] [--frames 60] [--json]

A real ComfyUI and a real Chromium. The canvas is panned with an empty graph, with one stack, and
with a node of the host that has as many native widgets as the stack has values (five for each
row), as stacks were drawn before. They take turns in each round, so that a busy machine disturbs
all of them, and the best round counts. A frame lasts from one animation frame to the next, 16.7
ms at 60 Hz; its work is the CPU time of the page's main thread, which other programs disturb
less. There is no GPU: what a graphics card does in real use is done by the processor here.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]

WARM_UP_FRAMES = 15
EMPTY, STACK, NATIVE = "empty graph", "LoRA Stack", "native widgets"

ADD_STACK = """(rows) => {
  const node = LiteGraph.createNode('SatchelLoraStack')
  node.pos = [100, 100]
  const row = (at) => [true, `lora-${at % 5}.safetensors`, 0.8, at % 3 ? 0.8 : 0.4, '']
  const values = Array.from({ length: rows }, (_, at) => row(at)).flat()
  app.rootGraph.add(node)
  node.configure({ ...node.serialize(), widgets_values: values })
}"""
ADD_NATIVE = """(rows) => {
  const node = LiteGraph.createNode('PrimitiveFloat')
  node.pos = [100, 100]
  const kinds = [
    ['toggle', 'BOOLEAN', true, {}],
    ['combo', 'COMBO', 'a', { values: ['a', 'b'] }],
    ['number', 'FLOAT', 0.8, { min: -10, max: 10, step2: 0.05, precision: 2 }],
    ['number', 'FLOAT', 0.8, { min: -10, max: 10, step2: 0.05, precision: 2 }],
    ['text', 'STRING', '', {}],
  ]
  for (let row = 0; row < rows; row += 1) {
    kinds.forEach(([type, socket, value, options], at) => {
      const name = `w_${row}_${at}`
      node.addWidget(type, name, value, () => {}, { ...options })
      node.addInput(name, socket, { widget: { name } })
    })
  }
  node.setSize(node.computeSize())
  app.rootGraph.add(node)
}"""
ADD = {EMPTY: "() => {}", STACK: ADD_STACK, NATIVE: ADD_NATIVE}
PAN = """async (frames) => {
  const times = []
  let last = performance.now()
  for (let at = 0; at < frames; at += 1) {
    app.canvas.ds.offset[1] += at % 2 ? 7 : -7
    app.canvas.setDirty(true, true)
    await new Promise(requestAnimationFrame)
    const now = performance.now()
    times.push(now - last)
    last = now
  }
  return times.sort((a, b) => a - b)[Math.floor(frames / 2)]
}"""


def main() -> int:
    parser = argparse.ArgumentParser(description="Frames of a panned canvas with many rows.")
    parser.add_argument("--rows", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    try:
        import playwright  # noqa: F401
    except ImportError:
        return _in_the_tools_python()
    results = measure(options)
    if options.json:
        print(json.dumps(results, indent=2))
    else:
        _print(results, options.rows)
    return 0


def _in_the_tools_python() -> int:
    """Benchmarks run in the host's Python, which drives no browser."""
    from satchel_tools.cache import cache_root
    from satchel_tools.environment import provide_dev_python

    python = provide_dev_python(cache_root())
    return subprocess.run([str(python), __file__, *sys.argv[1:]], check=False).returncode


def measure(options: argparse.Namespace) -> dict[str, dict[str, dict[str, float]]]:
    """Renderer -> contestant -> `frame_ms` and `work_ms`."""
    from satchel_tools.browser import chromium
    from satchel_tools.chromium import provide_chromium
    from satchel_tools.comfyui import ComfyUI
    from satchel_tools.screenshots import find_host
    from support.models import write_safetensors

    with tempfile.TemporaryDirectory() as temporary:
        executable = provide_chromium(Path(temporary) / "chromium.log")
        base = Path(temporary) / "comfy"
        with ComfyUI(find_host(), base) as comfy, chromium(executable) as browser:
            for number in range(5):
                write_safetensors(base / "models" / "loras" / f"lora-{number}.safetensors")
            return {
                name: _measure_renderer(browser, comfy, options, vue_nodes=vue_nodes)
                for name, vue_nodes in (("classic", False), ("Nodes 2.0", True))
            }


def _measure_renderer(
    browser: Any, comfy: Any, options: argparse.Namespace, *, vue_nodes: bool
) -> dict[str, dict[str, float]]:
    from satchel_tools.browser import open_frontend

    page = open_frontend(browser, comfy, vue_nodes=vue_nodes)
    best: dict[str, dict[str, float]] = {}
    for _ in range(options.rounds):
        for name, script in ADD.items():
            page.load({"nodes": [], "links": [], "version": 0.4})
            page.run(script, options.rows)
            page.page.wait_for_timeout(1500)
            times = _pan(page, options.frames)
            known = best.setdefault(name, times)
            best[name] = {key: min(value, known[key]) for key, value in times.items()}
    page.page.context.close()
    return best


def _pan(page: Any, frames: int) -> dict[str, float]:
    session = page.page.context.new_cdp_session(page.page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.run(PAN, WARM_UP_FRAMES)
    before = _busy_s(session)
    frame_ms = page.run(PAN, frames)
    work_ms = (_busy_s(session) - before) * 1000 / frames
    session.detach()
    return {"frame_ms": round(frame_ms, 1), "work_ms": round(work_ms, 1)}


def _busy_s(session: Any) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return next(float(each["value"]) for each in metrics if each["name"] == "TaskDuration")


def _print(results: dict[str, dict[str, dict[str, float]]], rows: int) -> None:
    for renderer, contestants in results.items():
        print(f"\n{renderer}, {rows} rows: median frame, work of the main thread")
        empty = contestants[EMPTY]["work_ms"]
        for name, times in contestants.items():
            ratio = times["work_ms"] / empty
            print(
                f"  {name:16}{times['frame_ms']:8.1f} ms{times['work_ms']:8.1f} ms"
                f"   {ratio:5.2f} x empty"
            )


if __name__ == "__main__":
    raise SystemExit(main())
