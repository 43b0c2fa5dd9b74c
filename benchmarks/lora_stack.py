"""What a stack of 8 LoRAs costs against the core's loaders, and whether that meets the targets.

    python benchmarks/lora_stack.py [--json] [--all] [--rounds 4] [--models sd15 flux]
                                    [--dtypes float16 bfloat16 float32]

on a true-size SD 1.5 UNet and on 8 of Flux's single blocks (3072 wide). It needs ComfyUI's source:
`SATCHEL_HOST_DIR=/path/to/ComfyUI`, or its folder on PYTHONPATH, and its requirements. Everything
is random; no file outside a temporary folder is touched.

Contestants take turns in each round, so that a busy machine disturbs all of them, and the fastest
round counts; at least two rounds, more while there is time. Eight loaders on Flux's blocks take
long: only `--all` times them. Patch time is what `ModelPatcher.patch_model` takes once the nodes
have run; CPU time, of all threads, says the same where other programs disturb. Each round sets
another strength, as a user does who tries one: the wait is node and patch time together, up to
sampling. Loaders keep their files between rounds, as in a running ComfyUI.

The error is the largest distance of a patched weight from a sum in float64, relative to the
largest change; once as this machine patches (in float32, with one rounding, whatever comes in),
and once with the sums kept in the weight's dtype, as the host does on a GPU and for offloaded
layers. Peak memory is measured in a process of its own, with eight files of 150 MB: what the node
and then patching, weight by weight, take above the process with the model alone.

On a CPU the ratio for SD 1.5 depends on the allocator: where the host's copies of its small weights
lie on pages that the process has already, one loader is at its fastest, and the products of eight
LoRAs alone (printed beside it) take nearly as long as all that it does.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _host import load_pack, open_host
from _lora_stack_models import (
    ALPHA,
    CONFIGS,
    LORAS,
    RANK,
    build,
    modules_of,
    use_folder,
    write_loras,
)

PEAK_FILE = 150_000_000
SECONDS = 4
"""No further round for one model and dtype after these."""
MOST_PATCH, LEAST_ERROR, MOST_NODE, MOST_PEAK = 1.25, 3.0, 0.050, 1.3
"""The targets: times one loader, times closer than the chain, seconds, times the files."""

SAMPLE = {"sd15": 24, "flux": 16}
"""Errors are measured on every n-th weight: float64 sums are slow."""
A_SLOT = {"sd15": "IN04=1, *=0", "flux": "SINGLE_BLOCKS.3=1, *=0"}
"""Block weights that leave one slot active."""
DTYPES = ("float16", "bfloat16", "float32")


def main() -> None:
    arguments = _parse_arguments()
    if arguments.peak:
        print(json.dumps(_peak(arguments.models[0], Path(arguments.peak))))
        return
    open_host()
    pack = load_pack().nodes.lora
    with tempfile.TemporaryDirectory(prefix="satchel-bench-") as directory:
        results, peaks = [], {}
        for model in arguments.models:
            for dtype in arguments.dtypes:
                bench = Bench(pack, Path(directory) / model, model, dtype)
                results.append(bench.measure(arguments))
                modules = bench.modules
                del bench
                if not arguments.json:
                    _print_result(results[-1])
            # On Flux's few huge weights, copies of a weight hide what the files take.
            if sys.platform == "linux" and (model == "sd15" or arguments.all):
                peaks[model] = _peak_in_a_process(model, modules, Path(directory) / "peak")
                if not arguments.json:
                    _print_peak(model, peaks[model])
    if arguments.json:
        found = {"loras": LORAS, "rank": RANK, "results": results, "peak": peaks}
        print(json.dumps(found, indent=2))


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=4, help="at most; the fastest counts")
    parser.add_argument("--all", action="store_true", help="on Flux, too: eight loaders, memory")
    parser.add_argument("--models", nargs="+", default=list(CONFIGS), choices=list(CONFIGS))
    parser.add_argument("--dtypes", nargs="+", default=list(DTYPES), choices=list(DTYPES))
    parser.add_argument("--peak", metavar="FOLDER", help=argparse.SUPPRESS)
    return parser.parse_args()


class Bench:
    """One model in one dtype, eight files for it, and the contestants."""

    def __init__(self, pack: Any, directory: Path, model_name: str, dtype_name: str) -> None:
        import torch

        import nodes

        self.pack, self.model_name, self.dtype_name = pack, model_name, dtype_name
        self.patcher = build(model_name, getattr(torch, dtype_name))
        self.modules = modules_of(model_name, self.patcher)
        self.names = write_loras(self.modules, directory, RANK)
        self.directory = directory
        self.strengths = [0.2 + 0.15 * n for n in range(LORAS)]
        self.loaders = [nodes.LoraLoader() for _ in self.names]  # each keeps its file
        use_folder(directory)
        pack.host.lora_cache.cache_clear()

    def stack(self, changed: float = 0.0, **rows: Any) -> Any:
        rows |= {"strength_model_1": self.strengths[0] + changed}
        for n, (name, strength) in enumerate(zip(self.names, self.strengths, strict=True), 1):
            rows = {f"lora_{n}": name, f"strength_model_{n}": strength} | rows
        return self.pack.SatchelLoraStack.execute(model=self.patcher, **rows).result[0]

    def chain(self, count: int, changed: float = 0.0) -> Any:
        model = self.patcher
        strengths = [self.strengths[0] + changed, *self.strengths[1:]]
        for n in range(count):
            model = self.loaders[n].load_lora(model, None, self.names[n], strengths[n], 0)[0]
        return model

    def measure(self, arguments: argparse.Namespace) -> dict[str, Any]:
        cache = self.pack.host.lora_cache()
        slot = {f"blocks_{n}": A_SLOT[self.model_name] for n in range(1, LORAS + 1)}
        self.stack(**slot)
        slot_bytes = cache.counts()["bytes_read"]
        self.pack.host.lora_cache.cache_clear()
        start = time.perf_counter()
        first = self.stack()
        first_s = time.perf_counter() - start
        cache = self.pack.host.lora_cache()
        read = cache.counts()["bytes_read"]
        errors = self._errors({"stack": first, "chain": self.chain(LORAS)})
        times = self._times(arguments)
        patch = {name: taken["patch_s"] for name, taken in times.items()}
        ratios = {
            "patch_ratio_to_one": patch["stack"] / patch["one"],
            "cpu_ratio_to_one": times["stack"]["patch_cpu_s"] / times["one"]["patch_cpu_s"],
            "wait_ratio_to_one": times["stack"]["wait_s"] / times["one"]["wait_s"],
            "error_ratio_to_chain": errors["chain"]["in_dtype"] / errors["stack"]["in_dtype"],
        }
        if "chain" in patch:
            ratios["patch_ratio_to_eight"] = patch["stack"] / patch["chain"]
            ratios["chain_ratio_to_one"] = patch["chain"] / patch["one"]
        return {
            "model": self.model_name, "dtype": self.dtype_name, "weights": len(self.modules),
            "first_node_s": first_s, "times": times, **ratios, "errors": errors,
            "arithmetic_s": self._arithmetic_s(),
            "bytes": sum((self.directory / name).stat().st_size for name in self.names),
            "bytes_of_one_slot": slot_bytes,
            "bytes_read_again": cache.counts()["bytes_read"] - read,
        }  # fmt: skip

    def _arithmetic_s(self) -> float:
        """Seconds that the products of all pairs take at this machine's speed for large matrices:
        no exact float32 sum can be faster."""
        import torch

        size = 2048
        one, other = torch.randn(size, size), torch.randn(size, size)
        taken = []
        for _ in range(3):
            start = time.perf_counter()
            one @ other
            taken.append(time.perf_counter() - start)
        weights = sum(math.prod(shape) for shape in self.modules.values())
        return min(taken) * weights * LORAS * RANK / size**3

    def _times(self, arguments: argparse.Namespace) -> dict[str, dict[str, float]]:
        contestants: dict[str, Callable[[int], Any]] = {
            "stack": lambda turn: self.stack(0.01 * (turn + 1)),
            "one": lambda turn: self.chain(1, 0.01 * (turn + 1)),
        }
        if self.model_name != "flux" or arguments.all:
            contestants["chain"] = lambda turn: self.chain(LORAS, 0.01 * (turn + 1))
        taken: dict[str, list[dict[str, float]]] = {name: [] for name in contestants}
        start = time.perf_counter()
        for turn in range(arguments.rounds):
            for name, contestant in contestants.items():
                if name != "chain" or turn == 0:  # it takes as long as all others together
                    taken[name].append(_time(contestant, turn))
            if turn and time.perf_counter() - start > SECONDS:
                break
        return {
            name: {what: min(time[what] for time in rounds) for what in rounds[0]}
            for name, rounds in taken.items()
        }

    def _errors(self, models: dict[str, Any]) -> dict[str, dict[str, float]]:
        """Largest relative errors over a sample of the weights; see the module's docstring."""
        import comfy.lora
        import comfy.utils
        import safetensors.torch
        import torch

        known = comfy.lora.model_lora_keys_unet(self.patcher.model, {})
        bases = {known[f"lora_unet_{module}"]: f"lora_unet_{module}" for module in self.modules}
        files = [safetensors.torch.load_file(self.directory / name) for name in self.names]
        largest = {name: {"as_patched": 0.0, "in_dtype": 0.0} for name in models}
        for key in sorted(bases)[:: SAMPLE[self.model_name]]:
            before = comfy.utils.get_attr(self.patcher.model, key)
            delta = torch.zeros(before.shape, dtype=torch.float64).flatten(1)
            for file, strength in zip(files, self.strengths, strict=True):
                up, down = (file[f"{bases[key]}.lora_{side}.weight"].double().flatten(1)
                            for side in ("up", "down"))  # fmt: skip
                delta.addmm_(up, down, alpha=strength * ALPHA / RANK)
            size = float(torch.stack(torch.aminmax(delta)).abs().max())
            exact = delta.reshape(before.shape).add_(before)
            for name, model in models.items():
                patched = model.patch_weight_to_device(key, torch.device("cpu"), return_weight=True)
                in_dtype = comfy.lora.calculate_weight(model.patches[key], before.clone(), key)
                for what, result in (("as_patched", patched), ("in_dtype", in_dtype)):
                    extremes = torch.stack(torch.aminmax(exact - result)).abs()
                    largest[name][what] = max(largest[name][what], float(extremes.max()) / size)
        return largest


