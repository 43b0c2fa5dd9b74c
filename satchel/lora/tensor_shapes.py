"""What the tensors of one adapted module tell: algorithm, rank, and the shape of the weight.

Formats: ComfyUI's `comfy/weight_adapter/*.py`, LyCORIS (`lycoris/modules`), sd-scripts
`networks/oft*.py`, OneTrainer's `OFTModule`. Shapes are `[out, in, *kernel]`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt, prod
from typing import NamedTuple

from .architectures.layout import Shape

Tensors = Mapping[str, tuple[int, ...]]
"""Role (see `keys.py`) -> shape."""


class Adapter(NamedTuple):
    """One module's adapter."""

    algorithm: str
    rank: int | None
    """None where the algorithm has none; the block size of OFT and BOFT."""
    shape: Shape


_NO_SHAPE = Shape()


def read_adapter(tensors: Tensors) -> Adapter:
    """Names the algorithm of a module. Malformed shapes give an adapter without a shape."""
    try:
        for role, reader in _READERS:
            if role in tensors:
                return reader(tensors)
    except (IndexError, KeyError, ValueError):
        pass
    return Adapter("lora", None, _NO_SHAPE)


def _lora(tensors: Tensors) -> Adapter:
    down, up, mid = tensors.get("down"), tensors.get("up"), tensors.get("mid")
    algorithm = "dora" if "dora_scale" in tensors or "magnitude" in tensors else "lora"
    if down and up and len(down) == 2:  # nearly all modules of nearly all files
        return Adapter(algorithm, down[0], Shape(up[0], down[1], 2))
    kernel = (mid or down or ())[2:]
    if algorithm == "lora" and len(kernel) == 2 and prod(kernel) > 1:
        algorithm = "locon"
    out = up[0] if up else None
    inputs = down[1] * prod(kernel) if down else None
    rank = down[0] if down else up[1] if up else None
    dims = len(mid or down or ())
    return Adapter(algorithm, rank, Shape(out, inputs, dims))


def _loha(tensors: Tensors) -> Adapter:
    a, b, core = tensors["hada_w1_a"], tensors["hada_w1_b"], tensors.get("hada_t1")
    if core is None:
        return Adapter("loha", b[0], Shape(a[0], b[1]))
    return Adapter("loha", b[0], Shape(a[1], b[1] * prod(core[2:]), len(core)))


def _lokr(tensors: Tensors) -> Adapter:
    first = tensors.get("lokr_w1") or (tensors["lokr_w1_a"][0], tensors["lokr_w1_b"][1])
    second, core, dims = tensors.get("lokr_w2"), tensors.get("lokr_t2"), 0
    if second is not None:
        dims = len(second)
    elif core is not None:
        a, b = tensors["lokr_w2_a"], tensors["lokr_w2_b"]
        second, dims = (a[1], b[1], *core[2:]), len(core)
    else:
        second = (tensors["lokr_w2_a"][0], *tensors["lokr_w2_b"][1:])
    factored = tensors.get("lokr_w2_b") or tensors.get("lokr_w1_b")
    shape = Shape(first[0] * second[0], first[1] * prod(second[1:]), dims if dims > 2 else 0)
    return Adapter("lokr", factored[0] if factored else None, shape)


def _glora(tensors: Tensors) -> Adapter:
    a2, b1, b2 = tensors["a2"], tensors["b1"], tensors["b2"]
    # Old files hold `a2` as [out, rank]; `b1` is [out, rank] in both, `b2` [rank, in, *kernel].
    return Adapter("glora", b1[1], Shape(b1[0], prod(b2[1:]), len(b2) if len(a2) > 2 else 0))


def _oft(tensors: Tensors) -> Adapter:
    blocks = tensors["oft_blocks"]
    if len(blocks) == 4:  # BOFT: [steps, blocks, size, size]
        return Adapter("boft", blocks[-1], Shape(blocks[1] * blocks[2]))
    return Adapter("oft", blocks[-1], Shape(blocks[0] * blocks[1]))


def _oft_parts(tensors: Tensors) -> Adapter:
    parts = [shape for role, shape in tensors.items() if role.startswith("oft_blocks.")]
    return Adapter("oft", parts[0][-1], Shape(sum(part[0] * part[1] for part in parts)))


def _oft_input(tensors: Tensors) -> Adapter:
    rows, entries = tensors["oft_R"]
    size = (1 + isqrt(1 + 8 * entries)) // 2  # entries of a skew-symmetric size x size block
    # One row may be shared by all blocks; then the width of the input is not told.
    return Adapter("oft", size, Shape(None, rows * size if rows > 1 else None))


def _full(tensors: Tensors) -> Adapter:
    shape = tensors.get("diff") or tensors["set_weight"]
    if len(shape) == 1:
        return Adapter("norm", None, Shape(shape[0]))
    return Adapter("full", None, Shape(shape[0], prod(shape[1:]), len(shape)))


def _norm(tensors: Tensors) -> Adapter:
    return Adapter("norm", None, Shape(tensors["w_norm"][0]))


def _bias(tensors: Tensors) -> Adapter:
    shape = tensors.get("diff_b") or tensors["b_norm"]
    return Adapter("norm", None, Shape(shape[0]))


def _ia3(_: Tensors) -> Adapter:
    # The vector scales the input or the output, which only the flag's value tells.
    return Adapter("ia3", None, _NO_SHAPE)


_READERS = (
    ("down", _lora), ("up", _lora), ("hada_w1_a", _loha),
    ("lokr_w1", _lokr), ("lokr_w1_a", _lokr), ("b1", _glora),
    ("oft_blocks", _oft), ("oft_blocks.0", _oft_parts), ("oft_R", _oft_input),
    ("on_input", _ia3), ("diff", _full), ("set_weight", _full), ("w_norm", _norm),
    ("diff_b", _bias), ("b_norm", _bias),
)  # fmt: skip
"""The first role present decides; a LoRA may carry biases and norms beside it."""
