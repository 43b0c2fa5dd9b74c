"""What a stack of 8 LoRAs costs against the core's loaders.

    python benchmarks/lora_stack.py [--json] [--all] [--rounds 3] [--models sd15 flux]
                                    [--dtypes float16 bfloat16 float32]

on a true-size SD 1.5 UNet and on 8 of Flux's single blocks (3072 wide). It needs ComfyUI's source:
`SATCHEL_HOST_DIR=/path/to/ComfyUI`, or its folder on PYTHONPATH, and its requirements. Everything
is random; no file outside a temporary folder is touched.

Contestants take turns in each round, so that a busy machine disturbs all of them, and the fastest
round counts. Eight loaders on Flux's blocks take long: only `--all` times them. Patch time is what
`ModelPatcher.patch_model` takes once the nodes have run. The stack's node runs with another
strength in each round, as a user who tries one does; its first run, which reads the files, is told
apart. The error is the largest distance of a patched weight from a sum in float64, relative to the
largest change; once as this machine patches, and once with the sums kept in the weight's dtype, as
the host does on a GPU and for offloaded layers.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from _host import load_pack, open_host

LORAS, RANK, ALPHA = 8, 32, 16.0
SAMPLE = 24
"""Errors are measured on every SAMPLE-th weight: float64 sums are slow."""

SD15 = {
    "use_checkpoint": False, "image_size": 32, "use_spatial_transformer": True, "legacy": False,
    "in_channels": 4, "out_channels": 4, "model_channels": 320, "num_res_blocks": [2, 2, 2, 2],
    "transformer_depth": [1, 1, 1, 1, 1, 1, 0, 0], "channel_mult": [1, 2, 4, 4],
    "transformer_depth_output": [1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0],
    "transformer_depth_middle": 1, "use_linear_in_transformer": False, "context_dim": 768,
    "adm_in_channels": None, "use_temporal_resblock": False, "use_temporal_attention": False,
}  # fmt: skip


FLUX = {
    "image_model": "flux", "axes_dim": [16, 56, 56], "num_heads": 24, "mlp_ratio": 4.0,
    "theta": 10000, "out_channels": 16, "qkv_bias": True, "txt_ids_dims": [], "in_channels": 16,
    "hidden_size": 3072, "context_in_dim": 64, "patch_size": 2, "vec_in_dim": 32, "depth": 0,
    "depth_single_blocks": 8, "guidance_embed": False, "yak_mlp": False, "txt_norm": False,
}  # fmt: skip
CONFIGS = {"sd15": ("SD15", SD15), "flux": ("Flux", FLUX)}
"""Name -> the host's class, and what it builds the model from."""
DTYPES = ("float16", "bfloat16", "float32")


def main() -> None:
    arguments = _parse_arguments()
    open_host()
    pack = load_pack().nodes.lora
    with tempfile.TemporaryDirectory(prefix="satchel-bench-") as directory:
        results = [
            _measure(pack, Path(directory) / model, model, dtype, arguments)
            for model in arguments.models
            for dtype in arguments.dtypes
        ]
    if arguments.json:
        print(json.dumps({"loras": LORAS, "rank": RANK, "results": results}, indent=2))
    else:
        for result in results:
            _print_result(result)


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--rounds", type=int, default=3, help="rounds; the fastest counts")
    parser.add_argument("--all", action="store_true", help="eight core loaders on Flux, too")
    parser.add_argument("--models", nargs="+", default=list(CONFIGS), choices=list(CONFIGS))
    parser.add_argument("--dtypes", nargs="+", default=list(DTYPES), choices=list(DTYPES))
    return parser.parse_args()