def _time(contestant: Callable[[int], Any], turn: int) -> dict[str, float]:
    """Seconds in the node(s), seconds to patch the model with what came out, and both."""
    import torch

    start = time.perf_counter()
    model = contestant(turn)
    middle, cpu = time.perf_counter(), time.process_time()
    model.patch_model(torch.device("cpu"))
    end, cpu_end = time.perf_counter(), time.process_time()
    model.unpatch_model()
    return {
        "node_s": middle - start, "patch_s": end - middle, "patch_cpu_s": cpu_end - cpu,
        "wait_s": end - start,
    }  # fmt: skip


def _peak_in_a_process(
    model_name: str, modules: dict[str, tuple[int, ...]], directory: Path
) -> dict[str, float]:
    of_one_rank = sum(2 * (shape[0] + math.prod(shape[1:])) for shape in modules.values())
    write_loras(modules, directory, round(PEAK_FILE / of_one_rank))
    script = [sys.executable, __file__, "--models", model_name, "--peak", str(directory)]
    done = subprocess.run(script, check=True, capture_output=True, text=True)
    for path in directory.iterdir():
        path.unlink()
    peak: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return peak


def _peak(model_name: str, directory: Path) -> dict[str, float]:
    """Peak memory above that of the model, as a multiple of the size of all files in a folder."""
    open_host()
    pack = load_pack().nodes.lora
    import torch

    patcher = build(model_name, torch.float16)
    use_folder(directory)
    names = sorted(path.name for path in directory.iterdir())
    files = sum((directory / name).stat().st_size for name in names)

    before = _reset_peak()
    rows = {f"lora_{n}": name for n, name in enumerate(names, 1)}
    stack = pack.SatchelLoraStack.execute(model=patcher, **rows).result[0]
    node = _peak_bytes() - before
    for key in list(stack.patches)[::4]:
        stack.patch_weight_to_device(key, torch.device("cpu"), return_weight=True)
    whole = _peak_bytes() - before
    return {"files_bytes": files, "node": node / files, "node_and_patching": whole / files}


