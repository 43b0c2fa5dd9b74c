"""The tensors that each algorithm stores for one module, filled with random numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from .dialects import Style

Shape = tuple[int, ...]


@dataclass
class Written:
    """One module in a file."""

    base: str
    key: str
    """State-dict key of the weight that it changes."""
    start: int
    length: int
    """Rows of that weight."""
    algorithm: str
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    """What the formula needs, by role (see `formulas.py`)."""


@dataclass
class Writer:
    """Collects the tensors of a file."""

    seed: int
    dtype: torch.dtype
    style: Style
    rank: int
    alpha: float | None
    tensors: dict[str, torch.Tensor] = field(default_factory=dict)
    written: list[Written] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.generator = torch.Generator().manual_seed(self.seed)

    def module(
        self, algorithm: str, base: str, key: str, rows: tuple[int, int], shape: Shape,
        has_bias: bool = False,
    ) -> None:  # fmt: skip
        """Writes one module; `shape` is that of its rows of the weight."""
        module = _Module(self, Written(base, key, *rows, algorithm), shape, has_bias)
        EMITTERS[algorithm](module)
        if module.written.tensors:
            self.written.append(module.written)


@dataclass
class _Module:
    writer: Writer
    written: Written
    shape: Shape
    has_bias: bool

    @property
    def kernel(self) -> Shape:
        return self.shape[2:]

    @property
    def ones(self) -> Shape:
        return (1,) * len(self.kernel)

    @property
    def rank(self) -> int:
        return min(self.writer.rank, *self.shape[:2])

    def random(self, role: str, name: str, shape: Shape, spread: float) -> None:
        writer = self.writer
        numbers = torch.randn(shape, generator=writer.generator) * spread
        self.store(role, name, numbers.to(writer.dtype))

    def store(self, role: str, name: str, tensor: torch.Tensor) -> None:
        self.writer.tensors[name.format(self.written.base)] = tensor
        self.written.tensors[role] = tensor

    def alpha(self, value: float | None = None) -> None:
        chosen = self.writer.alpha if value is None else value
        number = float(self.rank if chosen is None else chosen)
        self.store("alpha", "{}.alpha", torch.tensor(number).to(self.writer.dtype))


def _pair(module: _Module, rank: int | None = None) -> None:
    down, up, has_alpha = module.writer.style
    rank = rank or module.rank
    out, *inputs = module.shape
    module.random("down", down, (rank, *inputs), 1 / math.sqrt(math.prod(inputs)))
    module.random("up", up, (out, rank, *module.ones), 0.01)
    if has_alpha:
        module.alpha()


def _dora(module: _Module) -> None:
    _pair(module)
    module.store("magnitude", "{}.dora_scale", _lengths(module, (module.shape[0], 1, *module.ones)))


def _dora_in(module: _Module) -> None:
    _pair(module)
    module.store("magnitude", "{}.dora_scale", _lengths(module, (1, module.shape[1], *module.ones)))


def _lengths(module: _Module, shape: Shape) -> torch.Tensor:
    return (1 + 0.05 * torch.rand(shape, generator=module.writer.generator)).to(module.writer.dtype)


def _peft_dora(module: _Module) -> None:
    _pair(module)
    is_peft = "lora_A.weight" in module.writer.style[0]
    name = "{}.lora_magnitude_vector" + ("" if is_peft else ".weight")
    module.store("magnitude", name, _lengths(module, (module.shape[0],)))


def _aitk_dora(module: _Module) -> None:
    _pair(module)
    module.store("magnitude", "{}.magnitude", _lengths(module, (module.shape[0],)))


def _locon_tucker(module: _Module) -> None:
    if math.prod(module.kernel) == 1:
        _pair(module)
        return
    down, up, _ = module.writer.style
    out, width = module.shape[:2]
    rank = module.rank
    module.random("down", down, (rank, width, *module.ones), 1 / math.sqrt(width))
    module.random("up", up, (out, rank, *module.ones), 0.01)
    module.random("mid", "{}.lora_mid.weight", (rank, rank, *module.kernel), 1 / math.sqrt(rank))
    module.alpha()


def _loha(module: _Module) -> None:
    out, *inputs = module.shape
    for side in "12":
        module.random(f"w{side}_a", f"{{}}.hada_w{side}_a", (out, module.rank), 0.1)
        width = math.prod(inputs)
        module.random(f"w{side}_b", f"{{}}.hada_w{side}_b", (module.rank, width), 0.1)
    module.alpha()


def _loha_tucker(module: _Module) -> None:
    if math.prod(module.kernel) == 1:
        _loha(module)
        return
    rank, (out, width) = module.rank, module.shape[:2]
    for side in "12":
        module.random(f"t{side}", f"{{}}.hada_t{side}", (rank, rank, *module.kernel), 0.1)
        module.random(f"w{side}_a", f"{{}}.hada_w{side}_a", (rank, out), 0.1)
        module.random(f"w{side}_b", f"{{}}.hada_w{side}_b", (rank, width), 0.1)
    module.alpha()


def _lokr(module: _Module, factor: int = 8, full: bool = False) -> None:
    out, width = module.shape[:2]
    (out_1, out_2), (in_1, in_2) = factors(out, factor), factors(width, factor)
    module.random("w1", "{}.lokr_w1", (out_1, in_1), 0.1)
    if full or module.rank >= max(out_2, in_2) / 2:
        module.random("w2", "{}.lokr_w2", (out_2, in_2, *module.kernel), 0.01)
    else:
        size = in_2 * math.prod(module.kernel)
        module.random("w2_a", "{}.lokr_w2_a", (out_2, module.rank), 0.1)
        module.random("w2_b", "{}.lokr_w2_b", (module.rank, size), 0.1)
    module.alpha()


def _lokr_full(module: _Module) -> None:
    _lokr(module, -1, full=True)


def factors(number: int, factor: int) -> tuple[int, int]:
    """LyCORIS' `factorization`: two factors, the smaller first and at most `factor`."""
    if factor > 0 and number % factor == 0 and number >= factor * factor:
        return min(factor, number // factor), max(factor, number // factor)
    limit = number if factor < 0 else factor
    small = max(n for n in range(1, math.isqrt(number) + 1) if number % n == 0 and n <= limit)
    return small, number // small


def _oft(module: _Module) -> None:
    size, count = factors(module.shape[0], max(2, module.writer.rank))
    if size * size * count > 4_000_000:
        return
    module.random("blocks", "{}.oft_blocks", (count, size, size), 1e-3)
    module.alpha(0.0)


def _oft_kohya(module: _Module) -> None:
    """sd-scripts: its own prefix; `dim` is the number of blocks; parts for FLUX's fused weights."""
    out, width = module.shape[:2]
    count = 32 if out % 32 == 0 and out > 256 else 4
    module.written.base = base = module.written.base.replace("lora_unet", "oft_unet")
    parts = [out]
    if base.endswith("_attn_qkv"):
        parts = [out // 3] * 3
    elif re.search(r"single_blocks_\d+_linear1$", base):
        parts = [width] * 3 + [out - 3 * width]
    is_flux = re.search("double_blocks|single_blocks", base)
    for i, length in enumerate(parts):
        name = f"{{}}.oft_blocks.{i}" if is_flux else "{}.oft_blocks"
        size = length // count
        module.random(f"blocks.{i}" if is_flux else "blocks", name, (count, size, size), 1e-3)
    module.alpha(1e-3)


def _boft(module: _Module) -> None:
    """LyCORIS' `power2factorization`: a power of two many blocks, of an even size up to 64."""
    out = module.shape[0]
    sizes = [n for n in range(2, 65, 2) if out % n == 0 and (out // n).bit_count() == 1]
    if not sizes:
        return
    size = sizes[-1]
    count = out // size
    rounds = (count - 1).bit_count() + 1
    module.random("blocks", "{}.oft_blocks", (rounds, count, size, size), 1e-3)
    module.alpha(0.0)


def _glora(module: _Module) -> None:
    out, width = module.shape[:2]
    rank, ones = module.rank, module.ones
    module.random("a1", "{}.a1.weight", (width, rank, *ones), 0.01)
    module.random("a2", "{}.a2.weight", (rank, width, *ones), 0.01)
    module.random("b1", "{}.b1.weight", (out, rank, *ones), 0.01)
    module.random("b2", "{}.b2.weight", (rank, width, *module.kernel), 0.01)
    module.alpha()


def _ia3(module: _Module) -> None:
    out = module.shape[0]
    shape = (1, out, *module.ones) if module.kernel else (out,)
    module.random("scale", "{}.weight", shape, 0.01)
    module.store("on_input", "{}.on_input", torch.tensor(0).to(module.writer.dtype))


def _full(module: _Module) -> None:
    module.random("diff", "{}.diff", module.shape, 1e-3)
    _bias(module)


def _lora_and_bias(module: _Module) -> None:
    _pair(module)
    _bias(module)


def _bias(module: _Module) -> None:
    if module.has_bias:
        module.random("diff_b", "{}.diff_b", (module.shape[0],), 1e-3)


def _norm(module: _Module) -> None:
    module.random("diff", "{}.w_norm", module.shape, 1e-3)
    if module.has_bias:
        module.random("diff_b", "{}.b_norm", module.shape, 1e-3)


def _oft_input(module: _Module) -> None:
    """OneTrainer: blocks of 32 on the input side, 496 numbers above the diagonal."""
    count = max(1, math.prod(module.shape[1:]) // 32)
    module.random("vectors", "{}.oft_R.weight", (count, 496), 1e-3)


def _split_qkv(module: _Module) -> None:
    """sd-scripts' `split_qkv=True`, as it is saved: downs stacked, ups block-diagonal."""
    out, width = module.shape[:2]
    base = module.written.base
    parts = [out]
    if base.endswith("_attn_qkv"):
        parts = [out // 3] * 3
    elif base.endswith("_linear1"):
        parts = [width] * 3 + [out - 3 * width]
    rank = module.rank
    down, up, _ = module.writer.style
    ups = [torch.randn(n, rank, generator=module.writer.generator) * 0.01 for n in parts]
    stacked = (rank * len(parts), width)
    module.random("down", down, stacked, 1 / math.sqrt(width))
    module.store("up", up, torch.block_diag(*ups).to(module.writer.dtype))
    module.alpha()
    module.written.tensors["parts"] = torch.tensor(len(parts))


EMITTERS: dict[str, Callable[[_Module], None]] = {
    "lora": _pair, "dora": _dora, "dora_in": _dora_in, "locon": _pair,
    "locon_tucker": _locon_tucker, "loha": _loha, "loha_tucker": _loha_tucker, "lokr": _lokr,
    "lokr_full": _lokr_full, "oft": _oft, "oft_kohya": _oft_kohya, "boft": _boft, "glora": _glora,
    "ia3": _ia3, "full": _full, "diffb": _lora_and_bias, "norm": _norm, "aitk_dora": _aitk_dora,
    "peft_dora": _peft_dora, "ot_oft": _oft_input, "splitqkv": _split_qkv,
}  # fmt: skip