def _measure(
    pack: Any, directory: Path, model_name: str, dtype_name: str, arguments: argparse.Namespace
) -> dict[str, Any]:
    import folder_paths
    import safetensors.torch
    import torch

    import nodes

    patcher = _build(model_name, getattr(torch, dtype_name))
    directory.mkdir(exist_ok=True)
    names = _write_loras(_modules(model_name, patcher), directory)
    folder_paths.folder_names_and_paths["loras"] = ([str(directory)], {".safetensors"})
    folder_paths.filename_list_cache.clear()
    pack.host.lora_cache.cache_clear()
    strengths = [0.2 + 0.15 * n for n in range(LORAS)]

    def stack(changed: float = 0.0) -> Any:
        rows: dict[str, Any] = {"strength_model_1": strengths[0] + changed}
        for n, (name, strength) in enumerate(zip(names, strengths, strict=True), 1):
            rows = {f"lora_{n}": name, f"strength_model_{n}": strength} | rows
        return pack.SatchelLoraStack.execute(model=patcher, **rows).result[0]

    def chain(count: int) -> Any:
        model = patcher
        for name, strength in zip(names[:count], strengths[:count], strict=True):
            # A graph of eight loaders has eight instances, each with a cache of one file.
            model = nodes.LoraLoader().load_lora(model, None, name, strength, 0)[0]
        return model

    files = [safetensors.torch.load_file(directory / name) for name in names]
    start = time.perf_counter()
    first = stack()
    first_s = time.perf_counter() - start
    errors = {
        name: _errors(model, files, strengths)
        for name, model in (("stack", first), ("chain", chain(LORAS)))
    }
    contestants = {
        "stack": lambda turn: stack(0.01 * (turn + 1)),
        "chain": lambda turn: chain(LORAS),
        "one": lambda turn: chain(1),
    }
    if model_name == "flux" and not arguments.all:
        del contestants["chain"]
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
    _time(contestants["one"], 0)  # warms the machine up
    for turn in range(arguments.rounds):
        for name, contestant in contestants.items():
            times[name].append(_time(contestant, turn))
    best = {
        name: {"node_s": min(t[0] for t in taken), "patch_s": min(t[1] for t in taken)}
        for name, taken in times.items()
    }
    patch = {name: fastest["patch_s"] for name, fastest in best.items()}
    ratios = {"patch_ratio_to_one": patch["stack"] / patch["one"]}
    if "chain" in patch:
        ratios["patch_ratio_to_eight"] = patch["stack"] / patch["chain"]
        ratios["chain_ratio_to_one"] = patch["chain"] / patch["one"]
    return {
        "model": model_name,
        "dtype": dtype_name,
        "weights": sum(name.endswith(".alpha") for name in files[0]),
        "first_node_s": first_s,
        "times": best,
        **ratios,
        "errors": errors,
    }


def _time(contestant: Any, turn: int) -> tuple[float, float]:
    """Seconds in the node(s), and seconds to patch the model with what came out."""
    import torch

    start = time.perf_counter()
    model = contestant(turn)
    middle = time.perf_counter()
    model.patch_model(torch.device("cpu"))
    end = time.perf_counter()
    model.unpatch_model()
    return middle - start, end - middle


def _errors(model: Any, files: list[dict[str, Any]], strengths: list[float]) -> dict[str, float]:
    """Largest relative errors over a sample of the weights; see the module's docstring."""
    import comfy.lora
    import comfy.utils
    import torch

    modules = comfy.lora.model_lora_keys_unet(model.model, {})
    bases = {modules[name.removesuffix(".alpha")]: name.removesuffix(".alpha")
             for name in files[0] if name.endswith(".alpha")}  # fmt: skip
    keys = sorted(model.patches)[::SAMPLE]
    before = {key: comfy.utils.get_attr(model.model, key).clone() for key in keys}
    cpu = torch.device("cpu")
    after = {key: model.patch_weight_to_device(key, cpu, return_weight=True) for key in keys}
    largest = {"as_patched": 0.0, "in_dtype": 0.0}
    for key in keys:
        delta = sum(
            strength * ALPHA / RANK * (
                file[f"{bases[key]}.lora_up.weight"].double().flatten(1)
                @ file[f"{bases[key]}.lora_down.weight"].double().flatten(1)
            )
            for file, strength in zip(files, strengths, strict=True)
        )  # fmt: skip
        exact = before[key].double() + delta.reshape(before[key].shape)
        in_dtype = comfy.lora.calculate_weight(model.patches[key], before[key].clone(), key)
        for name, result in (("as_patched", after[key]), ("in_dtype", in_dtype)):
            error = (result.double() - exact).abs().max() / delta.abs().max()
            largest[name] = max(largest[name], float(error))
    return largest