def _reset_peak() -> int:
    """Makes the system's record of this process' peak begin anew; returns what is in use once
    the allocator (glibc's) has given back what it can."""
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _peak_bytes()


def _peak_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def _print_result(result: dict[str, Any]) -> None:
    dtype = result["dtype"]
    print(f"\n{result['model']}, {dtype}: "
          f"{LORAS} LoRAs of rank {RANK} on {result['weights']} weights")  # fmt: skip
    labels = {"stack": "Satchel, 8 LoRAs", "chain": "core, 8 loaders", "one": "core, 1 loader"}
    for name, label in labels.items():
        times, errors = result["times"].get(name), result["errors"].get(name)
        spent = f"node {times['node_s'] * 1000:6.0f} ms   patch {times['patch_s'] * 1000:6.0f} ms"\
                if times else "not timed without --all          "  # fmt: skip
        shown = f"   largest error {errors['as_patched']:.1e}, in {dtype} sums "\
                f"{errors['in_dtype']:.1e}" if errors else ""  # fmt: skip
        print(f"  {label:18} {spent}{shown}")
    if "chain" in result["times"]:
        print(f"  patch time: {result['patch_ratio_to_eight']:.2f} x eight loaders, "
              f"which take {result['chain_ratio_to_one']:.2f} x one")  # fmt: skip
    print(f"  wait after a change of strength: {result['wait_ratio_to_one']:.2f} x one loader; "
          f"the first run, with reading: node {result['first_node_s'] * 1000:.0f} ms")  # fmt: skip
    print(f"  one slot active: {result['bytes_of_one_slot'] / 1e6:.1f} of "
          f"{result['bytes'] / 1e6:.1f} MB read")  # fmt: skip
    for met, sentence in _verdicts(result):
        print(f"  {_verdict(met)} {sentence}")


