"""Time until a list of 20,000 LoRAs is on the screen: Satchel's picker beside the host's own combo.

    python dev.py bench picker [--json] [--count 20000] [--rounds 5]

Both are opened in turns, in one page of a real Chromium on a real ComfyUI with that many files.
`first paint` is the time from the call that opens the list to the end of the next frame, median of
all rounds; `type` is the same from one letter typed into the list's search field. The combo is the
classic canvas' menu, which is what a loader's file widget opens. `facts` is the server's answer
with base models, trigger words and previews, which the picker does not wait for: the first one, and
one when all headers have been read, which takes the server about a millisecond for each file.
Target: first paint under 100 ms.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests")]

LETTER = "7"
_MEASURE = """async ([module, names, round, letter]) => {
  const frame = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))
  const timed = async (act) => {
    await frame()
    const before = performance.now()
    act()
    await frame()
    return performance.now() - before
  }
  const type = (field) => timed(() => {
    field.value = letter
    field.dispatchEvent(new Event('input', { bubbles: true }))
  })
  const picker = async () => {
    const { openLoraPicker } = await import(module)
    const opened = await timed(() => openLoraPicker({ names, current: '', many: false }))
    const typed = await type(document.querySelector('.satchel-picker .satchel-search'))
    document.querySelector('.satchel-picker .satchel-corner').click()
    return { opened, typed }
  }
  const combo = async () => {
    let menu
    const opened = await timed(() => {
      menu = new LiteGraph.ContextMenu(names, { event: new MouseEvent('click'), className: 'dark' })
    })
    const field = menu.root.querySelector('input')
    const typed = field ? await type(field) : null
    menu.close()
    return { opened, typed }
  }
  if (round % 2) return { combo: await combo(), picker: await picker() }
  return { picker: await picker(), combo: await combo() }
}"""


def main() -> int:
    parser = argparse.ArgumentParser(description="The picker beside the host's combo.")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--count", type=int, default=20_000, help="LoRA files (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of each (%(default)s)")
    arguments = parser.parse_args()
    try:
        import playwright  # noqa: F401
    except ImportError:
        return _in_dev_python()
    with tempfile.TemporaryDirectory() as temporary:
        found = measure(Path(temporary), arguments.count, arguments.rounds)
    print(json.dumps(found) if arguments.json else table(found))
    return 0


def _in_dev_python() -> int:
    """The host's Python has no Playwright."""
    from satchel_tools.cache import cache_root
    from satchel_tools.environment import provide_dev_python

    python = provide_dev_python(cache_root())
    return subprocess.run([str(python), __file__, *sys.argv[1:]], check=False).returncode


def measure(base: Path, count: int, rounds: int) -> dict[str, Any]:
    from satchel_tools.base_directory import make_base_directory
    from satchel_tools.browser import chromium, open_frontend
    from satchel_tools.cache import cache_root
    from satchel_tools.chromium import provide_chromium
    from satchel_tools.comfyui import ComfyUI
    from satchel_tools.screenshots import find_host

    make_base_directory(base)
    _write_loras(base / "models" / "loras", count)
    host, browser_path = find_host(), provide_chromium(cache_root())
    with ComfyUI(host, base, log=base / "log") as comfy, chromium(browser_path) as browser:
        page = open_frontend(browser, comfy)
        names = page.run("async () => (await fetch('/models/loras')).json()")
        module = page.run(
            "() => performance.getEntriesByType('resource').map((entry) => entry.name)"
            ".find((name) => name.endsWith('/dialogs/lora_picker.js'))"
        )
        taken = [
            page.run(_MEASURE, [module, names, number, LETTER]) for number in range(rounds + 1)
        ][1:]  # the first one loads the style sheet
        first = _timed(comfy)
        while comfy.post_json("/satchel/v1/loras", {})["reading"]:
            time.sleep(2)
        again = min(_timed(comfy) for _ in range(3))
    return {
        "loras": len(names),
        **{
            who: {
                what: round(statistics.median(one[who][what] for one in taken), 1)
                for what in ("opened", "typed")
                if taken[0][who][what] is not None
            }
            for who in ("picker", "combo")
        },
        "facts_first_s": round(first, 2),
        "facts_again_s": round(again, 2),
    }


def _write_loras(folder: Path, count: int) -> None:
    """Files with a header and next to no tensors: nothing reads more of them than that."""
    from support.models import write_safetensors

    for number in range(count):
        name = f"pack {number % 40:02d}/lora-{number:05d}.safetensors"
        shapes = {"lora_unet_a.lora_down.weight": (1, 4), "lora_unet_a.lora_up.weight": (4, 1)}
        write_safetensors(folder / name, shapes, metadata={"modelspec.trigger_phrase": "word"})


def _timed(comfy: Any) -> float:
    before = time.monotonic()
    comfy.post_json("/satchel/v1/loras", {})
    return time.monotonic() - before


def table(found: dict[str, Any]) -> str:
    lines = [f"{found['loras']:,} LoRAs", f"{'':12} {'first paint':>12} {'type':>10}"]
    for who in ("picker", "combo"):
        typed = found[who].get("typed")
        shown = "-" if typed is None else f"{typed:.1f} ms"
        lines.append(f"{who:12} {found[who]['opened']:9.1f} ms {shown:>10}")
    lines.append(
        f"ratio of first paints: {found['combo']['opened'] / found['picker']['opened']:.1f}; "
        f"facts: {found['facts_first_s']} s the first time, then {found['facts_again_s']} s"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