def _build(model_name: str, dtype: Any) -> Any:
    import comfy.model_patcher
    import comfy.ops
    import comfy.supported_models
    import torch

    kind, config = CONFIGS[model_name]
    settings = getattr(comfy.supported_models, kind)(dict(config))
    settings.set_inference_dtype(dtype, None)
    settings.custom_operations = comfy.ops.disable_weight_init
    model = settings.get_model({}, "", device="cpu").eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if any(part in name for part in ("transformer_blocks", "proj_", "linear")):
                parameter.uniform_(-0.05, 0.05)  # the rest is not patched
    cpu = torch.device("cpu")
    return comfy.model_patcher.ModelPatcher(model, load_device=cpu, offload_device=cpu)


def _modules(model_name: str, patcher: Any) -> dict[str, tuple[int, ...]]:
    """Name in a file -> shape: what sd-scripts trains by default, without Flux's modulation."""
    import comfy.utils

    shapes = {key: tuple(value.shape) for key, value in patcher.model.state_dict().items()}
    if model_name == "flux":
        return {
            f"single_blocks_{n}_{part}": shapes[f"diffusion_model.single_blocks.{n}.{part}.weight"]
            for n in range(FLUX["depth_single_blocks"])
            for part in ("linear1", "linear2")
        }
    return {
        name.removesuffix(".weight").replace(".", "_"): shapes[f"diffusion_model.{native}"]
        for name, native in comfy.utils.unet_to_diffusers(SD15).items()
        if "attentions" in name and name.endswith(".weight") and "norm" not in name
    }


def _write_loras(modules: dict[str, tuple[int, ...]], directory: Path) -> list[str]:
    """LoRAs as sd-scripts writes them."""
    import torch
    from safetensors.torch import save_file

    names = []
    for n in range(LORAS):
        names.append(f"{n}.safetensors")
        if (directory / names[-1]).exists():
            continue
        torch.manual_seed(n)
        tensors = {}
        for module, (out, width, *kernel) in modules.items():
            base = f"lora_unet_{module}"
            ones = [1] * len(kernel)
            tensors[f"{base}.lora_up.weight"] = torch.randn(out, RANK, *ones).half() * 0.02
            tensors[f"{base}.lora_down.weight"] = torch.randn(RANK, width, *kernel).half() * 0.02
            tensors[f"{base}.alpha"] = torch.tensor(ALPHA)
        save_file(tensors, directory / names[-1])
    return names


def _print_result(result: dict[str, Any]) -> None:
    print(f"\n{result['model']}, {result['dtype']}: "
          f"{LORAS} LoRAs of rank {RANK} on {result['weights']} weights")  # fmt: skip
    labels = {"stack": "Satchel, 8 LoRAs", "chain": "core, 8 loaders", "one": "core, 1 loader"}
    for name, label in labels.items():
        times, errors = result["times"].get(name), result["errors"].get(name)
        spent = f"node {times['node_s'] * 1000:7.0f} ms   patch {times['patch_s'] * 1000:7.0f} ms"\
                if times else "not timed without --all              "  # fmt: skip
        shown = f"   largest error {errors['as_patched']:.1e}, in {result['dtype']} sums "\
                f"{errors['in_dtype']:.1e}" if errors else ""  # fmt: skip
        print(f"  {label:18} {spent}{shown}")
    print(f"  Satchel's node at first, reading the files: {result['first_node_s'] * 1000:.0f} ms; "
          "above: with one strength changed")  # fmt: skip
    eight = ""
    if "chain" in result["times"]:
        eight = f", {result['patch_ratio_to_eight']:.2f} x eight loaders, "\
                f"which take {result['chain_ratio_to_one']:.2f} x one"  # fmt: skip
    print(f"  patch time: {result['patch_ratio_to_one']:.2f} x one loader{eight}")


if __name__ == "__main__":
    main()