def _print_peak(model: str, peak: dict[str, float]) -> None:
    whole = peak["node_and_patching"]
    print(f"\n{model}, float16: peak memory with {LORAS} files of {PEAK_FILE / 1e6:.0f} MB")
    print(f"  {_verdict(whole < MOST_PEAK)} node and patching {whole:.2f} x the files, less than "
          f"{MOST_PEAK} wanted (the node {peak['node']:.2f})")  # fmt: skip


def _verdict(met: bool) -> str:
    return "met   " if met else "MISSED"


def _verdicts(result: dict[str, Any]) -> list[tuple[bool, str]]:
    """(whether a target is met, what was measured)."""
    patch, cpu = result["patch_ratio_to_one"], result["cpu_ratio_to_one"]
    node, again = result["times"]["stack"]["node_s"], result["bytes_read_again"]
    verdicts = [
        (patch <= MOST_PATCH, f"patching {patch:.2f} x one loader, at most {MOST_PATCH} wanted "
                              f"(CPU time {cpu:.2f} x; products alone "
                              f"{result['arithmetic_s'] * 1000:.0f} ms)"),
        (node <= MOST_NODE and not again,
         f"another strength: node {node * 1000:.0f} ms, at most {MOST_NODE * 1000:.0f} wanted; "
         f"{again} bytes read"),
    ]  # fmt: skip
    if result["dtype"] != "float32":
        error = result["error_ratio_to_chain"]
        sentence = f"sums in {result['dtype']}: {error:.1f} x closer to float64 than eight "\
                   f"loaders, at least {LEAST_ERROR:.0f} wanted"  # fmt: skip
        verdicts.append((error >= LEAST_ERROR, sentence))
    return verdicts


if __name__ == "__main__":
    main()
